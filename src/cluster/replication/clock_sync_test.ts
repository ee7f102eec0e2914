import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { AnchoredClock } from "../../lease/agreement/clock.ts";
import { MARGIN_MS, MAX_CLOCK_SKEW_MS } from "../../lease/agreement/limits.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { TimeAnswer } from "../wire/messages.ts";
import { CLOCK_FACTS, ClockSync } from "./clock_sync.ts";

const WALL = 1_700_000_000_000;
const HOUR_MS = 3_600_000;
const ROUND_MS = CLUSTER_LIMITS.clockProbeMs;
/** Rounds of an anchored clock. */
const CONFIRM_MS = 10 * ROUND_MS;

const at = (ms: number, jump = 0) => ({ wallMs: WALL + ms + jump, monotonicMs: ms });

/** Node 1 of `size`; the test answers for the others. */
function clockOf(size: number, facts = new Map<string, string>()) {
  const clock = new AnchoredClock();
  const limits = { maxLeaseMs: HOUR_MS };
  const said: string[] = [];
  const sync = new ClockSync({
    clock,
    members: { size },
    limits,
    facts: new Map(facts),
    persist: ([key, value]) => facts.set(key, value),
    notice: ({ kind }) => said.push(kind),
    firstProbe: 1,
  });
  return { clock, sync, facts, limits, said };
}

function answer(probe: number, wallMs: number, extra: Partial<TimeAnswer> = {}): TimeAnswer {
  return { type: "timeAnswer", probe, wallMs, steppedMs: 0, maxLeaseMs: 0, ...extra };
}

/** Three members: this one, and two whose clocks are off by so much. */
function rounds(offsets: [number, number], delayMs = 10, extra: Partial<TimeAnswer> = {}) {
  const node = clockOf(3);
  const round = (ms: number, jump = 0) => {
    const probes = node.sync.tick(at(ms, jump), [2, 3]);
    for (const { to, message } of probes) {
      const wallMs = WALL + ms + delayMs / 2 + (offsets[to - 2] ?? 0);
      node.sync.receive(to, answer(message.probe, wallMs, extra), at(ms + delayMs, jump));
    }
    return probes.length;
  };
  return { ...node, round, offsets };
}

Deno.test("anchor: one agreeing member of three is enough, none is not", () => {
  const one = rounds([0, HOUR_MS]);
  one.round(0);
  strictEqual(one.clock.fault(at(20)), undefined);
  deepStrictEqual([...one.sync.peers].map(([id, peer]) => [id, peer.agrees]), [[2, true], [3, false]]);
  const none = rounds([HOUR_MS, -HOUR_MS]);
  none.round(0);
  strictEqual(none.clock.fault(at(20)), "noAnchor");
});

Deno.test("anchor: a round trip longer than the skew proves nothing", () => {
  const slow = rounds([0, 0], 2 * MAX_CLOCK_SKEW_MS + 2);
  slow.round(0);
  strictEqual(slow.clock.fault(at(20)), "noAnchor");
});

Deno.test("anchor: a jump is not confirmed by members whose clocks did not jump", () => {
  const cluster = rounds([0, 0]);
  cluster.round(0);
  for (let ms = 1_000; ms < 30_000; ms += 1_000) cluster.round(ms, 60_000);
  strictEqual(cluster.clock.fault(at(30_000, 60_000)), "wallJumped");
  strictEqual(cluster.clock.bounds(at(30_000, 60_000))?.earliest, WALL + 30_000);
  // Told once, when the others have not agreed for three rounds; and when it is over.
  deepStrictEqual(cluster.said, ["clockJumped"]);
  cluster.round(30_000);
  deepStrictEqual(cluster.said, ["clockJumped", "clockReturned"]);
  strictEqual(cluster.clock.steps.steppedMs, 0);
});

Deno.test("anchor: an answer that was not asked for, or comes from another member, is nothing", () => {
  const { clock, sync } = clockOf(3);
  const [probe] = sync.tick(at(0), [2, 3]);
  sync.receive(3, answer(probe?.message.probe ?? 0, WALL), at(5));
  sync.receive(2, answer(99, WALL), at(5));
  strictEqual(clock.fault(at(5)), "noAnchor");
});

