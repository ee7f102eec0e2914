/**
 * The anchored clock (lease agreement, CLOCK): wall time that a step of the machine's clock can't move.
 *
 * The anchor is the difference between wall and monotonic time at a moment when a majority agreed on the time. From then
 * on `late` and `early` bracket the truth even if the wall clock jumps. Who may anchor, and when a majority agrees, is
 * decided by the caller; a node alone is its own majority.
 */

import { ANCHOR_LIFETIME_MS, MAX_CLOCK_SKEW_MS } from "./limits.ts";

/** One reading of both clocks of this machine, in whole milliseconds. */
export interface Instant {
  /** Milliseconds since 1970; may jump. */
  readonly wallMs: number;
  /** Milliseconds since some start; never jumps. */
  readonly monotonicMs: number;
}

/** What the agreement needs to know of the time: ms since 1970. */
export interface Bounds {
  /** Not before this, for deciding how long a lock must last. */
  readonly latest: number;
  /** Not after this, for deciding whether a lock still lasts. */
  readonly earliest: number;
}

/** Why a clock can't be used now. */
export type ClockFault = "noAnchor" | "wallJumped";

/** The anchored clock of one process. Starts without an anchor. */
export class AnchoredClock {
  #anchor: number | undefined;
  #anchoredAt = 0;

  /** Sets the anchor: the caller saw a majority, this machine included, agree with `now`. */
  anchor(now: Instant): void {
    this.#anchor = now.wallMs - now.monotonicMs;
    this.#anchoredAt = now.monotonicMs;
  }

  /** Both bounds, or undefined without an anchor: then don't propose, vote or sync. */
  bounds(now: Instant): Bounds | undefined {
    const anchored = this.#anchoredTime(now);
    if (anchored === undefined) return undefined;
    return { latest: Math.max(now.wallMs, anchored), earliest: Math.min(now.wallMs, anchored) };
  }

  /** Why no proposal may be made now; undefined when one may. */
  fault(now: Instant): ClockFault | undefined {
    const anchored = this.#anchoredTime(now);
    if (anchored === undefined) return "noAnchor";
    return Math.abs(now.wallMs - anchored) > MAX_CLOCK_SKEW_MS ? "wallJumped" : undefined;
  }

  /** How far the wall clock moved away from the anchor, in ms; 0 without an anchor. */
  jumpMs(now: Instant): number {
    const anchored = this.#anchoredTime(now);
    return anchored === undefined ? 0 : now.wallMs - anchored;
  }

  #anchoredTime(now: Instant): number | undefined {
    if (this.#anchor === undefined) return undefined;
    if (now.monotonicMs - this.#anchoredAt > ANCHOR_LIFETIME_MS) {
      this.#anchor = undefined;
      return undefined;
    }
    return now.monotonicMs + this.#anchor;
  }
}
