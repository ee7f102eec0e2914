/**
 * A disk: durable rows and facts, and pending writes. A crash keeps a prefix of the pending writes, as a journal does.
 * Old images of it are kept, so that it can be put back to any of them. A watcher is called for all that becomes
 * durable.
 */

import { BLANK, FACT } from "../../src/cluster/sync/disk_identity.ts";
import { PROPOSAL_MS } from "../../src/lease/agreement/limits.ts";
import type { LeaseRow, Writes } from "../../src/lease/agreement/slot.ts";
import { DiskMemory, type Progress } from "./disk_memory.ts";
import type { EventQueue } from "./event_queue.ts";
import type { Prng } from "./prng.ts";

interface Pending {
  readonly writes: Writes;
  readonly durable: () => void;
}

/** A copy of a disk. */
export interface Image {
  readonly rows: ReadonlyMap<number, LeaseRow>;
  readonly facts: ReadonlyMap<string, string>;
  readonly progress: Progress;
}

/** A range of milliseconds, both ends included. */
export interface Span {
  readonly min: number;
  readonly max: number;
}

export const FAST_DISK: Span = { min: 1, max: 3 };
/** A failed commit is retried after this time. */
const RETRY_MS = 500;
/** The store tells that a commit hangs after this time. */
const STALL_MS = 5_000;

/** Called when rows of these addresses became durable; undefined: anything may have changed. */
export type DiskWatcher = (addresses: Iterable<number> | undefined) => void;

/** One node's disk; it outlives the node's processes. */
export class SimDisk {
  readonly #events: EventQueue;
  readonly #prng: Prng;
  readonly #watch: DiskWatcher;
  readonly rows = new Map<number, LeaseRow>();
  readonly facts = new Map<string, string>();
  /** What this node has heard of the disks of the others. */
  readonly memory: DiskMemory;
  /** Earlier states, oldest first; the first one is from before the cluster was formed. */
  readonly images: Image[] = [];
  /** Duration of a sync. */
  latencyMs = FAST_DISK;
  /** The disk is full until then: commits fail. */
  fullUntilMs = 0;
  /** Commits don't end before. */
  hungUntilMs = 0;
  /** It lacks what was durable, and its node can see that. */
  behind = false;
  /** Decides what a disk with a lying fsync loses in the next crash; undefined: an honest disk. */
  lies: (() => Image | undefined) | undefined;
  /** Rows of a replaced disk count until then at the longest: its node must have joined since the faults ended. */
  joinsByMs = Infinity;
  #pending: Pending[] = [];
  #progress: Progress = { serial: 1, transactions: 0 };
  #told = this.#progress;
  #replaced: { rows: ReadonlyMap<number, LeaseRow>; atMs: number } = { rows: new Map(), atMs: -Infinity };
  #syncing = false;
  #works = true;
  #isStaleCopy = false;
  #session = 0;
  /** When the commit began that has not ended; Infinity without one. */
  #begunMs = Infinity;

  constructor(events: EventQueue, prng: Prng, watch: DiskWatcher) {
    this.#events = events;
    this.#prng = prng;
    this.#watch = watch;
    this.memory = new DiskMemory(events);
  }

  /** Whether the last commit succeeded, and none hangs. */
  get works(): boolean {
    return this.#works && this.#events.nowMs - this.#begunMs < STALL_MS;
  }

  /** Whether it is an old copy whose node has not been fenced yet. */
  get isStaleCopy(): boolean {
    return this.#isStaleCopy;
  }

  /** Whether slots are missing: it is blank or a stale copy, and its node has not joined since. */
  get incomplete(): boolean {
    return this.#isStaleCopy || this.facts.get(FACT.blank) !== "no";
  }

  /** Whether it is lost, or will be in the next crash. */
  get lost(): boolean {
    return this.incomplete || this.lies !== undefined;
  }

  /** Which disk it is of its node, and how far its slots are, as its node knows: of each write when it is told. */
  get progress(): Progress {
    return this.#told;
  }