Deno.test("anchor: a member that was removed confirms nothing", () => {
  const { clock, sync } = clockOf(3);
  for (const { message } of sync.tick(at(0), [2])) sync.receive(2, answer(message.probe, WALL), at(5));
  strictEqual(clock.fault(at(5)), undefined);
  strictEqual(sync.tick(at(ROUND_MS), [2]).length, 1);
  // With other members, these are asked within a round of an anchor that is sought, not of one that is confirmed.
  strictEqual(sync.tick(at(2 * ROUND_MS), [3, 4]).length, 2);
  deepStrictEqual([...sync.peers.keys()], []);
  strictEqual(sync.confirmed(at(2 * ROUND_MS)), false);
});

Deno.test("step: a node alone anchors again at once, at any event, and serves on", () => {
  for (const jump of [MAX_CLOCK_SKEW_MS + 1, 24 * HOUR_MS, -HOUR_MS]) {
    const { clock, sync, said } = clockOf(1);
    sync.tick(at(0), []);
    strictEqual(clock.fault(at(0)), undefined);
    sync.watch(at(1_000, jump));
    strictEqual(clock.fault(at(1_000, jump)), undefined);
    strictEqual(sync.confirmed(at(1_000, jump)), true);
    deepStrictEqual(said, ["clockSet"]);
    strictEqual(sync.stepped.steppedMs, Math.max(0, jump));
    // And later, though nothing was heard for longer than an anchor lasts.
    sync.watch(at(3 * HOUR_MS, jump));
    strictEqual(clock.fault(at(3 * HOUR_MS, jump)), undefined);
  }
});

Deno.test("step: when all clocks are set together, a round at once confirms it", () => {
  const cluster = rounds([0, 0]);
  cluster.round(0);
  cluster.round(ROUND_MS);
  strictEqual(cluster.round(2 * ROUND_MS), 0, "an anchored clock is asked for more seldom");
  cluster.offsets.fill(600_000);
  strictEqual(cluster.round(2_100, 600_000), 2);
  const now = at(2_200, 600_000);
  strictEqual(cluster.clock.fault(now), undefined);
  deepStrictEqual(cluster.clock.bounds(now), {
    latest: now.wallMs,
    now: now.wallMs,
    earliest: now.wallMs - 600_000,
  });
  deepStrictEqual(cluster.said, ["clockSet"]);
  const { untilMs } = cluster.sync.stepped;
  strictEqual(untilMs, at(2_110, 600_000).wallMs + HOUR_MS + MARGIN_MS);
  const end = untilMs - WALL - 600_000;
  cluster.sync.watch(at(end - 1, 600_000));
  strictEqual(cluster.sync.stepped.steppedMs, 600_000);
  cluster.sync.watch(at(end, 600_000));
  deepStrictEqual(cluster.sync.stepped, { steppedMs: 0, untilMs: 0 });
  deepStrictEqual(cluster.said, ["clockSet", "clockSettled"]);
});

Deno.test("step: what is seen is on disk before a quorum confirms it, and the next process adds it", () => {
  const cluster = rounds([0, 0]);
  cluster.round(0);
  cluster.sync.watch(at(50, 600_000));
  strictEqual(cluster.facts.get(CLOCK_FACTS.steps), "0 600000 0");
  const { sync, said } = clockOf(1, cluster.facts);
  const restarted = { wallMs: WALL + 700_000, monotonicMs: 3 };
  strictEqual(sync.answer({ type: "timeProbe", probe: 1 }, restarted).steppedMs, 600_000);
  sync.tick(restarted, []);
  strictEqual(sync.stepped.steppedMs, 600_000);
  strictEqual(cluster.facts.get(CLOCK_FACTS.steps), `600000 0 ${restarted.wallMs}`);
  deepStrictEqual(said, ["clockWasSet"]);
});

