/**
 * How pools are divided into blocks: the unit in which ranges move between nodes, and in which the lease table keeps
 * and counts free addresses. Depends on the configuration only, so that every node has the same blocks.
 */

import { assert } from "../../assert.ts";
import { type Range, rangeSize } from "../../net/ipv4.ts";

export const BLOCK_LIMITS = {
  /** Blocks of a pool. Half as many ranges of a node are possible at most. */
  perPool: 64,
  /** Blocks of all pools together, as far as `perPoolMin` allows. */
  allPools: 128,
  perPoolMin: 16,
} as const;

assert(
  BLOCK_LIMITS.perPoolMin <= BLOCK_LIMITS.perPool,
  "A pool among many has at most as many blocks as a single pool",
);

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
