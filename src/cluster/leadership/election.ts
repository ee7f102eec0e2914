/**
 * Who leads: the bully algorithm with persisted terms. The highest member that is present, synced and among a majority
 * gets the others' votes for the next term and leads once a majority, itself included, gave theirs. What a leader does
 * with that is not decided here, and two leaders at a time would cost speed only: safety is the lease agreement's.
 *
 * Decisions that the algorithm leaves open:
 * - Who can't lead (not synced, no majority in sight, blank disk, stepped down by command) says nothing to an `Election`,
 *   so that whoever asked goes on without it. It still votes: terms have nothing to do with slots.
 * - A voter stays with a leader that it hears, against lower candidates: somebody with a one-way connection, who keeps
 *   losing the leader, can't unseat it. Higher ones may take over; they wait for `takeoverMs` on their own.
 * - A leader shows that it leads by its `ClusterStatus`. One that only sends heartbeats has restarted or stepped down.
 * - A status of a lower term than this node voted in is answered with a refusal; the leader that reads it is elected
 *   again above that term, and everybody follows it.
 * - A `Coordinator` of term 0 is never accepted: it asks how far the terms are. A blank disk asks everybody, at the
 *   earliest `blankWaitMs` after its start, when no election it may have voted in before is open,
 *   and votes above the highest answer of as many others as a sync needs: every majority contains one of them.
 */

import { quorumOf, unionSources } from "../../lease/agreement/quorum.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import type { Effects, MemberContext, Role } from "../context.ts";
import { Vote } from "./vote.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { ClusterMessage, NodeId } from "../wire/messages.ts";

/** What happened, for log and status. */
export type ElectionNotice =
  | { readonly kind: "leaderElected"; readonly leader: NodeId; readonly term: number }
  | { readonly kind: "leaderLost"; readonly leader: NodeId; readonly term: number }
  | { readonly kind: "electionFailed"; readonly term: number; readonly accepted: number; readonly needed: number }
  | {
    readonly kind: "steppedDown";
    readonly term: number;
    readonly reason: "noMajority" | "notSynced" | "notMember" | "superseded" | "command";
  };

/** Where this node stands in an election. */
type Phase =
  | { readonly kind: "idle" }
  /** Sent `Election` to the higher members. */
  | { readonly kind: "asking"; readonly untilMs: number }
  /** Got `Okay` and waits for a `Coordinator`. */
  | { readonly kind: "yielding"; readonly untilMs: number; readonly to: Set<NodeId> }
  /** Waits for its own vote to be on disk. */
  | { readonly kind: "writing"; readonly term: number }
  | {
    readonly kind: "gathering";
    readonly term: number;
    readonly untilMs: number;
    repeatMs: number;
    readonly accepted: Set<NodeId>;
  }
  | { readonly kind: "leading"; readonly term: number };

/** Whom this node follows, itself included. */
interface Following {
  readonly leader: NodeId;
  readonly term: number;
  /** It said that it leads; before that it is a candidate this node voted for. */
  readonly confirmed: boolean;
  readonly untilMs: number;
}

const IDLE: Phase = { kind: "idle" };

/** How often the random delay after a failed election doubles. */
const BACKOFF_MAX = 3;

/** One node's part in the elections. */
export class Election {
  readonly #self: NodeId;
  readonly #members: () => readonly NodeId[];
  readonly #effects: Effects<ElectionNotice>;
  readonly #random: () => number;
  readonly #vote: Vote;
  #phase: Phase = IDLE;
  #following: Following | undefined;
  #present: ReadonlySet<NodeId>;
  /** What `#present` was made of. */
  #presentList: readonly NodeId[] = [];
  #synced = false;
  #mayLearn = false;
  /** Since when this node could lead without a break; undefined: it can't. */
  #stableSinceMs: number | undefined;
  /** No election of its own before this. */
  #restUntilMs = 0;
  /** Does not lead before this. */
  #abstainUntilMs = 0;
  #failures = 0;
  /** Higher members that said `Okay` and did nothing. */
  #skipped: ReadonlySet<NodeId> = new Set();
  /** Answers to a blank disk's question. */
  readonly #learned = new Map<NodeId, number>();
  #learnAtMs = 0;

