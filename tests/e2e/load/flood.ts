/** A flood of invented clients from a machine on a client network. */

import type { Process } from "../lab/process.ts";
import type { Host } from "../lab/topology.ts";
import { until } from "../lab/wait.ts";

/** The hardware addresses of all invented clients begin with it. */
export const FLOOD_PREFIX = "0a:ff:";

export interface FloodOrder {
  readonly perSecond: number;
  /** Send no DHCPREQUEST for what is offered. */
  readonly discoversOnly?: boolean;
}

export interface FloodReport {
  readonly discovers: number;
  readonly offers: number;
  readonly acks: number;
  readonly seconds: number;
}

const START_MS = 20_000;

/** A running flood. */
export class Flood {
  readonly #process: Process;

  private constructor(process: Process) {
    this.#process = process;
  }

  /** Starts it; the machine needs an address and a route. Returns once it sends. */
  static async start(host: Host, order: FloodOrder): Promise<Flood> {
    const main = new URL("flood_main.ts", import.meta.url).pathname;
    const process = host.namespace.spawn(
      [Deno.execPath(), "run", "--no-check", "--allow-net", "--allow-env", "--allow-ffi", main, JSON.stringify(order)],
      { label: `flood from ${host.namespace.name}` },
    );
    await until("the flood to begin", START_MS, () => {
      process.mustRun();
      return process.output.text.includes("sending");
    });
    return new Flood(process);
  }

  async stop(): Promise<FloodReport> {
    this.#process.mustRun();
    await this.#process.terminate(5_000);
    return JSON.parse(this.#process.output.text.trim().split("\n").at(-1) ?? "") as FloodReport;
  }
}
