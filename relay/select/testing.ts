/** Shared by the tests of the choice: seeded random numbers and nodes with given samples. */

import type { Candidate } from "./choose.ts";
import { RttEstimator } from "./rtt.ts";

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A healthy node at a distance. */
export function candidate(distanceMs: number | undefined, changes: Partial<Candidate> = {}): Candidate {
  return { grade: "healthy", local: false, distanceMs, deviationMs: 0, samples: 30, ...changes };
}

/** A node whose RTT comes from samples. */
export class MeasuredNode {
  readonly #rtt = new RttEstimator();

  add(sampleMs: number): this {
    this.#rtt.add(sampleMs);
    return this;
  }

  get candidate(): Candidate {
    const { smoothedMs, deviationMs = 0, samples } = this.#rtt;
    return candidate(smoothedMs, { deviationMs, samples });
  }
}