Deno.test("step: a first anchor takes over the largest step of the members that agreed", () => {
  const { sync, clock, facts } = clockOf(5);
  const steps = [0, 7_000, 600_000, 0];
  for (const [index, { to, message }] of sync.tick(at(0), [2, 3, 4, 5]).entries()) {
    // Node 4's clock is wrong.
    const wallMs = WALL + (to === 4 ? HOUR_MS : 0);
    sync.receive(to, answer(message.probe, wallMs, { steppedMs: steps[index] ?? 0 }), at(5));
  }
  strictEqual(clock.steps.steppedMs, 7_000);
  strictEqual(facts.get(CLOCK_FACTS.steps), `7000 0 ${at(5).wallMs}`);
});

Deno.test("step: the longest lease of any configuration, here or elsewhere, decides when it is over", () => {
  const { sync, limits, facts } = clockOf(3);
  sync.watch(at(0));
  limits.maxLeaseMs = HOUR_MS / 2;
  sync.watch(at(1));
  strictEqual(sync.maxLeaseMs, HOUR_MS);
  for (const { to, message } of sync.tick(at(2), [2, 3])) {
    sync.receive(to, answer(message.probe, WALL, { maxLeaseMs: to * HOUR_MS }), at(5));
  }
  strictEqual(facts.get(CLOCK_FACTS.maxLease), String(3 * HOUR_MS));
  strictEqual(clockOf(3, facts).sync.maxLeaseMs, 3 * HOUR_MS);
});

Deno.test("confirmed: a machine that was suspended knows with the first heartbeats, and asks at once", () => {
  const cluster = rounds([0, 0]);
  cluster.round(0);
  cluster.round(50 + ROUND_MS);
  strictEqual(cluster.sync.confirmed(at(2_100)), true);
  // Both of its clocks stood still for a minute.
  cluster.offsets.fill(60_000);
  cluster.sync.heard(2, WALL + 2_200 + 60_000, at(2_200));
  strictEqual(cluster.sync.confirmed(at(2_200)), true, "one of two may be wrong itself");
  cluster.sync.heard(3, WALL + 2_200 + 60_000, at(2_200));
  strictEqual(cluster.sync.confirmed(at(2_200)), false);
  strictEqual(cluster.clock.fault(at(2_200)), undefined, "its own clocks show nothing");
  strictEqual(cluster.round(2_201), 2);
  strictEqual(cluster.round(2_201 + ROUND_MS), 2, "and every second from then on");
  strictEqual(cluster.sync.confirmed(at(4_000)), false);
  // Its clock is set, and confirmed with the same tick's round: locks from before are kept for the minute it missed.
  strictEqual(cluster.round(4_010, 60_000), 2);
  strictEqual(cluster.sync.confirmed(at(4_030, 60_000)), true);
  strictEqual(cluster.sync.stepped.steppedMs, 60_000);
});

Deno.test("confirmed: a slow heartbeat, or one without a time, shows nothing", () => {
  const cluster = rounds([0, 0]);
  cluster.round(0);
  cluster.round(ROUND_MS);
  for (const from of [2, 3]) {
    cluster.sync.heard(from, WALL - 60_000, at(2_100));
    cluster.sync.heard(from, 0, at(2_100));
    cluster.sync.heard(from, WALL + 2_100 + MAX_CLOCK_SKEW_MS, at(2_100));
  }
  strictEqual(cluster.sync.confirmed(at(2_100)), true);
  strictEqual(cluster.round(2_200), 0);
});

Deno.test("confirmed: clocks that drift apart are noticed by round trips; silence counts for three rounds", () => {
  const cluster = rounds([0, 0]);
  cluster.round(0);
  cluster.offsets.fill(-60_000);
  cluster.round(CONFIRM_MS);
  strictEqual(cluster.sync.confirmed(at(CONFIRM_MS + 100)), false);
  const silent = rounds([0, 0]);
  silent.round(0);
  strictEqual(silent.sync.confirmed(at(3 * CONFIRM_MS)), true);
  strictEqual(silent.sync.confirmed(at(3 * CONFIRM_MS + 11)), false);
});
