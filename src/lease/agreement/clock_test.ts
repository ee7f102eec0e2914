import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { AnchoredClock } from "./clock.ts";
import { ANCHOR_LIFETIME_MS, MAX_CLOCK_SKEW_MS } from "./limits.ts";

Deno.test("clock: without an anchor there are no bounds", () => {
  const clock = new AnchoredClock();
  const now = { wallMs: 5_000, monotonicMs: 10 };
  strictEqual(clock.bounds(now), undefined);
  strictEqual(clock.fault(now), "noAnchor");
});

Deno.test("clock: a jump of the wall clock widens the bounds and stops proposals", () => {
  const clock = new AnchoredClock();
  clock.anchor({ wallMs: 1_000_000, monotonicMs: 0 });
  const jumped = { wallMs: 9_000_000, monotonicMs: 100 };
  deepStrictEqual(clock.bounds(jumped), { latest: 9_000_000, now: 1_000_100, earliest: 1_000_100 });
  strictEqual(clock.fault(jumped), "wallJumped");
  const slewed = { wallMs: 1_000_100 + MAX_CLOCK_SKEW_MS, monotonicMs: 100 };
  strictEqual(clock.fault(slewed), undefined);
});

Deno.test("clock: an anchor without confirmation lapses after an hour", () => {
  const clock = new AnchoredClock();
  clock.anchor({ wallMs: 1_000_000, monotonicMs: 0 });
  const edge = { wallMs: 1_000_000 + ANCHOR_LIFETIME_MS, monotonicMs: ANCHOR_LIFETIME_MS };
  strictEqual(clock.fault(edge), undefined);
  strictEqual(clock.fault({ wallMs: edge.wallMs + 1, monotonicMs: edge.monotonicMs + 1 }), "noAnchor");
});
