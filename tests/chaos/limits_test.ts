import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { FaultLimits, STEP_NOTED_MS } from "./limits.ts";

Deno.test("limits: fewer disks are lost at a time than the rule permits, until their nodes have joined", () => {
  for (const [size, most] of [[1, 0], [2, 1], [3, 1], [4, 2], [5, 2]] as const) {
    const ids = Array.from({ length: size }, (_, index) => index + 1);
    const limits = new FaultLimits(ids);
    strictEqual(ids.filter((id) => limits.loseDisk(id, 0)).length, most, `of ${size}`);
    if (most === 0) continue;
    limits.give(1, "disk", "process");
    strictEqual(limits.loseDisk(size, 0), false, "it is started, and has not joined");
    limits.joined(1);
    strictEqual(limits.loseDisk(size, 0), true);
  }
});

Deno.test("limits: no disk is lost while an operator changes the cluster, or of a node that is no member", () => {
  const limits = new FaultLimits([1, 2, 3]);
  strictEqual(limits.beginOperation(), true);
  deepStrictEqual([limits.beginOperation(), limits.loseDisk(1, 0)], [false, false]);
  limits.endOperation();
  deepStrictEqual([limits.loseDisk(4, 0), limits.loseDisk(1, 0)], [false, true]);
});

Deno.test("limits: fewer than half of the clocks are wrong, a corrected one for a while longer", () => {
  for (const [size, most] of [[1, 0], [2, 0], [3, 1], [4, 1], [5, 2]] as const) {
    const ids = Array.from({ length: size }, (_, index) => index + 1);
    const limits = new FaultLimits(ids);
    strictEqual(ids.filter((id) => limits.takeClock(id, 0)).length, most, `of ${size}`);
    if (most === 0) continue;
    limits.correctClock(1, 1_000);
    strictEqual(limits.takeClock(size, 2_000), false);
    strictEqual(limits.takeClock(size, 60_000), true);
  }
});

Deno.test("limits: a fault has what it takes of a node for itself", () => {
  const limits = new FaultLimits([1, 2, 3]);
  deepStrictEqual([limits.take(1, "process", "link"), limits.take(1, "link"), limits.take(2, "link")], [
    true,
    false,
    true,
  ]);
  strictEqual(limits.take(1, "disk", "link"), false);
  strictEqual(limits.take(1, "disk"), true, "the refused fault took nothing");
  limits.give(1, "process", "link", "disk");
  strictEqual(limits.isCalm, false);
  limits.give(2, "link");
  strictEqual(limits.isCalm, true);
});

Deno.test("limits: all clocks are stepped only while nothing is wrong, and no process may crash right after it", () => {
  const limits = new FaultLimits([1, 2, 3]);
  limits.take(1, "link");
  strictEqual(limits.stepClocks(6_000, 0), false);
  limits.give(1, "link");
  strictEqual(limits.stepClocks(6_000, 0), true);
  deepStrictEqual([limits.mayCrash(STEP_NOTED_MS), limits.loseDisk(1, STEP_NOTED_MS)], [false, false]);
  strictEqual(limits.mayCrash(STEP_NOTED_MS + 1), true);
  strictEqual(limits.loseDisk(1, 10_000), true);
  limits.give(1, "disk", "process");
  limits.joined(1);
  strictEqual(limits.loseDisk(2, 11_000), false, "two of three would not know of the step");
  strictEqual(limits.loseDisk(2, 300_000), true);
});

Deno.test("limits: steps back add up", () => {
  const limits = new FaultLimits([1, 2, 3]);
  deepStrictEqual([limits.stepClocks(-50_000, 0), limits.stepClocks(-20_000, 1), limits.stepClocks(7_200_000, 2)], [
    true,
    false,
    true,
  ]);
});

Deno.test("limits: a node may start on another disk with a wrong clock", () => {
  const limits = new FaultLimits([1, 2, 3, 4, 5]);
  deepStrictEqual([limits.loseDisk(1, 0), limits.takeClock(1, 0)], [true, true]);
  deepStrictEqual([limits.takeClock(2, 0), limits.loseDisk(2, 0)], [true, true]);
});
