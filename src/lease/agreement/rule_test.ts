import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { accept, end, isLive, type LockRecord, vote } from "./rule.ts";
import { MARGIN_MS, MAX_CLOCK_SKEW_MS, PROPOSAL_MS } from "./limits.ts";
import { FREE_SLOT, type Slot } from "./slot.ts";
import { A, abort, at, B, committed, ending, lock, NOW, NOW_MS, version, versionAt } from "./testing/records.ts";
import { NO_VERSION } from "./version.ts";

function taken(slot: Slot, record: LockRecord, time = NOW): Slot {
  const result = accept(slot, record, time);
  deepStrictEqual(result.answer, { ok: true });
  return result.slot;
}

function refusal(slot: Slot, record: LockRecord, time = NOW): string {
  const result = accept(slot, record, time);
  deepStrictEqual(result.slot, slot);
  return result.answer.ok ? "accepted" : result.answer.reason;
}

Deno.test("accept: a slot rejects a second client until lockedUntil and the margin are over", () => {
  const slot = taken(FREE_SLOT, lock(A, 1));
  const { proposedAt: _, ...locked } = lock(A, 1);
  deepStrictEqual(slot, { ...locked, state: "bound" });
  strictEqual(refusal(slot, lock(B, 2)), "conflict");
  strictEqual(refusal(slot, lock(B, 2), at(NOW_MS + 60_000 + MARGIN_MS - 1)), "conflict");
  strictEqual(taken(slot, lock(B, 2), at(NOW_MS + 60_000 + MARGIN_MS)).client, B);
});

Deno.test("accept: case 15: the lock runs three skews and the client's slack beyond lockedUntil", () => {
  strictEqual(MARGIN_MS, 3 * MAX_CLOCK_SKEW_MS + 10_000);
  const slot = taken(FREE_SLOT, lock(A, 1));
  ok(isLive(slot, at(slot.lockedUntil + 3 * MAX_CLOCK_SKEW_MS)));
});

Deno.test("accept: earliest decides whether a lock still runs", () => {
  const slot = taken(FREE_SLOT, lock(A, 1));
  // The wall clock jumped ahead by hours; the anchor says otherwise (case 13).
  strictEqual(refusal(slot, lock(B, 2), { latest: NOW_MS + 9_000_000, now: NOW_MS, earliest: NOW_MS }), "conflict");
});

Deno.test("accept: a version is taken once, and an older one never", () => {
  const slot = taken(FREE_SLOT, lock(A, 5));
  deepStrictEqual(taken(slot, lock(A, 5)), slot);
  strictEqual(refusal(slot, lock(A, 4)), "stale");
});

Deno.test("accept: case 3: an older copy of the same client after a newer abort is stale", () => {
  const slot = end(taken(FREE_SLOT, lock(A, 5)), abort(A, 5), NOW, false);
  ok(slot);
  strictEqual(slot.state, "aborted");
  strictEqual(refusal(slot, lock(A, 4)), "stale");
});

Deno.test("accept: case 4: the lock of one client only lengthens", () => {
  const slot = taken(taken(FREE_SLOT, lock(A, 1)), lock(A, 2, { lockedUntil: NOW_MS + 10_000 }));
  strictEqual(slot.lockedUntil, NOW_MS + 60_000);
  strictEqual(slot.singleVersion, false);
  deepStrictEqual(slot.version, version(2));
});

Deno.test("accept: a lock after an ended one starts with a single version", () => {
  const later = NOW_MS + 60_000 + MARGIN_MS;
  const slot = taken(taken(FREE_SLOT, lock(A, 1)), lock(A, 2, { lockedUntil: later + 60_000 }), at(later));
  strictEqual(slot.singleVersion, true);
});

