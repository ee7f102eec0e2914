/**
 * Which nodes get a request, and in which order. Pure: it is told how each node stands and remembers nothing but its
 * last choice, which it keeps until another node is clearly better.
 */

import { SELECT } from "./limits.ts";
import { type Grade, GRADES } from "./evidence.ts";

/** A node as the choice sees it. */
export interface Candidate {
  readonly grade: Grade;
  /** In the relay's own site. */
  readonly local: boolean;
  /** Smoothed round-trip time divided by the node's weight; undefined while nothing was measured. */
  readonly distanceMs: number | undefined;
  /** Of the same measure. */
  readonly deviationMs: number;
  /** How many samples it rests on. */
  readonly samples: number;
}

/** What was chosen; nodes are their indexes. */
export interface Choice {
  /** All nodes, best first. */
  readonly order: readonly number[];
  /** So many of them get a request at once: one, or all that are equally graded. */
  readonly fanOut: number;
}

/** One good or doubtful node is enough; below that what is known may be old, and an answer is how the relay learns. */
const TRUSTED: readonly Grade[] = ["healthy", "probation"];

/** Nodes that are all suspect may be overloaded: then copies for all of them would make it worse. */
const SUSPECTS_MAX = 2;

/**
 * Chooses, and keeps to its choice.
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
  /** Who has been nearer than the chosen one by the whole margin, and for how many rounds in a row. */
  #challenger = { index: -1, rounds: 0 };

  /**
   * `roundEnded`: new distances are in. Otherwise only a change of grade can change the choice. `settled`: every node
   * had its chance to be measured; until then who answered first has nothing to defend.
   */
  choose(
    candidates: readonly Candidate[],
    { roundEnded, settled = true }: { readonly roundEnded: boolean; readonly settled?: boolean },
  ): Choice {
    if (!settled) this.#chosen = -1;
    const order = candidates.map((_, index) => index).sort((a, b) => compare(candidates, a, b));
    const best = this.#applyHysteresis(candidates, order, roundEnded);
    if (best === undefined) return { order, fanOut: 0 };
    this.#chosen = best;
    const { grade } = candidates[best] as Candidate;
    const equals = candidates.filter((candidate) => candidate.grade === grade).length;
    const fanOut = TRUSTED.includes(grade) ? 1 : grade === "suspect" ? Math.min(equals, SUSPECTS_MAX) : equals;
    return { order: [best, ...order.filter((index) => index !== best)], fanOut };
  }

  #applyHysteresis(
    candidates: readonly Candidate[],
    order: readonly number[],
    roundEnded: boolean,
  ): number | undefined {
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

/** What came first may have been chance; what has held for long is not given up for a moment's gain. */
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

/** Nobody is chosen that could be defended: of the nodes as near as the nearest, the first in the operator's order. */
function firstWithinMargin(candidates: readonly Candidate[], order: readonly number[]): number {
  const nearest = order[0] as number;
  const best = candidates[nearest] as Candidate;
  const equals = order.filter((index) => {
    const candidate = candidates[index] as Candidate;
    return rankOf(candidate) === rankOf(best) && !isClearlyNearer(best, candidate);
  });
  return Math.min(...equals);
}

/** Nearer by the whole margin, which grows with distance and with what chance may do. */
export function isClearlyNearer(one: Candidate, other: Candidate): boolean {
  if (one.distanceMs === undefined) return false;
  if (other.distanceMs === undefined) return true;
  return other.distanceMs - one.distanceMs > hysteresisMs(one, other);
}

/** By how much a node must be nearer than the chosen one, `other`. */
export function hysteresisMs(one: Candidate, other: Candidate): number {
  return Math.max(
    SELECT.hysteresisMs,
    SELECT.hysteresisShare * (other.distanceMs ?? 0),
    SELECT.hysteresisDeviations * (one.deviationMs + other.deviationMs),
  );
}
