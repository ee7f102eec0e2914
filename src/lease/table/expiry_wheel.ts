/**
 * Finds expired locks without scanning the table: a list of slots per second of expiry. Adding, removing and expiring a
 * slot take constant time.
 */

import { LinkedList, type ListLinks } from "./linked_list.ts";

const MS_PER_SECOND = 1_000;
/** A second fits in 32 bits. What is due after the year 2106 is never due. */
const SECOND_MAX = 0xffffffff;

/** Slots by the second in which they are due. */
export class ExpiryWheel {
  readonly #links: ListLinks;
  readonly #buckets = new Map<number, LinkedList>();
  /** All seconds up to this one are empty. */
  #done = -Infinity;

  constructor(links: ListLinks) {
    this.#links = links;
  }

  /** Adds a slot to the first second at or after `dueMs`; returns this second, which `remove` takes. */
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

  /** Removes a slot from the second that `add` returned. */
  remove(index: number, second: number): void {
    const bucket = this.#buckets.get(second);
    if (bucket === undefined) return;
    bucket.remove(index);
    if (bucket.length === 0) this.#buckets.delete(second);
  }

  /** Whether {@link advance} has anything to do: it is not the second of the last time. */
  isDue(nowMs: number): boolean {
    return Math.floor(nowMs / MS_PER_SECOND) !== this.#done;
  }

  /**
   * Removes every slot that is due at `nowMs` and passes it to `due`, earliest second first. When the time was set
   * back, also those that were added since, as if they were due already: `due` adds them again.
   */
  advance(nowMs: number, due: (index: number) => void): void {
    const until = Math.floor(nowMs / MS_PER_SECOND);
    const late = this.#done + 1;
    if (until < this.#done) {
      this.#done = until;
      this.#empty(late, due);
    } else if (until > this.#done) {
      for (const second of this.#dueSeconds(until)) this.#empty(second, due);
    }
  }

  #empty(second: number, due: (index: number) => void): void {
    const bucket = this.#buckets.get(second);
    if (bucket === undefined) return;
    this.#buckets.delete(second);
    for (let index = bucket.first; index !== undefined; index = bucket.first) {
      bucket.remove(index);
      due(index);
    }
  }

  /** Marks all seconds up to `until` as done first, so that a slot that `due` adds again gets a later second. */
  #dueSeconds(until: number): number[] {
    const from = this.#done + 1;
    this.#done = until;
    if (until - from > this.#buckets.size) {
      return [...this.#buckets.keys()].filter((second) => second <= until).sort((a, b) => a - b);
    }
    return Array.from({ length: until - from + 1 }, (_, offset) => from + offset);
  }
}
