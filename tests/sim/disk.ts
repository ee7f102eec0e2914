/**
 * A disk: what is durable, and writes on their way. A crash keeps a prefix of the latter, as a journal would. Everything that
 * becomes durable is told to whoever watches.
 */

import { FACT } from "../../src/cluster/sync/disk_identity.ts";
import { PROPOSAL_MS } from "../../src/lease/agreement/limits.ts";
import type { LeaseRow, Writes } from "../../src/lease/agreement/slot.ts";
import type { Prng } from "./prng.ts";
import type { EventQueue } from "./event_queue.ts";

interface Pending {
  readonly writes: Writes;
  readonly durable: () => void;
}

/** A copy of a disk. */
interface Image {
  readonly rows: ReadonlyMap<number, LeaseRow>;
  readonly facts: ReadonlyMap<string, string>;
}

/** Of milliseconds, both included. */
export interface Span {
  readonly min: number;
  readonly max: number;
}

export const FAST_DISK: Span = { min: 1, max: 3 };
/** A commit that failed is tried again after this long. */
const RETRY_MS = 500;

/** Hears of what became durable: rows of these addresses, or anything at all when undefined. */
export type DiskWatcher = (addresses: Iterable<number> | undefined) => void;

/** One node's disk; it outlives the node's processes. */
export class SimDisk {
  readonly #world: EventQueue;
  readonly #prng: Prng;
  readonly #watch: DiskWatcher;
  readonly rows = new Map<number, LeaseRow>();
  readonly facts = new Map<string, string>();
  /** How long a sync takes. */
  latencyMs = FAST_DISK;
  /** There is no room: commits fail until then. */
  fullUntilMs = 0;
  #pending: Pending[] = [];
  #lost: { rows: ReadonlyMap<number, LeaseRow>; atMs: number } = { rows: new Map(), atMs: -Infinity };
  #syncing = false;
  #works = true;
  #forgot = false;
  #life = 0;

  constructor(world: EventQueue, prng: Prng, watch: DiskWatcher) {
    this.#world = world;
    this.#prng = prng;
    this.#watch = watch;
  }

  /** Whether the last commit was made. */
  get works(): boolean {
    return this.#works;
  }

  /** Whether it is an old copy, and its owner has not been told so yet. */
  get isOldCopy(): boolean {
    return this.#forgot;
  }

  /** Whether its slots are not complete: it is new, or an old copy, and has not joined since. */
  get incomplete(): boolean {
    return this.#forgot || this.facts.get(FACT.blank) !== "no";
  }

  write(writes: Writes, durable: () => void): void {
    this.#pending.push({ writes, durable });
    if (!this.#syncing) this.#sync();
  }

  /** The machine stops: some of the writes on their way are there, their callbacks never run. */
  crash(): void {
    const kept = this.#world.nowMs < this.fullUntilMs ? 0 : this.#prng.int(0, this.#pending.length);
    for (const { writes } of this.#pending.slice(0, kept)) this.#apply(writes);
    this.#pending = [];
    this.#syncing = false;
    this.#works = true;
    this.#life += 1;
  }

  /** A new, empty disk. */
  wipe(): void {
    this.#forgot = false;
    this.#replace({ rows: new Map(), facts: new Map() });
  }

  image(): Image {
    return { rows: new Map(this.rows), facts: new Map(this.facts) };
  }

  /** An old copy is put back. */
  restore(image: Image): void {
    this.#forgot = true;
    this.#replace(image);
  }

  /** What the replaced disk had, for as long as a proposal that counted on it may be decided. */
  lostRow(address: number): LeaseRow | undefined {
    return this.#world.nowMs - this.#lost.atMs <= PROPOSAL_MS ? this.#lost.rows.get(address) : undefined;
  }

  /** What the replaced disk had, until this one is complete. */
  owedRow(address: number): LeaseRow | undefined {
    return this.incomplete ? this.#lost.rows.get(address) : undefined;
  }

  #replace({ rows, facts }: Image): void {
    this.#lost = { rows: new Map(this.rows), atMs: this.#world.nowMs };
    this.rows.clear();
    this.facts.clear();
    for (const [address, row] of rows) this.rows.set(address, row);
    for (const [key, value] of facts) this.facts.set(key, value);
    this.#watch(undefined);
  }

  /** Group commit: all that waits is synced together. */
  #sync(): void {
    if (this.#pending.length === 0) return;
    this.#syncing = true;
    const life = this.#life;
    const count = this.#pending.length;
    this.#world.after(this.#prng.int(this.latencyMs.min, this.latencyMs.max), () => this.#commit(life, count));
  }

  #commit(life: number, count: number): void {
    if (life !== this.#life) return;
    this.#works = this.#world.nowMs >= this.fullUntilMs;
    if (!this.#works) return this.#world.after(RETRY_MS, () => this.#commit(life, count));
    const synced = this.#pending.splice(0, count);
    for (const { writes } of synced) this.#apply(writes);
    this.#syncing = false;
    for (const { durable } of synced) durable();
    if (!this.#syncing && life === this.#life) this.#sync();
  }

  #apply(writes: Writes): void {
    for (const row of writes.rows ?? []) this.rows.set(row.address, row);
    for (const [key, value] of writes.facts ?? []) {
      if (key === FACT.blank) this.#forgot = false;
      this.facts.set(key, value);
    }
    if (writes.rows !== undefined && writes.rows.length > 0) this.#watch(writes.rows.map(({ address }) => address));
    if (writes.facts !== undefined && writes.facts.length > 0) this.#watch(undefined);
  }
}
