/**
 * The lease table: every slot of this node, found by address and by client, with the next free address always known. It
 * decides the order in which addresses are chosen (never used, then longest ended), from this node's ranges. Whether an
 * address may be leased is decided by the agreement, to which client by the DHCP server.
 */

import { type Ipv4, type Range, rangeSize } from "../../net/ipv4.ts";
import { isLocked, isLocking } from "../agreement/rule.ts";
import type { ClientKey } from "../agreement/client_key.ts";
import { CircuitCounts, circuitOf, type SubnetOf } from "./circuit_counts.ts";
import { ClientIndex } from "./client_index.ts";
import type { Bounds } from "../agreement/clock.ts";
import { SlotColumns } from "./columns.ts";
import { PLACE, Placement } from "./placement.ts";
import { Layout } from "./layout.ts";
import { PROBATION, Probation } from "./probation.ts";
import { MARGIN_MS } from "../agreement/limits.ts";
import { Resting } from "./resting.ts";
import type { RecordTest } from "./record.ts";
import {
  FREE_SLOT,
  isLeaseRecord,
  type LeaseDetail,
  type LeaseRow,
  NO_DETAIL,
  type Slot,
  type SlotState,
} from "../agreement/slot.ts";
import type { Version } from "../agreement/version.ts";

/** How many addresses of a pool are in each use. */
export interface PoolUse {
  readonly addresses: number;
  /** Leased, or within the margin after a lease. */
  readonly bound: number;
  /** Declined or blocked. */
  readonly resting: number;
  readonly offered: number;
  /** Kept for a client that has no lease of it now, or known to be in use without a lease. */
  readonly reserved: number;
  readonly free: number;
}

/** A use that is being counted. */
export type PoolCount = { -readonly [Key in keyof PoolUse]: PoolUse[Key] };

/** Nothing is counted yet. */
export function noUse(): PoolCount {
  return { addresses: 0, bound: 0, resting: 0, offered: 0, reserved: 0, free: 0 };
}

/** The addresses of a table. */
interface TableAddresses {
  /** Not overlapping; a pool's number is its place in the list. */
  readonly pools: readonly Range[];
  /** Addresses kept for one client each, and those known to be in use: never chosen by `takeFree`. */
  readonly reserved: ReservedAddresses;
}

/** Each once, in any order. */
type ReservedAddresses = readonly Ipv4[] | Uint32Array;

/** A search for slots; a slot matches when everything given does. */
export interface LeaseSearch {
  /** Whether slots in this state match, given when their lock ends. */
  readonly states: (state: SlotState, lockedUntil: number) => boolean;
  readonly range?: Range;
  readonly test?: RecordTest;
}

/** A part of what a search found. */
interface SearchResult {
  readonly rows: readonly LeaseRow[];
  /** The last address that was examined. */
  readonly after: number;
  readonly isDone: boolean;
}

/** The addresses of a table, and how it chooses among them. */
interface TableOptions extends TableAddresses {
  /** See {@link LeaseTable.setProbation}. */
  readonly probationMs?: readonly number[];
  /** Random, so that clients cannot choose identifiers that collide in the index. */
  readonly hashSeed?: number;
  /**
   * Where in each pool choosing starts, as a share of it, from 0 (the default) to below 1. Another start after a
   * restart avoids the addresses that were offered before it.
   */
  readonly start?: number;
}

/** All slots of a node. Methods take constant time unless they say otherwise. */
export class LeaseTable {
  readonly #hashSeed: number;
  readonly #start: number;
  #layout: Layout;
  #columns: SlotColumns;
  #clients: ClientIndex;
  #placement: Placement;
  #resting: Resting;
  #probation: Probation;
  /** Undefined while no configuration limits the leases of circuits. */
  #circuits: CircuitCounts | undefined;
  #pools: readonly Range[];
  #reserved: ReservedAddresses;
  #ranges: readonly (readonly Range[])[] | undefined;
  #capacity: number;
  #loading = false;
  #rows = 0;

