import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { isLocked } from "./rule.ts";
import { CLIENT_TAG, type ClientKey, clientKey } from "./client_key.ts";
import { MARGIN_MS } from "./limits.ts";
import { FREE_SLOT, type Slot } from "./slot.ts";
import { unionSlots } from "./union.ts";
import { compareVersions, NO_VERSION } from "./version.ts";

const NOW = 1_000_000_000;
const TIME = { late: NOW, early: NOW };
const version = (clock: number) => ({ clock, node: 1, incarnation: 7 });

function client(octet: number): ClientKey {
  const subnet = 0x0a000000;
  return clientKey({ subnet, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, octet) });
}

const A = client(1);
const B = client(2);

function bound(of: ClientKey, clock: number, extra: Partial<Slot> = {}): Slot {
  return {
    state: "bound",
    client: of,
    version: version(clock),
    hold: NOW + 1_000,
    cv: NO_VERSION,
    sole: true,
    ...extra,
  };
}

Deno.test("union: one client: the longest hold, the highest version, no longer sole", () => {
  const union = unionSlots(bound(A, 1, { hold: NOW + 9_000 }), bound(A, 2, { cv: version(2) }), TIME);
  deepStrictEqual(union, bound(A, 2, { hold: NOW + 9_000, cv: version(2), sole: false }));
  deepStrictEqual(unionSlots(bound(A, 1), bound(A, 1), TIME), bound(A, 1));
});

Deno.test("union: case 17: two running locks of two clients block the address until the later one ends", () => {
  const union = unionSlots(bound(A, 5), bound(B, 4, { hold: NOW + 7_000 }), TIME);
  strictEqual(union.state, "blocked");
  strictEqual(union.hold, NOW + 7_000);
  deepStrictEqual(union.version, version(5));
});

Deno.test("union: a certificate above the other's version wins, and takes the higher version along", () => {
  const union = unionSlots(bound(A, 6, { cv: version(6) }), bound(B, 5), TIME);
  strictEqual(union.client, A);
  const raised = unionSlots(bound(A, 4, { cv: version(6) }), bound(B, 5), TIME);
  deepStrictEqual([raised.client, raised.version, raised.sole], [A, version(5), false]);
});

Deno.test("union: a running lock wins over one that ran out or ended", () => {
  const dead = bound(B, 9, { hold: NOW - MARGIN_MS });
  deepStrictEqual(unionSlots(bound(A, 5), dead, TIME), bound(A, 5, { version: version(9), sole: false }));
  const released: Slot = { ...bound(A, 9, { hold: 0, sole: false }), state: "released" };
  deepStrictEqual(unionSlots(released, bound(A, 5), TIME).state, "bound");
  deepStrictEqual(unionSlots(FREE_SLOT, released, TIME), released);
});

Deno.test("union: a declined address keeps what its end record said, whoever's version it takes along", () => {
  const ended = { replaces: version(3), cv: version(2) };
  const declined: Slot = { ...bound(A, 4, { sole: false }), state: "declined", ended };
  const dead = bound(B, 9, { hold: NOW - MARGIN_MS });
  deepStrictEqual(unionSlots(dead, declined, TIME), { ...declined, version: version(9) });
  deepStrictEqual(unionSlots(declined, FREE_SLOT, TIME), declined);
  const other = { ...declined, ended: { ...ended, cv: NO_VERSION } };
  strictEqual(unionSlots(declined, other, TIME).state, "blocked");
});

Deno.test("union: a blocked address is nobody's end", () => {
  const ended = { replaces: version(3), cv: version(2) };
  const declined: Slot = { ...bound(A, 9, { sole: false }), state: "declined", ended };
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
    hold: fc.constantFrom(0, NOW - MARGIN_MS, NOW + 1_000, NOW + 5_000),
    cv: fc.constant(NO_VERSION),
    sole: fc.boolean(),
  }),
);

Deno.test("union: without certificates no running lock is ever lost, whatever the order", () => {
  fc.assert(fc.property(fc.array(anySlot, { minLength: 1, maxLength: 5 }), (slots) => {
    const union = slots.reduce((a, b) => unionSlots(a, b, TIME));
    strictEqual(isLocked(union, TIME), slots.some((slot) => isLocked(slot, TIME)));
    const versions = slots.map((slot) => slot.version).sort(compareVersions);
    deepStrictEqual(union.version, versions.at(-1));
    const backwards = [...slots].reverse().reduce((a, b) => unionSlots(a, b, TIME));
    strictEqual(isLocked(backwards, TIME), isLocked(union, TIME));
    strictEqual(backwards.hold >= union.hold || !isLocked(union, TIME), true);
  }));
});
