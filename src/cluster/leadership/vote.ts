/**
 * A node's vote: the newest term it voted in and the candidate it accepted in that term. A node votes at most once per
 * term. The vote is durable before any message mentions it, so two candidates never both reach a quorum in one term,
 * even if messages are lost, repeated or reordered and nodes restart.
 *
 * A blank disk has lost its votes. The node must not vote until it has learned the highest term of the other members.
 */

import type { Effects } from "../context.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import type { NodeId } from "../wire/messages.ts";

/** One vote. `leader` 0: no candidate was accepted, and no vote in this term or below may follow. */
interface Ballot {
  readonly term: number;
  readonly leader: NodeId;
}

/** Key of the persisted fact: term and leader with a space between. */
export const VOTE_FACT = "vote";

const NO_BALLOT: Ballot = { term: 0, leader: 0 };

/** The vote of one node. */
export class Vote {
  readonly #effects: Pick<Effects, "persist">;
  /** Newest vote, possibly not durable yet. */
  #given: Ballot;
  /** Newest durable vote; undefined on a blank disk. */
  #durable: Ballot | undefined;
  #highest: number;

  constructor(stored: string | undefined, effects: Pick<Effects, "persist">) {
    this.#effects = effects;
    this.#durable = read(stored);
    this.#given = this.#durable ?? NO_BALLOT;
    this.#highest = this.#given.term;
  }

  /** Whether the disk holds no vote. */
  get blank(): boolean {
    return this.#durable === undefined;
  }

  /** Newest vote, possibly not durable yet: no further vote in its term or below is allowed. */
  get given(): Ballot {
    return this.#given;
  }

  /** Newest durable term: the highest one that a message may mention. */
  get durableTerm(): number {
    return this.#durable?.term ?? 0;
  }

  /** Whether the newest vote is durable. */
  get isDurable(): boolean {
    return this.#durable === this.#given;
  }

  /** Highest term seen in any message or vote. */
  get highest(): number {
    return this.#highest;
  }

  /** Records a term seen in a message. */
  observe(term: number): void {
    if (Number.isSafeInteger(term)) this.#highest = Math.max(this.#highest, term);
  }

  /**
   * First formation: no disk has voted, so this one may. The facts become durable together with the formation; a disk
   * that formed the cluster without them would have to learn the terms from others, which may have to learn from it.
   */
  get formation(): readonly (readonly [string, string])[] {
    return this.#given === NO_BALLOT ? [[VOTE_FACT, `${NO_BALLOT.term} ${NO_BALLOT.leader}`]] : [];
  }

  /** The facts of {@link formation} are durable. */
  formed(): void {
    if (this.#given === NO_BALLOT) this.#durable = NO_BALLOT;
  }

  /** Votes in a higher term. `then` runs once the vote is durable, unless a newer vote has replaced it. */
  give(ballot: Ballot, then: (now: Instant) => void): void {
    this.#given = ballot;
    this.observe(ballot.term);
    this.#effects.persist({ facts: [[VOTE_FACT, `${ballot.term} ${ballot.leader}`]] }, (now) => {
      // Writes become durable in order, so the durable term never decreases.
      this.#durable = ballot;
      if (this.#given === ballot) then(now);
    });
  }
}

/** Reads the fact. An unreadable fact counts as no vote: the node learns the terms again. */
function read(stored: string | undefined): Ballot | undefined {
  const match = /^(\d{1,15}) (\d{1,3})$/.exec(stored ?? "");
  return match === null ? undefined : { term: Number(match[1]), leader: Number(match[2]) };
}
