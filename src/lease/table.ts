/**
 * The lease table: every slot this node knows, found by address and by client, with the next address to give away always
 * at hand. It decides the order in which addresses are chosen (never used, then longest ended); whether one may be given is
 * the agreement's business, and whom it goes to the server's.
 *
 * A slot is in one place at a time: filed by expiry while a lock runs, among the ended or the returned addresses of its
 * pool when it may be given away, or in no list while never used (a cursor finds those), offered or reserved.
 */

import type { Ipv4, Range } from "../net/ipv4.ts";
import { isLocked, isLocking } from "./agreement.ts";
import { Chain, Links } from "./chains.ts";
import type { ClientKey } from "./client.ts";
import { ClientIndex } from "./clientIndex.ts";
import type { Bounds } from "./clock.ts";
import { SlotColumns } from "./columns.ts";
import { Layout } from "./layout.ts";
import { MARGIN_MS } from "./limits.ts";
import { FREE_SLOT, type LeaseDetail, type LeaseRow, NO_DETAIL, type Slot } from "./slot.ts";
import type { Version } from "./version.ts";
import { Wheel } from "./wheel.ts";

/** Where a slot is filed. */
const PLACE = { none: 0, expiry: 1, ended: 2, returned: 3, offered: 4, reserved: 5 } as const;

/** The free addresses of one pool. */
interface Pool {
  readonly first: number;
  /** Indices from here to `last` may never have been used; those before are filed elsewhere. */
  cursor: number;
  readonly last: number;
  /** Never used, but passed by the cursor: offered once and not taken. */
  readonly returned: Chain;
  /** Once used, in the order in which they ended. */
  readonly ended: Chain;
}

/** How many addresses of a pool are in which use. */
export interface PoolUse {
  readonly addresses: number;
  /** Leased, or within the margin after a lease. */
  readonly bound: number;
  /** Declined or blocked. */
  readonly resting: number;
  readonly offered: number;
  /** Kept for a client that does not hold it now. */
  readonly reserved: number;
  readonly free: number;
}

/** Which addresses a table is about. */
export interface TablePlaces {
  /** Not overlapping; a pool's number is its place in the list. */
  readonly pools: readonly Range[];
  /** Addresses kept for one client each: never chosen by `takeFree`. */
  readonly reserved: readonly Ipv4[];
}

/** What the table is built for. */
export interface TableOptions extends TablePlaces {
  /** Random, so that nobody outside can choose identifiers that collide in the index. */
  readonly hashSeed?: number;
}

/** All slots of a node. Methods are synchronous and take constant time unless they say otherwise. */
export class LeaseTable {
  readonly #hashSeed: number;
  #layout: Layout;
  #columns: SlotColumns;
  #clients: ClientIndex;
  #links: Links;
  #wheel: Wheel;
  #pools: readonly Pool[];
  #place: Uint8Array;
  /** The second a slot is filed under while its place is `expiry`. */
  #dueSecond: Uint32Array;
  #capacity: number;
  #loading = false;
  /** Slots that were used at least once. */
  #rows = 0;

