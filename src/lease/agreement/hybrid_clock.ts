/** Mints versions above everything this process has seen: a hybrid logical clock per node. */

import { TICKS_PER_MS, type Version } from "./version.ts";

/** The version source of one process. */
export class HybridClock {
  readonly #node: number;
  readonly #incarnation: number;
  #clock = 0;

  /** `incarnation` is random per process start, below 2^32: a version is never minted twice, whatever a disk forgot. */
  constructor(identity: { node: number; incarnation: number }) {
    this.#node = identity.node;
    this.#incarnation = identity.incarnation;
  }

  /** A version above every one minted or observed here, and not behind a time in ms since 1970 that is no jump ahead. */
  mint(timeMs: number): Version {
    this.#clock = Math.max(this.#clock + 1, Math.floor(timeMs) * TICKS_PER_MS);
    return { clock: this.#clock, node: this.#node, incarnation: this.#incarnation };
  }

  /** Takes note of a version seen in a record: `clock = max(clock, r.version)`. */
  observe(version: Version): void {
    if (version.clock > this.#clock) this.#clock = version.clock;
  }
}
