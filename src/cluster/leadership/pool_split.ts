/**
 * Division of the pools among the nodes, as a pure function of the live nodes, their free addresses, and the previous
 * division.
 *
 * A pool is cut into blocks of a power of two, and each block has one owner. Blocks move for three reasons only: they
 * have no owner or a lost one; a node is low (under half of the mean of free addresses, also because it has just
 * joined); or a node reports that it wants an address. Then the richest gives until the low one has the mean, as far as
 * giving does not make the giver the poorer one. Nothing else moves, so a division that serves stays as it is. A pool
 * with fewer addresses than nodes keeps its owners until another node wants an address.
 *
 * A block taken from a live node is usable by neither node in the meantime (`from`): the new owner allocates from it
 * once the old one has acknowledged. Ranges of different versions thus overlap only where a node was declared lost;
 * the lease agreement makes that harmless.
 */

import { blockSizes } from "../../lease/table/blocks.ts";
import { type Ipv4, type Range, rangeSize } from "../../net/ipv4.ts";
import type { NodeId } from "../wire/messages.ts";

/** One pool, divided. Block `i` starts at `pool.first + i * blockSize`; the last one may be shorter. */
export interface SplitPool {
  readonly pool: Range;
  readonly blockSize: number;
  /** Owner per block, 0: none yet. */
  readonly owners: readonly NodeId[];
  /** Per block, the node that must acknowledge before the owner may use it; 0: none. */
  readonly from: readonly NodeId[];
}

/** What a division depends on. */
export interface SplitInput {
  /** Nodes that serve, ascending. */
  readonly serving: readonly NodeId[];
  /** Nodes that keep what they have but get nothing: lost or not synced a moment ago. */
  readonly resting: readonly NodeId[];
  /** Live nodes: they must acknowledge what is taken from them. */
  readonly present: readonly NodeId[];
  /** Free addresses of a node in its ranges of a pool; undefined: not known, all are taken for free. */
  free(node: NodeId, pool: number): number | undefined;
  /** Whether a node said that it wants an address of a pool. */
  wants(node: NodeId, pool: number): boolean;
  /** Free addresses in a range, by the leader's lease table. */
  freeIn(range: Range): number;
}

/** The undivided pools. */
export function undivided(pools: readonly Range[]): SplitPool[] {
  const sizes = blockSizes(pools);
  return pools.map((pool, number) => {
    const blockSize = sizes[number] as number;
    const none = new Array<NodeId>(Math.ceil(rangeSize(pool) / blockSize)).fill(0);
    return { pool, blockSize, owners: none, from: none };
  });
}

/** The addresses of one block. */
export function blockRange(division: SplitPool, block: number): Range {
  const first = division.pool.first + block * division.blockSize;
  return { first, last: Math.min(division.pool.last, first + division.blockSize - 1) };
}

/** The ranges a node may use, neighbours merged. */
export function rangesOf(division: SplitPool, node: NodeId): Range[] {
  const ranges: Range[] = [];
  let open: { first: Ipv4; last: Ipv4 } | undefined;
  division.owners.forEach((owner, block) => {
    if (owner !== node || division.from[block] !== 0) return;
    const range = blockRange(division, block);
    if (open !== undefined && open.last + 1 === range.first) open.last = range.last;
    else ranges.push(open = { ...range });
  });
  return ranges;
}

/** Divides all pools anew; an unchanged pool is the same object. `move: false`: only unowned blocks move. */
export function divide(
  divisions: readonly SplitPool[],
  input: SplitInput,
  move: boolean,
): readonly SplitPool[] {
  if (input.serving.length === 0) return divisions;
  const next = divisions.map((division, pool) => new PoolSplit(division, pool, input).divide(move));
  return next.every((division, pool) => division === divisions[pool]) ? divisions : next;
}

/** One pool on its way to its next division. */
class PoolSplit {
  readonly #before: SplitPool;
  readonly #pool: number;
  readonly #input: SplitInput;
  /** Copied when the first block changes: most pools stay as they are. */
  #owners: NodeId[];
  #from: NodeId[];
  /** Estimated free addresses per serving node. */
  readonly #free = new Map<NodeId, number>();
  #changed = false;

  constructor(before: SplitPool, pool: number, input: SplitInput) {
    this.#before = before;
    this.#pool = pool;
    this.#input = input;
    this.#owners = before.owners as NodeId[];
    this.#from = before.from as NodeId[];
    for (const node of input.serving) this.#free.set(node, this.#freeOf(node));
  }

