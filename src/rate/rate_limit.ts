/**
 * Rate limits for many keys: token buckets that store one number per key (the generic cell rate algorithm, ITU-T
 * I.371).
 */

import type { Rate } from "./rate.ts";
import { ExpiringMap } from "./expiring_map.ts";

/**
 * One rate limit per key.
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
  /** Theoretical arrival time (ITU-T I.371) of each key's next message, in whole milliseconds. */
  readonly #expectedMs: ExpiringMap<number>;

  constructor({ perSecond, burst }: Rate, keysMax: number) {
    this.#intervalMs = 1000 / perSecond;
    this.#toleranceMs = (burst - 1) * this.#intervalMs;
    // After this long a key has its full burst again, like an unknown one.
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
