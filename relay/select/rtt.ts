/**
 * Smoothed round-trip time and deviation (EWMA, RFC 6298 §2) and jitter (RFC 3550 §6.4.1). Probes are sparse, so they
 * get two additions. The average starts as the median of the first samples, since the very first one often includes ARP
 * and program start-up. And when a path changes permanently, which the average would take dozens of samples to follow,
 * a run of samples outside the recent range restarts it.
 */

import { SELECT } from "./limits.ts";

/**
 * An estimate fed with samples in milliseconds.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const rtt = new RttEstimator({ sparse: false });
 * rtt.add(10);
 * rtt.add(18);
 * strictEqual(rtt.smoothedMs, 11);
 * ```
 */
export class RttEstimator {
  #smoothedMs = 0;
  #deviationMs = 0;
  #jitterMs = 0;
  #lastMs = 0;
  #samples = 0;
  /** The last samples, oldest first. */
  readonly #recent: number[] = [];
  readonly #sparse: boolean;
  /** The starting median is complete; from now on samples only update the averages. */
  #begun = false;

  /** `sparse`: samples come from probes, too few for the plain average to follow a change in time. */
  constructor({ sparse = true }: { readonly sparse?: boolean } = {}) {
    this.#sparse = sparse;
  }

  /** Samples taken since the start, or since the path changed. */
  get samples(): number {
    return this.#samples;
  }

  /** Undefined before the first sample; so are the next two. */
  get smoothedMs(): number | undefined {
    return this.#samples === 0 ? undefined : this.#smoothedMs;
  }

  get deviationMs(): number | undefined {
    return this.#samples === 0 ? undefined : this.#deviationMs;
  }

  get jitterMs(): number | undefined {
    return this.#samples === 0 ? undefined : this.#jitterMs;
  }

  /** Takes a sample. */
  add(sampleMs: number): void {
    if (this.#samples === 0) {
      // RFC 6298 §2.2.
      this.#smoothedMs = sampleMs;
      this.#deviationMs = sampleMs / 2;
    } else {
      this.#jitterMs += (Math.abs(sampleMs - this.#lastMs) - this.#jitterMs) * SELECT.jitterGain;
      this.#preferredNode(sampleMs);
    }
    this.#samples++;
    this.#lastMs = sampleMs;
    if (!this.#sparse) return;
    this.#recent.push(sampleMs);
    if (this.#recent.length > SELECT.shiftWindow) this.#recent.shift();
    if (!this.#begun) this.#begin();
    this.#detectShift();
  }

  /** Starts from the median of the samples so far; the lower of two middle ones, since errors only add delay. */
  #begin(): void {
    this.#smoothedMs = median(this.#recent);
    const offs = this.#recent.map((sample) => Math.abs(sample - this.#smoothedMs));
    // RFC 6298 §2.2 takes half of the first sample: a few samples that happen to agree prove little.
    this.#deviationMs = Math.max(median(offs), this.#smoothedMs / (this.#recent.length === 1 ? 2 : 3));
    this.#begun = this.#recent.length >= SELECT.medianSamples;
  }

  #preferredNode(sampleMs: number): void {
    // RFC 6298 §2.3: the deviation first, from the average before this sample.
    this.#deviationMs += (Math.abs(this.#smoothedMs - sampleMs) - this.#deviationMs) * SELECT.deviationGain;
    this.#smoothedMs += (sampleMs - this.#smoothedMs) * SELECT.rttGain;
  }

  /** Restarts from the last few samples when all of them lie outside the range before them. */
  #detectShift(): void {
    const before = this.#recent.slice(0, -SELECT.shiftSamples);
    const run = this.#recent.slice(-SELECT.shiftSamples);
    if (before.length < SELECT.shiftSamplesBefore || !isShift(before, run)) return;
    this.#smoothedMs = mean(run);
    this.#deviationMs = mean(run.map((sample) => Math.abs(sample - this.#smoothedMs)));
    this.#samples = run.length;
    this.#recent.splice(0, before.length);
    this.#begun = true;
  }
}

/** Whether a run lies clearly above or below all earlier samples, outliers ignored. */
function isShift(before: readonly number[], run: readonly number[]): boolean {
  const sorted = before.toSorted((a, b) => a - b);
  const low = sorted[SELECT.shiftOutliers] as number;
  const high = sorted[sorted.length - 1 - SELECT.shiftOutliers] as number;
  const beyond = Math.max(SELECT.shiftMsMin, SELECT.shiftShare * mean(before));
  return run.every((sample) => sample > high + beyond) || run.every((sample) => sample < low - beyond);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] as number;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
