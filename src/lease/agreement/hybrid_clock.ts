/** A hybrid logical clock: mints versions above every version that this process has seen. */

import { TICKS_PER_MS, type Version } from "./version.ts";

/** The version source of one process. */
export class HybridClock {
  readonly #node: number;
  readonly #incarnation: number;
  #clock = 0;

  /**
   * `incarnation` is random per process start, below 2^32: no version is minted twice, even after a disk was lost
   * (case 19).
   */
  constructor(identity: { node: number; incarnation: number }) {
    this.#node = identity.node;
    this.#incarnation = identity.incarnation;
  }

  /**
   * A version above every version minted or observed here, and not behind `timeMs` (ms since 1970). Callers pass
   * `Bounds.latest`: a later release tells by the version's time what was requested clearly before it (case 32).
   */
  mint(timeMs: number): Version {
    this.#clock = Math.max(this.#clock + 1, Math.floor(timeMs) * TICKS_PER_MS);
    return { clock: this.#clock, node: this.#node, incarnation: this.#incarnation };
  }

  /** Notes a version seen in a record: later versions are above it. */
  observe(version: Version): void {
    if (version.clock > this.#clock) this.#clock = version.clock;
  }
}
