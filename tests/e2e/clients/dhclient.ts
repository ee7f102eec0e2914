/**
 * ISC dhclient has no command for a renewal: its configuration sets an early T1 and T2, and the driver waits for them.
 */

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
  EXPIRE: "lost",
  RELEASE: "released",
  FAIL: "failed",
};

// dhclient waits one T1 from the end of a lease exchange; initial-interval and backoff-cutoff bound its
// retransmissions, retry and reboot its pauses.
const CONFIGURATION = `timeout 20;
retry 1;
reboot 5;
initial-interval 1;
backoff-cutoff 2;
supersede dhcp-renewal-time 3;
supersede dhcp-rebinding-time 5;
request subnet-mask, routers, domain-name-servers;
`;

export class Dhclient extends RealClient {
  readonly program = "dhclient";
  readonly #folder: string;
  readonly #command: readonly string[];
  #process: Process | undefined;

  constructor(host: Host, options: ClientOptions = {}) {
    super(host, options, true);
    this.#folder = host.namespace.folder("client");
    // A copy, because AppArmor profiles for /sbin/dhclient (Ubuntu) allow no files but its usual ones.
    Deno.copyFileSync("/sbin/dhclient", `${this.#folder}/dhclient`);
    const { vendorClass } = options;
    const sent = vendorClass === undefined ? "" : `send vendor-class-identifier "${vendorClass}";\n`;
    Deno.writeTextFileSync(`${this.#folder}/dhclient.conf`, CONFIGURATION + sent);
    this.#command = [
      `${this.#folder}/dhclient`,
      ...["-4", "-cf", `${this.#folder}/dhclient.conf`, "-sf", this.script.scriptPath],
      ...["-lf", `${this.#folder}/leases`, "-pf", `${this.#folder}/pid`],
    ];
  }

  start(): Promise<void> {
    this.#process = this.host.namespace.spawn([...this.#command, "-d", "eth0"], {
      label: `dhclient ${this.host.namespace.name}`,
    });
    return Promise.resolve();
  }

  async renew(): Promise<Lease> {
    return leaseOf(await this.waitFor(["renewed"], this.events.length));
  }

  async rebind(): Promise<Lease> {
    return await this.withoutUnicast(async () => {
      const failures = this.#sendFailures();
      await until(`dhclient in ${this.host.namespace.name} to renew in vain`, STEP_MS, () => {
        return this.#sendFailures() > failures;
      });
      // It reports RENEW here too; only the wire shows that the request was broadcast.
      return leaseOf(await this.waitFor(["renewed"], this.events.length));
    });
  }

  async release(): Promise<void> {
    const since = this.events.length;
    await this.host.namespace.exec([...this.#command, "-r", "eth0"], { deadlineMs: STEP_MS });
    await this.waitFor(["released"], since);
  }

  async noticeMove(): Promise<void> {
    // It does not watch the carrier; a computer that resumes in another network starts it again (INIT-REBOOT).
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#process?.terminate(STEP_MS);
  }

  #sendFailures(): number {
    return this.#process?.output.text.split("send_packet: Operation not permitted").length ?? 0;
  }

  protected translate(variables: Variables): ClientEvent {
    const reason = variables["EVENT"] ?? "";
    const kind = KINDS[reason] ?? "other";
    return kind === "bound" || kind === "renewed" ? { kind, reason, lease: newLease(variables) } : { kind, reason };
  }
}