  divide(move: boolean): SplitPool {
    this.#divideUnowned();
    if (move) { for (const node of this.#input.serving) this.#supply(node); }
    return this.#changed ? { ...this.#before, owners: this.#owners, from: this.#from } : this.#before;
  }

  #blocksOf(node: NodeId): number[] {
    return this.#owners.flatMap((owner, block) => owner === node ? [block] : []);
  }

  #sizeOf(block: number): number {
    const { pool, blockSize } = this.#before;
    return Math.min(blockSize, pool.last - pool.first + 1 - block * blockSize);
  }

  /**
   * Blocks that are still on their way count as free: heartbeats don't show them yet. While counts change, a leader
   * asks this of every block of every pool several times a second, hence one pass without lists.
   */
  #freeOf(node: NodeId): number {
    let total = 0;
    let coming = 0;
    for (let block = 0; block < this.#owners.length; block++) {
      if (this.#owners[block] !== node) continue;
      const size = this.#sizeOf(block);
      total += size;
      if (this.#from[block] !== 0) coming += size;
    }
    const said = this.#input.free(node, this.#pool);
    return said === undefined ? total : Math.min(total, said + coming);
  }

  #give(block: number, to: NodeId, free: number): void {
    if (!this.#changed) {
      this.#owners = [...this.#owners];
      this.#from = [...this.#from];
      this.#changed = true;
    }
    const owner = this.#owners[block] as NodeId;
    // A block that changes owners twice still waits for the one that has it.
    const holder = this.#from[block] === 0 ? owner : this.#from[block] as NodeId;
    this.#from[block] = this.#input.present.includes(holder) && holder !== to ? holder : 0;
    this.#owners[block] = to;
    this.#free.set(to, (this.#free.get(to) ?? 0) + free);
  }

  /** Unowned blocks go to the nodes with the fewest free addresses, in one piece per node where possible. */
  #divideUnowned(): void {
    const { serving, resting } = this.#input;
    const unowned: number[] = [];
    for (let block = 0; block < this.#owners.length; block++) {
      const owner = this.#owners[block] as NodeId;
      if (!serving.includes(owner) && !resting.includes(owner)) unowned.push(block);
    }
    if (unowned.length === 0) return;
    // First how many blocks each gets, the poorest first; small pools begin with different nodes.
    const counts = new Map<NodeId, number>();
    const estimate = new Map(this.#free);
    const start = this.#pool % serving.length;
    const order = [...serving.slice(start), ...serving.slice(0, start)];
    const average = unowned.reduce((sum, block) => sum + this.#sizeOf(block), 0) / unowned.length;
    for (let left = unowned.length; left > 0; left--) {
      const poorest = order.reduce((best, node) => (estimate.get(node) ?? 0) < (estimate.get(best) ?? 0) ? node : best);
      counts.set(poorest, (counts.get(poorest) ?? 0) + 1);
      estimate.set(poorest, (estimate.get(poorest) ?? 0) + average);
    }
    // Then which: in order, so that neighbours stay together.
    let index = 0;
    for (const node of order) {
      for (let count = counts.get(node) ?? 0; count > 0; count--) {
        const block = unowned[index++] as number;
        this.#give(block, node, this.#sizeOf(block));
      }
    }
  }

  /** Gives blocks to a node that is low or wants an address, while another node has more free addresses. */
  #supply(node: NodeId): void {
    const { serving } = this.#input;
    const mean = serving.reduce((sum, other) => sum + (this.#free.get(other) ?? 0), 0) / serving.length;
    const wants = this.#input.wants(node, this.#pool) && (this.#free.get(node) ?? 0) < 1;
    if (!wants && (this.#free.get(node) ?? 0) * 2 >= mean) return;
    for (let given = 0; (this.#free.get(node) ?? 0) < mean || (wants && given === 0); given++) {
      const own = this.#free.get(node) ?? 0;
      const donor = serving.reduce((best, other) =>
        (this.#free.get(other) ?? 0) >= (this.#free.get(best) ?? 0) ? other : best
      );
      const rich = this.#free.get(donor) ?? 0;
      const block = donor === node ? undefined : this.#spare(donor);
      if (block === undefined || block.free <= 0) return;
      // One that wants gets its first block though the giver becomes the poorer one.
      if (own + block.free > rich - block.free && !(wants && given === 0)) return;
      this.#free.set(donor, rich - block.free);
      this.#give(block.block, node, block.free);
    }
  }

  /** The block a node gives: the one with the most free addresses, of equals the highest, which was used the least. */
  #spare(donor: NodeId): { block: number; free: number } | undefined {
    let best: { block: number; free: number } | undefined;
    for (const block of this.#blocksOf(donor)) {
      const count = this.#input.freeIn(blockRange(this.#before, block));
      if (best === undefined || count >= best.free) best = { block, free: count };
    }
    return best;
  }
}