  constructor(options: TableOptions) {
    this.#hashSeed = options.hashSeed ?? 0;
    this.#start = options.start ?? 0;
    this.#layout = new Layout(options.pools);
    this.#capacity = this.#layout.denseSize + 2 * options.reserved.length + 64;
    const columns = new SlotColumns(this.#capacity);
    this.#columns = columns;
    this.#clients = new ClientIndex(this.#capacity, {
      keyOf: (index) => columns.client(index),
      seed: this.#hashSeed,
    });
    this.#pools = options.pools;
    this.#reserved = options.reserved;
    this.#resting = new Resting(options.pools.length);
    this.#placement = new Placement(this.#layout, options.pools, { capacity: this.#capacity, start: this.#start });
    this.#probation = new Probation(this.#capacity, options.pools.length, options.probationMs);
    for (const address of options.reserved) this.#placement.reserve(this.#ensure(address));
  }

  /**
   * Takes other reserved addresses; every used slot stays, and offers of addresses that are not reserved now.
   * O(reserved addresses), and no more than a few operations for each that changes.
   */
  reserve(addresses: ReservedAddresses): void {
    const kept = new Set<Ipv4>(addresses);
    for (const address of this.#reserved) {
      if (kept.has(address)) continue;
      const index = this.#ensure(address);
      this.#placement.unreserve(index);
      // One without a lease is chosen last, as after a lease: its device may still use it.
      if (this.#columns.isFree(index)) this.#placement.placeEnded(index);
      else this.#placeSlot(index, this.#columns.slot(index));
      this.#count(index);
    }
    for (const address of addresses) {
      const index = this.#ensure(address);
      this.#uncount(index);
      this.#probation.cleared(index, this.#layout.poolAt(index));
      this.#placement.reserve(index);
    }
    this.#reserved = addresses;
  }

  /**
   * Takes other pools and reserved addresses, after {@link setProbation} for these pools; every used slot stays. Offers
   * end: the caller takes again those that it keeps. Ranges stay until {@link setRanges}. O(n log n).
   */
  reconfigure(places: TableAddresses): void {
    const { lengthsMs: probationMs } = this.#probation;
    const next = new LeaseTable({ ...places, probationMs, hashSeed: this.#hashSeed, start: this.#start });
    next.load(this.rows());
    this.#layout = next.#layout;
    this.#columns = next.#columns;
    this.#clients = next.#clients;
    this.#placement = next.#placement;
    this.#resting = next.#resting;
    this.#placement.setRanges(this.#ranges);
    this.#probation = next.#probation;
    const subnetOf = this.#circuits?.subnetOf;
    this.#circuits = undefined;
    this.countCircuits(subnetOf);
    this.#pools = next.#pools;
    this.#reserved = next.#reserved;
    this.#capacity = next.#capacity;
  }

  /** Slots that were used at least once. */
  get size(): number {
    return this.#rows;
  }

  /** The slot of an address; the free slot if it was never leased. */
  get(address: Ipv4): Slot {
    const index = this.#layout.indexOf(address);
    return index === undefined ? FREE_SLOT : this.#columns.slot(index);
  }

  /** What the DHCP server stored about an address. */
  detail(address: Ipv4): LeaseDetail {
    const index = this.#layout.indexOf(address);
    return index === undefined ? NO_DETAIL : this.#columns.detail(index);
  }

  /** Number of the pool an address lies in, or undefined. */
  poolOf(address: Ipv4): number | undefined {
    return this.#layout.poolOf(address);
  }

  /**
   * The address that a client has or last had: the one with the latest `lockedUntil`, else the one seen last. Declined
   * and blocked addresses do not count, nor do aborted proposals, which gave it none. Undefined when no slot has the
   * client.
   */
  find(client: ClientKey): Ipv4 | undefined {
    let best = -1;
    this.#clients.candidates(client, (index) => {
      if (!this.#columns.hasClient(index, client)) return;
      const state = this.#columns.state(index);
      if (!isLeaseRecord(state)) return;
      if (best === -1 || this.#isBetter(index, best)) best = index;
    });
    return best === -1 ? undefined : this.#layout.addressOf(best);
  }

  /**
   * The key under which a client has a lease or had its last one: its own, or one with another subnet in front if
   * `counts` is true of that and the address. Undefined when there is none.
   */
  recordedKey(client: ClientKey, counts: (recorded: ClientKey, address: Ipv4) => boolean): ClientKey | undefined {
    let best = -1;
    let recorded = client;
    this.#clients.candidates(client, (index) => {
      const columns = this.#columns;
      if (!columns.hasSender(index, client)) return;
      const state = columns.state(index);
      if (!isLeaseRecord(state)) return;
      const own = columns.hasClient(index, client);
      // Of two equal ones its own.
      if (best !== -1 && (own ? this.#isBetter(best, index) : !this.#isBetter(index, best))) return;
      const key = own ? client : columns.client(index);
      if (!own && !counts(key, this.#layout.addressOf(index))) return;
      best = index;
      recorded = key;
    });
    return best === -1 ? undefined : recorded;
  }

  /**
   * Whether a client has a lease, or a record of an ended one. A first lease that ended without a renewal makes no
   * client known: then a flood of invented clients would be known the second time.
   */
  knows(client: ClientKey): boolean {
    let known = false;
    this.#clients.candidates(client, (index) => {
      if (known || !this.#columns.hasClient(index, client)) return;
      const state = this.#columns.state(index);
      known = isLeaseRecord(state) && this.#probation.stateOf(index) !== PROBATION.over;
    });
    return known;
  }

  /** Sets how long a first lease on probation is at most, by pool; 0, or not given: none is. See `probation.ts`. */
  setProbation(lengthsMs: readonly number[]): void {
    this.#probation.lengthsMs = lengthsMs;
  }

  /** A hash of a client, below 2^32, that clients cannot foresee. */
  hashOf(client: ClientKey): number {
    return this.#clients.hashOf(client);
  }

  /** Whether the lease of an address is on probation; see `probation.ts`. */
  isOnProbation(address: Ipv4): boolean {
    const index = this.#layout.indexOf(address);
    return index !== undefined && this.#probation.stateOf(index) === PROBATION.running;
  }

  /** How many leases of a pool are on probation now, whichever node granted them. */
  onProbation(pool: number): number {
    return this.#probation.running(pool);
  }

  /** How many leases of a pool were on probation and ended without a renewal, since the pools were set. */
  unrenewed(pool: number): number {
    return this.#probation.unrenewed(pool);
  }

  /** Every address whose slot is bound by a client. */
  addressesBoundBy(client: ClientKey): Ipv4[] {
    const addresses: Ipv4[] = [];
    this.#clients.candidates(client, (index) => {
      const mine = this.#columns.state(index) === "bound" && this.#columns.hasClient(index, client);
      if (mine) addresses.push(this.#layout.addressOf(index));
    });
    return addresses;
  }

  #isBetter(index: number, than: number): boolean {
    const columns = this.#columns;
    const longer = columns.lockedUntil(index) - columns.lockedUntil(than);
    return longer > 0 || (longer === 0 && columns.lastSeen(index) > columns.lastSeen(than));
  }

  /** Stores a slot that is not free, with its detail. */
  set(address: Ipv4, slot: Slot, detail: LeaseDetail): void {
    const client = slot.client;
    if (client === undefined) return;
    const index = this.#ensure(address);
    const wasFree = this.#columns.isFree(index);
    if (wasFree) this.#rows += 1;
    const isSame = !wasFree && this.#columns.hasClient(index, client);
    // A reserved address is its client's: nothing expires there, and no limit is about it.
    const isReserved = this.#placement.placeOf(index) === PLACE.reserved;
    if (!isReserved) this.#judge(index, slot, detail, isSame);
    this.#uncount(index);
    if (!isSame) {
      if (!wasFree) this.#clients.remove(this.#columns.client(index), index);
      this.#columns.set(index, slot, client, detail);
      this.#clients.add(client, index);
    } else this.#columns.set(index, slot, client, detail);
    if (slot.state === "bound" && !isReserved) this.#circuits?.add(index, this.#circuitOf(index, detail));
    if (!this.#loading) this.#placeSlot(index, slot);
  }

  #uncount(index: number): void {
    if (this.#circuits?.isCounted(index) !== true) return;
    this.#circuits.remove(index, this.#circuitOf(index));
  }

  #circuitOf(index: number, detail = this.#columns.detail(index)): string | undefined {
    return circuitOf(this.#circuits?.subnetOf(this.#layout.addressOf(index)), detail);
  }

  /** Notes whether a lease is on probation, before its record replaces the last one. */
  #judge(index: number, { state }: Slot, detail: LeaseDetail, isSame: boolean): void {
    const pool = this.#layout.poolAt(index);
    if (state === "bound") {
      const last = this.#columns.state(index);
      const columns = this.#columns;
      const before = isSame && (last === "bound" || last === "released")
        ? { lastSeen: columns.lastSeen(index), expires: columns.expires(index) }
        : undefined;
      this.#probation.bound(index, pool, detail, before);
    } else if (state === "released" && isSame) this.#probation.ended(index, pool);
    else this.#probation.cleared(index, pool);
  }

  /** Notes that a quorum has `version` on disk, if the slot still has that version (case 11). */
  certify(address: Ipv4, version: Version): void {
    const index = this.#layout.indexOf(address);
    if (index !== undefined) this.#columns.certify(index, version);
  }

  /**
   * Loads stored rows in any order; afterwards the ended addresses of each pool are in the order in which they ended.
   * O(n log n) in the number of rows.
   */
  load(rows: Iterable<LeaseRow>): void {
    this.beginLoad();
    for (const row of rows) this.set(row.address, row.slot, row.detail);
    this.endLoad();
  }

  /** From here to `endLoad`, `set` places no slot. */
  beginLoad(): void {
    this.#loading = true;
  }

  /** Places all slots that were set since `beginLoad`. */
  endLoad(): void {
    this.#loading = false;
    const ended: number[] = [];
    const declined: number[] = [];
    for (let index = 0; index < this.#layout.size; index++) {
      if (this.#columns.isFree(index)) continue;
      const slot = this.#columns.slot(index);
      if (isLocking(slot.state)) this.#placeSlot(index, slot);
      else if (this.#placement.placeOf(index) !== PLACE.offered) ended.push(index);
      if (slot.state === "declined") declined.push(index);
    }
    declined.sort((a, b) => this.#columns.lastSeen(a) - this.#columns.lastSeen(b));
    for (const index of declined) this.#noteRest(index, true);
    ended.sort((a, b) => this.#columns.lastSeen(a) - this.#columns.lastSeen(b));
    for (const index of ended) this.#placement.placeEnded(index);
  }

  /** Moves slots whose lock ended to the free addresses of their pool. Call it before choosing an address. */
  expire(time: Bounds): void {
    if (this.#placement.mayExpire(time.earliest)) this.#expireDue(time);
  }

  #expireDue(time: Bounds): void {
    this.#placement.expire(time.earliest, (index) => {
      const slot = this.#columns.slot(index);
      if (isLocked(slot, time)) return this.#placeSlot(index, slot);
      this.#placement.placeEnded(index);
      this.#noteRest(index, false);
      this.#uncount(index);
      this.#probation.ended(index, this.#layout.poolAt(index));
    });
  }

  /** Whether an address could be leased to any client: not locked, not offered, not reserved. */
  isAvailable(address: Ipv4, time: Bounds): boolean {
    const index = this.#layout.indexOf(address);
    if (index === undefined) return false;
    const place = this.#placement.placeOf(index);
    if (place === PLACE.offered || place === PLACE.reserved) return false;
    return !isLocked(this.#columns.slot(index), time);
  }

  /**
   * Sets this node's ranges, by pool number: {@link takeFree} chooses from the blocks (see `blocks.ts`) that lie wholly
   * within one. Undefined, as at first: all addresses.
   */
  setRanges(ranges: readonly (readonly Range[])[] | undefined): void {
    this.#ranges = ranges;
    this.#placement.setRanges(ranges);
  }

  /**
   * Whether an address lies in this node's ranges. Without ranges every address does; with them, none outside the
   * pools.
   */
  owns(address: Ipv4): boolean {
    if (this.#ranges === undefined) return true;
    const index = this.#layout.indexOf(address);
    return index !== undefined && (this.#placement.owns(index) ?? false);
  }

  /** How many addresses are free in the blocks that lie wholly within a range of one pool, owned or not. */
  freeIn(range: Range): number {
    return this.#placement.freeIn(range);
  }

  /** Counts the leases of circuits from now on, in these subnets, or no longer. O(n) with other subnets. */
  countCircuits(subnetOf: SubnetOf | undefined): void {
    if (subnetOf === this.#circuits?.subnetOf) return;
    this.#circuits = subnetOf && new CircuitCounts(this.#capacity, subnetOf);
    for (let index = 0; index < this.#layout.size && subnetOf !== undefined; index++) this.#count(index);
  }

  /** Counts the lease of a slot among those of its circuit, if it runs and its address is not reserved. */
  #count(index: number): void {
    if (this.#circuits === undefined || this.#columns.state(index) !== "bound") return;
    if (this.#placement.placeOf(index) !== PLACE.expiry) return;
    this.#circuits.add(index, this.#circuitOf(index));
  }

  /** Running leases of a circuit; see `circuit_counts.ts`. 0 unless they are counted. */
  leasesOfCircuit(circuit: string): number {
    return this.#circuits?.of(circuit) ?? 0;
  }

  /** How many addresses of a pool are free, whichever node's. */
  free(pool: number): number {
    return this.#placement.free(pool);
  }

  /** How many addresses of a pool there are. */
  sizeOf(pool: number): number {
    const range = this.#pools[pool];
    return range === undefined ? 0 : rangeSize(range);
  }

  /** How many addresses of a pool are free in this node's ranges. */
  freeOwned(pool: number): number {
    return this.#placement.freeOwned(pool);
  }

  /**
   * Chooses a free address of a pool in this node's ranges for an offer: never used ones first, then the one that ended
   * longest ago. Undefined when the ranges are exhausted. O(log blocks).
   */
  takeFree(pool: number, time: Bounds): Ipv4 | undefined {
    return this.#offer(() => this.#placement.next(pool), time);
  }

  /**
   * The addresses that {@link takeFree} comes to next, in this order. The table must not change while they are read.
   * See `FreeBlocks.upcoming` for what it takes.
   */
  *upcoming(pool: number): Generator<Ipv4> {
    for (const index of this.#placement.upcoming(pool)) yield this.#layout.addressOf(index);
  }

  /**
   * The same outside this node's ranges, when these are exhausted. The owner may offer the address to another client
   * meanwhile, which costs one of the two a retransmission. O(blocks of the pool).
   */
  takeUnowned(pool: number, time: Bounds): Ipv4 | undefined {
    return this.#offer(() => this.#placement.unowned(pool), time);
  }

  #offer(next: () => number | undefined, time: Bounds): Ipv4 | undefined {
    for (let index = next(); index !== undefined; index = next()) {
      const slot = this.#columns.slot(index);
      if (!isLocked(slot, time)) {
        this.#placement.offer(index);
        return this.#layout.addressOf(index);
      }
      // `earliest` has fallen back since the lock expired, so that it runs again: it must not hide the other addresses.
      this.#placeSlot(index, slot);
    }
    return undefined;
  }

  /**
   * Takes an address out of the free ones for an offer; the caller has checked that the client may have it. An address
   * with a running lock stays in the expiry wheel.
   */
  take(address: Ipv4, time: Bounds): void {
    const index = this.#layout.indexOf(address);
    if (index === undefined) return;
    if (this.#placement.placeOf(index) === PLACE.expiry && isLocked(this.#columns.slot(index), time)) return;
    this.#placement.offer(index);
  }

  /**
   * Ends an offer: the address is free again, unless it was leased meanwhile. One that was used before is chosen last,
   * as its former client may come back for it.
   */
  endOffer(address: Ipv4): void {
    const index = this.#layout.indexOf(address);
    if (index === undefined || this.#placement.placeOf(index) !== PLACE.offered) return;
    if (this.#columns.isFree(index)) this.#placement.placeReturned(index);
    else this.#placement.placeEnded(index);
  }

  /** The declined addresses of a pool whose rest runs, the one that was declined first in front. */
  resting(pool: number): Iterable<Ipv4> {
    return this.#resting.of(pool);
  }

  /** How many addresses of a pool rest. */
  restingIn(pool: number): number {
    return this.#resting.count(pool);
  }

  /** Every used slot, in the order of the pools. O(n). */
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

  /** At most `limit` used slots above an address, in order of address. O(addresses passed). */
  rowsAfter(after: number, limit: number): LeaseRow[] {
    return this.usedAfter(after, limit).map((address) => ({
      address,
      slot: this.get(address),
      detail: this.detail(address),
    }));
  }

  /** The addresses of {@link rowsAfter}. */
  usedAfter(after: number, limit: number): Ipv4[] {
    const used: Ipv4[] = [];
    for (const { first, last, index: base } of this.#layout.runsAfter(after)) {
      for (let address = first; address <= last; address++) {
        if (this.#columns.isFree(base + address - first)) continue;
        used.push(address);
        if (used.length === limit) return used;
      }
    }
    return used;
  }

  /**
   * Used slots above an address that match a search, in order of address, until `limit` are found or `passedMax`
   * addresses were examined. The caller can do other work and continue from the result's `after`, unless `isDone`.
   * About 30 ns per address.
   */
  search(
    after: number,
    search: LeaseSearch,
    bounds: { readonly limit: number; readonly passedMax: number },
  ): SearchResult {
    const { range, states, test } = search;
    const columns = this.#columns;
    const rows: LeaseRow[] = [];
    let passed = 0;
    let examined = Math.max(after, (range?.first ?? 0) - 1);
    for (const { first, last, index: base } of this.#layout.runsAfter(examined)) {
      const end = Math.min(last, range?.last ?? last);
      for (let address = first; address <= end; address++) {
        if (passed === bounds.passedMax || rows.length === bounds.limit) {
          return { rows, after: examined, isDone: false };
        }
        passed++;
        examined = address;
        const index = base + address - first;
        if (columns.isFree(index) || !states(columns.state(index), columns.lockedUntil(index))) continue;
        if (test !== undefined && !columns.testRecord(index, test)) continue;
        rows.push({ address, slot: columns.slot(index), detail: columns.detail(index) });
      }
      if (end < last) break;
    }
    return { rows, after: examined, isDone: true };
  }

  /** How the addresses of a pool are used now. O(size of the pool). */
  poolUse(pool: number, time: Bounds): PoolUse {
    const use = noUse();
    this.countUse(pool, { from: 0, count: Infinity }, time, use);
    return use;
  }

  /** Adds the use of some addresses of a pool; returns whether there are further ones. */
  countUse(
    pool: number,
    { from, count }: { readonly from: number; readonly count: number },
    time: Bounds,
    use: PoolCount,
  ): boolean {
    const range = this.#pools[pool];
    if (range === undefined) return false;
    const first = this.#layout.indexOf(range.first) as number;
    const end = first + Math.min(from + count, rangeSize(range));
    for (let index = first + from; index < end; index++) {
      const place = this.#placement.placeOf(index);
      use.addresses += 1;
      const state = this.#columns.state(index);
      const locked = isLocking(state) && this.#columns.lockedUntil(index) + MARGIN_MS > time.earliest;
      if (locked && state === "bound") use.bound += 1;
      else if (locked) use.resting += 1;
      else if (place === PLACE.reserved) use.reserved += 1;
      else if (place === PLACE.offered) use.offered += 1;
      else use.free += 1;
    }
    return from + count < rangeSize(range);
  }

  #placeSlot(index: number, slot: Slot): void {
    if (isLocking(slot.state)) this.#placement.placeLocked(index, slot.lockedUntil + MARGIN_MS);
    else this.#placement.placeEnded(index);
    this.#noteRest(index, slot.state === "declined");
  }

  #noteRest(index: number, rests: boolean): void {
    const pool = this.#layout.poolAt(index);
    if (pool === undefined) return;
    if (rests) this.#resting.add(pool, this.#layout.addressOf(index));
    else if (this.#resting.count(pool) > 0) this.#resting.remove(pool, this.#layout.addressOf(index));
  }

  #ensure(address: Ipv4): number {
    const index = this.#layout.ensure(address);
    if (index < this.#capacity) return index;
    this.#capacity = Math.ceil(this.#capacity * 1.5) + 64;
    this.#columns.grow(this.#capacity);
    this.#probation.grow(this.#capacity);
    this.#circuits?.grow(this.#capacity);
    this.#placement.grow(this.#capacity);
    return index;
  }
}
