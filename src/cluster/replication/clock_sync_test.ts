import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { AnchoredClock } from "../../lease/agreement/clock.ts";
import { MAX_CLOCK_SKEW_MS } from "../../lease/agreement/limits.ts";
import { ClockSync } from "./clock_sync.ts";

const WALL = 1_700_000_000_000;
const at = (ms: number, jump = 0) => ({ wallMs: WALL + ms + jump, monotonicMs: ms });

/** Three members: this one, and two whose clocks are off by so much. */
function rounds(offsets: readonly [number, number], delayMs = 10) {
  const clock = new AnchoredClock();
  const anchor = new ClockSync(clock, { size: 3 });
  const round = (ms: number, jump = 0) => {
    for (const { to, message } of anchor.tick(at(ms, jump), [2, 3])) {
      const wallMs = WALL + ms + delayMs / 2 + (offsets[to - 2] ?? 0);
      anchor.receive(to, { type: "timeAnswer", probe: message.probe, wallMs }, at(ms + delayMs, jump));
    }
  };
  return { clock, anchor, round };
}

Deno.test("anchor: one agreeing member of three is enough, none is not", () => {
  const one = rounds([0, 3_600_000]);
  one.round(0);
  strictEqual(one.clock.fault(at(20)), undefined);
  deepStrictEqual([...one.anchor.peers].map(([id, peer]) => [id, peer.agrees]), [[2, true], [3, false]]);
  const none = rounds([3_600_000, -3_600_000]);
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
});

Deno.test("anchor: an answer that was not asked for, or comes from another member, is nothing", () => {
  const clock = new AnchoredClock();
  const anchor = new ClockSync(clock, { size: 3 });
  const [probe] = anchor.tick(at(0), [2, 3]);
  anchor.receive(3, { type: "timeAnswer", probe: probe?.message.probe ?? 0, wallMs: WALL }, at(5));
  anchor.receive(2, { type: "timeAnswer", probe: 99, wallMs: WALL }, at(5));
  strictEqual(clock.fault(at(5)), "noAnchor");
});

Deno.test("anchor: a node alone agrees with itself, but believes no jump of its own", () => {
  const clock = new AnchoredClock();
  const anchor = new ClockSync(clock, { size: 1 });
  anchor.tick(at(0), []);
  strictEqual(clock.fault(at(0)), undefined);
  for (let ms = 1_000; ms < 60_000; ms += 1_000) anchor.tick(at(ms, 60_000), []);
  strictEqual(clock.fault(at(60_000, 60_000)), "wallJumped");
});
