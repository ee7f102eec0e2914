/**
 * A log that stays bounded when others decide how often something happens, and says in the end how much it kept quiet.
 */

import type { Logger } from "@logtape/logtape";
import { formatSummary, LOG_LIMITS_DEFAULT, LogLimiter } from "./limiter.ts";

/** Admits a few lines per key and interval, and says every interval how many more there were. */
export class LimitedLog {
  readonly log: Logger;
  readonly #level: "info" | "warn";
  readonly #now: () => number;
  readonly #limiter = new LogLimiter();
  readonly #timer: ReturnType<typeof setInterval>;

  /** `level` is that of the summaries; `now`: milliseconds of a clock that does not go back. */
  constructor(log: Logger, level: "info" | "warn", now: () => number) {
    this.log = log;
    this.#level = level;
    this.#now = now;
    this.#timer = setInterval(() => this.#say(this.#limiter.takeSummaries(now())), LOG_LIMITS_DEFAULT.intervalMs);
  }

  /** Whether a line about `key` is to be logged now. */
  admit(key: string): boolean {
    return this.#limiter.admit(key, this.#now());
  }

  /** Says what has not been said, and stops. */
  close(): void {
    clearInterval(this.#timer);
    this.#say(this.#limiter.takeAll(this.#now()));
  }

  #say(summaries: ReturnType<LogLimiter["takeAll"]>): void {
    for (const summary of summaries) this.log[this.#level](formatSummary(summary));
  }
}
