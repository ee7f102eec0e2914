/**
 * Maps addresses to indices of the table. Pools are dense: index = base + (address - first). Other addresses (reserved
 * ones outside the pools, leases from before a pool shrank) get an index when they first appear.
 */

import { assert } from "../../assert.ts";
import { type Ipv4, type Range, rangeSize } from "../../net/ipv4.ts";

interface Segment {
  readonly first: Ipv4;
  readonly last: Ipv4;
  readonly base: number;
  readonly pool: number;
}

/** Consecutive addresses with consecutive indices; `index` is the first one's. */
interface Run {
  readonly first: Ipv4;
  readonly last: Ipv4;
  readonly index: number;
}

/** Addresses to indices and back. */
export class Layout {
  /** By address. */
  readonly #segments: readonly Segment[];
  /** The same, by base. */
  readonly #byBase: readonly Segment[];
  /** How many indices the pools take; indices of other addresses start here. */
  readonly denseSize: number;
  readonly #others = new Map<Ipv4, number>();
  readonly #otherAddresses: Ipv4[] = [];
  #last: Segment | undefined;

  /** `pools` don't overlap; a pool's number is its place in the list. */
  constructor(pools: readonly Range[]) {
    let base = 0;
    const segments = pools.map((range, pool) => {
      const segment = { first: range.first, last: range.last, base, pool };
      base += rangeSize(range);
      return segment;
    });
    this.denseSize = base;
    this.#byBase = segments;
    this.#segments = segments.toSorted((a, b) => a.first - b.first);
  }

  /** How many indices are in use. */
  get size(): number {
    return this.denseSize + this.#otherAddresses.length;
  }

  /** The index of an address; undefined when it lies in no pool and has not appeared. */
  indexOf(address: Ipv4): number | undefined {
    const segment = this.#segmentOf(address);
    return segment === undefined ? this.#others.get(address) : segment.base + address - segment.first;
  }

  /** The index of an address; makes one for a new address outside the pools. */
  ensure(address: Ipv4): number {
    const known = this.indexOf(address);
    if (known !== undefined) return known;
    const index = this.size;
    this.#others.set(address, index);
    this.#otherAddresses.push(address);
    return index;
  }

  addressOf(index: number): Ipv4 {
    if (index >= this.denseSize) return this.#otherAddresses[index - this.denseSize] as Ipv4;
    const segment = this.#segmentAt(index);
    assert(segment !== undefined, "Every index below denseSize lies in a pool");
    return segment.first + index - segment.base;
  }

  /** The number of the pool an index lies in. */
  poolAt(index: number): number | undefined {
    return index >= this.denseSize ? undefined : this.#segmentAt(index)?.pool;
  }

  #segmentAt(index: number): Segment | undefined {
    let low = 0;
    let high = this.#byBase.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#byBase[middle] as Segment).base <= index) low = middle;
      else high = middle - 1;
    }
    return this.#byBase[low];
  }

  /** The number of the pool an address lies in. */
  poolOf(address: Ipv4): number | undefined {
    return this.#segmentOf(address)?.pool;
  }

  /** All addresses above `after`, in order. */
  *runsAfter(after: number): Generator<Run> {
    const others = this.#otherAddresses.filter((address) => address > after).sort((a, b) => a - b);
    let next = 0;
    for (const { first, last, base } of this.#segments) {
      for (; next < others.length && (others[next] as Ipv4) < first; next++) yield this.#single(others[next] as Ipv4);
      const start = Math.max(first, after + 1);
      if (start <= last) yield { first: start, last, index: base + start - first };
    }
    for (; next < others.length; next++) yield this.#single(others[next] as Ipv4);
  }

  #single(address: Ipv4): Run {
    return { first: address, last: address, index: this.#others.get(address) as number };
  }

  #segmentOf(address: Ipv4): Segment | undefined {
    const last = this.#last;
    if (last !== undefined && last.first <= address && address <= last.last) return last;
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const segment = this.#segments[middle] as Segment;
      if (address < segment.first) high = middle;
      else if (address > segment.last) low = middle + 1;
      else return (this.#last = segment);
    }
    return undefined;
  }
}
