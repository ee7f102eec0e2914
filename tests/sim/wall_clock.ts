/**
 * The wall clock of one machine: how far it is from the truth. A right one is off by less than half of the skew, for good; a
 * wrong one jumps or drifts until it is right again.
 */

import { MAX_CLOCK_SKEW_MS } from "../../src/lease/agreement/limits.ts";
import type { Prng } from "./prng.ts";
import type { EventQueue } from "./event_queue.ts";

/** True time 0 as an exact clock shows it: ms since 1970. */
export const EPOCH_MS = 1_700_000_000_000;
const RIGHT_MS = MAX_CLOCK_SKEW_MS / 2 - 100;
/** A right clock, less true time: at most. A wrong one is believed by a right one only while it is within S of that. */
export const BELIEVED_MS = 1.5 * MAX_CLOCK_SKEW_MS;

export class SimWallClock {
  readonly #world: EventQueue;
  readonly #usualMs: number;
  #offsetMs: number;
  #drift = 0;
  #sinceMs = 0;
  #steady = true;

  constructor(world: EventQueue, usualMs: number) {
    this.#world = world;
    this.#usualMs = usualMs;
    this.#offsetMs = usualMs;
  }

  /** A right one, by chance. */
  static right(world: EventQueue, prng: Prng): SimWallClock {
    return new SimWallClock(world, prng.int(-RIGHT_MS, RIGHT_MS));
  }

  /** How far it is from the truth now, in whole ms. */
  get offsetMs(): number {
    return this.#offsetMs + Math.round(this.#drift * (this.#world.nowMs - this.#sinceMs));
  }

  /** Whether it has been right all the time. */
  get steady(): boolean {
    return this.#steady;
  }

  get wallMs(): number {
    return EPOCH_MS + this.#world.nowMs + this.offsetMs;
  }

  /** Shows a time that is off by so much from now on. */
  set(offsetMs: number): void {
    this.#offsetMs = offsetMs;
    this.#drift = 0;
    this.#steady = false;
  }

  /** Gains so many ms per ms from now on. */
  drift(rate: number): void {
    this.#offsetMs = this.offsetMs;
    this.#sinceMs = this.#world.nowMs;
    this.#drift = rate;
    this.#steady = false;
  }

  /** Is set right. */
  correct(): void {
    this.#offsetMs = this.#usualMs;
    this.#drift = 0;
  }
}
