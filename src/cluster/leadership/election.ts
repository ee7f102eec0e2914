/**
 * Leader election: the bully algorithm with persisted terms. The highest member that is live, synced and in a quorum
 * asks for votes in the next term. It leads once a quorum, itself included, has voted for it. What a leader does is
 * decided elsewhere. Two leaders at a time cost speed only: the lease agreement provides safety without a leader.
 *
 * Decisions that the algorithm leaves open:
 * - A candidate first asks a quorum whether it would vote (`pre_vote.ts`), and raises the term only then.
 * - Members answer a leader's status. A leader that fewer than a quorum hear steps down, and leaves leading to others
 *   (`audience.ts`).
 * - A node that cannot lead (a witness, not synced, no live quorum, blank disk, stepped down) does not answer an
 *   `Election`, so the sender continues without it. The node still votes: terms do not depend on slots.
 * - A voter that hears a leader rejects lower candidates: a node with a one-way connection, which keeps losing the
 *   leader, cannot unseat it. Higher candidates may take over; they wait for `takeoverMs` before they try.
 * - A leader shows that it leads by its `ClusterStatus`. One that sends only heartbeats has restarted or stepped down.
 * - A status whose term is below this node's vote is answered with a refusal. The leader that receives the refusal
 *   starts an election above that term, and all members follow it.
 * - A `Coordinator` of term 0 is never accepted: it asks for the receiver's highest term. A node with a blank disk
 *   asks all members, at the earliest `blankWaitMs` after its start, when no election that the lost disk may have
 *   voted in is still open. It votes only above the highest answer of as many others as a sync needs, because every
 *   quorum contains one of them.
 */

import { isQuorum, quorumOf, unionSources } from "../../lease/agreement/quorum.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import type { Effects, MemberContext, MembershipView, Role } from "../context.ts";
import { Audience } from "./audience.ts";
import { PreVote } from "./pre_vote.ts";
import { Vote } from "./vote.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { ClusterMessage, NodeId } from "../wire/messages.ts";

/** Election events, for log and status. */
export type ElectionNotice =
  | { readonly kind: "leaderElected"; readonly leader: NodeId; readonly term: number }
  | { readonly kind: "leaderLost"; readonly leader: NodeId; readonly term: number }
  | { readonly kind: "electionFailed"; readonly term: number; readonly accepted: number; readonly needed: number }
  | {
    readonly kind: "steppedDown";
    readonly term: number;
    readonly reason: StepDownReason;
  };

type StepDownReason = "noQuorum" | "unheard" | "notSynced" | "notMember" | "superseded" | "command";

/** This node's state in an election. */
type Phase =
  | { readonly kind: "idle" }
  /** Has sent `Election` to the higher members. */
  | { readonly kind: "asking"; readonly untilMs: number }
  /** Has received `Okay` and waits for a `Coordinator`. */
  | { readonly kind: "yielding"; readonly untilMs: number; readonly to: Set<NodeId> }
  /** Has sent `PreVote` and collects the answers. */
  | {
    readonly kind: "canvassing";
    term: number;
    readonly untilMs: number;
    repeatMs: number;
    readonly granted: Set<NodeId>;
  }
  /** Waits until its own vote is durable. */
  | { readonly kind: "writing"; readonly term: number }
  /** Has sent `Coordinator` and collects votes. */
  | {
    readonly kind: "gathering";
    readonly term: number;
    readonly untilMs: number;
    repeatMs: number;
    /** A leader was heard until then. */
    readonly takesOver: boolean;
    readonly accepted: Set<NodeId>;
  }
  | { readonly kind: "leading"; readonly term: number };

/** The leader that this node follows, possibly itself. */
interface Following {
  readonly leader: NodeId;
  readonly term: number;
  /** The leader has announced itself; before that it is a candidate this node voted for. */
  readonly confirmed: boolean;
  readonly untilMs: number;
}

const IDLE: Phase = { kind: "idle" };

/** Exponential backoff: how often the random delay after a failed election doubles at most. */
const BACKOFF_MAX = 3;

