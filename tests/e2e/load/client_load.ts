/**
 * Emulated clients that load a service at a given rate: they get leases, renew them by unicast, release some,
 * retransmit as in RFC 2131 §4.1, and detect when two of them have one address.
 */

import type { SwarmLease } from "../clients/raw/swarm.ts";
import type { Process } from "../lab/process.ts";
import { type Host, LANS, type Topology } from "../lab/topology.ts";
import { until, within } from "../lab/wait.ts";
import { describeExchange, describeSummary, type Exchange, type Summary } from "./summary.ts";

/** Clients `first` … `first + clients - 1`. */
export interface LoadOrder {
  readonly first: number;
  readonly clients: number;
  /** Exchanges begun per second: every second one by a client without a lease, while one is left. */
  readonly perSecond: number;
  /** Number of exchanges; unlimited when left out. */
  readonly exchanges?: number;
  /** Leases of the clients from an earlier order. */
  readonly leases?: readonly HeldLease[];
  /** Share of the exchanges with a lease that release it instead of renewing it; none when left out. */
  readonly releaseShare?: number;
  /** When a client gives an exchange up. */
  readonly giveUpMs?: number;
}

/** Progress, ten times a second. */
export interface LoadProgress {
  readonly completed: number;
  readonly failed: number;
}

export interface LoadReport {
  readonly seconds: number;
  readonly acquired: Summary;
  readonly renewed: Summary;
  readonly released: number;
  /** The worst exchanges: refused or given up first, then the slowest. */
  readonly rough: readonly Exchange[];
  /** Cases of two clients with one address, a line each. */
  readonly conflicts: readonly string[];
  /** Clients whose DHCPACK had another address than their lease. */
  readonly moved: number;
  /** The longest time without any acknowledgement. */
  readonly silenceMs: number;
  readonly leases: readonly HeldLease[];
}

/** A lease, and the server at which to renew and release it. */
export interface HeldLease extends SwarmLease {
  readonly serverIdentifier?: string;
}

/**
 * The machine that the clients are emulated on: its interface in each client network, and the addresses there that
 * {@link LANS} does not use, so that pools may be there.
 */
export const LOAD_LANS = [
  { lan: LANS[0], device: "eth0", address: "10.77.0.250", network: "10.77.0.0/16" },
  { lan: LANS[1], device: "eth1", address: "10.78.0.250", network: "10.78.0.0/16" },
] as const;
const CLIENT_PORT = 68;
const START_MS = 20_000;
const GIVE_UP_MS = 40_000;

/** A machine on which clients are emulated, one order after the other. */
export class LoadHost {
  readonly host: Host;

  private constructor(host: Host) {
    this.host = host;
  }

  /** Adds the machine to the first client network, or to both; there can be one only. */
  static async join(topology: Topology, lans: 1 | 2 = 1): Promise<LoadHost> {
    const [first, second] = LOAD_LANS;
    const host = await topology.squatter("load", first.address, first.lan);
    await host.namespace.ip("route add 255.255.255.255/32 dev eth0");
    if (lans === 2) {
      const { device, address, lan } = second;
      await topology.plug(host.namespace, { device, bridge: lan.name, addresses: [`${address}/24`] });
      await host.namespace.ip(`route add default via ${lan.gateway} dev ${device} metric 10`);
    }
    for (const { lan, address, network } of LOAD_LANS.slice(0, lans)) {
      // Every address is local to this machine, so that it receives for all its clients; more specific routes come
      // first.
      await host.namespace.ip(`route add local ${network} dev lo table main`);
      await topology.gateway.ip(`route add ${network} via ${address} dev ${lan.name}`);
    }
    return new LoadHost(host);
  }

  /** Adds a machine to the second client network alone, beside the one of the first. */
  static async joinSecond(topology: Topology): Promise<LoadHost> {
    const { lan, address, network } = LOAD_LANS[1];
    const host = await topology.squatter("load-second", address, lan);
    await host.namespace.ip(`route add local ${network} dev lo table main`, "route add 255.255.255.255/32 dev eth0");
    await topology.gateway.ip(`route add ${network} via ${address} dev ${lan.name}`);
    return new LoadHost(host);
  }

  /** Starts an order; returns once the first exchange is completed. */
  async start(order: LoadOrder): Promise<ClientLoad> {
    const load = new ClientLoad(this.host, order);
    await until("the first client to be served", START_MS, () => {
      load.process.mustRun();
      return load.progress.completed > load.progress.failed;
    });
    return load;
  }

  /** Runs an order that ends by itself. */
  async run(order: LoadOrder & { readonly exchanges: number }): Promise<LoadReport> {
    const load = new ClientLoad(this.host, order);
    const leastMs = order.exchanges / order.perSecond * 1_000;
    return await load.finish(leastMs + START_MS + (order.giveUpMs ?? GIVE_UP_MS));
  }
}

/** A running order. */
export class ClientLoad {
  readonly process: Process;
  progress: LoadProgress = { completed: 0, failed: 0 };
  readonly #order: LoadOrder;
  #report: LoadReport | undefined;
  #rest = "";

  constructor(host: Host, order: LoadOrder) {
    const main = new URL("client_load_main.ts", import.meta.url).pathname;
    const decoder = new TextDecoder();
    this.#order = { giveUpMs: GIVE_UP_MS, ...order };
    this.process = host.namespace.spawn(
      [Deno.execPath(), "run", "--no-check", "--allow-net", "--allow-env", "--allow-ffi", main],
      {
        label: `client load in ${host.namespace.name}`,
        input: true,
        onStdout: (chunk) => {
          const lines = (this.#rest + decoder.decode(chunk, { stream: true })).split("\n");
          this.#rest = lines.pop() ?? "";
          for (const line of lines) this.#take(JSON.parse(line) as LoadProgress | LoadReport);
        },
      },
    );
    // Leases of thousands of clients do not fit on a command line.
    void this.process.write(JSON.stringify(this.#order));
  }

  /** Waits until this many more exchanges are completed. */
  async completes(more: number, deadlineMs: number): Promise<void> {
    const goal = this.progress.completed + more;
    await until(`${more} more exchanges`, deadlineMs, () => {
      this.process.mustRun();
      return this.progress.completed >= goal;
    });
  }

  /** Answers that the clients did not read in time: failures because of these are not the service's. */
  get dropped(): number {
    return this.process.udpDrops(CLIENT_PORT);
  }

  /** Starts no more exchanges, waits for those in flight, and returns the report. */
  async stop(): Promise<LoadReport> {
    this.process.signal("SIGTERM");
    return await this.finish((this.#order.giveUpMs ?? GIVE_UP_MS) + 5_000);
  }

  /** Waits for the end of an order that ends by itself. */
  async finish(deadlineMs: number): Promise<LoadReport> {
    await within("the clients to end", deadlineMs, this.process.ended);
    if (this.#report === undefined) throw new Error(`The clients said nothing:\n${this.process.output.last(20)}`);
    return this.#report;
  }

  #take(line: LoadProgress | LoadReport): void {
    if ("completed" in line) this.progress = line;
    else this.#report = line;
  }
}

/** A readable report. */
export function describeLoad(report: LoadReport): string {
  return [
    describeSummary("leases got", report.acquired),
    describeSummary("leases renewed", report.renewed),
    `longest time without an acknowledgement: ${Math.round(report.silenceMs)} ms`,
    ...report.conflicts.slice(0, 5),
    ...report.rough.slice(0, 5).map(describeExchange),
  ].join("\n");
}
