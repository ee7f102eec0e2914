/**
 * Smoothed round-trip time, its deviation (RFC 6298 §2) and jitter (RFC 3550 §6.4.1). Probes are few, so for them there
 * are two additions. The average begins as the median of the first samples, since the very first one often tells of ARP
 * and of programs that have just started. And where a path changes for good, which the average would take dozens of
 * samples to follow, a run of samples beyond anything seen lately starts it anew.
 */

import { SELECT } from "./limits.ts";

/**
 * An estimate fed with samples in milliseconds.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const rtt = new RttEstimator({ few: false });
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
  /** The average has been begun, and is only followed from now on. */
  #begun = false;

  /** `few`: samples are probes, and not so many that the average follows by itself. */
  constructor({ sparse = true }: { readonly sparse?: boolean } = {}) {
    this.#sparse = sparse;
  }

  /** Samples taken since the start, or since the path changed. */
  get samples(): number {
    return this.#samples;
  }

  /** Undefined before the first sample, like the others. */
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

  /** From the median of the samples so far; of two in the middle the lower one, as delays are wrong to one side only. */
  #begin(): void {
    this.#smoothedMs = median(this.#recent);
    const offs = this.#recent.map((sample) => Math.abs(sample - this.#smoothedMs));
    // RFC 6298 §2.2 has half of the first sample: few samples that happen to agree prove little.
    this.#deviationMs = Math.max(median(offs), this.#smoothedMs / (this.#recent.length === 1 ? 2 : 3));
    this.#begun = this.#recent.length >= SELECT.medianSamples;
  }

  #preferredNode(sampleMs: number): void {
    // RFC 6298 §2.3: the deviation first, from the average before this sample.
    this.#deviationMs += (Math.abs(this.#smoothedMs - sampleMs) - this.#deviationMs) * SELECT.deviationGain;
    this.#smoothedMs += (sampleMs - this.#smoothedMs) * SELECT.rttGain;
  }

  /** Starts anew from the last few samples when all of them lie beyond what came before. */
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

/** Whether a run lies above or below all that came before it but the outermost sample, and by more than a little. */
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
