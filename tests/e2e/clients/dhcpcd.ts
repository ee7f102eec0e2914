/** Roy Marples' dhcpcd: controlled by its command line; configures the interface itself. */

import type { Process } from "../lab/process.ts";
import type { Host } from "../lab/topology.ts";
import { until } from "../lab/wait.ts";
import type { Variables } from "./event_file.ts";
import { newLease } from "./new_variables.ts";
import { type ClientEvent, type Lease, leaseOf, RealClient, STEP_MS } from "./real_client.ts";
import type { ClientOptions, EventKind } from "./real_client.ts";

const KINDS: Readonly<Record<string, EventKind>> = {
  BOUND: "bound",
  REBOOT: "bound",
  RENEW: "renewed",
  REBIND: "renewed",
  NAK: "nak",
  EXPIRE: "lost",
  NOCARRIER: "lost",
  // Reported after `dhcpcd --release`; the DHCPRELEASE is sent before.
  STOPPED: "released",
  FAIL: "failed",
};

// The folders of dhcpcd's state are compiled in; in the client's mount namespace they are folders of the laboratory.
const ENTER = 'mount --bind "$1" /run && mount --bind "$2" /var/lib/dhcpcd && shift 2 && exec "$@"';

export class Dhcpcd extends RealClient {
  readonly program = "dhcpcd";
  readonly #enter: readonly string[];
  readonly #configuration: string;
  #process: Process | undefined;

  constructor(host: Host, options: ClientOptions = {}) {
    super(host, options, false);
    const { namespace } = host;
    this.#enter = ["sh", "-c", ENTER, "sh", namespace.folder("run"), namespace.folder("db")];
    this.#configuration = `${namespace.folder("client")}/dhcpcd.conf`;
    Deno.writeTextFileSync(
      this.#configuration,
      `ipv4only\nnoipv4ll\nscript ${this.script.scriptPath}\noption routers, domain_name_servers\n` +
        `timeout 0\nreboot 5\n${this.probe ? "" : "noarp\n"}`,
    );
  }

  start(): Promise<void> {
    this.#process = this.host.namespace.spawn(this.#dhcpcd("--nobackground", "--debug", "eth0"), {
      label: `dhcpcd ${this.host.namespace.name}`,
    });
    return Promise.resolve();
  }

  async renew(): Promise<Lease> {
    const since = this.events.length;
    await this.host.namespace.exec(this.#dhcpcd("--renew", "eth0"), { deadlineMs: STEP_MS });
    return leaseOf(await this.waitFor(["renewed"], since));
  }

  async rebind(): Promise<Lease> {
    // `dhcpcd --rebind` reboots instead (INIT-REBOOT), so this waits for T1 and T2 of the lease.
    return await this.withoutUnicast(async () => {
      const since = this.events.length;
      return await until(`dhcpcd in ${this.host.namespace.name} to rebind`, STEP_MS, () => {
        // A renewal from just before does not count.
        const rebound = this.events.slice(since).find((event) => event.reason === "REBIND");
        return rebound && leaseOf(rebound);
      });
    });
  }

  async release(): Promise<void> {
    const since = this.events.length;
    await this.host.namespace.exec(this.#dhcpcd("--release", "eth0"), { deadlineMs: STEP_MS });
    await this.waitFor(["released"], since);
  }

  noticeMove(): Promise<void> {
    // It sees the carrier come back and asks for its old address (INIT-REBOOT).
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#process?.terminate(STEP_MS);
  }

  protected translate(variables: Variables): ClientEvent {
    const reason = variables["EVENT"] ?? "";
    const kind = KINDS[reason] ?? "other";
    return kind === "bound" || kind === "renewed" ? { kind, reason, lease: newLease(variables) } : { kind, reason };
  }

  #dhcpcd(...args: string[]): string[] {
    return [...this.#enter, "dhcpcd", "--config", this.#configuration, ...args];
  }
}
