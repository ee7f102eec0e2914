/**
 * Chooses the membership of the next epoch before any node adopts it (membership step 0, case 34): single-decree Paxos
 * among the members of this epoch. Two leaders that are given different changes at once choose one of them.
 *
 * A ballot is a round and the proposer's id. Its round is at least the leader's term, and above every round that this
 * disk has promised: a leader that proposes twice in a term, or restarts, never uses a ballot twice.
 *
 * A lost disk takes its promises with it. Before its successor votes, it asks ⌈n/2⌉ other voters for what they
 * accepted, in a ballot above all that they promised. Any quorum that completed a phase shares a voter with these, so:
 * - what the lost disk helped to choose is among the answers, or can't be chosen any more in lower ballots;
 * - a phase 1 that counted the lost disk is refused by one of these voters in every quorum (`JoinedDisk`).
 */

import { unreachable } from "../../assert.ts";
import { quorumOf, unionSources } from "../../lease/agreement/quorum.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type {
  AcceptedMembership,
  Ballot,
  JoinedDisk,
  MembershipAccept,
  MembershipAccepted,
  MembershipContent,
  MembershipPrepare,
  MembershipPromise,
  NodeId,
} from "../wire/messages.ts";

/** A message of the choice. */
export type PaxosMessage = MembershipPrepare | MembershipPromise | MembershipAccept | MembershipAccepted;

/** What a member has promised and accepted in one epoch; durable before it is said. */
export interface AcceptorState {
  readonly promised: Ballot;
  readonly accepted: AcceptedMembership | undefined;
  /** The round in which this disk learned from the others; 0: it was complete when the epoch began. */
  readonly since: number;
  readonly joined: readonly JoinedDisk[];
}

const NO_BALLOT: Ballot = { round: 0, node: 0 };
export const NOTHING_PROMISED: AcceptorState = { promised: NO_BALLOT, accepted: undefined, since: 0, joined: [] };

/** A refused proposer waits at random up to this long. */
const BACKOFF_MS = 300;

function compareBallots(a: Ballot, b: Ballot): number {
  return a.round - b.round || a.node - b.node;
}

function higher(a: AcceptedMembership | undefined, b: AcceptedMembership | undefined): AcceptedMembership | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareBallots(a.ballot, b.ballot) < 0 ? b : a;
}

/** Adds disks; of one member's the one that joined last holds. */
function withJoined(known: readonly JoinedDisk[], more: readonly JoinedDisk[]): JoinedDisk[] {
  const newest = new Map(known.map((disk) => [disk.id, disk]));
  for (const disk of more) if (disk.since > (newest.get(disk.id)?.since ?? 0)) newest.set(disk.id, disk);
  return [...newest.values()];
}

/** Phase 1 at an acceptor: its next state, or undefined when it refuses. */
function promise(state: AcceptorState, ballot: Ballot, joining: string | undefined): AcceptorState | undefined {
  const order = compareBallots(ballot, state.promised);
  // A ballot of the lost disk must stay below the one in which its successor learns.
  if (order < 0 || (joining !== undefined && order === 0)) return undefined;
  if (joining === undefined) return { ...state, promised: ballot };
  const disk = { id: ballot.node, diskId: joining, since: ballot.round };
  return { ...state, promised: ballot, joined: withJoined(state.joined, [disk]) };
}

/** Phase 2 at an acceptor: its next state, or undefined when it refuses. */
function accept(
  state: AcceptorState,
  ballot: Ballot,
  { content, promises }: Pick<MembershipAccept, "content" | "promises">,
): AcceptorState | undefined {
  if (compareBallots(ballot, state.promised) < 0) return undefined;
  // The promise of a disk that was lost since is not kept.
  const isLost = (disk: JoinedDisk) =>
    state.joined.some(({ id, diskId, since }) => id === disk.id && diskId !== disk.diskId && since > disk.since);
  if (promises.some(isLost)) return undefined;
  return { ...state, promised: ballot, accepted: { ballot, content } };
}

/** A change that this node wants to be chosen. */
interface Wish {
  readonly term: number;
  /** Undefined: whatever was accepted before. */
  readonly content: MembershipContent | undefined;
  /** Whether a membership that was accepted before may be completed now. */
  readonly permits: (content: MembershipContent, now: Instant) => boolean;
}

/** One ballot of this proposer. */
interface Attempt {
  readonly ballot: Ballot;
  readonly promises: Map<NodeId, MembershipPromise>;
  readonly accepts: Set<NodeId>;
  /** Set in phase 2. */
  accepting: Pick<MembershipAccept, "content" | "promises"> | undefined;
}

/** What a blank disk has learned. */
interface Recovery {
  readonly round: number;
  readonly promises: Map<NodeId, MembershipPromise>;
}

