/** A rate limit that allows bursts. */

import type { Rate } from "./rate.ts";

/**
 * A token bucket, full at first.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const bucket = new TokenBucket({ perSecond: 1, burst: 2 }, 0);
 * deepStrictEqual([0, 0, 0, 1000, 1000].map((nowMs) => bucket.take(nowMs)), [true, true, false, true, false]);
 * ```
 */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #filledAtMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledAtMs = nowMs;
  }

  /** Takes a token; false when no more than `reserve` are left. */
  take(nowMs: number, reserve = 0): boolean {
    const { perSecond } = this.#rate;
    this.refill(Math.max(0, nowMs - this.#filledAtMs) * perSecond / 1000);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1 + reserve) return false;
    this.#tokens--;
    return true;
  }

  /** Whether {@link take} would take one. */
  has(nowMs: number): boolean {
    this.refill(Math.max(0, nowMs - this.#filledAtMs) * this.#rate.perSecond / 1000);
    this.#filledAtMs = nowMs;
    return this.#tokens >= 1;
  }

  /** Adds tokens, or a fraction of one, up to the burst. */
  refill(tokens: number): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + tokens);
  }
}
