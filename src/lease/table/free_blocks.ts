/**
 * The free addresses of one pool, block by block: how many, and which one is next. From the blocks that this node owns
 * come returned addresses first, then never used ones in order, then the address that ended longest ago.
 */

import type { Range } from "../../net/ipv4.ts";
import { LinkedList, type ListLinks } from "./linked_list.ts";
import { MinTree } from "./min_tree.ts";

interface Block {
  readonly last: number;
  /** No index below this one is unused. */
  cursor: number;
  /** No index above this one is unused. */
  top: number;
  /** How many were never used, offered or reserved; they are in no list. */
  unused: number;
  /** Never used, but offered before. */
  readonly returned: LinkedList;
  /** Used before, in the order in which they ended. */
  readonly ended: LinkedList;
  owned: boolean;
}

/** One pool, and its place in the table. */
interface FreeBlocksOptions {
  readonly pool: Range;
  /** A power of two. */
  readonly blockSize: number;
  /** Index of the pool's first address; the others follow by address. */
  readonly firstIndex: number;
  /** The first block to choose from, as a share of all. */
  readonly start: number;
  readonly links: ListLinks;
  /** Whether an index was never used, offered or reserved. */
  readonly isUnused: (index: number) => boolean;
  /** Rises with every address that ends; at least 0. */
  readonly endedAt: (index: number) => number;
}

/** The blocks of one pool. Indices are the table's. Methods take constant time unless they say otherwise. */
export class FreeBlocks {
  readonly #options: FreeBlocksOptions;
  readonly #shift: number;
  readonly #blocks: readonly Block[];
  readonly #order: MinTree;
  readonly #firstBlock: number;
  /** Free addresses in the owned blocks. Kept as a count, as every heartbeat carries it. */
  #freeOwned: number;
  /** Free addresses in all blocks. */
  #freeAll: number;

  /** All blocks are owned at first. */
  constructor(options: FreeBlocksOptions) {
    const { pool, blockSize, firstIndex, links } = options;
    this.#options = options;
    this.#shift = Math.log2(blockSize);
    const blocks: Block[] = [];
    const lastIndex = firstIndex + pool.last - pool.first;
    for (let first = firstIndex; first <= lastIndex; first += blockSize) {
      const last = Math.min(lastIndex, first + blockSize - 1);
      const unused = last - first + 1;
      const lists = { returned: new LinkedList(links), ended: new LinkedList(links) };
      blocks.push({ last, cursor: first, top: last, unused, ...lists, owned: true });
    }
    this.#blocks = blocks;
    this.#firstBlock = Math.floor(options.start * blocks.length);
    this.#freeOwned = lastIndex - firstIndex + 1;
    this.#freeAll = this.#freeOwned;
    this.#order = new MinTree(blocks.length);
    for (let number = 0; number < blocks.length; number++) this.#rank(number);
  }

  /** The next index to lease; undefined when the owned blocks are exhausted. */
  get next(): number | undefined {
    const number = this.#order.first;
    if (number === undefined) return undefined;
    const block = this.#blocks[number] as Block;
    return block.returned.first ?? this.#nextUnused(block) ?? block.ended.first;
  }

