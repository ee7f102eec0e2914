/**
 * The place of each slot; a slot has one place at a time. While its lock runs it is in the expiry wheel. When it is
 * free it is among the ended or the returned addresses of its block. A slot that is unused, offered or reserved is in
 * no list. The table decides the place by what the slot contains.
 */

import type { Range } from "../../net/ipv4.ts";
import { blockSizes } from "./blocks.ts";
import { ListLinks } from "./linked_list.ts";
import { FreeBlocks } from "./free_blocks.ts";
import type { Layout } from "./layout.ts";
import { ExpiryWheel } from "./expiry_wheel.ts";

/** Places; `leaving` only while a slot moves from one to another. */
export const PLACE = { unused: 0, expiry: 1, ended: 2, returned: 3, offered: 4, reserved: 5, leaving: 6 } as const;

type Place = (typeof PLACE)[keyof typeof PLACE];

/** The places of all slots, by index. Methods take constant time unless they say otherwise. */
export class Placement {
  readonly #layout: Layout;
  readonly #links: ListLinks;
  readonly #wheel: ExpiryWheel;
  readonly #pools: readonly FreeBlocks[];
  #place: Uint8Array;
  /** In place `expiry` the second in the wheel, in place `ended` the order of ending. */
  #key: Float64Array;
  #endings = 0;

  /** `pools` are those of the layout; `capacity`: how many indices fit; `start`: see `TableOptions`. */
  constructor(layout: Layout, pools: readonly Range[], options: { capacity: number; start: number }) {
    const { capacity, start } = options;
    this.#layout = layout;
    this.#links = new ListLinks(capacity);
    this.#wheel = new ExpiryWheel(this.#links);
    this.#place = new Uint8Array(capacity);
    this.#key = new Float64Array(capacity);
    const sizes = blockSizes(pools);
    this.#pools = pools.map((pool, number) =>
      new FreeBlocks({
        pool,
        blockSize: sizes[number] as number,
        firstIndex: layout.indexOf(pool.first) as number,
        start,
        links: this.#links,
        isUnused: (index) => this.#place[index] === PLACE.unused,
        endedAt: (index) => this.#key[index] as number,
      })
    );
  }

  placeOf(index: number): Place {
    return this.#place[index] as Place;
  }

  /** Reserves a slot: it stays in this place and is never chosen. */
  reserve(index: number): void {
    if (this.#leave(index)) this.#place[index] = PLACE.reserved;
  }

  /** Ends the reservation of a slot, which is to be placed next. */
  unreserve(index: number): void {
    if (this.#place[index] === PLACE.reserved) this.#place[index] = PLACE.leaving;
  }

  /** Places a slot whose lock runs until `dueMs`. */
  placeLocked(index: number, dueMs: number): void {
    if (!this.#leave(index)) return;
    this.#key[index] = this.#wheel.add(index, dueMs);
    this.#place[index] = PLACE.expiry;
  }

  /** Places a free slot that was used before, behind all others. */
  placeEnded(index: number): void {
    if (!this.#leave(index)) return;
    this.#key[index] = this.#endings++;
    this.#place[index] = PLACE.ended;
    this.#blocksAt(index)?.addEnded(index);
  }

  /** Places a free slot that was offered and never used. */
  placeReturned(index: number): void {
    if (!this.#leave(index)) return;
    this.#place[index] = PLACE.returned;
    this.#blocksAt(index)?.addReturned(index);
  }

  /** Takes a slot out of the free ones for an offer. */
  offer(index: number): void {
    if (this.#leave(index)) this.#place[index] = PLACE.offered;
  }

  /** Whether {@link expire} has anything to look at. */
  mayExpire(nowMs: number): boolean {
    return this.#wheel.isDue(nowMs);
  }

  /** Passes every slot whose lock ended by `nowMs` to `expired`, which places the slot again. */
  expire(nowMs: number, expired: (index: number) => void): void {
    this.#wheel.advance(nowMs, (index) => {
      this.#place[index] = PLACE.leaving;
      expired(index);
    });
  }

  /** The next free slot of a pool in the owned blocks. */
  next(pool: number): number | undefined {
    return this.#pools[pool]?.next;
  }

  /** See `FreeBlocks.upcoming`. */
  upcoming(pool: number): Iterable<number> {
    return this.#pools[pool]?.upcoming() ?? [];
  }

  /** A free slot of a pool in blocks that this node does not own. */
  unowned(pool: number): number | undefined {
    return this.#pools[pool]?.unowned;
  }

  /** See `LeaseTable.setRanges`. */
  setRanges(ranges: readonly (readonly Range[])[] | undefined): void {
    this.#pools.forEach((blocks, pool) => blocks.own(ranges === undefined ? undefined : ranges[pool] ?? []));
  }

  /** Whether a slot lies in a block that is owned; undefined outside the pools. */
  owns(index: number): boolean | undefined {
    return this.#blocksAt(index)?.owns(index);
  }

  freeIn(range: Range): number {
    const pool = this.#layout.poolOf(range.first);
    return pool === undefined ? 0 : this.#pools[pool]?.freeIn(range) ?? 0;
  }

  free(pool: number): number {
    return this.#pools[pool]?.free ?? 0;
  }

  freeOwned(pool: number): number {
    return this.#pools[pool]?.freeOwned ?? 0;
  }

  grow(capacity: number): void {
    this.#links.grow(capacity);
    const place = new Uint8Array(capacity);
    place.set(this.#place);
    this.#place = place;
    const key = new Float64Array(capacity);
    key.set(this.#key);
    this.#key = key;
  }

  /** Takes a slot out of its place; false when it is reserved. */
  #leave(index: number): boolean {
    const place = this.#place[index];
    if (place === PLACE.reserved) return false;
    this.#place[index] = PLACE.leaving;
    if (place === PLACE.expiry) this.#wheel.remove(index, this.#key[index] as number);
    else if (place === PLACE.unused) this.#blocksAt(index)?.removeUnused(index);
    else if (place === PLACE.ended) this.#blocksAt(index)?.removeEnded(index);
    else if (place === PLACE.returned) this.#blocksAt(index)?.removeReturned(index);
    return true;
  }

  #blocksAt(index: number): FreeBlocks | undefined {
    const pool = this.#layout.poolAt(index);
    return pool === undefined ? undefined : this.#pools[pool];
  }
}
