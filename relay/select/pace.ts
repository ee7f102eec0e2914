/**
 * The pace of the probes: slower while nothing changes, so that thousands of relays cost a node little; normal at once
 * when anything does. While all is calm nothing waits for a probe: the answers to clients prove the chosen node
 * healthy, and the first silence is hedged and ends the calm.
 */

import { SELECT } from "./limits.ts";

/**
 * Counts calm rounds.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const pace = new ProbePace();
 * for (let round = 0; round < 30; round++) pace.next(true);
 * deepStrictEqual([1, 2, 3, 4].map(() => pace.next(true)), [2, 4, 8, 8]);
 * deepStrictEqual([pace.disturb(), pace.next(true)], [true, 1]);
 * ```
 */
export class ProbePace {
  #calmRounds = 0;
  #intervals = 1;

  /** A round begins: after how many intervals the next one is due. `calm`: nothing is changing. */
  next(calm: boolean): number {
    if (!calm) this.disturb();
    else if (++this.#calmRounds > SELECT.calmRounds) {
      this.#intervals = Math.min(SELECT.calmIntervalsMax, 2 * this.#intervals);
    }
    return this.#intervals;
  }

  /** Returns to the normal pace; true when it was slower, so that a round is due now. */
  disturb(): boolean {
    const slow = this.#intervals > 1;
    this.#calmRounds = 0;
    this.#intervals = 1;
    return slow;
  }
}