  /**
   * The free indices of the owned blocks, in the order in which {@link next} comes to them while nothing else changes.
   * O(blocks log blocks), and O(blocks) for each that was used before.
   */
  *upcoming(): Generator<number> {
    const count = this.#blocks.length;
    const turn = (number: number) => (number - this.#firstBlock + count) % count;
    const blocks = this.#blocks.map((block, number) => ({ block, turn: turn(number) }))
      .filter(({ block }) => block.owned).sort((a, b) => a.turn - b.turn).map(({ block }) => block);
    for (const { returned } of blocks) {
      for (let at = returned.first; at !== undefined; at = returned.after(at)) yield at;
    }
    for (const { unused, cursor, top } of blocks) {
      if (unused === 0) continue;
      for (let index = cursor; index <= top; index++) if (this.#options.isUnused(index)) yield index;
    }
    const heads = blocks.flatMap(({ ended }) => ended.first === undefined ? [] : [{ ended, at: ended.first }]);
    const { endedAt } = this.#options;
    while (heads.length > 0) {
      const oldest = heads.reduce((a, b) => endedAt(b.at) < endedAt(a.at) ? b : a);
      yield oldest.at;
      const next = oldest.ended.after(oldest.at);
      if (next === undefined) heads.splice(heads.indexOf(oldest), 1);
      else oldest.at = next;
    }
  }

  /**
   * A free index of a block that this node does not own, as far as possible from the one that its owner takes next;
   * undefined when none is free. O(blocks).
   */
  get unowned(): number | undefined {
    const others = this.#blocks.filter((block) => !block.owned);
    let richest: Block | undefined;
    for (const block of others) if (block.unused >= Math.max(1, richest?.unused ?? 0)) richest = block;
    if (richest === undefined) return others.find((block) => block.ended.length > 0)?.ended.last;
    while (!this.#options.isUnused(richest.top)) richest.top -= 1;
    return richest.top;
  }

  /** An unused index was offered, used or reserved. */
  removeUnused(index: number): void {
    const number = this.#numberAt(index);
    const block = this.#blocks[number] as Block;
    block.unused -= 1;
    this.#count(block, -1);
    if (block.unused === 0) this.#rank(number);
  }

  addReturned(index: number): void {
    const number = this.#numberAt(index);
    const block = this.#blocks[number] as Block;
    const { returned } = block;
    returned.prepend(index);
    this.#count(block, 1);
    if (returned.length === 1) this.#rank(number);
  }

  removeReturned(index: number): void {
    const number = this.#numberAt(index);
    const block = this.#blocks[number] as Block;
    const { returned } = block;
    returned.remove(index);
    this.#count(block, -1);
    if (returned.length === 0) this.#rank(number);
  }

  addEnded(index: number): void {
    const number = this.#numberAt(index);
    const block = this.#blocks[number] as Block;
    const { ended } = block;
    ended.append(index);
    this.#count(block, 1);
    if (ended.length === 1) this.#rank(number);
  }

  removeEnded(index: number): void {
    const number = this.#numberAt(index);
    const block = this.#blocks[number] as Block;
    const { ended } = block;
    const wasFirst = ended.first === index;
    ended.remove(index);
    this.#count(block, -1);
    if (wasFirst) this.#rank(number);
  }

  /** Owns the blocks that lie wholly within one of these ranges; undefined: all. O(blocks times ranges). */
  own(ranges: readonly Range[] | undefined): void {
    this.#blocks.forEach((block, number) => {
      const { first, last } = this.#rangeOf(number);
      block.owned = ranges === undefined || ranges.some((range) => range.first <= first && last <= range.last);
      this.#rank(number);
    });
    this.#freeOwned = this.#blocks.reduce((sum, { owned }, number) => sum + (owned ? this.#free(number) : 0), 0);
  }

  owns(index: number): boolean {
    return (this.#blocks[this.#numberAt(index)] as Block).owned;
  }

  /** Free addresses in the blocks that lie wholly within a range. O(blocks in it). */
  freeIn(range: Range): number {
    const { pool, blockSize } = this.#options;
    let free = 0;
    let number = Math.max(0, Math.ceil((range.first - pool.first) / blockSize));
    for (; number < this.#blocks.length && this.#rangeOf(number).last <= range.last; number++) {
      free += this.#free(number);
    }
    return free;
  }

  /** Free addresses in the owned blocks. */
  get freeOwned(): number {
    return this.#freeOwned;
  }

  /** Free addresses in all blocks. */
  get free(): number {
    return this.#freeAll;
  }

  #count(block: Block, change: number): void {
    this.#freeAll += change;
    if (block.owned) this.#freeOwned += change;
  }

  #free(number: number): number {
    const { unused, returned, ended } = this.#blocks[number] as Block;
    return unused + returned.length + ended.length;
  }

  #numberAt(index: number): number {
    return (index - this.#options.firstIndex) >>> this.#shift;
  }

  #rangeOf(number: number): Range {
    const { pool, blockSize } = this.#options;
    const first = pool.first + number * blockSize;
    return { first, last: Math.min(pool.last, first + blockSize - 1) };
  }

  #nextUnused(block: Block): number | undefined {
    if (block.unused === 0) return undefined;
    while (!this.#options.isUnused(block.cursor)) block.cursor += 1;
    return block.cursor;
  }

  /** Ranks a block by its best address: never used ones below zero, ended ones from zero up. */
  #rank(number: number): void {
    const block = this.#blocks[number] as Block;
    const count = this.#blocks.length;
    const ended = block.ended.first;
    let key = Infinity;
    if (block.owned) {
      const turn = (number - this.#firstBlock + count) % count;
      if (block.returned.length > 0) key = turn - 2 * count;
      else if (block.unused > 0) key = turn - count;
      else if (ended !== undefined) key = this.#options.endedAt(ended);
    }
    this.#order.set(number, key);
  }
}
