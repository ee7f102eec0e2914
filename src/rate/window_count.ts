/** How much happens within a time, from plain counts. */

/**
 * Counts in windows that follow no clock: each begins with the first count after the one before is over. So a limit on
 * the count lets through twice as much at the most, around the border of two windows.
 *
 * @example
 * ```ts
 * import { deepStrictEqual, strictEqual } from "node:assert/strict";
 * const inSecond = new WindowCount(1_000);
 * deepStrictEqual([0, 400, 999, 1_000].map((nowMs) => inSecond.add(nowMs)), [1, 2, 3, 1]);
 * strictEqual(inSecond.at(1_999), 1);
 * strictEqual(inSecond.at(2_000), 0);
 * ```
 */
export class WindowCount {
  readonly #windowMs: number;
  #startMs = -Infinity;
  #count = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Counts; returns how much is in the window with that. */
  add(nowMs: number, amount = 1): number {
    if (this.#isOver(nowMs)) {
      this.#startMs = nowMs;
      this.#count = 0;
    }
    this.#count += amount;
    return this.#count;
  }

  /** How much is in the window of this moment. */
  at(nowMs: number): number {
    return this.#isOver(nowMs) ? 0 : this.#count;
  }

  #isOver(nowMs: number): boolean {
    return nowMs - this.#startMs >= this.#windowMs;
  }
}
