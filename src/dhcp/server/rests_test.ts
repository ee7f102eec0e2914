import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { client } from "../../lease/agreement/testing/records.ts";
import { NO_DETAIL } from "../../lease/agreement/slot.ts";
import { REST_LIMITS, Rests } from "./rests.ts";

const DAY_MS = 86_400_000;
const POOL = { addresses: 1_000, resting: 0 };

function declined(octet: number, more: object = {}) {
  return { client: client(octet), detail: NO_DETAIL, wholeMs: DAY_MS, pool: POOL, ...more };
}

Deno.test("rests: a client has a few whole ones per hour, a circuit some more", () => {
  const rests = new Rests();
  const { perClient, perCircuit, periodMs, shortMs } = REST_LIMITS;
  for (let count = 0; count < perClient; count++) {
    deepStrictEqual(rests.restOf(declined(0), 0), { ms: DAY_MS, shortened: undefined });
  }
  deepStrictEqual(rests.restOf(declined(0), 0), { ms: shortMs, shortened: "client" });
  for (let octet = 1; octet <= perCircuit - perClient; octet++) {
    strictEqual(rests.restOf(declined(octet), 0).shortened, undefined);
  }
  strictEqual(rests.restOf(declined(100), 0).shortened, "circuit");
  const elsewhere = { ...NO_DETAIL, circuitId: Uint8Array.of(1) };
  strictEqual(rests.restOf(declined(100, { detail: elsewhere }), 0).shortened, undefined);
  strictEqual(rests.restOf(declined(0), periodMs).shortened, undefined, "the next hour");
});

Deno.test("rests: only a share of a pool rests whole, one address at least", () => {
  const rests = new Rests();
  const pool = (addresses: number, resting: number) => declined(resting % 200, { pool: { addresses, resting } });
  strictEqual(rests.restOf(pool(1_000, 249), 0).shortened, undefined);
  strictEqual(rests.restOf(pool(1_000, 250), 0).shortened, "pool");
  strictEqual(rests.restOf(pool(2, 0), 0).shortened, undefined);
  strictEqual(rests.restOf(pool(2, 1), 0).shortened, "pool");
});

Deno.test("rests: a short one is never longer than a whole one, and invented clients cost no memory", () => {
  const rests = new Rests();
  for (let octet = 0; octet < 2 * REST_LIMITS.countedMax; octet++) {
    rests.restOf(declined(octet % 256, { detail: { ...NO_DETAIL, giaddr: octet } }), 0);
  }
  const brief = declined(1, { wholeMs: 5_000, pool: { addresses: 4, resting: 4 } });
  deepStrictEqual(rests.restOf(brief, 0), { ms: 5_000, shortened: "pool" });
});
