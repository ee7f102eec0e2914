/**
 * The transitions of a slot, `accept` (with `vote`) and `end`, line by line as in README.md: the rule that keeps two
 * clients off one address. Pure functions of (slot, record, time). Which voters to ask and when to commit is decided in
 * `proposer.ts`. Change nothing here without the simulator's proof.
 */

import { type ClientKey, isSameSender } from "./client_key.ts";
import type { Bounds } from "./clock.ts";
import { MARGIN_MS, MAX_CLOCK_SKEW_MS, PROPOSAL_MS } from "./limits.ts";
import type { EndedState, Slot, SlotState } from "./slot.ts";
import { compareVersions, maxVersion, NO_VERSION, TICKS_PER_MS, type Version } from "./version.ts";

/** A proposal, or a committed lease from anti-entropy: `r` in the rule. */
export interface LockRecord {
  readonly client: ClientKey;
  readonly version: Version;
  /** No other client before this time: ms since 1970. */
  readonly lockedUntil: number;
  readonly committedVersion: Version;
  readonly singleVersion: boolean;
  /** When it was proposed: ms since 1970, `Bounds.latest` of the proposer; {@link NEVER_LATE} when it is not known. */
  readonly proposedAt: number;
}

/** `proposedAt` of records that are no proposals (repair), or were proposed by an earlier release. */
export const NEVER_LATE = Number.MAX_SAFE_INTEGER;

/** The end of a lease: `e` in the rule. */
export interface EndRecord {
  readonly kind: EndedState;
  readonly client: ClientKey;
  /** Of an abort: the aborted version, at the least. */
  readonly version: Version;
  /** The version the slot had when the end was minted. Of an abort: the aborted version. */
  readonly replaces: Version;
  readonly committedVersion: Version;
  /** When the client's message arrived: ms since 1970, `Bounds.earliest` of the minting node; 0: not known. */
  readonly at: number;
  /** Until when a declined address rests: ms since 1970; 0 for the other kinds. */
  readonly until: number;
}

/** A voter's answer to one record. */
export type Answer =
  | { readonly ok: true }
  /** `version` is the slot's: the version in the way. */
  | { readonly ok: false; readonly reason: "late" | "conflict" | "stale"; readonly version: Version };

/** Whether a client may still use the address: its lock, the margin included, has not ended. */
export function isLive(slot: Slot, time: Bounds): boolean {
  return slot.lockedUntil + MARGIN_MS > time.earliest;
}

/** Whether a slot in this state keeps other clients out until its lock ends. */
export function isLocking(state: SlotState): boolean {
  return state === "bound" || state === "declined" || state === "blocked";
}

/** Whether a slot keeps other clients out now. */
export function isLocked(slot: Slot, time: Bounds): boolean {
  return isLocking(slot.state) && isLive(slot, time);
}

/** A slot after a record, and the answer to it. */
interface Accepted {
  readonly slot: Slot;
  readonly answer: Answer;
}

/**
 * Takes another node's proposal. A proposer whose machine was suspended is behind with both of its clocks, and nothing
 * but its voters' time shows that: they would call its locks ended while its clients still have them (case 24).
 */
export function vote(slot: Slot, record: LockRecord, time: Bounds, take = accept): Accepted {
  if (record.proposedAt < time.now - PROPOSAL_MS - 2 * MAX_CLOCK_SKEW_MS) {
    return { slot, answer: { ok: false, reason: "late", version: slot.version } };
  }
  return take(slot, record, time);
}