/** Election state machine of one node. */
export class Election {
  readonly #self: NodeId;
  readonly #membership: MembershipView;
  readonly #effects: Effects<ElectionNotice>;
  readonly #random: () => number;
  readonly #vote: Vote;
  readonly #mayLead: boolean;
  readonly #preVote = new PreVote();
  readonly #audience = new Audience();
  /** Whether all live members know of pre-votes and answer the status: false while one of release 1.0 is live. */
  #canvasses = true;
  #phase: Phase = IDLE;
  #following: Following | undefined;
  #present: ReadonlySet<NodeId>;
  /** The list that `#present` was built from. */
  #presentList: readonly NodeId[] = [];
  #synced = false;
  #mayLearn = false;
  /** Monotonic time since which this node has continuously been able to lead; undefined: it cannot lead. */
  #stableSinceMs: number | undefined;
  /** This node starts no election before this time. */
  #restUntilMs = 0;
  /** This node does not lead before this time. */
  #abstainUntilMs = 0;
  #failures = 0;
  /** Higher members that sent `Okay` but no `Coordinator` in time. */
  #skipped: ReadonlySet<NodeId> = new Set();
  /** Highest terms that other members reported to this node while its disk is blank. */
  readonly #learned = new Map<NodeId, number>();
  #learnAtMs = 0;

  /**
   * `stored`: the fact `VOTE_FACT`; undefined on a blank disk, or one that other members treat as blank. `mayLead`
   * false: this node leads only while it is the only member.
   */
  constructor(
    context: MemberContext<ElectionNotice>,
    stored: string | undefined,
    { mayLead = true }: { readonly mayLead?: boolean } = {},
  ) {
    this.#mayLead = mayLead;
    this.#self = context.self;
    this.#membership = context.membership;
    this.#effects = context.effects;
    this.#random = context.random;
    this.#vote = new Vote(stored, context.effects);
    this.#present = new Set([context.self]);
  }

