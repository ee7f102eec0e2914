/**
 * Wrong tokens by address: each one is answered later than the one before, and after {@link ATTEMPTS.max} in a minute
 * an address is refused without a look at its token. Addresses share one count when there are too many of them.
 */

import { assert } from "../../assert.ts";

/** Bounds of guessing. */
export const ATTEMPTS = {
  /** Wrong tokens per address and interval. */
  max: 30,
  intervalMs: 60_000,
  /** The first wrong token is answered after this time, each further one later by as much. */
  delayMs: 100,
  delayMsMax: 2_000,
  /** Addresses that are counted on their own. */
  addressesMax: 1_024,
} as const;

assert(ATTEMPTS.delayMsMax < ATTEMPTS.intervalMs, "A delayed answer belongs to its interval");

interface Count {
  readonly startMs: number;
  wrong: number;
}

/** Counts wrong tokens. Times are milliseconds of a monotonic clock. */
export class Attempts<Address> {
  readonly #counts = new Map<Address | "others", Count>();

  /** Whether an address has shown too many wrong tokens. */
  isBlocked(address: Address, nowMs: number): boolean {
    return (this.#current(address, nowMs)?.wrong ?? 0) >= ATTEMPTS.max;
  }

  /** A wrong token; returns after how many milliseconds it is to be answered. */
  wrong(address: Address, nowMs: number): number {
    let count = this.#current(address, nowMs);
    if (count === undefined) {
      this.#forget(nowMs);
      const key = this.#counts.size < ATTEMPTS.addressesMax ? address : "others";
      count = { startMs: nowMs, wrong: 0 };
      this.#counts.set(key, count);
    }
    count.wrong += 1;
    return Math.min(ATTEMPTS.delayMsMax, ATTEMPTS.delayMs * count.wrong);
  }

  #current(address: Address, nowMs: number): Count | undefined {
    const isFull = this.#counts.size >= ATTEMPTS.addressesMax;
    const count = this.#counts.get(address) ?? (isFull ? this.#counts.get("others") : undefined);
    return count !== undefined && nowMs - count.startMs < ATTEMPTS.intervalMs ? count : undefined;
  }

  #forget(nowMs: number): void {
    for (const [key, { startMs }] of this.#counts) {
      if (nowMs - startMs >= ATTEMPTS.intervalMs) this.#counts.delete(key);
    }
  }
}
