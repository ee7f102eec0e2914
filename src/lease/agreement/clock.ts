/**
 * The anchored clock (README.md, CLOCK): wall time that a step of the machine's clock does not move by itself.
 *
 * The anchor is the difference between wall and monotonic time at a moment when a quorum agreed on the time; `line` is
 * monotonic time plus anchor. `latest` and `now` are the higher and the lower of wall clock and line, so they bracket
 * the true time even if the wall clock jumps. When a new anchor moves the line ahead, locks that were made before would
 * end that much too early: `earliest` stays behind by that much, `stepped`, until all of them have ended.
 *
 * The caller decides when a quorum agrees (a node alone is its own quorum), and keeps {@link AnchoredClock.steps} on
 * disk.
 */

import { ANCHOR_LIFETIME_MS, MARGIN_MS, MAX_CLOCK_SKEW_MS } from "./limits.ts";

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

/** What is kept of steps ahead. Must be durable before anything that happens later is. */
export interface Steps {
  /** `stepped` in the rule. */
  readonly steppedMs: number;
  /** A step ahead that was seen and not confirmed by a quorum yet. */
  readonly seenMs: number;
  /** The line when `steppedMs` rose last; 0 while it is 0. */
  readonly sinceMs: number;
}

const NO_STEPS: Steps = { steppedMs: 0, seenMs: 0, sinceMs: 0 };

/** A wall clock that runs away is written down once per second that it gains. */
const SEEN_STEP_MS = 1_000;

/** The anchored clock of one process. Starts without an anchor. */
export class AnchoredClock {
  /** Wall less monotonic time; kept after it has lapsed, to measure what the next anchor moves. */
  #anchor: number | undefined;
  #anchoredAt = 0;
  #steps = NO_STEPS;

  /** Another object after every change. */
  get steps(): Steps {
    return this.#steps;
  }

  /** What an earlier process of this node has written down. Before the first anchor. */
  restore(steps: Steps): void {
    this.#steps = steps;
  }

  /**
   * Sets the anchor. The caller has seen a quorum, this node included, agree with `now`; `agreedMs` is the largest
   * `stepped` of the others in it, steps only seen included. Returns by how much the line has moved, 0 at the first
   * anchor of a process.
   *
   * A process that saw a step measures by how much the line moved in the end. Its successor can't, and adds all of it.
   */
  anchor(now: Instant, agreedMs = 0): number {
    const { steppedMs, seenMs, sinceMs } = this.#steps;
    const line = this.#line(now);
    const movedMs = line === undefined ? 0 : now.wallMs - line;
    this.#anchor = now.wallMs - now.monotonicMs;
    this.#anchoredAt = now.monotonicMs;
    const next = line === undefined
      ? Math.max(steppedMs + seenMs, agreedMs)
      : steppedMs + (movedMs > MAX_CLOCK_SKEW_MS ? movedMs : 0);
    // A line that was set back would reach a later `sinceMs` only after as long as that: count anew.
    const since = next > steppedMs ? now.wallMs : Math.min(sinceMs, now.wallMs);
    this.#change({ steppedMs: next, seenMs: 0, sinceMs: since });
    return movedMs;
  }

  /**
   * Notes a step ahead at once, before a quorum confirms it: if power fails everywhere meanwhile, nothing else is left
   * of it (case 25f). Ends `stepped` when every lock from before the last step has ended; `maxLeaseMs` is how long
   * any of them can last.
   */
  observe(now: Instant, maxLeaseMs: number): void {
    const line = this.#line(now);
    if (line === undefined) return;
    const { steppedMs, seenMs, sinceMs } = this.#steps;
    const aheadMs = now.wallMs - line;
    if (aheadMs > MAX_CLOCK_SKEW_MS && aheadMs >= seenMs + SEEN_STEP_MS) {
      this.#change({ steppedMs, seenMs: aheadMs, sinceMs });
    }
    if (steppedMs > 0 && line - sinceMs >= maxLeaseMs + MARGIN_MS) {
      this.#change({ steppedMs: 0, seenMs: this.#steps.seenMs, sinceMs: 0 });
    }
  }

  /** The bounds; undefined without an anchor: then don't propose, vote or sync. */
  bounds(now: Instant): Bounds | undefined {
    const line = this.#anchored(now);
    if (line === undefined) return undefined;
    const lower = Math.min(now.wallMs, line);
    // Times are not negative: on a machine that boots in 1970, `stepped` may be longer than all time since then.
    return { latest: Math.max(now.wallMs, line), now: lower, earliest: Math.max(0, lower - this.#steps.steppedMs) };
  }

  /** Why this node may not propose now; undefined when it may. */
  fault(now: Instant): ClockFault | undefined {
    const line = this.#anchored(now);
    if (line === undefined) return "noAnchor";
    return Math.abs(now.wallMs - line) > MAX_CLOCK_SKEW_MS ? "wallJumped" : undefined;
  }

  /** How far the wall clock is ahead of the line. */
  offset(now: Instant): number {
    return now.wallMs - (this.#line(now) ?? now.wallMs);
  }

  #change(next: Steps): void {
    const { steppedMs, seenMs, sinceMs } = this.#steps;
    if (next.steppedMs !== steppedMs || next.seenMs !== seenMs || next.sinceMs !== sinceMs) this.#steps = next;
  }

  #line(now: Instant): number | undefined {
    return this.#anchor === undefined ? undefined : now.monotonicMs + this.#anchor;
  }

  #anchored(now: Instant): number | undefined {
    return now.monotonicMs - this.#anchoredAt > ANCHOR_LIFETIME_MS ? undefined : this.#line(now);
  }
}
