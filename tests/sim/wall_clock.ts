/**
 * The wall clock of one machine, as an offset from true time. A right clock has a constant offset of less than half of
 * the skew; a wrong one jumps or drifts until it is corrected.
 */

import { MAX_CLOCK_SKEW_MS } from "../../src/lease/agreement/limits.ts";
import type { Prng } from "./prng.ts";
import type { EventQueue } from "./event_queue.ts";

/** True time 0 on an exact clock: ms since 1970. */
export const EPOCH_MS = 1_700_000_000_000;
const RIGHT_MS = MAX_CLOCK_SKEW_MS / 2 - 100;
/** Greatest offset of a clock that a right one agrees with: half of the skew, and S more. */
export const BELIEVED_MS = 1.5 * MAX_CLOCK_SKEW_MS;

export class SimWallClock {
  readonly #events: EventQueue;
  readonly #rightOffsetMs: number;
  #offsetMs: number;
  #drift = 0;
  #sinceMs = 0;
  #alwaysRight = true;

  constructor(events: EventQueue, rightOffsetMs: number) {
    this.#events = events;
    this.#rightOffsetMs = rightOffsetMs;
    this.#offsetMs = rightOffsetMs;
  }

  /** A right clock with a random offset. */
  static right(events: EventQueue, prng: Prng): SimWallClock {
    return new SimWallClock(events, prng.int(-RIGHT_MS, RIGHT_MS));
  }

  /** Offset from true time now, in whole ms. */
  get offsetMs(): number {
    return this.#offsetMs + Math.round(this.#drift * (this.#events.nowMs - this.#sinceMs));
  }

  /** Whether it was right since the start of the run. */
  get alwaysRight(): boolean {
    return this.#alwaysRight;
  }

  get wallMs(): number {
    return EPOCH_MS + this.#events.nowMs + this.offsetMs;
  }

  /** Jumps to this offset. */
  set(offsetMs: number): void {
    this.#offsetMs = offsetMs;
    this.#drift = 0;
    this.#alwaysRight = false;
  }

  /** Gains `rate` ms per ms from now on. */
  drift(rate: number): void {
    this.#offsetMs = this.offsetMs;
    this.#sinceMs = this.#events.nowMs;
    this.#drift = rate;
    this.#alwaysRight = false;
  }

  /** Sets the clock right. */
  correct(): void {
    this.#offsetMs = this.#rightOffsetMs;
    this.#drift = 0;
  }
}
