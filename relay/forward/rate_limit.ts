/**
 * Rates of very many clients, each of whom may exceed the average for a moment: what token buckets do, with one number
 * for each (the generic cell rate algorithm, ITU-T I.371).
 */

import type { Rate } from "./config.ts";
import { ExpiringMap } from "./expiring_map.ts";

/**
 * Limits by key.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const limit = new RateLimit({ perSecond: 1, burst: 2 }, 100);
 * deepStrictEqual([0, 0, 0, 1000, 1000].map((nowMs) => limit.admits("a", nowMs)), [true, true, false, true, false]);
 * ```
 */
export class RateLimit {
  readonly #intervalMs: number;
  readonly #toleranceMs: number;
  /** When a key's messages so far would have come if they had kept to the average; whole milliseconds. */
  readonly #expectedMs: ExpiringMap<number>;

  constructor({ perSecond, burst }: Rate, keysMax: number) {
    this.#intervalMs = 1000 / perSecond;
    this.#toleranceMs = (burst - 1) * this.#intervalMs;
    // Later a key has its whole burst again, like one that was never seen.
    this.#expectedMs = new ExpiringMap({ ttlMs: burst * this.#intervalMs, entriesMax: keysMax });
  }

  /** Whether one more message of this key is within its rate. */
  admits(key: string, nowMs: number): boolean {
    const expectedMs = Math.max(nowMs, this.#expectedMs.get(key, nowMs) ?? 0);
    if (expectedMs - nowMs > this.#toleranceMs) return false;
    this.#expectedMs.set(key, Math.round(expectedMs + this.#intervalMs), nowMs);
    return true;
  }
}
