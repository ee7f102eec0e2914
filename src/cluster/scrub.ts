/**
 * Anti-entropy between voters (lease agreement, "anti-entropy"): walks through the slots of the others, page by page and without
 * haste, and takes what a majority is known to have and what ended. It never produces an answer to anybody.
 */

import type { AgreementRules } from "../lease/agreement.ts";
import type { Bounds, Instant } from "../lease/clock.ts";
import { isEnded, type LeaseRow, type Slot } from "../lease/slot.ts";
import { compareVersions, maxVersion } from "../lease/version.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { NodeId, SyncChunk } from "./messages.ts";
import type { PageRequest } from "./pull.ts";

/** A page a second passes a million leases in half an hour; after records were lost there is no pause. */
const PAGE_MS = 1_000;
const HURRIED_PAGE_MS = 50;
/** A page that has not come by then is asked for again, of somebody else. */
const ANSWER_MS = 2_000;

/** The walk of one node. */
export class Scrub {
  #source: NodeId | undefined;
  #after: Ipv4 | -1 = -1;
  #askedMs = -Infinity;
  #waiting = false;
  #turn = 0;
  /** Voters still to be walked through in a hurry. */
  #hurried = 0;

  /** Records were lost: walk through every other voter soon. */
  hurry(voters: number): void {
    this.#hurried = voters;
  }

  /** The page to ask for now, if any. */
  tick(now: Instant, voters: readonly NodeId[]): PageRequest | undefined {
    const patience = this.#waiting ? ANSWER_MS : this.#hurried > 0 ? HURRIED_PAGE_MS : PAGE_MS;
    if (now.monotonicMs - this.#askedMs < patience) return undefined;
    const gone = this.#source === undefined || !voters.includes(this.#source);
    if (gone || this.#waiting) this.#next(voters);
    if (this.#source === undefined) return undefined;
    this.#askedMs = now.monotonicMs;
    this.#waiting = true;
    return { to: this.#source, page: { purpose: "repair", after: this.#after } };
  }

  /** The rows of a page that was asked for; none for any other. */
  receive(from: NodeId, chunk: SyncChunk, voters: readonly NodeId[]): readonly LeaseRow[] {
    const first = chunk.rows[0];
    if (from !== this.#source || !this.#waiting || (first !== undefined && first.address <= this.#after)) return [];
    this.#waiting = false;
    if (chunk.more) this.#after = chunk.rows.at(-1)?.address ?? -1;
    else {
      this.#hurried = Math.max(0, this.#hurried - 1);
      this.#next(voters);
    }
    return chunk.rows;
  }

  #next(voters: readonly NodeId[]): void {
    this.#after = -1;
    this.#source = voters[this.#turn++ % Math.max(1, voters.length)];
  }
}

/** What a slot becomes by another voter's: only committed leases and ends are taken; undefined when nothing changes. */
export function scrubbed(
  slot: Slot,
  theirs: Slot,
  time: Bounds,
  options: { rules: AgreementRules; maxLeaseMs: number },
): Slot | undefined {
  if (isEnded(theirs.state) && theirs.client !== undefined && theirs.ended !== undefined) {
    // The record as it was minted, never against another version: it ends here what it would have ended then.
    const { state: kind, client, version, hold: until, ended: { replaces, cv } } = theirs;
    return options.rules.end(slot, { kind, client, version, replaces, cv, until }, time, false);
  }
  if (theirs.state !== "bound" || theirs.client === undefined || theirs.cv.clock === 0) return undefined;
  if (slot.state === "bound" && slot.client === theirs.client && compareVersions(theirs.version, slot.version) <= 0) {
    // The own client, an older version: it only tells what is committed.
    const cv = maxVersion(slot.cv, theirs.cv);
    return compareVersions(cv, slot.cv) === 0 ? undefined : { ...slot, cv };
  }
  const { client, version, hold, cv } = theirs;
  const taken = options.rules.accept(slot, { client, version, hold, cv, sole: false }, time, options.maxLeaseMs);
  return taken.answer.ok ? taken.slot : undefined;
}
