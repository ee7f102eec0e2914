/**
 * Looks at where datagrams come from, before anything is done with them: only members' addresses count. Decides when
 * the kernel drops the others by itself (a flood costs nothing then), and which few of them are looked at more closely,
 * so that an operator is told what they are.
 *
 * Pure: times are monotonic milliseconds. A source address can be forged: what it lets through still has to be opened.
 */

import { assert } from "../../src/assert.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { WindowCount } from "../../src/rate/window_count.ts";

export const GUARD_LIMITS = {
  /** Foreign datagrams per second that this program itself drops: more are a flood. */
  floodPerSecond: 200,
  /** During a flood the kernel still passes one in so many: a power of two. */
  sampleOneIn: 64,
  /** A flood is over when its sample stayed below the limit for so long. */
  calmMs: 10_000,
  /** Foreign datagrams per second that are opened to tell what they are. */
  explainedPerSecond: 20,
} as const;

assert(GUARD_LIMITS.explainedPerSecond < GUARD_LIMITS.floodPerSecond, "A flood is noticed, and not opened");
assert(
  GUARD_LIMITS.floodPerSecond / GUARD_LIMITS.sampleOneIn > 1,
  "A sample of what is just a flood has several datagrams in a second",
);

const SECOND_MS = 1_000;

/** What one node lets in. */
export class SourceGuard {
  #sources: ReadonlySet<Ipv4> = new Set();
  readonly #filter: (sources: readonly Ipv4[] | undefined) => void;
  #isFiltering = false;
  readonly #foreign = new WindowCount(SECOND_MS);
  readonly #explained = new WindowCount(SECOND_MS);
  #floodMs = -Infinity;

  /** `filter`: the kernel drops what is from elsewhere, except a sample; undefined: it passes all. */
  constructor(filter: (sources: readonly Ipv4[] | undefined) => void) {
    this.#filter = filter;
  }

  /** The addresses that count from now on. */
  setSources(sources: Iterable<Ipv4>): void {
    this.#sources = new Set(sources);
    if (this.#isFiltering) this.#filter([...this.#sources]);
  }

  /** Whether the kernel drops foreign datagrams now. */
  get isFiltering(): boolean {
    return this.#isFiltering;
  }

  /** Whether an address counts. */
  has(address: Ipv4): boolean {
    return this.#sources.has(address);
  }

  /** Notes a foreign datagram; whether to look at what it is. */
  foreign(ms: number): boolean {
    const inSecond = this.#foreign.add(ms, this.#isFiltering ? GUARD_LIMITS.sampleOneIn : 1);
    if (inSecond > GUARD_LIMITS.floodPerSecond) {
      this.#floodMs = ms;
      if (!this.#isFiltering) this.#set(true);
    }
    return this.#explained.add(ms) <= GUARD_LIMITS.explainedPerSecond;
  }

  /** Ends the kernel's filter when a flood is over. To be called now and then. */
  tick(ms: number): void {
    if (this.#isFiltering && ms - this.#floodMs >= GUARD_LIMITS.calmMs) this.#set(false);
  }

  #set(isFiltering: boolean): void {
    this.#isFiltering = isFiltering;
    this.#filter(isFiltering ? [...this.#sources] : undefined);
  }
}
