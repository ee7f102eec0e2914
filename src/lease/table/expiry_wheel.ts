/**
 * When locks run out, without scanning the table: a list of slots per second of expiry. Adding, removing and expiring a
 * slot take constant time.
 */

import { LinkedList, type ListLinks } from "./linked_list.ts";

const MS_PER_SECOND = 1_000;
/** So that a second fits in 32 bits; what is due later than the year 2106 is never due. */
const SECOND_MAX = 0xffffffff;

/** Slots by the second in which something about them is due. */
export class ExpiryWheel {
  readonly #links: ListLinks;
  readonly #buckets = new Map<number, LinkedList>();
  /** All seconds up to this one are empty. */
  #done = -Infinity;

  constructor(links: ListLinks) {
    this.#links = links;
  }

  /** Files a slot under the second in which `dueMs` is over; returns that second, which `remove` wants back. */
  add(index: number, dueMs: number): number {
    const second = Math.min(Math.max(Math.ceil(dueMs / MS_PER_SECOND), this.#done + 1, 0), SECOND_MAX);
    let bucket = this.#buckets.get(second);
    if (bucket === undefined) {
      bucket = new LinkedList(this.#links);
      this.#buckets.set(second, bucket);
    }
    bucket.append(index);
    return second;
  }

  /** Takes a slot out of the second it was filed under. */
  remove(index: number, second: number): void {
    const bucket = this.#buckets.get(second);
    if (bucket === undefined) return;
    bucket.remove(index);
    if (bucket.length === 0) this.#buckets.delete(second);
  }

  /** Takes out every slot that is due at `nowMs` and hands it to `due`, earliest second first. */
  advance(nowMs: number, due: (index: number) => void): void {
    const until = Math.floor(nowMs / MS_PER_SECOND);
    if (until <= this.#done) return;
    for (const second of this.#dueSeconds(until)) {
      const bucket = this.#buckets.get(second);
      if (bucket === undefined) continue;
      this.#buckets.delete(second);
      for (let index = bucket.first; index !== undefined; index = bucket.first) {
        bucket.remove(index);
        due(index);
      }
    }
  }

  /** Marks all up to `until` as done first, so that what `due` files again lands in a later second. */
  #dueSeconds(until: number): number[] {
    const from = this.#done + 1;
    this.#done = until;
    if (until - from > this.#buckets.size) {
      return [...this.#buckets.keys()].filter((second) => second <= until).sort((a, b) => a - b);
    }
    return Array.from({ length: until - from + 1 }, (_, offset) => from + offset);
  }
}