  get role(): Role {
    if (this.#phase.kind === "leading") return "leader";
    return this.#phase.kind === "idle" ? "follower" : "candidate";
  }

  /** Term of the leader, or the newest term this node voted in. */
  get term(): number {
    return this.#following?.term ?? this.#vote.durableTerm;
  }

  /** The current leader as far as this node knows: itself, or a member that has announced itself. */
  get leader(): NodeId | undefined {
    return this.#following?.confirmed ? this.#following.leader : undefined;
  }

  /** Whether this node cannot vote because its disk is blank. */
  get blank(): boolean {
    return this.#vote.blank;
  }

  /** First formation: facts to write together with it. A joining node must not write them. */
  get formation(): readonly (readonly [string, string])[] {
    return this.#vote.formation;
  }

  /** The facts of {@link formation} are durable: this node may vote. */
  formed(): void {
    this.#vote.formed();
  }

  /** Processes a message; messages of other types are ignored. */
  receive(from: NodeId, message: ClusterMessage, now: Instant): void {
    if (from === this.#self || !this.#membership.ids.includes(from)) return;
    switch (message.type) {
      case "election":
        return this.#receiveElection(from, message.term, now);
      case "okay":
        return this.#receiveOkay(from, message.term, now);
      case "coordinator":
        return this.#receiveCoordinator(from, message.term, now);
      case "accepted":
        return message.ok
          ? this.#receiveAccepted(from, message.term, now)
          : this.#receiveRefusal(from, message.term, now);
      case "preVote":
        return this.#receivePreVote(from, message, now);
      case "preVoted":
        return this.#receivePreVoted(from, message, now);
      case "clusterStatus":
        return this.#receiveStatus(from, message.term, now);
      case "statusHeard":
        if (this.#phase.kind === "leading" && message.term === this.#phase.term) {
          this.#audience.answered(from, now.monotonicMs);
        }
    }
  }

  /**
   * Processes timers. Must be called at {@link nextDeadline} and after every change of `present` or `synced`.
   * `mayLearn`: `blankWaitMs` are over, so a node with a blank disk may ask for the terms; default: when it is synced.
   * `canvasses`: no member of release 1.0 is live, which knows of no pre-vote; default: true.
   */
  tick(
    now: Instant,
    state: { present: readonly NodeId[]; synced: boolean; mayLearn?: boolean; canvasses?: boolean },
  ): void {
    const ms = now.monotonicMs;
    const { canvasses = true } = state;
    // Members that have just been upgraded begin to answer the status.
    if (canvasses && !this.#canvasses) this.#audience.lead(ms);
    this.#canvasses = canvasses;
    this.#preVote.tick(state.present, ms);
    this.#mayLearn = state.mayLearn ?? state.synced;
    if (state.present !== this.#presentList) {
      this.#presentList = state.present;
      this.#present = new Set([...state.present, this.#self]);
    }
    this.#synced = state.synced;
    this.#trackStability(ms);
    if (this.#phase.kind === "leading" && !this.#canLead(ms)) this.#stepDown(this.#stepDownReason());
    else if (this.#phase.kind === "leading" && ms >= this.#unheardAtMs) {
      this.#audience.steppedDown(ms);
      this.#stepDown("unheard");
    } else if (this.#phase.kind !== "idle" && !this.#canLead(ms)) this.#phase = IDLE;
    this.#expireLeader(ms);
    if (this.#following?.confirmed) this.#audience.led(ms);
    if (this.#vote.blank) return this.#learn(ms);
    const phase = this.#phase;
    switch (phase.kind) {
      case "idle":
        if (!this.#canLead(ms) || ms < this.#restUntilMs) return;
        if (this.#following === undefined || this.#mayTakeOver(ms)) this.#startElection(now);
        return;
      case "asking":
        if (ms >= phase.untilMs) this.#becomeCandidate(ms);
        return;
      case "yielding":
        if (ms < phase.untilMs) return;
        this.#skipped = phase.to;
        return this.#startElection(now);
      case "canvassing":
        if (ms >= phase.untilMs) return this.#rest(CLUSTER_LIMITS.electionMs, ms);
        if (ms >= phase.repeatMs) this.#canvass(phase, ms);
        return;
      case "gathering":
        if (ms >= phase.untilMs) return this.#fail(phase, ms);
        if (ms < phase.repeatMs) return;
        phase.repeatMs = ms + CLUSTER_LIMITS.electionRepeatMs;
        this.#effects.broadcast({ type: "coordinator", term: phase.term });
    }
  }

  /** Next monotonic time after `now` at which {@link tick} has to be called. */
  nextDeadline({ monotonicMs }: Instant): number {
    const { electionMs, takeoverMs } = CLUSTER_LIMITS;
    const phase = this.#phase;
    let nextMs = Infinity;
    const at = (ms: number) => {
      if (ms > monotonicMs && ms < nextMs) nextMs = ms;
    };
    at(this.#restUntilMs);
    at(this.#abstainUntilMs);
    at(this.#audience.yieldsUntilMs);
    if (this.#following !== undefined) at(this.#following.untilMs);
    if (this.#stableSinceMs !== undefined) at(this.#stableSinceMs + takeoverMs);
    if ("untilMs" in phase) at(phase.untilMs);
    if ("repeatMs" in phase) at(phase.repeatMs);
    if (phase.kind === "leading") at(this.#unheardAtMs);
    if (this.#vote.blank) at(Math.max(this.#learnAtMs, monotonicMs + electionMs));
    return nextMs;
  }

  /** Operator command: steps down and does not lead for `takeoverMs`. No effect on a node that does not lead. */
  stepDown(now: Instant): void {
    if (this.#phase.kind !== "leading") return;
    this.#abstainUntilMs = now.monotonicMs + CLUSTER_LIMITS.takeoverMs;
    this.#stepDown("command");
  }

  /**
   * Operator command: starts an election immediately, without the waiting times. A higher leader remains leader; this
   * node takes over from a lower one; a leader starts a new term. Returns false when this node cannot lead.
   */
  forceElection(now: Instant): boolean {
    this.#abstainUntilMs = 0;
    this.#audience.endYielding();
    if (!this.#canLead(now.monotonicMs)) return false;
    this.#stableSinceMs = now.monotonicMs - CLUSTER_LIMITS.takeoverMs;
    if (this.#phase.kind === "leading") this.#stand();
    else this.#startElection(now);
    return true;
  }

  get #quorum(): number {
    return quorumOf(this.#membership.ids.length);
  }

  get #alone(): boolean {
    return this.#membership.ids.length === 1;
  }

  /** Whether the members among these nodes are a quorum. */
  #isQuorum(nodes: ReadonlySet<NodeId>): boolean {
    return isQuorum(this.#membership.ids, (id) => nodes.has(id));
  }

  #canLead(ms: number): boolean {
    if (!this.#membership.ids.includes(this.#self)) return false;
    if (this.#alone) return true;
    if (!this.#mayLead || !this.#synced || this.#vote.blank || !this.#isQuorum(this.#present)) return false;
    return ms >= this.#abstainUntilMs && !this.#audience.yields(ms);
  }

  #stepDownReason(): StepDownReason {
    if (!this.#membership.ids.includes(this.#self)) return "notMember";
    return this.#isQuorum(this.#present) ? "notSynced" : "noQuorum";
  }

  /** Monotonic time at which this leader is to step down, unless members answer its status before. */
  get #unheardAtMs(): number {
    if (!this.#canvasses || this.#alone) return Infinity;
    return this.#audience.unheardAtMs(this.#membership.others, this.#quorum);
  }

  #trackStability(ms: number): void {
    if (!this.#canLead(ms)) {
      this.#stableSinceMs = undefined;
      return;
    }
    if (this.#stableSinceMs !== undefined) return;
    this.#stableSinceMs = ms;
    // A leader may already exist: its status arrives within this time.
    if (!this.#alone) this.#restUntilMs = Math.max(this.#restUntilMs, ms + CLUSTER_LIMITS.leaderWaitMs);
  }

  #hears(following: Following | undefined, ms: number): following is Following {
    return following !== undefined && ms < following.untilMs && this.#present.has(following.leader);
  }

  /** The leader that this node stays with: its last status is new enough. */
  #leaderHeardWell(ms: number): NodeId | undefined {
    const following = this.#following;
    if (!following?.confirmed || !this.#hears(following, ms)) return undefined;
    const { statusMs, statusUnsureMs } = CLUSTER_LIMITS;
    return following.untilMs - ms > statusMs - statusUnsureMs ? following.leader : undefined;
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
    const { ids } = this.#membership;
    const higher = ids.filter((id) => id > this.#self && this.#present.has(id) && !this.#skipped.has(id));
    this.#skipped = new Set();
    if (higher.length === 0) return this.#becomeCandidate(now.monotonicMs);
    this.#phase = { kind: "asking", untilMs: now.monotonicMs + CLUSTER_LIMITS.electionMs };
    for (const id of higher) this.#effects.send(id, { type: "election", term: this.#vote.durableTerm });
  }

  /** Asks for pre-votes, and stands once a quorum has granted them. */
  #becomeCandidate(ms: number): void {
    if (this.#alone || !this.#canvasses) return this.#stand();
    const untilMs = ms + CLUSTER_LIMITS.canvassMs;
    const phase = { kind: "canvassing", term: 0, untilMs, repeatMs: ms, granted: new Set<NodeId>() } as const;
    this.#phase = phase;
    this.#canvass(phase, ms);
  }

  #canvass(phase: Extract<Phase, { kind: "canvassing" }>, ms: number): void {
    const term = this.#vote.highest + 1;
    if (phase.term !== term) phase.granted.clear();
    phase.term = term;
    phase.granted.add(this.#self);
    phase.repeatMs = ms + CLUSTER_LIMITS.electionRepeatMs;
    const hearsLeader = this.#following?.confirmed === true;
    this.#effects.broadcast({ type: "preVote", term, hearsLeader });
  }

  #receivePreVote(from: NodeId, { term, hearsLeader }: { term: number; hearsLeader: boolean }, now: Instant): void {
    const vote = this.#vote;
    if (vote.blank || !vote.isDurable) return;
    const ms = now.monotonicMs;
    const ok = term > vote.given.term &&
      this.#preVote.grants({ from, hearsLeader }, this.#leaderHeardWell(ms), ms);
    this.#effects.send(from, { type: "preVoted", ok, term: ok ? term : vote.durableTerm });
  }

  #receivePreVoted(from: NodeId, { ok, term }: { ok: boolean; term: number }, now: Instant): void {
    const phase = this.#phase;
    if (!ok) this.#vote.observe(term);
    if (phase.kind !== "canvassing" || !ok || term !== phase.term || now.monotonicMs > phase.untilMs) return;
    phase.granted.add(from);
    if (this.#isQuorum(phase.granted)) this.#stand();
  }

  #stand(): void {
    const term = this.#vote.highest + 1;
    const takesOver = this.#following?.confirmed === true && this.#following.leader !== this.#self;
    this.#following = undefined;
    this.#phase = { kind: "writing", term };
    this.#vote.give({ term, leader: this.#self }, (now) => {
      if (this.#phase.kind !== "writing" || this.#phase.term !== term) return;
      this.#phase = {
        kind: "gathering",
        term,
        untilMs: now.monotonicMs + CLUSTER_LIMITS.electionMs,
        repeatMs: now.monotonicMs + CLUSTER_LIMITS.electionRepeatMs,
        takesOver,
        accepted: new Set(),
      };
      if (!this.#alone) this.#effects.broadcast({ type: "coordinator", term });
      this.#receiveAccepted(this.#self, term, now);
    });
  }

  #fail({ accepted, term, takesOver }: Extract<Phase, { kind: "gathering" }>, ms: number): void {
    if (takesOver && this.#canvasses) this.#audience.yield(ms);
    this.#rest(CLUSTER_LIMITS.electionMs * 2 ** Math.min(this.#failures, BACKOFF_MAX), ms);
    this.#failures += 1;
    this.#effects.notice({ kind: "electionFailed", term, accepted: accepted.size, needed: this.#quorum });
  }

  #rest(widthMs: number, ms: number): void {
    this.#phase = IDLE;
    this.#restUntilMs = ms + Math.floor(this.#random() * widthMs);
  }

  #stepDown(reason: StepDownReason): void {
    if (this.#phase.kind !== "leading") return;
    const { term } = this.#phase;
    this.#phase = IDLE;
    this.#following = undefined;
    this.#effects.notice({ kind: "steppedDown", term, reason });
    // `Election` from a leader means that it no longer leads.
    if (reason !== "superseded") this.#effects.broadcast({ type: "election", term: this.#vote.durableTerm });
  }

  #receiveElection(from: NodeId, term: number, now: Instant): void {
    this.#vote.observe(term);
    // A late `Election`, sent before the sender became leader, has a lower term.
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
    if (term <= vote.given.term || from < (this.#leaderHeardWell(ms) ?? 0)) {
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
    if (this.#asks) this.#phase = IDLE;
    const untilMs = now.monotonicMs + CLUSTER_LIMITS.coordinatorMs;
    const following = this.#following;
    if (following?.term !== term || following.untilMs < untilMs) this.#becomeFollower(from, term, false, untilMs);
    this.#effects.send(from, { type: "accepted", ok: true, term });
  }

  #receiveAccepted(from: NodeId, term: number, now: Instant): void {
    const phase = this.#phase;
    if (phase.kind !== "gathering" || phase.term !== term || now.monotonicMs > phase.untilMs) return;
    phase.accepted.add(from);
    if (!this.#isQuorum(phase.accepted)) return;
    this.#phase = { kind: "leading", term };
    this.#audience.lead(now.monotonicMs);
    this.#becomeFollower(this.#self, term, true, Infinity);
  }

  #receiveRefusal(from: NodeId, term: number, now: Instant): void {
    if (this.#vote.blank) {
      if (this.#mayLearn) this.#learned.set(from, term);
      return;
    }
    this.#vote.observe(term);
    const phase = this.#phase;
    if (phase.kind === "leading" && term > phase.term) this.#stand();
    else if (phase.kind === "gathering" && term >= phase.term) {
      this.#fail(phase, now.monotonicMs);
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
    if (!this.#asks || !this.#mayTakeOver(now.monotonicMs)) this.#phase = IDLE;
    // Elected by other voters: give up this node's vote in that term and send no `Accepted`.
    if (!vote.blank && term > vote.given.term) vote.give({ term, leader: from }, () => {});
    this.#becomeFollower(from, term, true, now.monotonicMs + CLUSTER_LIMITS.statusMs);
    this.#effects.send(from, { type: "statusHeard", term });
  }

  /** Whether it is before its own vote in an election. */
  get #asks(): boolean {
    return ["asking", "yielding", "canvassing"].includes(this.#phase.kind);
  }

  /** Blank disk: asks the other members for their highest terms. */
  #learn(ms: number): void {
    if (this.#alone) return this.#phase.kind === "idle" ? this.#stand() : undefined;
    if (!this.#mayLearn || this.#learnAtMs === Infinity) return;
    const members = this.#membership.ids;
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
