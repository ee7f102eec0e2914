/**
 * Anti-entropy between voters (lease agreement, "anti-entropy"): merges the slots of the others page by page at a low
 * rate. It takes committed leases and ended ones. It never produces an answer to a proposal (case 10).
 */

import { type AgreementRules, isLive, NEVER_LATE } from "../../lease/agreement/rule.ts";
import type { Bounds, Instant } from "../../lease/agreement/clock.ts";
import { isEnded, type LeaseRow, type Slot } from "../../lease/agreement/slot.ts";
import { compareVersions, maxVersion } from "../../lease/agreement/version.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { NodeId, SlotPage } from "../wire/messages.ts";
import type { PageRequest } from "./snapshot_pull.ts";

/**
 * Page interval, and the timeout after which the next voter is asked. One page per second merges a million leases in
 * half an hour; after a loss the pages follow almost without a pause.
 */
const NORMAL = { pageMs: 1_000, answerMs: 2_000 } as const;
const EXPEDITED = { pageMs: 20, answerMs: 500 } as const;

/**
 * Pause before the first page of each voter while no voter's slots differ from the own ones: an idle node sends and
 * receives less, and a difference that no loss announced is found this much later per voter.
 */
const REST_MS = 5_000;

/** The rows of a voter above `after`, up to `last`. */
export interface MergedPage {
  readonly rows: readonly LeaseRow[];
  readonly after: Ipv4 | -1;
  readonly last: number;
}

/** The merge state of one node. */
export class AntiEntropy {
  #source: NodeId | undefined;
  #after: Ipv4 | -1 = -1;
  #askedMs = -Infinity;
  #waiting = false;
  /** No page is asked for before this. */
  #nextMs = -Infinity;
  #turn = 0;
  /** Voters merged since a loss; merging the others is expedited. Undefined: no loss. */
  #merged: Set<NodeId> | undefined;
  /** Voters merged since the last difference. */
  #equal = 0;

  /** Records were lost: merges every other voter from its first page, as soon as it is live. */
  expedite(): void {
    this.#merged = new Set();
    this.#equal = 0;
    this.#source = undefined;
    this.#waiting = false;
    this.#nextMs = -Infinity;
  }

  /** A page changed a slot here, or lacked one of this node's locks. */
  differs(): void {
    this.#equal = 0;
  }

  /** The number of voters merged since the last loss. */
  get merged(): number {
    return this.#merged?.size ?? Infinity;
  }

  /** Monotonic time at which the next page is to be asked for. */
  get nextDeadline(): number {
    return this.#nextMs;
  }

  /** The page to ask for now, if any. */
  tick(now: Instant, voters: readonly NodeId[]): PageRequest | undefined {
    const isHurried = voters.some((id) => this.#isLeft(id));
    const pace = isHurried ? EXPEDITED : NORMAL;
    const rests = this.#after === -1 && !isHurried && this.#equal >= voters.length;
    const patience = this.#waiting ? pace.answerMs : rests ? REST_MS : pace.pageMs;
    this.#nextMs = this.#askedMs + patience;
    if (now.monotonicMs < this.#nextMs) return undefined;
    const gone = this.#source === undefined || !this.#wanted(voters).includes(this.#source);
    if (gone || this.#waiting) this.#next(voters);
    if (this.#source === undefined) {
      this.#nextMs = now.monotonicMs + NORMAL.pageMs;
      return undefined;
    }
    this.#askedMs = now.monotonicMs;
    this.#waiting = true;
    this.#nextMs = now.monotonicMs + pace.answerMs;
    return { to: this.#source, page: { purpose: "repair", after: this.#after } };
  }

  /** A page that was asked for, and the addresses that it is about; undefined for any other. */
  receive(from: NodeId, chunk: SlotPage, voters: readonly NodeId[]): MergedPage | undefined {
    const first = chunk.rows[0];
    const after = this.#after;
    if (from !== this.#source || !this.#waiting || (first !== undefined && first.address <= after)) return undefined;
    this.#waiting = false;
    this.#nextMs = this.#askedMs;
    if (chunk.more) this.#after = chunk.rows.at(-1)?.address ?? -1;
    else {
      this.#merged?.add(from);
      this.#equal += 1;
      this.#next(voters);
    }
    return { rows: chunk.rows, after, last: chunk.more ? this.#after : Infinity };
  }

  #next(voters: readonly NodeId[]): void {
    const from = this.#wanted(voters);
    this.#after = -1;
    this.#source = from[this.#turn++ % Math.max(1, from.length)];
  }

  /** Whether a voter was not merged since the last loss: that is expedited. */
  #isLeft(voter: NodeId): boolean {
    return this.#merged?.has(voter) === false;
  }

  /** The voters that are left, or all at the normal rate. */
  #wanted(voters: readonly NodeId[]): readonly NodeId[] {
    const left = voters.filter((id) => this.#isLeft(id));
    return left.length > 0 ? left : voters;
  }
}

/** What a slot becomes by another voter's: only committed leases and ends are taken; undefined when nothing changes. */
export function mergeSlot(slot: Slot, theirs: Slot, time: Bounds, rules: AgreementRules): Slot | undefined {
  if (isEnded(theirs.state) && theirs.client !== undefined && theirs.ended !== undefined) {
    // The record with its own version, never against another version: it ends here what it would have ended then.
    const { state: kind, client, version, lockedUntil: until, ended: { replaces, committedVersion, at } } = theirs;
    return rules.end(slot, { kind, client, version, replaces, committedVersion, at, until }, time, false);
  }
  if (theirs.state !== "bound" || theirs.client === undefined || theirs.committedVersion.clock === 0) return undefined;
  const order = compareVersions(theirs.version, slot.version);
  if (slot.state === "bound" && slot.client === theirs.client && order <= 0) {
    // The own client, an older version: it only tells what is committed.
    const committedVersion = maxVersion(slot.committedVersion, theirs.committedVersion);
    const lockedUntil = order === 0 ? Math.max(slot.lockedUntil, theirs.lockedUntil) : slot.lockedUntil;
    const isNews = lockedUntil > slot.lockedUntil || compareVersions(committedVersion, slot.committedVersion) > 0;
    return isNews ? { ...slot, committedVersion, lockedUntil } : undefined;
  }
  const { client, version, lockedUntil, committedVersion } = theirs;
  const record = { client, version, lockedUntil, committedVersion, singleVersion: false, proposedAt: NEVER_LATE };
  const taken = rules.accept(slot, record, time);
  return taken.answer.ok ? taken.slot : undefined;
}

/**
 * Whether another voter lacks the running lock of a slot and repair cannot give it to that voter: the lock has no
 * certificate, or the voter's version is higher (README.md of the rule, re-propose). Another client's running lock
 * there may be a phantom, which a new version and its certificate beat: what a quorum holds is asked then.
 */
export function isBeyondRepair(slot: Slot, theirs: Slot, time: Bounds, rules: AgreementRules): boolean {
  if (slot.state !== "bound" || !isLive(slot, time)) return false;
  const holds = (one: Slot) =>
    one.state === "bound" && one.client === slot.client && one.lockedUntil >= slot.lockedUntil;
  if (holds(theirs)) return false;
  return !holds(mergeSlot(theirs, slot, time, rules) ?? theirs);
}
