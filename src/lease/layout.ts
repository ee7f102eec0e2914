/**
 * Which index an address has in the table. Pools are dense: index = base + (address - first). Everything else (reserved
 * addresses outside the pools, leases from before a pool shrank) gets an index when it first appears.
 */

import { assert } from "../assert.ts";
import { type Ipv4, type Range, rangeSize } from "../net/ipv4.ts";

interface Segment {
  readonly first: Ipv4;
  readonly last: Ipv4;
  readonly base: number;
  readonly pool: number;
}

/** Addresses to indices and back. */
export class Layout {
  /** By address. */
  readonly #segments: readonly Segment[];
  /** How many indices the pools take: those of other addresses start here. */
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
    this.#segments = segments.sort((a, b) => a.first - b.first);
  }

  /** How many indices are in use. */
  get size(): number {
    return this.denseSize + this.#otherAddresses.length;
  }

  /** The index of an address, or undefined when it is in no pool and has not appeared. */
  indexOf(address: Ipv4): number | undefined {
    const segment = this.#segmentOf(address);
    return segment === undefined ? this.#others.get(address) : segment.base + address - segment.first;
  }

  /** The index of an address, made when there is none. */
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
    for (const segment of this.#segments) {
      const offset = index - segment.base;
      if (offset >= 0 && offset <= segment.last - segment.first) return segment.first + offset;
    }
    assert(false, "Every index below denseSize lies in a pool");
  }

  /** The number of the pool an address lies in. */
  poolOf(address: Ipv4): number | undefined {
    return this.#segmentOf(address)?.pool;
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
