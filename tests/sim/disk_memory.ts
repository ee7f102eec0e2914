/**
 * What one node has durably heard of the progress of the other nodes' disks, at the latest some seconds after it heard
 * it. It is counted here, and not read from the product, to know which old image of a disk the others must recognise.
 */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import type { EventQueue } from "./event_queue.ts";

/** Which disk of its node it is, and its transactions on slots. */
export interface Progress {
  readonly serial: number;
  readonly transactions: number;
}

interface Heard {
  durable: Progress | undefined;
  /** Becomes durable some time after `atMs`. */
  next: Progress | undefined;
  atMs: number;
}

/** A node writes down what it heard within one second, and its disk may be slow. */
const DURABLE_MS = 4_000;

export class DiskMemory {
  readonly #events: EventQueue;
  readonly #heard = new Map<NodeId, Heard>();

  constructor(events: EventQueue) {
    this.#events = events;
  }

  /** A message of a voter arrived, sent at this state of its disk. */
  hear(from: NodeId, progress: Progress): void {
    const { nowMs } = this.#events;
    const heard = this.#heard.get(from);
    if (heard === undefined) {
      this.#heard.set(from, { durable: undefined, next: progress, atMs: nowMs });
    } else if (heard.next === undefined || nowMs - heard.atMs >= DURABLE_MS) {
      heard.durable = heard.next ?? heard.durable;
      heard.next = progress;
      heard.atMs = nowMs;
    }
  }

  /** The process ended: what was not durable is forgotten. */
  crash(): void {
    for (const heard of this.#heard.values()) heard.next = undefined;
  }

  /** That node was removed: another one may come with its id. */
  drop(from: NodeId): void {
    this.#heard.delete(from);
  }

  /** The disk was replaced. */
  forget(): void {
    this.#heard.clear();
  }

  /** Whether this node remembers a later state of a node's disk. */
  remembersLater(from: NodeId, { serial, transactions }: Progress): boolean {
    const durable = this.#heard.get(from)?.durable;
    if (durable === undefined) return false;
    return durable.serial > serial || (durable.serial === serial && durable.transactions > transactions);
  }
}