  write(writes: Writes, durable: () => void): void {
    this.#pending.push({ writes, durable });
    if (!this.#syncing) this.#sync();
  }

  /** The machine stops: some of the pending writes become durable; their callbacks never run. */
  crash(): void {
    const kept = this.#events.nowMs < this.fullUntilMs ? 0 : this.#prng.int(0, this.#pending.length);
    for (const { writes } of this.#pending.slice(0, kept)) this.#apply(writes);
    this.#pending = [];
    this.#syncing = false;
    this.#begunMs = Infinity;
    this.#works = true;
    this.#session += 1;
    this.memory.crash();
    const lost = this.lies?.();
    this.lies = undefined;
    if (lost !== undefined) this.restore(lost);
  }

  /** Replaces the disk by another one without rows. */
  wipe(facts: ReadonlyMap<string, string> = new Map()): void {
    this.#isStaleCopy = false;
    this.#replace({ rows: new Map(), facts, progress: { serial: this.#nextSerial, transactions: 0 } });
  }

  get #nextSerial(): number {
    return Math.max(this.#progress.serial, ...this.images.map(({ progress }) => progress.serial)) + 1;
  }

  image(): Image {
    return { rows: new Map(this.rows), facts: new Map(this.facts), progress: this.#progress };
  }

  /** Keeps an image of the present state. */
  keepImage(): void {
    this.images.push(this.image());
  }

  /** Replaces the disk by an old copy. */
  restore(image: Image): void {
    this.#isStaleCopy = true;
    this.#replace(image);
  }

  /** The end of the log is lost: the process finds an earlier state, and evidence of a later one. */
  cut(image: Image): void {
    this.restore(image);
    this.behind = true;
  }

  /** Row of the replaced disk, while a proposal that counted its answer may still be decided. */
  formerRow(address: number): LeaseRow | undefined {
    return this.#events.nowMs - this.#replaced.atMs <= PROPOSAL_MS ? this.#replaced.rows.get(address) : undefined;
  }

  /** Row of the replaced disk, until this one is complete, or should be. */
  missingRow(address: number): LeaseRow | undefined {
    const mayMiss = this.incomplete && this.#events.nowMs <= this.joinsByMs;
    return mayMiss ? this.#replaced.rows.get(address) : undefined;
  }

  /** Changes facts while no process runs. */
  edit(facts: readonly (readonly [key: string, value: string])[]): void {
    for (const [key, value] of facts) this.facts.set(key, value);
    this.#watch(undefined);
  }

  #replace({ rows, facts, progress }: Image): void {
    this.behind = false;
    this.#replaced = { rows: new Map(this.rows), atMs: this.#events.nowMs };
    this.#progress = progress;
    this.#told = progress;
    this.rows.clear();
    this.facts.clear();
    for (const [address, row] of rows) this.rows.set(address, row);
    for (const [key, value] of facts) this.facts.set(key, value);
    this.memory.forget();
    this.#watch(undefined);
  }

  /** Group commit: all pending writes are synced together. */
  #sync(): void {
    if (this.#pending.length === 0) return;
    this.#syncing = true;
    this.#begunMs = this.#events.nowMs;
    const session = this.#session;
    const count = this.#pending.length;
    this.#events.after(this.#prng.int(this.latencyMs.min, this.latencyMs.max), () => this.#commit(session, count));
  }

  #commit(session: number, count: number): void {
    if (session !== this.#session) return;
    if (this.#events.nowMs < this.hungUntilMs) return this.#events.after(RETRY_MS, () => this.#commit(session, count));
    this.#works = this.#events.nowMs >= this.fullUntilMs;
    if (!this.#works) return this.#events.after(RETRY_MS, () => this.#commit(session, count));
    this.#begunMs = Infinity;
    this.behind = false;
    const synced = this.#pending.splice(0, count);
    const told = synced.map(({ writes, durable }) => {
      this.#apply(writes);
      return { progress: this.#progress, durable };
    });
    this.#syncing = false;
    for (const { progress, durable } of told) {
      this.#told = progress;
      durable();
      if (session !== this.#session) return;
    }
    if (!this.#syncing && session === this.#session) this.#sync();
  }

  #apply(writes: Writes): void {
    for (const row of writes.rows ?? []) this.rows.set(row.address, row);
    for (const [key, value] of writes.facts ?? []) {
      if (key === FACT.blank) this.#isStaleCopy = false;
      // A node that was fenced makes it another disk, and one that learned everything anew has no earlier state.
      const known = this.facts.get(key);
      const isAnother = known !== value &&
        ((key === FACT.diskId && known !== undefined) || (key === FACT.blank && value === BLANK.no));
      if (isAnother) this.#progress = { serial: this.#nextSerial, transactions: 0 };
      this.facts.set(key, value);
    }
    if (writes.rows !== undefined && writes.rows.length > 0) {
      this.#progress = { ...this.#progress, transactions: this.#progress.transactions + 1 };
      this.#watch(writes.rows.map(({ address }) => address));
    }
    if (this.images.length === 0) this.keepImage();
    // The lsn comes with every row, and that of others twice a second: no check depends on them.
    if (writes.facts?.some(([key]) => key !== FACT.lsn && !key.startsWith("peer:"))) this.#watch(undefined);
  }
}
