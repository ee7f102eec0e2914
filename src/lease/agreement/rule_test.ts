import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { accept, end, type EndRecord, isLive, type LockRecord, NEVER_LATE } from "./rule.ts";
import { CLIENT_TAG, type ClientKey, clientKey } from "./client_key.ts";
import type { Bounds } from "./clock.ts";
import { MARGIN_MS, MAX_CLOCK_SKEW_MS } from "./limits.ts";
import { FREE_SLOT, type Slot } from "./slot.ts";
import { NO_VERSION, type Version } from "./version.ts";

const MAX_LEASE_MS = 3_600_000;
const NOW = 1_000_000_000;
const A = client(1);
const B = client(2);

function client(octet: number): ClientKey {
  const subnet = 0x0a4d0000;
  return clientKey({ subnet, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, 2, 0, 0, 0, 0, octet) });
}

function at(ms: number): Bounds {
  return { latest: ms, now: ms, earliest: ms };
}

function version(clock: number, node = 1): Version {
  return { clock, node, incarnation: 7 };
}

function lock(of: ClientKey, clock: number, extra: Partial<LockRecord> = {}): LockRecord {
  return {
    client: of,
    version: version(clock),
    lockedUntil: NOW + 60_000,
    committedVersion: NO_VERSION,
    singleVersion: true,
    proposedAt: NEVER_LATE,
    ...extra,
  };
}

