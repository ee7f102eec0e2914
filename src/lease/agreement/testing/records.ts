/** Records and bounds for tests of the rule: one node's versions, by their clock alone. */

import { CLIENT_TAG, type ClientKey, clientKey } from "../client_key.ts";
import type { Bounds } from "../clock.ts";
import { type EndRecord, type LockRecord, NEVER_LATE } from "../rule.ts";
import { NO_VERSION, TICKS_PER_MS, type Version } from "../version.ts";

/** When a test of the rule takes place: ms since 1970. */
export const NOW_MS = 1_700_000_000_000;
export const LEASE_MS = 60_000;

/** A client by one octet of its hardware address. */
export function client(octet: number): ClientKey {
  return clientKey({ subnet: 0x0a000000, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, 2, 0, 0, 0, 0, octet) });
}

export const A = client(1);
export const B = client(2);

/** A right clock, anchored. */
export function at(ms: number): Bounds {
  return { latest: ms, now: ms, earliest: ms };
}

export const NOW = at(NOW_MS);

export function version(clock: number, node = 1): Version {
  return { clock, node, incarnation: 7 };
}

/** A version minted at a time. */
export function versionAt(ms: number, node = 1): Version {
  return version(ms * TICKS_PER_MS, node);
}

/** A proposal that cannot be late. */
export function lock(of: ClientKey, clock: number, extra: Partial<LockRecord> = {}): LockRecord {
  return {
    client: of,
    version: version(clock),
    lockedUntil: NOW_MS + LEASE_MS,
    committedVersion: NO_VERSION,
    singleVersion: true,
    proposedAt: NEVER_LATE,
    ...extra,
  };
}

/** A lease that is known to be committed, as repair carries it. */
export function committed(of: ClientKey, clock: number, extra: Partial<LockRecord> = {}): LockRecord {
  return lock(of, clock, { committedVersion: version(clock), singleVersion: false, ...extra });
}

export function ending(
  kind: EndRecord["kind"],
  of: ClientKey,
  clock: number,
  extra: Partial<EndRecord> = {},
): EndRecord {
  return {
    kind,
    client: of,
    version: version(clock),
    replaces: NO_VERSION,
    committedVersion: NO_VERSION,
    at: 0,
    until: 0,
    ...extra,
  };
}

/** The abort of the proposal with this version. */
export function abort(of: ClientKey, clock: number): EndRecord {
  return ending("aborted", of, clock, { replaces: version(clock) });
}
