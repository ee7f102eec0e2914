/**
 * Which nodes get a request, and in which order: best grade, then the relay's own site, then the lowest smoothed
 * round-trip time, with hysteresis. The only state is the current choice and its challenger.
 */

import { SELECT } from "./limits.ts";
import { type Grade, GRADES } from "./evidence.ts";

/** A node's properties that the choice depends on. */
export interface Candidate {
  readonly grade: Grade;
  /** Whether it is in the relay's own site. */
  readonly local: boolean;
  /** Smoothed round-trip time divided by the node's weight; undefined before the first sample. */
  readonly distanceMs: number | undefined;
  /** Smoothed deviation, divided by the weight as well. */
  readonly deviationMs: number;
  /** Number of samples behind it. */
  readonly samples: number;
}

/** The result; nodes are given by index. */
export interface Choice {
  /** All nodes, best first. */
  readonly order: readonly number[];
  /** How many of them get a request at once: one, or all while none is known to be reachable. */
  readonly fanOut: number;
}

/**
 * Chooses with hysteresis.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const far: Candidate = { grade: "healthy", local: false, distanceMs: 40, deviationMs: 1, samples: 9 };
 * const choice = new Chooser().choose([far, { ...far, distanceMs: 2 }], { roundEnded: true });
 * deepStrictEqual(choice, { order: [1, 0], fanOut: 1 });
 * ```
 */
export class Chooser {
  #chosen = -1;
  /** The node that beats the chosen one by the whole hysteresis, and for how many rounds in a row. */
  #challenger = { index: -1, rounds: 0 };

  /**
   * `roundEnded`: there are new distances; otherwise only a grade can change the choice. `settled`: every node
   * has been probed once; before that the order of the first answers must not matter, so there is no hysteresis.
   */
  choose(
    candidates: readonly Candidate[],
    { roundEnded, settled = true }: { readonly roundEnded: boolean; readonly settled?: boolean },
  ): Choice {
    if (!settled) this.#chosen = -1;
    const order = candidates.map((_, index) => index).sort((a, b) => compare(candidates, a, b));
    const best = this.#hysteresis(candidates, order, roundEnded);
    if (best === undefined) return { order, fanOut: 0 };
    this.#chosen = best;
    const { grade } = candidates[best] as Candidate;
    // Nodes that are slow, suspect or not ready may be overloaded: copies to all of them would make it worse.
    const fanOut = grade === "unreachable" ? candidates.length : 1;
    return { order: [best, ...order.filter((index) => index !== best)], fanOut };
  }

  /** Whether a node is about to replace the chosen one. */
  get deciding(): boolean {
    return this.#challenger.index >= 0;
  }

  #hysteresis(candidates: readonly Candidate[], order: readonly number[], roundEnded: boolean): number | undefined {
    const [nearest] = order;
    const current = candidates[this.#chosen];
    const challenger = nearest === undefined ? undefined : candidates[nearest];
    if (challenger === undefined || nearest === undefined) return undefined;
    if (current === undefined || rankOf(current) !== rankOf(challenger)) {
      this.#challenger = { index: -1, rounds: 0 };
      return firstWithinMargin(candidates, order);
    }
    if (!roundEnded) return this.#chosen;
    const nearer = nearest !== this.#chosen && isClearlyNearer(challenger, current);
    const rounds = nearer ? (this.#challenger.index === nearest ? this.#challenger.rounds : 0) + 1 : 0;
    this.#challenger = { index: nearer ? nearest : -1, rounds };
    if (rounds < roundsNeeded(challenger, current)) return this.#chosen;
    this.#challenger = { index: -1, rounds: 0 };
    return nearest;
  }
}

/** Rounds of hysteresis: few after few samples, which may be chance; more for a choice that has held for long. */
function roundsNeeded(challenger: Candidate, current: Candidate): number {
  const samples = Math.min(challenger.samples, current.samples);
  const wanted = Math.floor(samples * SELECT.hysteresisRoundsPerSample);
  return Math.min(SELECT.hysteresisRoundsMax, Math.max(SELECT.hysteresisRoundsMin, wanted));
}

/** Grade first, then site. */
function rankOf(candidate: Candidate): number {
  return 2 * GRADES.indexOf(candidate.grade) + (candidate.local ? 0 : 1);
}

function compare(candidates: readonly Candidate[], a: number, b: number): number {
  const [one, other] = [candidates[a] as Candidate, candidates[b] as Candidate];
  const byRank = rankOf(one) - rankOf(other);
  if (byRank !== 0) return byRank;
  const [near, far] = [one.distanceMs ?? Infinity, other.distanceMs ?? Infinity];
  return near === far ? a - b : near - far;
}

/** Without a current choice: of the nodes within the hysteresis of the nearest, the first in the configuration. */
function firstWithinMargin(candidates: readonly Candidate[], order: readonly number[]): number {
  const nearest = order[0] as number;
  const best = candidates[nearest] as Candidate;
  const equals = order.filter((index) => {
    const candidate = candidates[index] as Candidate;
    return rankOf(candidate) === rankOf(best) && !isClearlyNearer(best, candidate);
  });
  return Math.min(...equals);
}

/** Whether `one` is nearer by more than the hysteresis. */
export function isClearlyNearer(one: Candidate, other: Candidate): boolean {
  if (one.distanceMs === undefined) return false;
  if (other.distanceMs === undefined) return true;
  return other.distanceMs - one.distanceMs > hysteresisMs(one, other);
}

/** The hysteresis: how much nearer `one` must be than `other`, the chosen node. Grows with distance and deviation. */
export function hysteresisMs(one: Candidate, other: Candidate): number {
  return Math.max(
    SELECT.hysteresisMs,
    SELECT.hysteresisShare * (other.distanceMs ?? 0),
    SELECT.hysteresisDeviations * (one.deviationMs + other.deviationMs),
  );
}