interface PaxosOptions {
  readonly self: NodeId;
  /** The members of this epoch. */
  readonly members: () => readonly NodeId[];
  readonly diskId: () => string;
  /** Whether this node votes: its disk is complete. */
  readonly isVoter: () => boolean;
  readonly stored: AcceptorState;
  readonly send: (to: NodeId, message: PaxosMessage) => void;
  readonly persist: (state: AcceptorState, durable: (now: Instant) => void) => void;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A quorum has accepted this membership on this proposer's demand. Runs once per epoch at most. */
  readonly chosen: (content: MembershipContent) => void;
  /** Phase 1 found a membership that must be completed first, and `permits` does not allow it now. */
  readonly blocked: (content: MembershipContent, now: Instant) => void;
}

/** The choice of the next membership at one member: acceptor, and proposer while it leads. */
export class Paxos {
  readonly #options: PaxosOptions;
  #state: AcceptorState;
  #wish: Wish | undefined;
  #attempt: Attempt | undefined;
  #recovery: Recovery | undefined;
  #recovered = false;
  /** Highest round seen. */
  #seen = 0;
  #sentMs = -Infinity;
  #retryMs = 0;
  /** Counts epochs and disks: what was written for an earlier one is not answered. */
  #generation = 0;

  constructor(options: PaxosOptions) {
    this.#options = options;
    this.#state = options.stored;
  }

  get state(): AcceptorState {
    return this.#state;
  }

  /** Whether this blank disk has learned what it has to know before it votes. */
  get recovered(): boolean {
    return this.#recovered;
  }

  /** Whether a change is on its way from here. */
  get isProposing(): boolean {
    return this.#wish !== undefined;
  }

  /** Whether this voter proposes nothing and has accepted nothing. */
  get isIdle(): boolean {
    return this.#wish === undefined && this.#state.accepted === undefined && this.#options.isVoter();
  }

  /** Proposes a membership until one is chosen or {@link withdraw} is called. */
  propose(wish: Wish, now: Instant): void {
    this.#wish = wish;
    this.#retryMs = now.monotonicMs;
    this.tick(now, true);
  }

  /** Proposes no more. What others have accepted may still be chosen, by a later proposer. */
  withdraw(): void {
    this.#wish = undefined;
    this.#attempt = undefined;
  }

  /** Another epoch holds, or the disk counts as lost: nothing is promised. */
  reset(): void {
    this.withdraw();
    this.#state = NOTHING_PROMISED;
    this.#recovery = undefined;
    this.#recovered = false;
    this.#generation += 1;
  }