  /** `stored`: the fact `VOTE_FACT`, or undefined on a blank disk, or one that others treat as blank. */
  constructor(context: MemberContext<ElectionNotice>, stored: string | undefined) {
    this.#self = context.self;
    this.#members = () => context.membership.ids;
    this.#effects = context.effects;
    this.#random = context.random;
    this.#vote = new Vote(stored, context.effects);
    this.#present = new Set([context.self]);
  }

  get role(): Role {
    if (this.#phase.kind === "leading") return "leader";
    return this.#phase.kind === "idle" ? "follower" : "candidate";
  }

  /** Term of the leader, or the newest one this node voted in. */
  get term(): number {
    return this.#following?.term ?? this.#vote.durableTerm;
  }

  /** Who leads, as far as this node knows: itself, or one that said so. */
  get leader(): NodeId | undefined {
    return this.#following?.confirmed ? this.#following.leader : undefined;
  }

  /** Whether this node can't vote because its disk is blank. */
  get blank(): boolean {
    return this.#vote.blank;
  }

  /** First formation: all disks are blank, so no term was ever voted in. Not for a node that joins. */
  form(): void {
    if (this.#vote.blank) this.#vote.give({ term: 0, leader: 0 }, () => {});
  }

  /** Takes a message; those that are not about elections are ignored. */
  receive(from: NodeId, message: ClusterMessage, now: Instant): void {
    if (from === this.#self || !this.#members().includes(from)) return;
    switch (message.type) {
      case "election":
        return this.#receiveElection(from, message.term, now);
      case "okay":
        return this.#receiveOkay(from, message.term, now);
      case "coordinator":
        return this.#receiveCoordinator(from, message.term, now);
      case "accepted":
        return message.ok ? this.#receiveAccepted(from, message.term, now) : this.#refused(from, message.term, now);
      case "clusterStatus":
        return this.#receiveStatus(from, message.term, now);
    }
  }

  /**
   * Lets time pass. Call it at least every 20 ms and after every change of `present` or `synced`. `mayLearn`: a blank disk may
   * ask for the terms, as `blankWaitMs` are over; by default when it is synced.
   */
  tick(now: Instant, state: { present: readonly NodeId[]; synced: boolean; mayLearn?: boolean }): void {
    const ms = now.monotonicMs;
    this.#mayLearn = state.mayLearn ?? state.synced;
    if (state.present !== this.#presentList) {
      this.#presentList = state.present;
      this.#present = new Set([...state.present, this.#self]);
    }
    this.#synced = state.synced;
    this.#followTime(ms);
    if (this.#phase.kind === "leading" && !this.#canLead(ms)) this.#stepDown(this.#whyNot());
    else if (this.#phase.kind !== "idle" && !this.#canLead(ms)) this.#phase = IDLE;
    this.#expireLeader(ms);
    if (this.#vote.blank) return this.#learn(ms);
    const phase = this.#phase;
    switch (phase.kind) {
      case "idle":
        if (!this.#canLead(ms) || ms < this.#restUntilMs) return;
        if (this.#following === undefined || this.#mayTakeOver(ms)) this.#startElection(now);
        return;
      case "asking":
        if (ms >= phase.untilMs) this.#becomeCandidate();
        return;
      case "yielding":
        if (ms < phase.untilMs) return;
        this.#skipped = phase.to;
        return this.#startElection(now);
      case "gathering":
        if (ms >= phase.untilMs) return this.#fail(phase.accepted.size, phase.term, ms);
        if (ms < phase.repeatMs) return;
        phase.repeatMs = ms + CLUSTER_LIMITS.electionRepeatMs;
        this.#effects.broadcast({ type: "coordinator", term: phase.term });
    }
  }

  /** The next monotonic time after `now` at which {@link tick} may have something to decide. */
  nextDeadline({ monotonicMs }: Instant): number {
    const { electionMs, takeoverMs } = CLUSTER_LIMITS;
    const phase = this.#phase;
    const times = [this.#restUntilMs, this.#abstainUntilMs, this.#following?.untilMs ?? Infinity];
    if (this.#stableSinceMs !== undefined) times.push(this.#stableSinceMs + takeoverMs);
    if ("untilMs" in phase) times.push(phase.untilMs);
    if ("repeatMs" in phase) times.push(phase.repeatMs);
    if (this.#vote.blank) times.push(Math.max(this.#learnAtMs, monotonicMs + electionMs));
    return Math.min(...times.filter((ms) => ms > monotonicMs));
  }

  /** Operator's command: leave it to others for a while. Nothing happens on a node that does not lead. */
  stepDown(now: Instant): void {
    if (this.#phase.kind !== "leading") return;
    this.#abstainUntilMs = now.monotonicMs + CLUSTER_LIMITS.takeoverMs;
    this.#stepDown("command");
  }

  /**
   * Operator's command: elect anew, now, without the waiting times. A higher member that leads stays leader; this node takes
   * over from a lower one; a leader goes to a new term. False when this node can't lead.
   */
  forceElection(now: Instant): boolean {
    this.#abstainUntilMs = 0;
    if (!this.#canLead(now.monotonicMs)) return false;
    if (this.#phase.kind === "leading") this.#becomeCandidate();
    else this.#startElection(now);
    return true;
  }

  get #quorum(): number {
    return quorumOf(this.#members().length);
  }

  get #alone(): boolean {
    return this.#members().length === 1;
  }

  #seesQuorum(): boolean {
    return this.#members().filter((id) => this.#present.has(id)).length >= this.#quorum;
  }

  #canLead(ms: number): boolean {
    if (!this.#members().includes(this.#self)) return false;
    if (this.#alone) return true;
    return this.#synced && !this.#vote.blank && this.#seesQuorum() && ms >= this.#abstainUntilMs;
  }

  #whyNot(): "notMember" | "notSynced" | "noMajority" {
    if (!this.#members().includes(this.#self)) return "notMember";
    return this.#seesQuorum() ? "notSynced" : "noMajority";
  }

  #followTime(ms: number): void {
    if (!this.#canLead(ms)) {
      this.#stableSinceMs = undefined;
      return;
    }
    if (this.#stableSinceMs !== undefined) return;
    this.#stableSinceMs = ms;
    // There may be a leader: it says so within this time.
    if (!this.#alone) this.#restUntilMs = Math.max(this.#restUntilMs, ms + CLUSTER_LIMITS.leaderWaitMs);
  }

  #hears(following: Following | undefined, ms: number): following is Following {
    return following !== undefined && ms < following.untilMs && this.#present.has(following.leader);
  }

  #expireLeader(ms: number): void {
    if (this.#following !== undefined && !this.#hears(this.#following, ms)) this.#unfollow();
  }

  #unfollow(): void {
    const following = this.#following;
    this.#following = undefined;
    if (following?.confirmed) {
      this.#effects.notice({ kind: "leaderLost", leader: following.leader, term: following.term });
    }
  }

  #becomeFollower(leader: NodeId, term: number, confirmed: boolean, untilMs: number): void {
    const before = this.#following;
    const isNew = before?.leader !== leader || before.term !== term || !before.confirmed;
    this.#following = { leader, term, confirmed: confirmed || !isNew, untilMs };
    if (confirmed && isNew) {
      this.#failures = 0;
      this.#effects.notice({ kind: "leaderElected", leader, term });
    }
  }

  #mayTakeOver(ms: number): boolean {
    return this.#following !== undefined && this.#following.confirmed && this.#following.leader < this.#self &&
      this.#stableSinceMs !== undefined && ms - this.#stableSinceMs >= CLUSTER_LIMITS.takeoverMs;
  }

  #startElection(now: Instant): void {
    const higher = this.#members().filter((id) => id > this.#self && this.#present.has(id) && !this.#skipped.has(id));
    this.#skipped = new Set();
    if (higher.length === 0) return this.#becomeCandidate();
    this.#phase = { kind: "asking", untilMs: now.monotonicMs + CLUSTER_LIMITS.electionMs };
    for (const id of higher) this.#effects.send(id, { type: "election", term: this.#vote.durableTerm });
  }

  #becomeCandidate(): void {
    const term = this.#vote.highest + 1;
    this.#following = undefined;
    this.#phase = { kind: "writing", term };
    this.#vote.give({ term, leader: this.#self }, (now) => {
      if (this.#phase.kind !== "writing" || this.#phase.term !== term) return;
      this.#phase = {
        kind: "gathering",
        term,
        untilMs: now.monotonicMs + CLUSTER_LIMITS.electionMs,
        repeatMs: now.monotonicMs + CLUSTER_LIMITS.electionRepeatMs,
        accepted: new Set(),
      };
      if (!this.#alone) this.#effects.broadcast({ type: "coordinator", term });
      this.#receiveAccepted(this.#self, term, now);
    });
  }

  #fail(accepted: number, term: number, ms: number): void {
    this.#phase = IDLE;
    const widthMs = CLUSTER_LIMITS.electionMs * 2 ** Math.min(this.#failures, BACKOFF_MAX);
    this.#failures += 1;
    this.#restUntilMs = ms + Math.floor(this.#random() * widthMs);
    this.#effects.notice({ kind: "electionFailed", term, accepted, needed: this.#quorum });
  }

  #stepDown(reason: "noMajority" | "notSynced" | "notMember" | "superseded" | "command"): void {
    if (this.#phase.kind !== "leading") return;
    const { term } = this.#phase;
    this.#phase = IDLE;
    this.#following = undefined;
    this.#effects.notice({ kind: "steppedDown", term, reason });
    // From a leader, `Election` says: not me anymore.
    if (reason !== "superseded") this.#effects.broadcast({ type: "election", term: this.#vote.durableTerm });
  }

  #receiveElection(from: NodeId, term: number, now: Instant): void {
    this.#vote.observe(term);
    // A late one, from before it led, has a lower term.
    if (this.#following?.leader === from && term >= this.#following.term) this.#unfollow();
    const ms = now.monotonicMs;
    if (from > this.#self || !this.#canLead(ms)) return;
    const phase = this.#phase;
    if (phase.kind === "idle" && this.#hears(this.#following, ms) && !this.#mayTakeOver(ms)) return;
    this.#effects.send(from, { type: "okay", term: this.#vote.durableTerm });
    if (phase.kind === "leading" || phase.kind === "gathering") {
      this.#effects.send(from, { type: "coordinator", term: phase.term });
    } else if (phase.kind === "idle") this.#startElection(now);
  }

  #receiveOkay(from: NodeId, term: number, now: Instant): void {
    this.#vote.observe(term);
    if (from < this.#self) return;
    const phase = this.#phase;
    if (phase.kind === "yielding") phase.to.add(from);
    if (phase.kind !== "asking") return;
    const untilMs = now.monotonicMs + CLUSTER_LIMITS.coordinatorMs;
    this.#phase = { kind: "yielding", untilMs, to: new Set([from]) };
  }

  #receiveCoordinator(from: NodeId, term: number, now: Instant): void {
    const vote = this.#vote;
    if (vote.blank) return;
    const ms = now.monotonicMs;
    if (term === vote.given.term && from === vote.given.leader) {
      if (vote.isDurable) this.#accept(from, term, now);
      return;
    }
    const staysWith = this.#following?.confirmed && this.#hears(this.#following, ms) ? this.#following.leader : 0;
    if (term <= vote.given.term || from < staysWith) {
      vote.observe(term);
      if (vote.isDurable) this.#effects.send(from, { type: "accepted", ok: false, term: vote.durableTerm });
      return;
    }
    this.#stepDown("superseded");
    this.#phase = IDLE;
    this.#following = undefined;
    vote.give({ term, leader: from }, (at) => this.#accept(from, term, at));
  }

  #accept(from: NodeId, term: number, now: Instant): void {
    if (this.#phase.kind === "asking" || this.#phase.kind === "yielding") this.#phase = IDLE;
    const untilMs = now.monotonicMs + CLUSTER_LIMITS.coordinatorMs;
    const following = this.#following;
    if (following?.term !== term || following.untilMs < untilMs) this.#becomeFollower(from, term, false, untilMs);
    this.#effects.send(from, { type: "accepted", ok: true, term });
  }

  #receiveAccepted(from: NodeId, term: number, now: Instant): void {
    const phase = this.#phase;
    if (phase.kind !== "gathering" || phase.term !== term || now.monotonicMs > phase.untilMs) return;
    phase.accepted.add(from);
    if (this.#members().filter((id) => phase.accepted.has(id)).length < this.#quorum) return;
    this.#phase = { kind: "leading", term };
    this.#becomeFollower(this.#self, term, true, Infinity);
  }

  #refused(from: NodeId, term: number, now: Instant): void {
    if (this.#vote.blank) {
      if (this.#mayLearn) this.#learned.set(from, term);
      return;
    }
    this.#vote.observe(term);
    const phase = this.#phase;
    if (phase.kind === "leading" && term > phase.term) this.#becomeCandidate();
    else if (phase.kind === "gathering" && term >= phase.term) {
      this.#fail(phase.accepted.size, phase.term, now.monotonicMs);
    }
  }

  #receiveStatus(from: NodeId, term: number, now: Instant): void {
    const vote = this.#vote;
    vote.observe(term);
    if (this.#phase.kind === "leading") {
      const { term: mine } = this.#phase;
      if (term < mine) this.#effects.send(from, { type: "coordinator", term: mine });
      if (term <= mine) return;
    }
    if (!vote.blank && term < vote.given.term) {
      const mayRefuse = this.#phase.kind === "idle" && vote.isDurable;
      if (mayRefuse) this.#effects.send(from, { type: "accepted", ok: false, term: vote.durableTerm });
      return;
    }
    if (this.#following !== undefined && term < this.#following.term) return;
    this.#stepDown("superseded");
    const asks = this.#phase.kind === "asking" || this.#phase.kind === "yielding";
    if (!asks || !this.#mayTakeOver(now.monotonicMs)) this.#phase = IDLE;
    // Elected by others: the vote of that term is gone, nothing is said about it.
    if (!vote.blank && term > vote.given.term) vote.give({ term, leader: from }, () => {});
    this.#becomeFollower(from, term, true, now.monotonicMs + CLUSTER_LIMITS.statusMs);
  }

  /** A blank disk asks how far the terms are. */
  #learn(ms: number): void {
    if (this.#alone) return this.#phase.kind === "idle" ? this.#becomeCandidate() : undefined;
    if (!this.#mayLearn || this.#learnAtMs === Infinity) return;
    const members = this.#members();
    const answers = members.filter((id) => id !== this.#self && this.#learned.has(id));
    if (answers.length >= unionSources(members.length)) {
      const term = Math.max(...answers.map((id) => this.#learned.get(id) ?? 0), this.#vote.highest);
      this.#learnAtMs = Infinity;
      this.#vote.give({ term, leader: 0 }, () => {});
    } else if (ms >= this.#learnAtMs) {
      this.#learnAtMs = ms + CLUSTER_LIMITS.electionMs;
      this.#effects.broadcast({ type: "coordinator", term: 0 });
    }
  }
}
