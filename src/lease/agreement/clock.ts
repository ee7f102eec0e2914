/**
 * The anchored clock (README.md, CLOCK): wall time that a step of the machine's clock does not move.
 *
 * The anchor is the difference between wall and monotonic time at a moment when a quorum agreed on the time. From then
 * on `earliest` and `latest` bracket the true time even if the wall clock jumps. The caller decides when a quorum
 * agrees; a node alone is its own quorum.
 */

import { ANCHOR_LIFETIME_MS, MAX_CLOCK_SKEW_MS } from "./limits.ts";

/** One reading of both clocks of this machine, in whole milliseconds. */
export interface Instant {
  /** Milliseconds since 1970; may jump. */
  readonly wallMs: number;
  /** Milliseconds since an arbitrary start; never jumps. */
  readonly monotonicMs: number;
}

/** The bounds of the true time, in ms since 1970. */
export interface Bounds {
  /** Decides from when a lock has to last. */
  readonly latest: number;
  /** Decides whether a proposal is late. */
  readonly now: number;
  /** Decides whether a lock still runs. */
  readonly earliest: number;
}

/** Why a clock can't be used now. */
export type ClockFault = "noAnchor" | "wallJumped";

/** The anchored clock of one process. Starts without an anchor. */
export class AnchoredClock {
  #anchor: number | undefined;
  #anchoredAt = 0;

  /** Sets the anchor. The caller has seen a quorum, this node included, agree with `now`. */
  anchor(now: Instant): void {
    this.#anchor = now.wallMs - now.monotonicMs;
    this.#anchoredAt = now.monotonicMs;
  }

  /** Both bounds; undefined without an anchor: then don't propose, vote or sync. */
  bounds(now: Instant): Bounds | undefined {
    const anchored = this.#anchoredTime(now);
    if (anchored === undefined) return undefined;
    const lower = Math.min(now.wallMs, anchored);
    return { latest: Math.max(now.wallMs, anchored), now: lower, earliest: lower };
  }

  /** Why this node may not propose now; undefined when it may. */
  fault(now: Instant): ClockFault | undefined {
    const anchored = this.#anchoredTime(now);
    if (anchored === undefined) return "noAnchor";
    return Math.abs(now.wallMs - anchored) > MAX_CLOCK_SKEW_MS ? "wallJumped" : undefined;
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
