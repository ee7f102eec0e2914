/**
 * The time that all right clocks follow. It can be stepped, as NTP does after a power failure without a battery clock.
 */

import type { EventQueue } from "./event_queue.ts";

interface Step {
  readonly atMs: number;
  readonly beforeMs: number;
}

export class CommonTime {
  readonly #events: EventQueue;
  #offsetMs = 0;
  #steps: Step[] = [];

  constructor(events: EventQueue) {
    this.#events = events;
  }

  /** Offset from true time. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** All right clocks, and the wrong ones too, step by this much together. */
  step(ms: number): void {
    this.#steps.push({ atMs: this.#events.nowMs, beforeMs: this.#offsetMs });
    this.#offsetMs += ms;
  }

  /** The least offset in the last `ms`. */
  leastMs(ms: number): number {
    const recent = this.#steps.filter(({ atMs }) => this.#events.nowMs - atMs <= ms);
    return Math.min(this.#offsetMs, ...recent.map(({ beforeMs }) => beforeMs));
  }
}
