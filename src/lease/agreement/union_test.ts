import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { isLocked } from "./rule.ts";
import type { ClientKey } from "./client_key.ts";
import { A, B } from "./testing/records.ts";
import { MARGIN_MS } from "./limits.ts";
import { FREE_SLOT, type Slot } from "./slot.ts";
import { unionSlots } from "./union.ts";
import { compareVersions, NO_VERSION } from "./version.ts";

const NOW = 1_000_000_000;
const TIME = { latest: NOW, now: NOW, earliest: NOW };
const version = (clock: number) => ({ clock, node: 1, incarnation: 7 });

function bound(of: ClientKey, clock: number, extra: Partial<Slot> = {}): Slot {
  return {
    state: "bound",
    client: of,
    version: version(clock),
    lockedUntil: NOW + 1_000,
    committedVersion: NO_VERSION,
    singleVersion: true,
    ...extra,
  };
}

Deno.test("union: one client: the latest lockedUntil, the highest version, not a single version", () => {
  const union = unionSlots(
    bound(A, 1, { lockedUntil: NOW + 9_000 }),
    bound(A, 2, { committedVersion: version(2) }),
    TIME,
  );
  deepStrictEqual(union, bound(A, 2, { lockedUntil: NOW + 9_000, committedVersion: version(2), singleVersion: false }));
  deepStrictEqual(unionSlots(bound(A, 1), bound(A, 1), TIME), bound(A, 1));
});

Deno.test("union: case 17: two running locks of two clients block the address until the later one ends", () => {
  const union = unionSlots(bound(A, 5), bound(B, 4, { lockedUntil: NOW + 7_000 }), TIME);
  strictEqual(union.state, "blocked");
  strictEqual(union.lockedUntil, NOW + 7_000);
  deepStrictEqual(union.version, version(5));
});

Deno.test("union: a certificate above the other's version wins, with the higher version", () => {
  const union = unionSlots(bound(A, 6, { committedVersion: version(6) }), bound(B, 5), TIME);
  strictEqual(union.client, A);
  const raised = unionSlots(bound(A, 4, { committedVersion: version(6) }), bound(B, 5), TIME);
  deepStrictEqual([raised.client, raised.version, raised.singleVersion], [A, version(5), false]);
});

Deno.test("union: a running lock wins over an expired or ended one", () => {
  const dead = bound(B, 9, { lockedUntil: NOW - MARGIN_MS });
  deepStrictEqual(unionSlots(bound(A, 5), dead, TIME), bound(A, 5, { version: version(9), singleVersion: false }));
  const released: Slot = { ...bound(A, 9, { lockedUntil: 0, singleVersion: false }), state: "released" };
  deepStrictEqual(unionSlots(released, bound(A, 5), TIME).state, "bound");
  deepStrictEqual(unionSlots(FREE_SLOT, released, TIME), released);
});

Deno.test("union: a declined address keeps the fields of its end record when its version is raised", () => {
  const ended = { replaces: version(3), committedVersion: version(2), at: 0 };
  const declined: Slot = { ...bound(A, 4, { singleVersion: false }), state: "declined", ended };
  const dead = bound(B, 9, { lockedUntil: NOW - MARGIN_MS });
  deepStrictEqual(unionSlots(dead, declined, TIME), { ...declined, version: version(9) });
  deepStrictEqual(unionSlots(declined, FREE_SLOT, TIME), declined);
  const other = { ...declined, ended: { ...ended, committedVersion: NO_VERSION } };
  strictEqual(unionSlots(declined, other, TIME).state, "blocked");
});

Deno.test("union: a blocked address has no end record", () => {
  const ended = { replaces: version(3), committedVersion: version(2), at: 0 };
  const declined: Slot = { ...bound(A, 9, { singleVersion: false }), state: "declined", ended };
  const union = unionSlots(declined, bound(B, 5), TIME);
  strictEqual(union.state, "blocked");
  strictEqual("ended" in union, false);
});

const anySlot: fc.Arbitrary<Slot> = fc.oneof(
  fc.constant(FREE_SLOT),
  fc.record({
    state: fc.constantFrom("bound", "released", "declined", "aborted", "blocked"),
    client: fc.constantFrom(A, B),
    version: fc.integer({ min: 1, max: 9 }).map(version),
    lockedUntil: fc.constantFrom(0, NOW - MARGIN_MS, NOW + 1_000, NOW + 5_000),
    committedVersion: fc.constant(NO_VERSION),
    singleVersion: fc.boolean(),
  }),
);

Deno.test("union: without certificates no running lock is lost, in any order", () => {
  fc.assert(fc.property(fc.array(anySlot, { minLength: 1, maxLength: 5 }), (slots) => {
    const union = slots.reduce((a, b) => unionSlots(a, b, TIME));
    strictEqual(isLocked(union, TIME), slots.some((slot) => isLocked(slot, TIME)));
    const versions = slots.map((slot) => slot.version).sort(compareVersions);
    deepStrictEqual(union.version, versions.at(-1));
    const backwards = [...slots].reverse().reduce((a, b) => unionSlots(a, b, TIME));
    strictEqual(isLocked(backwards, TIME), isLocked(union, TIME));
    strictEqual(backwards.lockedUntil >= union.lockedUntil || !isLocked(union, TIME), true);
  }));
});