Deno.test("vote: case 24: a proposal of a machine that was suspended is late; the proposer itself does not ask", () => {
  const latestMs = NOW.now - PROPOSAL_MS - 2 * MAX_CLOCK_SKEW_MS;
  const judged = (record: LockRecord) => {
    const { answer } = vote(FREE_SLOT, record, NOW);
    return answer.ok ? "accepted" : answer.reason;
  };
  strictEqual(judged(lock(A, 1, { proposedAt: latestMs })), "accepted");
  strictEqual(judged(lock(A, 1, { proposedAt: latestMs - 1 })), "late");
  strictEqual(taken(FREE_SLOT, lock(A, 1, { proposedAt: latestMs - 1 })).client, A);
});

Deno.test("vote: case 25e: the step of the clocks does not make a proposal look newer", () => {
  const hourMs = 3_600_000;
  const stepped = { latest: NOW_MS + hourMs, now: NOW_MS + hourMs, earliest: NOW_MS };
  const { answer } = vote(FREE_SLOT, lock(A, 1, { proposedAt: NOW_MS }), stepped);
  deepStrictEqual(answer, { ok: false, reason: "late", version: NO_VERSION });
});

Deno.test("accept: case 29: how long a lock may run is not the rule's business", () => {
  const lockedUntil = NOW_MS + 365 * 86_400_000;
  strictEqual(taken(FREE_SLOT, committed(A, 1, { lockedUntil })).lockedUntil, lockedUntil);
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
  const slot = end(bound, ending("declined", A, 2, { replaces: version(1), until: NOW_MS + 90_000 }), NOW, true);
  ok(slot);
  strictEqual(slot.lockedUntil, NOW_MS + 90_000);
  strictEqual(refusal(slot, lock(A, 3)), "conflict");
  strictEqual(taken(slot, lock(A, 3, { lockedUntil: NOW_MS + 200_000 }), at(NOW_MS + 90_000 + MARGIN_MS)).client, A);
});

Deno.test("end: a release in the decliner's name ends its rest, and what the decline would have ended", () => {
  const bound = taken(FREE_SLOT, lock(A, 1));
  const covers = { replaces: version(1), committedVersion: version(1), at: 7 };
  const declined = end(bound, ending("declined", A, 5, { ...covers, until: NOW_MS + 90_000 }), NOW, true);
  ok(declined);
  const release = ending("released", A, 9, covers);
  for (const slot of [declined, bound]) {
    const ended = end(slot, release, NOW, false);
    ok(ended);
    deepStrictEqual([ended.state, ended.version, ended.lockedUntil], ["released", version(9), 0]);
    deepStrictEqual(ended.ended, covers, "anti-entropy repeats it");
    strictEqual(taken(ended, lock(B, 10)).client, B);
  }
  strictEqual(end(declined, { ...release, client: B }, NOW, false), undefined, "another client's");
  strictEqual(end(declined, { ...release, version: version(4) }, NOW, false), undefined, "older than the decline");
  strictEqual(end(declined, { ...release, kind: "aborted" }, NOW, false), undefined, "an abort");
  strictEqual(end(declined, { ...release, kind: "declined", until: NOW_MS }, NOW, false), undefined, "another decline");
  const raised = { ...declined, version: version(9) };
  strictEqual(end(raised, release, NOW, false)?.state, "released", "raised by a union with a slot that had it");
  const again = taken(bound, lock(A, 8));
  strictEqual(end(again, release, NOW, false), undefined, "the client's next lease");
  const blocked = { ...declined, state: "blocked" as const };
  strictEqual(end(blocked, release, NOW, false), undefined, "whose lease it was made of cannot be told");
});

Deno.test("end: an ended slot keeps the fields of its record until the next lock", () => {
  const bound = taken(FREE_SLOT, lock(A, 1));
  for (const kind of ["released", "declined", "aborted"] as const) {
    const record = ending(kind, A, 5, {
      replaces: version(1),
      committedVersion: version(1, 2),
      until: kind === "declined" ? NOW_MS : 0,
    });
    const slot = end(bound, record, NOW, kind !== "aborted");
    ok(slot);
    deepStrictEqual(slot.ended, { replaces: version(1), committedVersion: version(1, 2), at: 0 });
    deepStrictEqual(slot.committedVersion, NO_VERSION);
    strictEqual("ended" in taken(slot, lock(B, 6, { lockedUntil: NOW_MS + MARGIN_MS }), at(NOW_MS + MARGIN_MS)), false);
  }
});

