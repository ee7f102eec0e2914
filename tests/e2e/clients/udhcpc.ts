/** BusyBox udhcpc: controlled by signals; its script's `renew` means renewing or rebinding. */

import type { Process } from "../lab/process.ts";
import { type ClientEvent, type Lease, leaseOf, RealClient, STEP_MS } from "./real_client.ts";
import type { ClientOptions, EventKind } from "./real_client.ts";
import type { Host } from "../lab/topology.ts";
import type { Variables } from "./event_file.ts";

const KINDS: Readonly<Record<string, EventKind>> = {
  bound: "bound",
  renew: "renewed",
  nak: "nak",
  deconfig: "lost",
  leasefail: "failed",
};

export class Udhcpc extends RealClient {
  readonly program = "udhcpc";
  readonly #attempts: number;
  readonly #vendorClass: readonly string[];
  #process: Process | undefined;

  constructor(host: Host, options: ClientOptions = {}) {
    super(host, options, true);
    this.#attempts = options.attempts ?? 5;
    this.#vendorClass = options.vendorClass === undefined ? [] : ["-V", options.vendorClass];
  }

  start(): Promise<void> {
    // -t -T -A: some attempts a second apart, then again after a second; -O adds to the default parameter list.
    const times = ["-t", String(this.#attempts), "-T", "1", "-A", "1"];
    const command = ["udhcpc", "-f", "-i", "eth0", "-s", this.script.scriptPath, ...times, ...this.#vendorClass];
    this.#process = this.host.namespace.spawn([...command, ...(this.probe ? ["-a"] : [])], {
      label: `udhcpc ${this.host.namespace.name}`,
    });
    return Promise.resolve();
  }

  async renew(): Promise<Lease> {
    const since = this.events.length;
    this.#process?.signal("SIGUSR1");
    return leaseOf(await this.waitFor(["renewed"], since));
  }

  async rebind(): Promise<Lease> {
    // After the signal it renews at once, and rebinds without an answer.
    return await this.withoutUnicast(() => this.renew());
  }

  async release(): Promise<void> {
    const since = this.events.length;
    this.#process?.signal("SIGUSR2");
    await this.waitFor(["lost"], since);
  }

  noticeMove(): Promise<void> {
    this.#process?.signal("SIGUSR1");
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#process?.terminate(STEP_MS);
  }

  protected translate(variables: Variables): ClientEvent {
    const reason = variables["EVENT"] ?? "";
    const kind = KINDS[reason] ?? "other";
    if (kind !== "bound" && kind !== "renewed") return { kind, reason };
    const lease = {
      address: variables["ip"] ?? "",
      serverIdentifier: variables["serverid"] ?? "",
      leaseSeconds: Number(variables["lease"]),
      subnetMask: variables["subnet"] ?? "",
      router: variables["router"]?.split(" ")[0] ?? "",
      nameServer: variables["dns"]?.split(" ")[0] ?? "",
    };
    return { kind, reason, lease };
  }
}
