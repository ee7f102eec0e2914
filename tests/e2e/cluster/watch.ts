/** The cluster's history as a monitor sees it that asks every node 25 times a second, through a network of its own. */

import type { Monitor } from "../lab/monitor.ts";
import type { Process } from "../lab/process.ts";
import { DeadlineError, until } from "../lab/wait.ts";
import { describeFacts, type Facts } from "./status.ts";

export interface WatchOrder {
  readonly nodes: readonly { readonly id: number; readonly url: string }[];
  /** Polling interval, and so the precision of the times of changes; 40 ms when left out. */
  readonly intervalMs?: number;
}

/** A change of a node's status; without `facts` it stopped answering. */
export interface Change {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly id: number;
  readonly facts?: Facts;
}

/** The last status of each node; nodes that do not answer are missing. */
export type Snapshot = ReadonlyMap<number, Facts>;

export class ClusterWatch {
  readonly history: Change[] = [];
  readonly #snapshot = new Map<number, Facts>();
  readonly #process: Process;
  #rest = "";

  constructor(monitor: Monitor, order: WatchOrder) {
    const main = new URL("watch_main.ts", import.meta.url).pathname;
    const decoder = new TextDecoder();
    const command = [Deno.execPath(), "run", "--no-check", "--allow-net", main, JSON.stringify(order)];
    this.#process = monitor.host.namespace.spawn(command, {
      label: "watch",
      onStdout: (chunk) => {
        const lines = (this.#rest + decoder.decode(chunk, { stream: true })).split("\n");
        this.#rest = lines.pop() ?? "";
        for (const line of lines) this.#take(JSON.parse(line) as Change);
      },
    });
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Waits until a condition holds. A failure shows the last status of every node. */
  async until(what: string, deadlineMs: number, holds: (snapshot: Snapshot) => boolean): Promise<void> {
    try {
      await until(what, deadlineMs, () => {
        this.#process.mustRun();
        return holds(this.#snapshot);
      });
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      const nodes = [...this.#snapshot].map(([id, facts]) => `node ${id}: ${describeFacts(facts)}`);
      throw new DeadlineError([error.message, ...nodes].join("\n"));
    }
  }

  /**
   * Waits until something holds and returns how many milliseconds after `sinceMs` (since the epoch) it first did, to
   * the length of a look.
   */
  async after(
    sinceMs: number,
    what: string,
    deadlineMs: number,
    holds: (snapshot: Snapshot) => boolean,
  ): Promise<number> {
    await this.until(what, deadlineMs, () => this.#firstMs(sinceMs, holds) !== undefined);
    return (this.#firstMs(sinceMs, holds) ?? sinceMs) - sinceMs;
  }

  /** The last changes, a line each. */
  transcript(lines: number): string {
    return this.history.slice(-lines).map(({ atMs, id, facts }) =>
      `${new Date(atMs).toISOString().slice(17, 23)} node ${id}: ${describeFacts(facts)}`
    ).join("\n");
  }

  #firstMs(sinceMs: number, holds: (snapshot: Snapshot) => boolean): number | undefined {
    const snapshot = new Map<number, Facts>();
    for (const change of this.history) {
      apply(snapshot, change);
      if (change.atMs >= sinceMs && holds(snapshot)) return change.atMs;
    }
    return undefined;
  }

  #take(change: Change): void {
    this.history.push(change);
    apply(this.#snapshot, change);
  }
}

function apply(snapshot: Map<number, Facts>, { id, facts }: Change): void {
  if (facts === undefined) snapshot.delete(id);
  else snapshot.set(id, facts);
}
