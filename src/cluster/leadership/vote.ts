/**
 * A node's vote: the newest term it took part in and whom it accepted as coordinator there, one per term, ever. The vote
 * is on disk before anything is said about it; so two candidates never both get a majority in one term, whatever is lost,
 * repeated, reordered or restarted in between.
 *
 * A blank disk has forgotten its votes. Until it has learned how far the terms are, it has none to give.
 */

import type { Effects } from "../context.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import type { NodeId } from "../wire/messages.ts";

/** One vote. `leader` 0: nobody's, but no term up to this one may be voted in. */
export interface Ballot {
  readonly term: number;
  readonly leader: NodeId;
}

/** Key of the persisted fact: term and leader with a space between. */
export const VOTE_FACT = "vote";

const NO_BALLOT: Ballot = { term: 0, leader: 0 };

/** The vote of one node. */
export class Vote {
  readonly #effects: Pick<Effects, "persist">;
  /** Newest vote, perhaps still on its way to disk. */
  #given: Ballot;
  /** Newest vote on disk; undefined on a blank disk. */
  #durable: Ballot | undefined;
  #highest: number;

  constructor(stored: string | undefined, effects: Pick<Effects, "persist">) {
    this.#effects = effects;
    this.#durable = read(stored);
    this.#given = this.#durable ?? NO_BALLOT;
    this.#highest = this.#given.term;
  }

  /** Whether the disk has forgotten its votes. */
  get blank(): boolean {
    return this.#durable === undefined;
  }

  /** Newest vote, perhaps not on disk yet: nothing in its term or below may be voted for anymore. */
  get given(): Ballot {
    return this.#given;
  }

  /** Newest term that may be spoken of. */
  get durableTerm(): number {
    return this.#durable?.term ?? 0;
  }

  /** Whether the newest vote is on disk. */
  get isDurable(): boolean {
    return this.#durable === this.#given;
  }

  /** Highest term seen anywhere. */
  get highest(): number {
    return this.#highest;
  }

  /** Takes note of a term that somebody spoke of. */
  observe(term: number): void {
    if (Number.isSafeInteger(term)) this.#highest = Math.max(this.#highest, term);
  }

  /** Gives the vote of a higher term. `then` runs once it is on disk, unless a newer vote was given meanwhile. */
  give(ballot: Ballot, then: (now: Instant) => void): void {
    this.#given = ballot;
    this.observe(ballot.term);
    this.#effects.persist({ facts: [[VOTE_FACT, `${ballot.term} ${ballot.leader}`]] }, (now) => {
      // Writes become durable in order, so this never goes back.
      this.#durable = ballot;
      if (this.#given === ballot) then(now);
    });
  }
}

/** Reads the fact. What can't be read is no vote: the terms are learned again. */
function read(stored: string | undefined): Ballot | undefined {
  const match = /^(\d{1,15}) (\d{1,3})$/.exec(stored ?? "");
  return match === null ? undefined : { term: Number(match[1]), leader: Number(match[2]) };
}
