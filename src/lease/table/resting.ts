/** The declined addresses of each pool that rest, the one that was declined first in front. */

import type { Ipv4 } from "../../net/ipv4.ts";

export class Resting {
  readonly #pools: readonly Set<Ipv4>[];

  constructor(pools: number) {
    this.#pools = Array.from({ length: pools }, () => new Set<Ipv4>());
  }

  /** Adds an address behind all others of its pool. */
  add(pool: number, address: Ipv4): void {
    const resting = this.#pools[pool];
    resting?.delete(address);
    resting?.add(address);
  }

  remove(pool: number, address: Ipv4): void {
    this.#pools[pool]?.delete(address);
  }

  count(pool: number): number {
    return this.#pools[pool]?.size ?? 0;
  }

  /** The addresses of a pool, the oldest first. */
  of(pool: number): Iterable<Ipv4> {
    return this.#pools[pool] ?? [];
  }
}
