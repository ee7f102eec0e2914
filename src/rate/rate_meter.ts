/** How often something happens, from plain counts. */

/** A rate is measured over windows of this length. */
const WINDOW_MS = 10_000;

/**
 * Measures one flow.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const meter = new RateMeter();
 * for (let ms = 0; ms < 4_000; ms += 10) meter.add(ms);
 * strictEqual(Math.round(meter.perSecond(4_000)), 100);
 * strictEqual(meter.perSecond(60_000), 0);
 * ```
 */
export class RateMeter {
  #startMs = -Infinity;
  #count = 0;
  #lastPerSecond = 0;

  /** It happened. */
  add(nowMs: number): void {
    this.#turn(nowMs);
    this.#count += 1;
  }

  /** The rate in this window, or in the last one while this one is younger than a second. */
  perSecond(nowMs: number): number {
    this.#turn(nowMs);
    const elapsedMs = nowMs - this.#startMs;
    return elapsedMs < 1_000 ? Math.max(this.#lastPerSecond, this.#count) : this.#count / (elapsedMs / 1_000);
  }

  #turn(nowMs: number): void {
    const elapsedMs = nowMs - this.#startMs;
    if (elapsedMs < WINDOW_MS) return;
    this.#lastPerSecond = elapsedMs < 2 * WINDOW_MS ? this.#count / (elapsedMs / 1_000) : 0;
    this.#startMs = nowMs;
    this.#count = 0;
  }
}
