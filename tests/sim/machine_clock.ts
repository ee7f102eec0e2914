/**
 * The clocks of one machine: the monotonic clock, and the wall clock as an offset from it. A right wall clock has a
 * constant offset of less than half of the skew from the common time; a wrong one jumps or drifts until it is
 * corrected. While a machine is suspended or slow, both clocks stand still or run slowly together.
 */

import type { Instant } from "../../src/lease/agreement/clock.ts";
import { MAX_CLOCK_SKEW_MS } from "../../src/lease/agreement/limits.ts";
import type { CommonTime } from "./common_time.ts";
import type { EventQueue } from "./event_queue.ts";
import type { Prng } from "./prng.ts";

/** True time 0 on an exact clock: ms since 1970. */
export const EPOCH_MS = 1_700_000_000_000;
const RIGHT_MS = MAX_CLOCK_SKEW_MS / 2 - 100;
/** Greatest offset of a clock that a right one agrees with: half of the skew, and S more. */
export const BELIEVED_MS = 1.5 * MAX_CLOCK_SKEW_MS;

export class MachineClock {
  readonly #events: EventQueue;
  readonly #common: CommonTime;
  readonly #rightOffsetMs: number;
  /** Monotonic time at `#sinceMs`, and what it gains per ms of true time since. */
  #countedMs = 0;
  #sinceMs = 0;
  #pace = 1;
  /** Wall time less monotonic and common time at the monotonic time `#driftsFromMs`, and its gain per ms since. */
  #offsetMs: number;
  #drift = 0;
  #driftsFromMs = 0;
  #alwaysRight = true;

  constructor(events: EventQueue, common: CommonTime, rightOffsetMs: number) {
    this.#events = events;
    this.#common = common;
    this.#rightOffsetMs = rightOffsetMs;
    this.#sinceMs = events.nowMs;
    this.#countedMs = events.nowMs;
    this.#offsetMs = rightOffsetMs;
  }

  /** A right clock with a random offset. */
  static right(events: EventQueue, common: CommonTime, prng: Prng): MachineClock {
    return new MachineClock(events, common, prng.int(-RIGHT_MS, RIGHT_MS));
  }

  get monotonicMs(): number {
    return Math.floor(this.#countedMs + this.#pace * (this.#events.nowMs - this.#sinceMs));
  }

  get wallMs(): number {
    return this.read().wallMs;
  }

  /** Both clocks at once: every event of a node begins with this. */
  read(): Instant {
    const { monotonicMs } = this;
    const wallMs = EPOCH_MS + monotonicMs + this.#common.offsetMs + Math.round(this.#driftedMs(monotonicMs));
    return { wallMs, monotonicMs };
  }

  /** Offset of the wall clock from the common time, in whole ms. */
  get offsetMs(): number {
    return this.wallMs - EPOCH_MS - this.#common.offsetMs - this.#events.nowMs;
  }

  /** Whether it was right since the start of the run, apart from common steps. */
  get alwaysRight(): boolean {
    return this.#alwaysRight;
  }

  /** The wall clock jumps to this offset from the common time. */
  set(offsetMs: number): void {
    this.#alwaysRight = false;
    this.#setOffset(offsetMs);
  }

  /** The wall clock gains `rate` ms per ms from now on. */
  drift(rate: number): void {
    this.#alwaysRight = false;
    const { monotonicMs } = this;
    this.#offsetMs = this.#driftedMs(monotonicMs);
    this.#driftsFromMs = monotonicMs;
    this.#drift = rate;
  }

  /** Both clocks run at this pace from now on: 1 is right, 0 stands still. */
  run(pace: number): void {
    if (pace !== 1) this.#alwaysRight = false;
    this.#countedMs = this.monotonicMs;
    this.#sinceMs = this.#events.nowMs;
    this.#pace = pace;
  }

  /** NTP sets the wall clock right. The monotonic clock runs on from where it is. */
  correct(): void {
    this.#setOffset(this.#rightOffsetMs);
  }

  /** True time until the monotonic clock has counted this much; at most a second if it stands still. */
  trueMs(monotonicMs: number): number {
    return this.#pace === 0 ? 1_000 : Math.ceil(monotonicMs / this.#pace);
  }

  #driftedMs(monotonicMs: number): number {
    return this.#offsetMs + this.#drift * (monotonicMs - this.#driftsFromMs);
  }

  #setOffset(offsetMs: number): void {
    this.#drift = 0;
    this.#offsetMs = this.#events.nowMs - this.monotonicMs + offsetMs;
  }
}
