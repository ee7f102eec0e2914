/**
 * The two transitions of a slot, `accept` and `end`, line by line as in README.md: the rule that keeps two clients off
 * one address. Pure functions of (slot, record, time). Which voters to ask and when to commit is decided in
 * `proposer.ts`. Change nothing here without the simulator's proof.
 */

import type { ClientKey } from "./client_key.ts";
import type { Bounds } from "./clock.ts";
import { MARGIN_MS, MAX_CLOCK_SKEW_MS } from "./limits.ts";
import type { EndedState, Slot, SlotState } from "./slot.ts";
import { compareVersions, maxVersion, NO_VERSION, type Version } from "./version.ts";

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
  readonly version: Version;
  /** The version the slot had when the end was minted. */
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

/**
 * Accepts a record into a slot, or rejects it. `maxLeaseMs` bounds how far ahead `lockedUntil` may lie, so that a
 * record from a wrong clock does not block an address for longer than a lease (case 21).
 */
export function accept(
  slot: Slot,
  record: LockRecord,
  time: Bounds,
  maxLeaseMs: number,
): { readonly slot: Slot; readonly answer: Answer } {
  if (record.lockedUntil > time.latest + maxLeaseMs + 4 * MAX_CLOCK_SKEW_MS) {
    return { slot, answer: { ok: false, reason: "late", version: slot.version } };
  }
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
 * (cases 1 and 6) or is not newer than the slot. `mine`: this node minted the record from this very slot (release and
 * decline only).
 */
export function end(slot: Slot, record: EndRecord, time: Bounds, mine: boolean): Slot | undefined {
  const own = slot.state === "bound" && slot.client === record.client;
  const exact = compareVersions(slot.version, record.replaces) === 0 && slot.singleVersion;
  const covered = own &&
    (record.kind === "aborted" ? exact : mine || compareVersions(slot.version, record.committedVersion) <= 0 || exact);
  if (!covered && isLive(slot, time)) return undefined;
  if (compareVersions(record.version, slot.version) <= 0) return undefined;
  return {
    state: record.kind,
    client: record.client,
    version: record.version,
    lockedUntil: record.kind === "declined" ? record.until : 0,
    committedVersion: NO_VERSION,
    singleVersion: false,
    // Kept for anti-entropy, which repeats the record as it was minted.
    ended: { replaces: record.replaces, committedVersion: record.committedVersion, at: record.at },
  };
}

/**
 * Whether a slot denies that a client holds a running lease of the address: a quorum of denying slots permits a
 * DHCPNAK.
 * An undecided proposal of another client denies nothing, and neither does a blocked slot: whose lease it was made of
 * cannot be told.
 */
export function deniesLease(slot: Slot, client: ClientKey, time: Bounds): boolean {
  if (slot.state === "blocked" || (slot.state === "bound" && slot.client === client)) return !isLive(slot, time);
  return !isLocked(slot, time) || slot.state !== "bound" || compareVersions(slot.committedVersion, slot.version) === 0;
}

/** The rule as a value: the simulator passes one without a safeguard, to show that the checkers notice. */
export interface AgreementRules {
  readonly accept: typeof accept;
  readonly end: typeof end;
}

export const AGREEMENT_RULES: AgreementRules = { accept, end };
