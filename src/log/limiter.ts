/**
 * Rate limit of log lines that clients or peers can cause: a few lines per key and interval, then a count. Decides what
 * is logged; the caller asks for the summaries and prints them.
 */

import { assert } from "../assert.ts";

/** Bounds of a {@link LogLimiter}. */
interface LogLimits {
  /** Lines per key and interval. */
  readonly linesMax: number;
  readonly intervalMs: number;
  /** Keys with an allowance of their own; further ones share one, so that invented keys cost no memory. */
  readonly keysMax: number;
}

export const LOG_LIMITS_DEFAULT: LogLimits = { linesMax: 5, intervalMs: 10_000, keysMax: 256 };

/** The key of everything that came after `keysMax` others. */
export const OTHER_KEYS = "other";

/** What was not logged about one key. */
interface LogSummary {
  readonly key: string;
  readonly suppressed: number;
  /** How long that took, from the start of the interval in which it began. */
  readonly seconds: number;
}

interface Window {
  startMs: number;
  lines: number;
  suppressed: number;
  /** When the interval began in which the first line was suppressed; meaningless while `suppressed` is 0. */
  sinceMs: number;
}

/**
 * Counts lines per key.
 *
 * @example
 * ```ts
 * import { deepStrictEqual, strictEqual } from "node:assert/strict";
 * const limiter = new LogLimiter({ linesMax: 1, intervalMs: 10_000, keysMax: 100 });
 * strictEqual(limiter.admit("badCookie", 0), true);
 * strictEqual(limiter.admit("badCookie", 1), false);
 * deepStrictEqual(limiter.takeSummaries(10_000), [{ key: "badCookie", suppressed: 1, seconds: 10 }]);
 * ```
 */
export class LogLimiter {
  readonly #limits: LogLimits;
  readonly #windows = new Map<string, Window>();

  constructor(limits: LogLimits = LOG_LIMITS_DEFAULT) {
    assert(limits.linesMax >= 0 && limits.intervalMs > 0 && limits.keysMax > 0, "Log limits must be positive");
    this.#limits = limits;
  }

  /** Whether a line about `key` is to be logged now. Times are milliseconds of any monotonic clock. */
  admit(key: string, nowMs: number): boolean {
    const { linesMax, intervalMs, keysMax } = this.#limits;
    let window = this.#windows.get(key);
    if (window === undefined) {
      if (this.#windows.size >= keysMax && key !== OTHER_KEYS) return this.admit(OTHER_KEYS, nowMs);
      window = { startMs: nowMs, lines: 0, suppressed: 0, sinceMs: nowMs };
      this.#windows.set(key, window);
    }
    if (nowMs - window.startMs >= intervalMs) {
      window.startMs = nowMs;
      window.lines = 0;
    }
    if (window.lines < linesMax) {
      window.lines += 1;
      return true;
    }
    if (window.suppressed === 0) window.sinceMs = window.startMs;
    window.suppressed += 1;
    return false;
  }

  /**
   * What was suppressed in intervals that have ended, each reported once; call it about once per interval. Keys
   * without suppressed lines are forgotten.
   */
  takeSummaries(nowMs: number): LogSummary[] {
    return this.#take(nowMs, this.#limits.intervalMs);
  }

  /** Everything suppressed and not reported yet, for the end of the program. */
  takeAll(nowMs: number): LogSummary[] {
    return this.#take(nowMs, 0);
  }

  #take(nowMs: number, ageMs: number): LogSummary[] {
    const summaries: LogSummary[] = [];
    for (const [key, window] of this.#windows) {
      const told = window.suppressed > 0 ? window.sinceMs : window.startMs;
      if (nowMs - told < ageMs) continue;
      if (window.suppressed > 0) {
        const seconds = Math.max(1, Math.round((nowMs - window.sinceMs) / 1000));
        summaries.push({ key, suppressed: window.suppressed, seconds });
        window.suppressed = 0;
      }
      // The interval that runs keeps its count of lines: otherwise telling would double the allowance.
      if (nowMs - window.startMs >= ageMs) this.#windows.delete(key);
    }
    return summaries;
  }
}

/** The line that stands for the lines not logged. */
export function formatSummary(summary: LogSummary): string {
  return `… ${summary.suppressed} more in the last ${summary.seconds} s: ${summary.key}`;
}
