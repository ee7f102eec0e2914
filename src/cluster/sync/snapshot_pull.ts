/**
 * Pulls the slots of several other voters, page by page, and takes their union (lease agreement, `union`): what a blank disk
 * begins with, and what every member takes when the membership changes. Whom to pull from, and what becomes of the union,
 * is the caller's decision.
 */

import type { Bounds, Instant } from "../../lease/agreement/clock.ts";
import type { LeaseDetail, LeaseRow, Slot } from "../../lease/agreement/slot.ts";
import { unionSlots } from "../../lease/agreement/union.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { NodeId, SlotPage, SyncPage } from "../wire/messages.ts";

/** A page that has not come by then is asked for again. */
const REQUEST_MS = 1_000;

/** One source of slots. */
interface Source {
  after: Ipv4 | -1;
  done: boolean;
  askedMs: number;
}

/** A page to ask for. */
export interface PageRequest {
  readonly to: NodeId;
  readonly page: SyncPage;
}

/** The detail belongs to the slot's client: that of the row with this client, the one seen last if both are. */
function detailOf(slot: Slot, other: LeaseRow, row: LeaseRow): LeaseDetail {
  if (other.slot.client !== slot.client) return row.detail;
  if (row.slot.client !== slot.client) return other.detail;
  return other.detail.lastSeen < row.detail.lastSeen ? row.detail : other.detail;
}

/** The union of two rows of one address, with the detail of whoever stands in it. */
export function unionRows(other: LeaseRow, row: LeaseRow, time: Bounds): LeaseRow {
  const slot = unionSlots(other.slot, row.slot, time);
  return { address: row.address, slot, detail: detailOf(slot, other, row) };
}

/** One pull. */
export class SnapshotPull {
  readonly #purpose: SyncPage["purpose"];
  readonly #needed: number;
  readonly #sources = new Map<NodeId, Source>();
  readonly #rows = new Map<Ipv4, LeaseRow>();

  /** `needed`: how many sources have to be pulled whole. */
  constructor(purpose: SyncPage["purpose"], needed: number) {
    this.#purpose = purpose;
    this.#needed = needed;
  }

  /** Sources that were pulled whole, of how many, and rows so far: for the status. */
  get progress(): { readonly done: number; readonly needed: number; readonly rows: number } {
    return { done: this.#done, needed: this.#needed, rows: this.#rows.size };
  }

  get #done(): number {
    let done = 0;
    for (const source of this.#sources.values()) if (source.done) done += 1;
    return done;
  }

  /** Pages to ask for now. `voters`: present members that may be pulled from. */
  tick(now: Instant, voters: readonly NodeId[]): PageRequest[] {
    this.#chooseSources(voters);
    const requests: PageRequest[] = [];
    for (const [to, source] of this.#sources) {
      if (source.done || now.monotonicMs - source.askedMs < REQUEST_MS) continue;
      source.askedMs = now.monotonicMs;
      requests.push({ to, page: { purpose: this.#purpose, after: source.after } });
    }
    return requests;
  }

  /** Takes a page; what to ask for next, if anything. */
  receive(from: NodeId, chunk: SlotPage, now: Instant, time: Bounds): PageRequest | undefined {
    const source = this.#sources.get(from);
    const first = chunk.rows[0];
    if (source === undefined || source.done || (first !== undefined && first.address <= source.after)) return undefined;
    for (const row of chunk.rows) {
      const other = this.#rows.get(row.address);
      this.#rows.set(row.address, other === undefined ? row : unionRows(other, row, time));
      source.after = row.address;
    }
    source.done = !chunk.more;
    if (source.done) return undefined;
    source.askedMs = now.monotonicMs;
    return { to: from, page: { purpose: this.#purpose, after: source.after } };
  }

  /** The union, once enough sources are pulled whole. */
  result(): LeaseRow[] | undefined {
    return this.#done >= this.#needed ? [...this.#rows.values()] : undefined;
  }

  /** Sources stay until they are done or gone; a source that goes is replaced by another, from its start. */
  #chooseSources(voters: readonly NodeId[]): void {
    for (const [id, source] of this.#sources) {
      if (!source.done && !voters.includes(id)) this.#sources.delete(id);
    }
    for (const id of voters) {
      if (this.#sources.size >= this.#needed) return;
      if (!this.#sources.has(id)) this.#sources.set(id, { after: -1, done: false, askedMs: -Infinity });
    }
  }
}
