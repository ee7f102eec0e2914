import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { AnchoredClock, type Instant } from "./clock.ts";
import { ANCHOR_LIFETIME_MS, MARGIN_MS, MAX_CLOCK_SKEW_MS } from "./limits.ts";

const WALL = 1_700_000_000_000;
const HOUR_MS = 3_600_000;
const MAX_LEASE_MS = HOUR_MS;
const MINUTE_MS = 60_000;

/** `ms` after the start, with a wall clock that was set by `setMs`. */
function at(ms: number, setMs = 0): Instant {
  return { wallMs: WALL + ms + setMs, monotonicMs: ms };
}

function anchored(): AnchoredClock {
  const clock = new AnchoredClock();
  clock.anchor(at(0));
  return clock;
}

/** How far `earliest` is behind `now`. */
function stepped(clock: AnchoredClock, now: Instant): number | undefined {
  const time = clock.bounds(now);
  return time && time.now - time.earliest;
}

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

Deno.test("clock: an anchor that moves the line ahead by more than S leaves earliest behind by that much", () => {
  const clock = anchored();
  strictEqual(clock.anchor(at(1_000, MAX_CLOCK_SKEW_MS)), MAX_CLOCK_SKEW_MS);
  strictEqual(stepped(clock, at(2_000, MAX_CLOCK_SKEW_MS)), 0);
  strictEqual(clock.anchor(at(2_000, HOUR_MS)), HOUR_MS - MAX_CLOCK_SKEW_MS);
  const now = at(3_000, HOUR_MS);
  strictEqual(stepped(clock, now), HOUR_MS - MAX_CLOCK_SKEW_MS);
  deepStrictEqual([clock.bounds(now)?.latest, clock.bounds(now)?.now], [now.wallMs, now.wallMs]);
  // Steps add up.
  clock.anchor(at(4_000, 2 * HOUR_MS));
  strictEqual(stepped(clock, at(4_000, 2 * HOUR_MS)), 2 * HOUR_MS - MAX_CLOCK_SKEW_MS);
});

Deno.test("clock: a step is measured over a lapsed anchor, too", () => {
  const clock = anchored();
  strictEqual(clock.anchor(at(2 * HOUR_MS, MINUTE_MS)), MINUTE_MS);
  strictEqual(clock.steps.steppedMs, MINUTE_MS);
});

Deno.test("clock: a step that was seen and taken back without a quorum costs nothing", () => {
  const clock = anchored();
  clock.observe(at(1_000, HOUR_MS), MAX_LEASE_MS);
  deepStrictEqual(clock.steps, { steppedMs: 0, seenMs: HOUR_MS, sinceMs: 0 });
  clock.observe(at(2_000), MAX_LEASE_MS);
  strictEqual(clock.steps.seenMs, HOUR_MS, "until the next anchor");
  strictEqual(clock.anchor(at(3_000)), 0);
  deepStrictEqual(clock.steps, { steppedMs: 0, seenMs: 0, sinceMs: 0 });
});

Deno.test("clock: a step that only an earlier process saw is added with the first anchor", () => {
  const before = anchored();
  before.anchor(at(1_000, MINUTE_MS));
  before.observe(at(2_000, HOUR_MS + MINUTE_MS), MAX_LEASE_MS);
  const after = new AnchoredClock();
  after.restore(before.steps);
  strictEqual(after.anchor({ wallMs: WALL + HOUR_MS, monotonicMs: 5 }), 0);
  deepStrictEqual(after.steps, { steppedMs: HOUR_MS + MINUTE_MS, seenMs: 0, sinceMs: WALL + HOUR_MS });
  // Once.
  after.anchor({ wallMs: WALL + HOUR_MS + 1_000, monotonicMs: 1_005 });
  strictEqual(after.steps.steppedMs, HOUR_MS + MINUTE_MS);
});

Deno.test("clock: the first anchor takes over what the others have stepped by, if that is more", () => {
  const missed = new AnchoredClock();
  missed.anchor(at(0), HOUR_MS);
  deepStrictEqual(missed.steps, { steppedMs: HOUR_MS, seenMs: 0, sinceMs: WALL });
  const saw = new AnchoredClock();
  saw.restore({ steppedMs: HOUR_MS, seenMs: HOUR_MS, sinceMs: WALL });
  saw.anchor(at(0), HOUR_MS);
  strictEqual(saw.steps.steppedMs, 2 * HOUR_MS);
  // A later anchor is moved by this node's own clock alone.
  const running = anchored();
  running.anchor(at(1_000), HOUR_MS);
  strictEqual(running.steps.steppedMs, 0);
});

Deno.test("clock: earliest catches up when the longest lease from before the last step has ended", () => {
  const clock = anchored();
  clock.anchor(at(0, HOUR_MS));
  const end = MAX_LEASE_MS + MARGIN_MS;
  clock.observe(at(end - 1, HOUR_MS), MAX_LEASE_MS);
  strictEqual(stepped(clock, at(1_000, HOUR_MS)), HOUR_MS);
  clock.observe(at(end, HOUR_MS), MAX_LEASE_MS);
  deepStrictEqual(clock.steps, { steppedMs: 0, seenMs: 0, sinceMs: 0 });
  // Another step meanwhile, or a wall clock that is ahead of the line, does not shorten that.
  clock.anchor(at(end + 1, 2 * HOUR_MS));
  clock.anchor(at(end + 2, 3 * HOUR_MS));
  clock.observe(at(end + 10_000, 9 * HOUR_MS), MAX_LEASE_MS);
  strictEqual(clock.steps.steppedMs, 2 * HOUR_MS);
});

Deno.test("clock: a step back leaves earliest alone, and the end of an earlier step ahead within reach", () => {
  const clock = anchored();
  strictEqual(clock.anchor(at(1_000, -HOUR_MS)), -HOUR_MS);
  strictEqual(stepped(clock, at(1_000, -HOUR_MS)), 0);
  strictEqual(clock.steps.seenMs, 0);
  // Ten years ahead by mistake, and back.
  const decadeMs = 87_600 * HOUR_MS;
  clock.anchor(at(2_000, decadeMs));
  clock.anchor(at(3_000));
  strictEqual(stepped(clock, at(3_000)), decadeMs + HOUR_MS);
  clock.observe(at(3_000 + MAX_LEASE_MS + MARGIN_MS), MAX_LEASE_MS);
  strictEqual(stepped(clock, at(3_000)), 0);
});

Deno.test("clock: earliest is no negative time, on a machine that boots in 1970 and is set to today", () => {
  const clock = new AnchoredClock();
  clock.anchor({ wallMs: 1_000, monotonicMs: 1_000 });
  clock.anchor({ wallMs: WALL, monotonicMs: 2_000 });
  clock.anchor({ wallMs: 3_000, monotonicMs: 3_000 });
  strictEqual(clock.bounds({ wallMs: 4_000, monotonicMs: 4_000 })?.earliest, 0);
});

Deno.test("clock: a wall clock that runs away is noted once per second that it gains", () => {
  const clock = anchored();
  let changes = 0;
  let { steps } = clock;
  for (let ms = 0; ms <= 20_000; ms += 100) {
    clock.observe(at(ms, ms), MAX_LEASE_MS);
    if (clock.steps !== steps) changes += 1;
    steps = clock.steps;
  }
  strictEqual(steps.seenMs > 19_000, true);
  strictEqual(changes <= 15, true);
});
