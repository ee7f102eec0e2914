/**
 * How long something takes: a histogram for Prometheus, and percentiles of the last seconds for people. Observing costs
 * a few additions into typed arrays.
 */

import { assert } from "../assert.ts";

/** Upper bounds in seconds: from a fifth of a millisecond on loopback to a proposal's time limit. */
export const LATENCY_BOUNDS = [
  0.0002,
  0.0005,
  0.001,
  0.002,
  0.005,
  0.01,
  0.02,
  0.05,
  0.1,
  0.2,
  0.5,
  1,
  2,
] as const;

/** Fine buckets for percentiles: each a tenth wider than the one before. */
const FINEST_MS = 0.05;
const GROWTH = 1.1;
const FINE_BUCKETS = 120;
/** Percentiles are over the last one to two of these. */
const WINDOW_MS = 5_000;

/** What is known of the last ten seconds, at most. */
export interface RecentLatency {
  readonly count: number;
  /** Undefined while nothing was observed. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

/**
 * A histogram of durations.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const latency = new LatencyHistogram();
 * for (const ms of [0.4, 3, 3, 4_000]) latency.observe(ms, 0);
 * deepStrictEqual([latency.counts[1], latency.counts[4], latency.count], [1, 3, 4]);
 * ```
 */
export class LatencyHistogram {
  /** Observations up to each of {@link LATENCY_BOUNDS}, cumulative as Prometheus wants them. */
  get counts(): readonly number[] {
    let sum = 0;
    return Array.from(this.#buckets, (count) => sum += count);
  }

  readonly #buckets = new Float64Array(LATENCY_BOUNDS.length);
  #count = 0;
  #sumSeconds = 0;
  #fine = new Float64Array(FINE_BUCKETS);
  #before = new Float64Array(FINE_BUCKETS);
  #windowMs = -Infinity;

  get count(): number {
    return this.#count;
  }

  get sumSeconds(): number {
    return this.#sumSeconds;
  }

  /** Takes a duration; `nowMs` of any clock that does not go back. */
  observe(ms: number, nowMs: number): void {
    const seconds = ms / 1_000;
    this.#count++;
    this.#sumSeconds += seconds;
    let bucket = 0;
    while (bucket < LATENCY_BOUNDS.length && seconds > (LATENCY_BOUNDS[bucket] as number)) bucket++;
    if (bucket < LATENCY_BOUNDS.length) this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
    this.#turn(nowMs);
    const fine = fineBucket(ms);
    this.#fine[fine] = (this.#fine[fine] as number) + 1;
  }

  /** The last five to ten seconds. */
  recent(nowMs: number): RecentLatency {
    this.#turn(nowMs);
    const counts = this.#fine.map((count, index) => count + (this.#before[index] as number));
    const count = counts.reduce((sum, one) => sum + one, 0);
    return { count, p50Ms: percentile(counts, count, 0.5), p99Ms: percentile(counts, count, 0.99) };
  }

  #turn(nowMs: number): void {
    const age = nowMs - this.#windowMs;
    if (age < WINDOW_MS) return;
    const spare = this.#before;
    this.#before = this.#fine;
    this.#fine = spare.fill(0);
    if (age >= 2 * WINDOW_MS) this.#before.fill(0);
    this.#windowMs = nowMs;
  }
}

function fineBucket(ms: number): number {
  if (!(ms > FINEST_MS)) return 0;
  return Math.min(FINE_BUCKETS - 1, Math.ceil(Math.log(ms / FINEST_MS) / Math.log(GROWTH)));
}

/** The upper bound of the bucket that a share of the observations reaches. */
function percentile(counts: Float64Array, count: number, share: number): number | undefined {
  if (count === 0) return undefined;
  let left = Math.ceil(share * count);
  for (let bucket = 0; bucket < counts.length; bucket++) {
    left -= counts[bucket] as number;
    if (left <= 0) return Math.round(FINEST_MS * GROWTH ** bucket * 1_000) / 1_000;
  }
  return undefined;
}

assert(LATENCY_BOUNDS.every((bound, index) => bound > (LATENCY_BOUNDS[index - 1] ?? 0)), "Bounds ascend");
