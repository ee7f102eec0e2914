import { ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { SELECT } from "./limits.ts";
import { RttEstimator } from "./rtt.ts";

function fed(samples: readonly number[]): RttEstimator {
  const rtt = new RttEstimator();
  for (const sample of samples) rtt.add(sample);
  return rtt;
}

const near = (actual: number | undefined, expected: number) =>
  ok(actual !== undefined && Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

Deno.test("RttEstimator: nothing before the first sample", () => {
  strictEqual(new RttEstimator().smoothedMs, undefined);
  strictEqual(new RttEstimator().deviationMs, undefined);
});

Deno.test("RttEstimator: RFC 6298 §2.2 and §2.3 by hand", () => {
  const rtt = new RttEstimator({ sparse: false });
  rtt.add(100);
  near(rtt.smoothedMs, 100);
  near(rtt.deviationMs, 50);
  rtt.add(120);
  near(rtt.deviationMs, 0.75 * 50 + 0.25 * 20);
  near(rtt.smoothedMs, 0.875 * 100 + 0.125 * 120);
  near(rtt.jitterMs, 20 / 16);
});

Deno.test("RttEstimator: a first sample that was wrong is made good by two that are right", () => {
  near(fed([80]).smoothedMs, 80);
  near(fed([80, 2]).smoothedMs, 2);
  near(fed([80, 2, 3]).smoothedMs, 3);
  near(fed([80, 2, 3]).deviationMs, 1);
  near(fed([80, 30, 3]).deviationMs, 27);
});

Deno.test("RttEstimator: a path that changes for good is followed within three samples", () => {
  const steady = Array<number>(20).fill(2);
  ok((fed([...steady, 60, 60]).smoothedMs as number) < 20);
  near(fed([...steady, 60, 61, 62]).smoothedMs, 61);
  strictEqual(fed([...steady, 60, 61, 62]).samples, SELECT.shiftSamples);
  near(fed([...Array<number>(20).fill(60), 2, 2, 2]).smoothedMs, 2);
});

Deno.test("RttEstimator: a path that changes soon after the start is followed, too", () => {
  for (let before = SELECT.shiftSamplesBefore; before < 20; before++) {
    near(fed([80, ...Array<number>(before - 1).fill(2), 60, 60, 60]).smoothedMs, 60);
  }
});

Deno.test("RttEstimator: single late answers are no change of path", () => {
  const samples = Array.from({ length: 200 }, (_, index) => index % 10 === 0 ? 80 : 10);
  const { smoothedMs, samples: count } = fed(samples);
  ok(smoothedMs !== undefined && smoothedMs > 9 && smoothedMs < 30);
  strictEqual(count, 200);
});

Deno.test("RttEstimator: the average stays within what was measured, and the deviation within its width", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.01, max: 5_000, noNaN: true }), { minLength: 1 }), (samples) => {
      const { smoothedMs = NaN, deviationMs = NaN } = fed(samples);
      const [low, high] = [Math.min(...samples), Math.max(...samples)];
      ok(smoothedMs >= low - 1e-6 && smoothedMs <= high + 1e-6);
      ok(deviationMs >= 0 && deviationMs <= Math.max(high - low, high / 2) + 1e-6);
    }),
  );
});