/** Accepts a record into a slot, or rejects it: the proposer's own record, one from repair, and one to vote on. */
export function accept(slot: Slot, record: LockRecord, time: Bounds): Accepted {
  const own = slot.state === "bound" && slot.client === record.client;
  if (isLocked(slot, time) && !own && compareVersions(record.committedVersion, slot.version) <= 0) {
    return { slot, answer: { ok: false, reason: "conflict", version: slot.version } };
  }
  const order = compareVersions(record.version, slot.version);
  if (order === 0 && own) {
    return {
      slot: { ...slot, committedVersion: maxVersion(slot.committedVersion, record.committedVersion) },
      answer: ACCEPTED,
    };
  }
  if (order <= 0) return { slot, answer: { ok: false, reason: "stale", version: slot.version } };
  if (own && isLive(slot, time)) {
    // The lock of one client only lengthens (case 4), and now consists of more than one version (case 1).
    return {
      slot: {
        state: "bound",
        client: record.client,
        version: record.version,
        lockedUntil: Math.max(slot.lockedUntil, record.lockedUntil),
        committedVersion: maxVersion(slot.committedVersion, record.committedVersion),
        singleVersion: false,
      },
      answer: ACCEPTED,
    };
  }
  return {
    slot: {
      state: "bound",
      client: record.client,
      version: record.version,
      lockedUntil: record.lockedUntil,
      committedVersion: record.committedVersion,
      singleVersion: record.singleVersion,
    },
    answer: ACCEPTED,
  };
}

const ACCEPTED: Answer = { ok: true };

/**
 * Ends a lease in a slot. Returns the new slot, or undefined when the record does not cover the slot's running lock
 * (cases 1 and 6), or is not newer than what has ended already. `mine`: this node minted the record from this very slot
 * (release and decline only).
 */
export function end(slot: Slot, record: EndRecord, time: Bounds, mine: boolean): Slot | undefined {
  const isNewer = compareVersions(record.version, slot.version) > 0;
  const isCoveredHere = isCovered(slot, record, mine) || endsRest(slot, record);
  if (!isCoveredHere && (isLive(slot, time) || !isNewer)) return undefined;
  return {
    state: record.kind,
    client: record.client,
    version: maxVersion(slot.version, record.version),
    lockedUntil: record.kind === "declined" ? record.until : 0,
    committedVersion: NO_VERSION,
    singleVersion: false,
    // Kept for anti-entropy, which repeats the record as it was minted.
    ended: { replaces: record.replaces, committedVersion: record.committedVersion, at: record.at },
  };
}

/**
 * Whether a release ends the rest of an address that its client declined. The client has no lease there: the decline
 * ended what the release would have ended. Equal version: the slot was raised to it by a union.
 */
function endsRest(slot: Slot, record: EndRecord): boolean {
  return slot.state === "declined" && slot.client === record.client && record.kind === "released" &&
    compareVersions(record.version, slot.version) >= 0;
}

/** Whether an end record is about all that a slot's lock consists of. */
function isCovered(slot: Slot, record: EndRecord, mine: boolean): boolean {
  if (slot.state !== "bound" || slot.client !== record.client) return false;
  const isExact = compareVersions(slot.version, record.replaces) === 0 && slot.singleVersion;
  if (record.kind === "aborted") return isExact;
  return mine || compareVersions(slot.version, record.committedVersion) <= 0 || isExact ||
    // Requests that reached several nodes have several versions; the release names one of them (case 32).
    slot.version.clock / TICKS_PER_MS + PROPOSAL_MS + 4 * MAX_CLOCK_SKEW_MS < record.at;
}

/**
 * Whether a slot denies that a client holds a running lease of the address: a quorum of denying slots permits a
 * DHCPNAK.
 * An undecided proposal of another client denies nothing, and neither does a blocked slot: whose lease it was made of
 * cannot be told. The client of a lease may have had another subnet in its key.
 */
export function deniesLease(slot: Slot, client: ClientKey, time: Bounds): boolean {
  const isOwn = slot.state === "bound" && slot.client !== undefined && isSameSender(slot.client, client);
  if (slot.state === "blocked" || isOwn) return !isLive(slot, time);
  return !isLocked(slot, time) || slot.state !== "bound" || compareVersions(slot.committedVersion, slot.version) === 0;
}

/** The rule as a value: the simulator passes one without a safeguard, to show that the checkers notice. */
export interface AgreementRules {
  readonly accept: typeof accept;
  readonly vote: typeof vote;
  readonly end: typeof end;
}

export const AGREEMENT_RULES: AgreementRules = { accept, vote, end };
