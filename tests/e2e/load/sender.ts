/** A sender of garbage in a namespace. */

import type { Process } from "../lab/process.ts";
import type { Host } from "../lab/topology.ts";

export interface SenderOrder {
  /** Used in turn. */
  readonly targets: readonly string[];
  readonly sourcePort: number;
  readonly perSecond: number;
  readonly seed: number;
}

export interface SentReport {
  readonly sent: number;
  readonly seconds: number;
}

export class Sender {
  readonly #process: Process;

  private constructor(process: Process) {
    this.#process = process;
  }

  static start(host: Host, order: SenderOrder): Sender {
    const main = new URL("garbage_main.ts", import.meta.url).pathname;
    const permissions = ["--no-check", "--allow-net", "--allow-env"];
    const command = [Deno.execPath(), "run", ...permissions, main, JSON.stringify(order)];
    return new Sender(host.namespace.spawn(command, { label: `garbage from ${host.namespace.name}` }));
  }

  async stop(): Promise<SentReport> {
    this.#process.mustRun();
    await this.#process.terminate(5_000);
    return JSON.parse(this.#process.output.text) as SentReport;
  }
}