Deno.test("accept: a released address is open to others at once", () => {
  const slot = end(taken(FREE_SLOT, lock(A, 1)), ending("released", A, 2), NOW, true);
  ok(slot);
  strictEqual(taken(slot, lock(B, 3)).client, B);
});

Deno.test("end: case 1: an abort does not end a lock that consists of more than the aborted version", () => {
  const renewed = taken(taken(FREE_SLOT, lock(A, 1)), lock(A, 2));
  strictEqual(end(renewed, abort(A, 2), NOW, false), undefined);
  const first = taken(FREE_SLOT, lock(A, 1));
  strictEqual(end(first, abort(A, 1), NOW, false)?.state, "aborted");
});

Deno.test("end: neither mine nor a certificate covers an abort", () => {
  const slot = taken(FREE_SLOT, lock(A, 1, { singleVersion: false }));
  strictEqual(
    end(slot, ending("aborted", A, 3, { replaces: version(1), committedVersion: version(2) }), NOW, true),
    undefined,
  );
});

Deno.test("end: case 6: a release ends a known-committed or exactly equal version, not a merged re-request", () => {
  const merged = taken(taken(FREE_SLOT, lock(A, 1)), lock(A, 5));
  const release = ending("released", A, 9, { replaces: version(1), committedVersion: version(1) });
  strictEqual(end(merged, release, NOW, false), undefined);
  strictEqual(end(merged, { ...release, committedVersion: version(5) }, NOW, false)?.state, "released");
  strictEqual(
    end(taken(FREE_SLOT, lock(A, 1)), { ...release, committedVersion: NO_VERSION }, NOW, false)?.state,
    "released",
  );
});

Deno.test("end: another client's running lock is not ended, an older record ends nothing", () => {
  const slot = taken(FREE_SLOT, lock(A, 5));
  strictEqual(end(slot, ending("released", B, 9, { committedVersion: version(8) }), NOW, false), undefined);
  strictEqual(end(slot, ending("released", A, 4), NOW, false), undefined);
});

Deno.test("end: an abort names its version, and raises none: a newer proposal of the client is not touched", () => {
  deepStrictEqual(end(taken(FREE_SLOT, lock(A, 5)), abort(A, 5), NOW, false)?.version, version(5));
  strictEqual(end(taken(FREE_SLOT, lock(A, 6)), abort(A, 5), NOW, false), undefined);
  // An abort of the release before has a version of its own.
  const older = ending("aborted", A, 7, { replaces: version(5) });
  deepStrictEqual(end(taken(FREE_SLOT, lock(A, 5)), older, NOW, false)?.version, version(7));
});

Deno.test("end: case 32: a release ends what was requested clearly before it, whatever its version", () => {
  const clearlyMs = PROPOSAL_MS + 4 * MAX_CLOCK_SKEW_MS;
  const slot = taken(FREE_SLOT, lock(A, 1, { version: versionAt(NOW_MS, 3) }));
  const release = (ms: number) =>
    ending("released", A, 1, { version: versionAt(NOW_MS + ms, 2), replaces: versionAt(NOW_MS - 1), at: NOW_MS + ms });
  const ended = end(slot, release(clearlyMs + 1), at(NOW_MS + clearlyMs + 1), false);
  strictEqual(ended?.state, "released");
  // Case 32b: the client may have asked again since.
  strictEqual(end(slot, release(clearlyMs), at(NOW_MS + clearlyMs), false), undefined);
  // Case 32c: the time of the release counts a step of the clocks, as the locks do.
  const hourMs = 3_600_000;
  const stepped = { ...release(hourMs), at: NOW_MS };
  strictEqual(
    end(slot, stepped, { latest: NOW_MS + hourMs, now: NOW_MS + hourMs, earliest: NOW_MS }, false),
    undefined,
  );
});