function ending(kind: EndRecord["kind"], of: ClientKey, clock: number, extra: Partial<EndRecord> = {}): EndRecord {
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

function taken(slot: Slot, record: LockRecord, time = at(NOW)): Slot {
  const result = accept(slot, record, time, MAX_LEASE_MS);
  deepStrictEqual(result.answer, { ok: true });
  return result.slot;
}

function refusal(slot: Slot, record: LockRecord, time = at(NOW)): string {
  const result = accept(slot, record, time, MAX_LEASE_MS);
  deepStrictEqual(result.slot, slot);
  return result.answer.ok ? "accepted" : result.answer.reason;
}

Deno.test("accept: a slot rejects a second client until lockedUntil and the margin are over", () => {
  const slot = taken(FREE_SLOT, lock(A, 1));
  const { proposedAt: _, ...locked } = lock(A, 1);
  deepStrictEqual(slot, { ...locked, state: "bound" });
  strictEqual(refusal(slot, lock(B, 2)), "conflict");
  strictEqual(refusal(slot, lock(B, 2), at(NOW + 60_000 + MARGIN_MS - 1)), "conflict");
  strictEqual(taken(slot, lock(B, 2), at(NOW + 60_000 + MARGIN_MS)).client, B);
});

Deno.test("accept: case 15: the lock runs three skews and the client's slack beyond lockedUntil", () => {
  strictEqual(MARGIN_MS, 3 * MAX_CLOCK_SKEW_MS + 10_000);
  const slot = taken(FREE_SLOT, lock(A, 1));
  ok(isLive(slot, at(slot.lockedUntil + 3 * MAX_CLOCK_SKEW_MS)));
});

Deno.test("accept: earliest decides whether a lock still runs", () => {
  const slot = taken(FREE_SLOT, lock(A, 1));
  // The wall clock jumped ahead by hours; the anchor says otherwise (case 13).
  strictEqual(refusal(slot, lock(B, 2), { latest: NOW + 9_000_000, now: NOW, earliest: NOW }), "conflict");
});

Deno.test("accept: a version is taken once, and an older one never", () => {
  const slot = taken(FREE_SLOT, lock(A, 5));
  deepStrictEqual(taken(slot, lock(A, 5)), slot);
  strictEqual(refusal(slot, lock(A, 4)), "stale");
});

Deno.test("accept: case 3: an older copy of the same client after a newer abort is stale", () => {
  const slot = end(taken(FREE_SLOT, lock(A, 5)), ending("aborted", A, 6, { replaces: version(5) }), at(NOW), false);
  ok(slot);
  strictEqual(slot.state, "aborted");
  strictEqual(refusal(slot, lock(A, 4)), "stale");
});

Deno.test("accept: case 4: the lock of one client only lengthens", () => {
  const slot = taken(taken(FREE_SLOT, lock(A, 1)), lock(A, 2, { lockedUntil: NOW + 10_000 }));
  strictEqual(slot.lockedUntil, NOW + 60_000);
  strictEqual(slot.singleVersion, false);
  deepStrictEqual(slot.version, version(2));
});

Deno.test("accept: a lock after an ended one starts with a single version", () => {
  const later = NOW + 60_000 + MARGIN_MS;
  const slot = taken(taken(FREE_SLOT, lock(A, 1)), lock(A, 2, { lockedUntil: later + 60_000 }), at(later));
  strictEqual(slot.singleVersion, true);
});

Deno.test("accept: case 21: lockedUntil beyond the longest lease and the skew is insane", () => {
  const edge = NOW + MAX_LEASE_MS + 4 * MAX_CLOCK_SKEW_MS;
  strictEqual(refusal(FREE_SLOT, lock(A, 1, { lockedUntil: edge + 1 })), "late");
  taken(FREE_SLOT, lock(A, 1, { lockedUntil: edge }));
});

Deno.test("accept: cases 2 and 22: a certificate beats locks of lower version only", () => {
  const phantom = taken(FREE_SLOT, lock(A, 5));
  strictEqual(taken(phantom, lock(B, 7, { committedVersion: version(6), singleVersion: false })).client, B);
  strictEqual(refusal(phantom, lock(B, 7, { committedVersion: version(5), singleVersion: false })), "conflict");
  // Case 2: the stale committed record does not come back over the newer one.
  strictEqual(refusal(taken(FREE_SLOT, lock(B, 9)), lock(A, 5, { committedVersion: version(5) })), "conflict");
});

Deno.test("accept: a declined address rejects every client, the decliner too", () => {
  const bound = taken(FREE_SLOT, lock(A, 1));
  const slot = end(bound, ending("declined", A, 2, { replaces: version(1), until: NOW + 90_000 }), at(NOW), true);
  ok(slot);
  strictEqual(slot.lockedUntil, NOW + 90_000);
  strictEqual(refusal(slot, lock(A, 3)), "conflict");
  strictEqual(taken(slot, lock(A, 3, { lockedUntil: NOW + 200_000 }), at(NOW + 90_000 + MARGIN_MS)).client, A);
});

Deno.test("end: an ended slot keeps the fields of its record until the next lock", () => {
  const bound = taken(FREE_SLOT, lock(A, 1));
  for (const kind of ["released", "declined", "aborted"] as const) {
    const record = ending(kind, A, 5, {
      replaces: version(1),
      committedVersion: version(1, 2),
      until: kind === "declined" ? NOW : 0,
    });
    const slot = end(bound, record, at(NOW), kind !== "aborted");
    ok(slot);
    deepStrictEqual(slot.ended, { replaces: version(1), committedVersion: version(1, 2), at: 0 });
    deepStrictEqual(slot.committedVersion, NO_VERSION);
    strictEqual("ended" in taken(slot, lock(B, 6, { lockedUntil: NOW + MARGIN_MS }), at(NOW + MARGIN_MS)), false);
  }
});

Deno.test("accept: a released address is open to others at once", () => {
  const slot = end(taken(FREE_SLOT, lock(A, 1)), ending("released", A, 2), at(NOW), true);
  ok(slot);
  strictEqual(taken(slot, lock(B, 3)).client, B);
});

Deno.test("end: case 1: an abort does not end a lock that consists of more than the aborted version", () => {
  const renewed = taken(taken(FREE_SLOT, lock(A, 1)), lock(A, 2));
  strictEqual(end(renewed, ending("aborted", A, 3, { replaces: version(2) }), at(NOW), false), undefined);
  const first = taken(FREE_SLOT, lock(A, 1));
  strictEqual(end(first, ending("aborted", A, 3, { replaces: version(1) }), at(NOW), false)?.state, "aborted");
});

Deno.test("end: neither mine nor a certificate covers an abort", () => {
  const slot = taken(FREE_SLOT, lock(A, 1, { singleVersion: false }));
  strictEqual(
    end(slot, ending("aborted", A, 3, { replaces: version(1), committedVersion: version(2) }), at(NOW), true),
    undefined,
  );
});

Deno.test("end: case 6: a release ends a known-committed or exactly equal version, not a merged re-request", () => {
  const merged = taken(taken(FREE_SLOT, lock(A, 1)), lock(A, 5));
  const release = ending("released", A, 9, { replaces: version(1), committedVersion: version(1) });
  strictEqual(end(merged, release, at(NOW), false), undefined);
  strictEqual(end(merged, { ...release, committedVersion: version(5) }, at(NOW), false)?.state, "released");
  strictEqual(
    end(taken(FREE_SLOT, lock(A, 1)), { ...release, committedVersion: NO_VERSION }, at(NOW), false)?.state,
    "released",
  );
});

Deno.test("end: another client's running lock is not ended, an older record ends nothing", () => {
  const slot = taken(FREE_SLOT, lock(A, 5));
  strictEqual(end(slot, ending("released", B, 9, { committedVersion: version(8) }), at(NOW), false), undefined);
  strictEqual(end(slot, ending("released", A, 4), at(NOW), true), undefined);
});