  constructor(options: TableOptions) {
    this.#hashSeed = options.hashSeed ?? 0;
    this.#layout = new Layout(options.pools);
    this.#capacity = this.#layout.denseSize + 2 * options.reserved.length + 64;
    const columns = new SlotColumns(this.#capacity);
    this.#columns = columns;
    this.#clients = new ClientIndex(this.#capacity, {
      keyOf: (index) => columns.client(index),
      seed: this.#hashSeed,
    });
    this.#links = new Links(this.#capacity);
    this.#wheel = new Wheel(this.#links);
    this.#place = new Uint8Array(this.#capacity);
    this.#dueSecond = new Uint32Array(this.#capacity);
    this.#pools = options.pools.map((range) => {
      const first = this.#layout.indexOf(range.first) as number;
      return {
        first,
        cursor: first,
        last: first + range.last - range.first,
        returned: new Chain(this.#links),
        ended: new Chain(this.#links),
      };
    });
    for (const address of options.reserved) this.#place[this.#ensure(address)] = PLACE.reserved;
  }

  /**
   * Takes other pools and reserved addresses; every slot that was used stays, and is filed anew. Offers no longer stand: the
   * caller takes those again that it keeps. O(n log n).
   */
  reconfigure(places: TablePlaces): void {
    const next = new LeaseTable({ ...places, hashSeed: this.#hashSeed });
    next.load(this.rows());
    this.#layout = next.#layout;
    this.#columns = next.#columns;
    this.#clients = next.#clients;
    this.#links = next.#links;
    this.#wheel = next.#wheel;
    this.#pools = next.#pools;
    this.#place = next.#place;
    this.#dueSecond = next.#dueSecond;
    this.#capacity = next.#capacity;
  }

  /** Slots that were used at least once. */
  get size(): number {
    return this.#rows;
  }

  /** The slot of an address; the free slot for one that never was used. */
  get(address: Ipv4): Slot {
    const index = this.#layout.indexOf(address);
    return index === undefined ? FREE_SLOT : this.#columns.slot(index);
  }

  /** What DHCP remembers about an address. */
  detail(address: Ipv4): LeaseDetail {
    const index = this.#layout.indexOf(address);
    return index === undefined ? NO_DETAIL : this.#columns.detail(index);
  }

  /** Number of the pool an address lies in, or undefined. */
  poolOf(address: Ipv4): number | undefined {
    return this.#layout.poolOf(address);
  }

  /**
   * The address a client holds or last held: the one with the longest hold, else the one seen last. An address it declined
   * is nobody's. Undefined when no slot is the client's.
   */
  find(client: ClientKey): Ipv4 | undefined {
    let best = -1;
    this.#clients.candidates(client, (index) => {
      if (!this.#columns.hasClient(index, client)) return;
      const state = this.#columns.state(index);
      if (state === "declined" || state === "blocked") return;
      if (best === -1 || this.#isBetter(index, best)) best = index;
    });
    return best === -1 ? undefined : this.#layout.addressOf(best);
  }

  /** Every address that a client's lock stands on. */
  boundTo(client: ClientKey): Ipv4[] {
    const addresses: Ipv4[] = [];
    this.#clients.candidates(client, (index) => {
      const mine = this.#columns.state(index) === "bound" && this.#columns.hasClient(index, client);
      if (mine) addresses.push(this.#layout.addressOf(index));
    });
    return addresses;
  }

  #isBetter(index: number, than: number): boolean {
    const columns = this.#columns;
    const byHold = columns.hold(index) - columns.hold(than);
    return byHold > 0 || (byHold === 0 && columns.lastSeen(index) > columns.lastSeen(than));
  }

  /** Stores a slot that is not free, with its detail. */
  set(address: Ipv4, slot: Slot, detail: LeaseDetail): void {
    const client = slot.client;
    if (client === undefined) return;
    const index = this.#ensure(address);
    const wasFree = this.#columns.isFree(index);
    if (wasFree) this.#rows += 1;
    if (wasFree || !this.#columns.hasClient(index, client)) {
      if (!wasFree) this.#clients.remove(this.#columns.client(index), index);
      this.#columns.set(index, slot, client, detail);
      this.#clients.add(client, index);
    } else this.#columns.set(index, slot, client, detail);
    if (this.#loading) return;
    this.#unfile(index);
    this.#file(index, slot);
  }

  /** Notes that a majority has `version` on disk, if the slot still holds that version (case 11). */
  certify(address: Ipv4, version: Version): void {
    const index = this.#layout.indexOf(address);
    if (index !== undefined) this.#columns.certify(index, version);
  }

  /**
   * Takes stored rows in any order; afterwards the ended addresses of each pool stand in the order in which they ended.
   * O(n log n) in the number of rows.
   */
  load(rows: Iterable<LeaseRow>): void {
    this.beginLoad();
    for (const row of rows) this.set(row.address, row.slot, row.detail);
    this.endLoad();
  }

  /** Between this and `endLoad`, `set` files nothing. */
  beginLoad(): void {
    this.#loading = true;
  }

  /** Files what was set since `beginLoad`. */
  endLoad(): void {
    this.#loading = false;
    const ended: number[] = [];
    for (let index = 0; index < this.#layout.size; index++) {
      if (this.#columns.isFree(index)) continue;
      const slot = this.#columns.slot(index);
      if (isLocking(slot.state)) this.#file(index, slot);
      else ended.push(index);
    }
    ended.sort((a, b) => this.#columns.lastSeen(a) - this.#columns.lastSeen(b));
    for (const index of ended) this.#file(index, this.#columns.slot(index));
  }

  /** Moves slots whose lock ran out to the free addresses of their pool. Call it before choosing an address. */
  expire(time: Bounds): void {
    this.#wheel.advance(time.early, (index) => {
      this.#place[index] = PLACE.none;
      const slot = this.#columns.slot(index);
      if (isLocked(slot, time)) this.#file(index, slot);
      else this.#fileEnded(index);
    });
  }

  /** Whether an address of a pool could be given to anybody: not locked, not offered, not reserved. */
  isAvailable(address: Ipv4, time: Bounds): boolean {
    const index = this.#layout.indexOf(address);
    if (index === undefined) return false;
    const place = this.#place[index];
    if (place === PLACE.offered || place === PLACE.reserved) return false;
    return !isLocked(this.#columns.slot(index), time);
  }

  /**
   * Chooses an address of a pool and takes it out of the free ones, as for an offer: never used ones first, then the one
   * that ended longest ago. Undefined when the pool is exhausted. O(1) amortised.
   */
  takeFree(pool: number, time: Bounds): Ipv4 | undefined {
    const free = this.#pools[pool];
    if (free === undefined) return undefined;
    const index = free.returned.first ?? this.#nextUnused(free) ?? this.#longestEnded(free, time);
    if (index === undefined) return undefined;
    this.#unfile(index);
    this.#place[index] = PLACE.offered;
    return this.#layout.addressOf(index);
  }

  /**
   * Takes one address out of the free ones, as for an offer. The caller saw that the client may hold it; while its own lock
   * runs, it stays filed by expiry.
   */
  take(address: Ipv4, time: Bounds): void {
    const index = this.#layout.indexOf(address);
    if (index === undefined || this.#place[index] === PLACE.reserved) return;
    if (this.#place[index] === PLACE.expiry && isLocked(this.#columns.slot(index), time)) return;
    this.#unfile(index);
    this.#place[index] = PLACE.offered;
  }

  /**
   * Puts an offered address back; nothing happens when it has been granted meanwhile. One that was used before goes to the
   * end of the line: its last holder may still be around.
   */
  giveBack(address: Ipv4): void {
    const index = this.#layout.indexOf(address);
    if (index === undefined || this.#place[index] !== PLACE.offered) return;
    this.#place[index] = PLACE.none;
    const free = this.#poolAt(index);
    if (free === undefined) return;
    if (!this.#columns.isFree(index)) return this.#fileEnded(index);
    free.returned.prepend(index);
    this.#place[index] = PLACE.returned;
  }

  /** Every slot that was used, by index; the order is that of the pools. O(n). */
  *rows(): Generator<LeaseRow> {
    for (let index = 0; index < this.#layout.size; index++) {
      if (this.#columns.isFree(index)) continue;
      yield {
        address: this.#layout.addressOf(index),
        slot: this.#columns.slot(index),
        detail: this.#columns.detail(index),
      };
    }
  }

  /** At most `limit` used slots above an address, by address. O(addresses passed). */
  rowsAfter(after: number, limit: number): LeaseRow[] {
    const rows: LeaseRow[] = [];
    for (const index of this.#layout.indicesAfter(after)) {
      if (this.#columns.isFree(index)) continue;
      rows.push({
        address: this.#layout.addressOf(index),
        slot: this.#columns.slot(index),
        detail: this.#columns.detail(index),
      });
      if (rows.length === limit) break;
    }
    return rows;
  }

  /** How the addresses of a pool are used now. O(size of the pool). */
  poolUse(pool: number, time: Bounds): PoolUse {
    const use = { addresses: 0, bound: 0, resting: 0, offered: 0, reserved: 0, free: 0 };
    const range = this.#pools[pool];
    if (range === undefined) return use;
    for (let index = range.first; index <= range.last; index++) {
      use.addresses += 1;
      const state = this.#columns.state(index);
      const locked = isLocking(state) && this.#columns.hold(index) + MARGIN_MS > time.early;
      if (locked && state === "bound") use.bound += 1;
      else if (locked) use.resting += 1;
      else if (this.#place[index] === PLACE.reserved) use.reserved += 1;
      else if (this.#place[index] === PLACE.offered) use.offered += 1;
      else use.free += 1;
    }
    return use;
  }

  #nextUnused(free: Pool): number | undefined {
    while (free.cursor <= free.last) {
      const index = free.cursor++;
      if (this.#columns.isFree(index) && this.#place[index] === PLACE.none) return index;
    }
    return undefined;
  }

  #longestEnded(free: Pool, time: Bounds): number | undefined {
    const index = free.ended.first;
    if (index === undefined) return undefined;
    // A lock that seemed over may be running again when the clock's early bound fell back: keep the order, wait.
    return isLocked(this.#columns.slot(index), time) ? undefined : index;
  }

  #file(index: number, slot: Slot): void {
    if (this.#place[index] === PLACE.reserved) return;
    if (!isLocking(slot.state)) {
      this.#fileEnded(index);
      return;
    }
    this.#dueSecond[index] = this.#wheel.add(index, slot.hold + MARGIN_MS);
    this.#place[index] = PLACE.expiry;
  }

  #fileEnded(index: number): void {
    const free = this.#poolAt(index);
    if (free === undefined) return;
    free.ended.append(index);
    this.#place[index] = PLACE.ended;
  }

  #unfile(index: number): void {
    const place = this.#place[index];
    if (place === PLACE.reserved) return;
    if (place === PLACE.expiry) this.#wheel.remove(index, this.#dueSecond[index] as number);
    else if (place === PLACE.ended) this.#poolAt(index)?.ended.remove(index);
    else if (place === PLACE.returned) this.#poolAt(index)?.returned.remove(index);
    this.#place[index] = PLACE.none;
  }

  #poolAt(index: number): Pool | undefined {
    const pool = this.#layout.poolAt(index);
    return pool === undefined ? undefined : this.#pools[pool];
  }

  #ensure(address: Ipv4): number {
    const index = this.#layout.ensure(address);
    if (index < this.#capacity) return index;
    this.#capacity = Math.ceil(this.#capacity * 1.5) + 64;
    this.#columns.grow(this.#capacity);
    this.#links.grow(this.#capacity);
    const place = new Uint8Array(this.#capacity);
    place.set(this.#place);
    this.#place = place;
    const dueSecond = new Uint32Array(this.#capacity);
    dueSecond.set(this.#dueSecond);
    this.#dueSecond = dueSecond;
    return index;
  }
}