  /** Sends what is due. `mayLearn`: a blank disk may ask the others. */
  tick(now: Instant, mayLearn: boolean): void {
    const ms = now.monotonicMs;
    if (!this.#options.isVoter()) {
      if (mayLearn && !this.#recovered && ms - this.#sentMs >= CLUSTER_LIMITS.repeatMs) this.#learn(ms);
      return;
    }
    if (this.#wish === undefined) return;
    if (this.#attempt === undefined) {
      if (ms >= this.#retryMs) this.#begin(this.#wish, ms);
    } else if (ms - this.#sentMs >= CLUSTER_LIMITS.repeatMs) this.#ask(this.#attempt, ms);
  }

  /** Takes a message of a member of this epoch. `trusted`: its answers count. */
  receive(from: NodeId, message: PaxosMessage, now: Instant, trusted: boolean): void {
    switch (message.type) {
      case "membershipPrepare":
        return this.#prepare(from, message);
      case "membershipAccept":
        return this.#accept(from, message);
      case "membershipPromise":
        if (trusted) this.#promised(from, message, now);
        return;
      case "membershipAccepted":
        if (trusted) this.#accepted(from, message, now);
        return;
      default:
        return unreachable(message);
    }
  }

  get #others(): NodeId[] {
    return this.#options.members().filter((id) => id !== this.#options.self);
  }

  /** The own promise is durable before another member hears of the ballot. */
  #begin(wish: Wish, ms: number): void {
    const { self } = this.#options;
    const round = Math.max(wish.term, this.#state.promised.round + 1, this.#seen + 1);
    const ballot = { round, node: self };
    const attempt: Attempt = { ballot, promises: new Map(), accepts: new Set(), accepting: undefined };
    this.#attempt = attempt;
    this.#sentMs = ms;
    const state = { ...this.#state, promised: ballot };
    this.#take(state, (now) => {
      if (this.#attempt !== attempt) return;
      this.#ask(attempt, now.monotonicMs);
      this.#promised(self, this.#promiseOf(round, true, state), now);
    });
  }

  #ask({ ballot: { round }, promises, accepts, accepting }: Attempt, ms: number): void {
    this.#sentMs = ms;
    const message: PaxosMessage = accepting === undefined
      ? { type: "membershipPrepare", round, joining: undefined }
      : { type: "membershipAccept", round, ...accepting };
    const answered = accepting === undefined ? promises : accepts;
    for (const id of this.#others) if (!answered.has(id)) this.#options.send(id, message);
  }

  #learn(ms: number): void {
    this.#sentMs = ms;
    const round = ++this.#seen;
    this.#recovery = { round, promises: new Map() };
    const joining = this.#options.diskId();
    for (const id of this.#others) this.#options.send(id, { type: "membershipPrepare", round, joining });
  }

  #promiseOf(round: number, ok: boolean, state: AcceptorState): MembershipPromise {
    return { type: "membershipPromise", round, ok, diskId: this.#options.diskId(), ...state };
  }

  #prepare(from: NodeId, { round, joining }: MembershipPrepare): void {
    if (!this.#options.isVoter()) return;
    this.#seen = Math.max(this.#seen, round);
    const next = promise(this.#state, { round, node: from }, joining);
    const answer = this.#promiseOf(round, next !== undefined, next ?? this.#state);
    this.#take(next ?? this.#state, () => this.#options.send(from, answer));
  }

  #accept(from: NodeId, message: MembershipAccept): void {
    if (!this.#options.isVoter()) return;
    const { round } = message;
    const next = accept(this.#state, { round, node: from }, message);
    const answer: MembershipAccepted = {
      type: "membershipAccepted",
      round,
      ok: next !== undefined,
      promised: (next ?? this.#state).promised,
    };
    this.#take(next ?? this.#state, () => this.#options.send(from, answer));
  }

  /** Answers leave after the state is durable, also when an earlier message made it so. */
  #take(state: AcceptorState, durable: (now: Instant) => void): void {
    const generation = this.#generation;
    this.#state = state;
    this.#options.persist(state, (now) => {
      if (this.#generation === generation) durable(now);
    });
  }

  #promised(from: NodeId, message: MembershipPromise, now: Instant): void {
    const { members } = this.#options;
    this.#seen = Math.max(this.#seen, message.promised.round);
    if (!this.#options.isVoter()) return this.#learned(from, message);
    const attempt = this.#attempt;
    if (attempt?.ballot.round !== message.round || attempt.accepting !== undefined) return;
    if (!message.ok) return this.#fail(now);
    attempt.promises.set(from, message);
    const promises = members().filter((id) => attempt.promises.has(id));
    if (promises.length >= quorumOf(members().length)) this.#startAccepting(attempt, now);
  }

  #startAccepting(attempt: Attempt, now: Instant): void {
    const { self, blocked } = this.#options;
    const accepted = [...attempt.promises.values()].map((promise) => promise.accepted).reduce(higher);
    const content = accepted?.content ?? this.#wish?.content;
    if (content === undefined) return this.withdraw();
    if (accepted !== undefined && this.#wish?.permits(content, now) !== true) {
      this.withdraw();
      return blocked(content, now);
    }
    const promises = Array.from(attempt.promises, ([id, { diskId, since }]) => ({ id, diskId, since }));
    const own = accept(this.#state, attempt.ballot, { content, promises });
    if (own === undefined) return this.#fail(now);
    attempt.accepting = { content, promises };
    this.#ask(attempt, now.monotonicMs);
    const { round } = attempt.ballot;
    this.#take(own, (at) => {
      this.#accepted(self, { type: "membershipAccepted", round, ok: true, promised: attempt.ballot }, at);
    });
  }

  #accepted(from: NodeId, { round, ok, promised }: MembershipAccepted, now: Instant): void {
    const { members, chosen } = this.#options;
    this.#seen = Math.max(this.#seen, promised.round);
    const attempt = this.#attempt;
    if (attempt?.ballot.round !== round || attempt.accepting === undefined) return;
    if (!ok) return this.#fail(now);
    attempt.accepts.add(from);
    const accepts = members().filter((id) => attempt.accepts.has(id));
    if (accepts.length < quorumOf(members().length)) return;
    const { content } = attempt.accepting;
    this.withdraw();
    chosen(content);
  }

  #fail({ monotonicMs }: Instant): void {
    this.#attempt = undefined;
    this.#retryMs = monotonicMs + Math.floor(this.#options.random() * BACKOFF_MS);
  }

  /** A round that is refused, or incomplete when the next one is due, is given up for a higher one. */
  #learned(from: NodeId, message: MembershipPromise): void {
    if (this.#recovery?.round !== message.round || !message.ok) return;
    const { round, promises } = this.#recovery;
    // Rounds begin anew with each blank disk: a late promise to the one before does not say what that accepted since.
    if (!message.joined.some(({ diskId, since }) => diskId === this.#options.diskId() && since === round)) return;
    promises.set(from, message);
    const answers = this.#others.flatMap((id) => promises.get(id) ?? []);
    if (answers.length < unionSources(this.#others.length + 1)) return;
    const { self } = this.#options;
    const disks = Array.from(promises, ([id, { diskId, since }]) => ({ id, diskId, since }));
    this.#state = {
      promised: { round, node: self },
      accepted: answers.map((answer) => answer.accepted).reduce(higher),
      since: round,
      joined: answers.reduce((known, { joined }) => withJoined(known, joined), withJoined([], disks))
        .filter(({ id }) => id !== self),
    };
    this.#recovery = undefined;
    this.#recovered = true;
  }
}
