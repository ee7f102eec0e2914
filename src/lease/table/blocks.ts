/**
 * How pools are cut into blocks: the pieces in which addresses go from node to node, and in which the lease table keeps and
 * counts its free ones. Depends on nothing but the configuration, so that every node cuts alike.
 */

import { assert } from "../../assert.ts";
import { type Range, rangeSize } from "../../net/ipv4.ts";

export const BLOCK_LIMITS = {
  /** A pool has at most this many blocks, which bounds the ranges of a node at half of it. */
  perPool: 64,
  /** The same bound for all pools together, as far as `perPoolMin` allows. */
  allPools: 128,
  perPoolMin: 16,
} as const;

assert(BLOCK_LIMITS.perPoolMin <= BLOCK_LIMITS.perPool, "Many pools have fewer blocks each than one");

/**
 * Addresses in a block of each pool, a power of two. Block `i` starts at `pool.first + i * size`; the last one may be
 * shorter.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual(blockSizes([{ first: 1, last: 40 }, { first: 1001, last: 1400 }]), [1, 8]);
 * ```
 */
export function blockSizes(pools: readonly Range[]): number[] {
  const share = Math.floor(BLOCK_LIMITS.allPools / Math.max(1, pools.length));
  const blocksMax = Math.max(BLOCK_LIMITS.perPoolMin, Math.min(BLOCK_LIMITS.perPool, share));
  return pools.map((pool) => 2 ** Math.ceil(Math.log2(Math.max(1, rangeSize(pool) / blocksMax))));
}
