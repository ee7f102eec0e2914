import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { NEWCOMER_LIMITS, Newcomers } from "./newcomers.ts";

const MEMBER = 0x0a000001;
const OTHER = 0x0a000002;
const FOREIGN = 0x0a0000c8;

Deno.test("newcomers: a full room gives the newest connection the place of the oldest", () => {
  const newcomers = new Newcomers<number>();
  for (let at = 0; at < NEWCOMER_LIMITS.perMemberMax; at++) {
    deepStrictEqual(newcomers.arrived(at, MEMBER, true, 0), { admitted: true });
  }
  deepStrictEqual(newcomers.arrived(100, MEMBER, true, 0), { admitted: true, evicted: 0 });
  deepStrictEqual(newcomers.arrived(101, OTHER, true, 0), { admitted: true }, "another member has room of its own");
  strictEqual(newcomers.left(1), true, "authenticated");
  strictEqual(newcomers.left(1), false);
  deepStrictEqual(newcomers.arrived(102, MEMBER, true, 0), { admitted: true });
  deepStrictEqual(newcomers.arrived(103, MEMBER, true, 0), { admitted: true, evicted: 2 });
});

Deno.test("newcomers: an address of no member is closed at once beyond a rate, and keeps no other out", () => {
  const newcomers = new Newcomers<number>();
  const { foreignPerSecond, foreignMax } = NEWCOMER_LIMITS;
  const outcomes = Array.from(
    { length: foreignPerSecond + 5 },
    (_, at) => newcomers.arrived(at, FOREIGN, false, 10).admitted,
  );
  strictEqual(outcomes.filter((admitted) => admitted).length, foreignPerSecond);
  strictEqual(newcomers.arrived(1_000, FOREIGN + 1, false, 10).admitted, true, "another address");
  strictEqual(newcomers.arrived(1_001, FOREIGN, false, 1_010).admitted, true, "in the next second");
  for (let at = 0; at < 2 * foreignMax; at++) newcomers.arrived(2_000 + at, FOREIGN + at, false, 1_010);
  strictEqual(newcomers.arrived(3_000, FOREIGN + 100, false, 1_010).admitted, false, "too many addresses");
  deepStrictEqual(newcomers.arrived(3_001, MEMBER, true, 1_010), { admitted: true }, "members are not affected");
  for (let at = 0; at < 2 * foreignMax; at++) newcomers.left(2_000 + at);
  strictEqual(newcomers.arrived(3_002, FOREIGN + 100, false, 2_010).admitted, true, "once they are gone");
});
