/**
 * A node with a blank disk becomes a voter (lease agreement, "blank disk" and "first formation"): it pulls the slots of ⌈n/2⌉
 * other voters and takes their union, or learns that every other member is as blank as itself. Until then it neither
 * proposes nor votes.
 */

import type { Bounds, Instant } from "../lease/clock.ts";
import type { LeaseDetail, LeaseRow, Slot } from "../lease/slot.ts";
import { unionSlots } from "../lease/union.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { CLUSTER_LIMITS } from "./limits.ts";
import type { NodeId, SyncChunk, SyncRequest } from "./messages.ts";

const REQUEST_MS = 1_000;
const HELLO_MS = 500;

/** One source of slots. */
interface Source {
  after: Ipv4 | -1;
  done: boolean;
  askedMs: number;
}

/** The detail belongs to the slot's client: that of the row with this client, the one seen last if both are. */
function detailOf(slot: Slot, other: LeaseRow | undefined, row: LeaseRow): LeaseDetail {
  if (other === undefined || other.slot.client !== slot.client) return row.detail;
  if (row.slot.client !== slot.client) return other.detail;
  return other.detail.lastSeen < row.detail.lastSeen ? row.detail : other.detail;
}

/** What is to be sent. */
export type JoinOutput =
  | { readonly kind: "hello" }
  | { readonly kind: "request"; readonly to: NodeId; readonly message: SyncRequest };

/** One join. */
export class Join {
  readonly #startedMs: number;
  readonly #sources = new Map<NodeId, Source>();
  readonly #rows = new Map<Ipv4, LeaseRow>();
  /** Disks of the other members that were blank. */
  readonly #blankOthers: Map<NodeId, string>;
  #helloMs = -Infinity;

  /** `blankOthers`: members that answered this disk in an earlier process, with their disks. */
  constructor(startedMs: number, blankOthers: Iterable<readonly [NodeId, string]> = []) {
    this.#startedMs = startedMs;
    this.#blankOthers = new Map(blankOthers);
  }

  /** How many other voters a cluster of `members` has to be asked. */
  static needed(members: number): number {
    return Math.ceil(members / 2);
  }

  /**
   * A member answered this very disk that its own was blank. That counts for good, whatever the member became since: nothing was
   * promised before, and this disk has promised nothing. Returns whether it is news.
   */
  helloAnswered(from: NodeId, diskId: string): boolean {
    if (this.#blankOthers.get(from) === diskId) return false;
    this.#blankOthers.set(from, diskId);
    return true;
  }

  /** The disks that form a cluster with this one. */
  get blankOthers(): ReadonlyMap<NodeId, string> {
    return this.#blankOthers;
  }

  /** Every other member is blank: there is nothing to join. */
  isFormation(others: readonly NodeId[]): boolean {
    return others.every((id) => this.#blankOthers.has(id));
  }

  /** What to send now. `voters`: present members that may be pulled from. Needs an anchored clock. */
  tick(now: Instant, others: readonly NodeId[], voters: readonly NodeId[]): JoinOutput[] {
    const output: JoinOutput[] = [];
    if (now.monotonicMs - this.#helloMs >= HELLO_MS) {
      this.#helloMs = now.monotonicMs;
      output.push({ kind: "hello" });
    }
    // Case 18: what the old disk had accepted is decided by then, one way or the other.
    if (now.monotonicMs - this.#startedMs < CLUSTER_LIMITS.blankWaitMs) return output;
    this.#chooseSources(others.length + 1, voters);
    for (const [to, source] of this.#sources) {
      if (source.done || now.monotonicMs - source.askedMs < REQUEST_MS) continue;
      source.askedMs = now.monotonicMs;
      output.push({ kind: "request", to, message: { type: "syncRequest", purpose: "join", after: source.after } });
    }
    return output;
  }

  /** Takes a chunk; what to ask next, if anything. */
  receive(from: NodeId, chunk: SyncChunk, now: Instant, time: Bounds): JoinOutput[] {
    const source = this.#sources.get(from);
    const first = chunk.rows[0];
    if (source === undefined || source.done || (first !== undefined && first.address <= source.after)) return [];
    for (const row of chunk.rows) {
      const other = this.#rows.get(row.address);
      const slot = other === undefined ? row.slot : unionSlots(other.slot, row.slot, time);
      this.#rows.set(row.address, { address: row.address, slot, detail: detailOf(slot, other, row) });
      source.after = row.address;
    }
    source.done = !chunk.more;
    if (source.done) return [];
    source.askedMs = now.monotonicMs;
    return [{ kind: "request", to: from, message: { type: "syncRequest", purpose: "join", after: source.after } }];
  }

  /** The union, once enough sources are pulled whole. */
  result(members: number): LeaseRow[] | undefined {
    const done = [...this.#sources.values()].filter((source) => source.done).length;
    return done >= Join.needed(members) ? [...this.#rows.values()] : undefined;
  }

  /** Sources stay until they are done or gone; a source that goes is replaced by another, from its start. */
  #chooseSources(members: number, voters: readonly NodeId[]): void {
    for (const [id, source] of this.#sources) {
      if (!source.done && !voters.includes(id)) this.#sources.delete(id);
    }
    for (const id of voters) {
      if (this.#sources.size >= Join.needed(members)) return;
      if (!this.#sources.has(id)) this.#sources.set(id, { after: -1, done: false, askedMs: -Infinity });
    }
  }
}
