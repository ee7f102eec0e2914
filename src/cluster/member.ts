/**
 * One member of a cluster: all parts put together, still pure. Input is messages and time; output is messages, writes
 * and notices through ports. The node program and the simulator both run this class. A standalone node is a cluster
 * of one: its own fsync is the quorum, and it sends nothing.
 *
 * This class only orders the calls to the parts; every decision is made in one part (see README.md).
 */

import { type Effects, type Leadership, type MemberContext, persistingBy, type Role } from "./context.ts";
import { quorumOf } from "../lease/agreement/quorum.ts";
import type { ClientKey } from "../lease/agreement/client_key.ts";
import type { AnchoredClock, ClockFault, Instant } from "../lease/agreement/clock.ts";
import { MAX_CLOCK_SKEW_MS } from "../lease/agreement/limits.ts";
import type { HybridClock } from "../lease/agreement/hybrid_clock.ts";
import type { LeaseTable } from "../lease/table/lease_table.ts";
import type { Ipv4, Range } from "../net/ipv4.ts";
import type { ClockNotice, PeerClock, SteppedClock } from "./replication/clock_sync.ts";
import type { SlotState } from "./sync/state_sync.ts";
import { ConfigPatches } from "./leadership/config_patches.ts";
import { ConfigPusher, type PushRequest, type PushResult } from "./leadership/config_push.ts";
import {
  CONFIG_FACTS,
  type ConfigNotice,
  ConfigReplication,
  type Configuration,
  type TextFor,
  type Validate,
} from "./leadership/config_replication.ts";
import { Election, type ElectionNotice } from "./leadership/election.ts";
import { VOTE_FACT } from "./leadership/vote.ts";
import { type DiskIdentity, FACT } from "./sync/disk_identity.ts";
import { CLUSTER_LIMITS } from "./limits.ts";
import { NakQuorum } from "./replication/nak_quorum.ts";
import { type PeerFacts, Peers } from "./peers.ts";
import {
  type ChangeResult,
  type ChangeView,
  Membership,
  type MembershipChange,
  type MembershipNotice,
} from "./membership/membership.ts";
import type {
  ClusterMessage,
  ConfigText,
  Envelope,
  LeaseBatch,
  MemberAddress,
  NodeId,
  StreamPosition,
  WireVersion,
} from "./wire/messages.ts";
import { WIRE_VERSION } from "./wire/codec.ts";
import { WireVersions } from "./wire/wire_version.ts";
import { FailureDetector, type FailureNotice } from "./leadership/failure_detector.ts";
import type { Decided, Proposal } from "../lease/agreement/proposer.ts";
import { RangeAllotment, RANGES_FACT } from "./leadership/range_allotment.ts";
import { RangeAllocator, type RangesNotice } from "./leadership/range_allocator.ts";
import { ProposalHealth } from "./replication/proposal_health.ts";
import { Replica, type ReplicaCounters, type Safeguards } from "./replication/replica.ts";
import { type QuorumNotice, QuorumStatus } from "./leadership/quorum_status.ts";

/** What happened, for log and status. */
export type MemberNotice =
  | FailureNotice
  | ElectionNotice
  | QuorumNotice
  | RangesNotice
  | ConfigNotice
  | MembershipNotice
  | ClockNotice
  /** This disk was blank and votes from now on. */
  | { readonly kind: "joined"; readonly formed: boolean }
  /** Stale identity (case 20): the others remember a later disk or start of this node. It becomes a blank learner. */
  | { readonly kind: "fenced" }
  /** `clockApart`: a member's clock differs from this one's by more than `MAX_CLOCK_SKEW_MS`. */
  | { readonly kind: "clockApart"; readonly id: NodeId; readonly offsetMs: number }
  | { readonly kind: "clockAgrees"; readonly id: NodeId }
  /** Forced recovery: only renewals are granted before this time. */
  | { readonly kind: "renewalsOnly"; readonly until: number }
  | { readonly kind: "renewalsOnlyOver" };

/** What a member's readiness depends on; see `src/core/readiness.ts`. */
export interface MemberFacts {
  readonly clockFault: ClockFault | "unconfirmed" | undefined;
  readonly isMember: boolean;
  readonly synced: boolean;
  readonly slotState: SlotState;
  /** Live members, this one included. */
  readonly present: readonly NodeId[];
  /** Those of them that can vote. */
  readonly voters: readonly NodeId[];
  /** How many voters a grant takes. */
  readonly quorum: number;
  /** A leader reported a live quorum lately. */
  readonly hasQuorum: boolean;
  readonly leader: NodeId | undefined;
  /** The leader whose status does not list this member as live. */
  readonly unheardBy: NodeId | undefined;
  readonly hasConfiguration: boolean;
  /** After a start, anti-entropy has taken the leases that were granted meanwhile from the others. */
  readonly isCaughtUp: boolean;
  readonly proposalsTimeOut: boolean;
  /** It stores and votes, and serves no clients. */
  readonly isWitness: boolean;
  readonly hasRanges: boolean;
  /** So much waits for its disk that it takes no records of others. */
  readonly isBehindDisk: boolean;
}

/** A member's effects. */
interface MemberEffects extends Effects<MemberNotice> {
  /** The members to exchange datagrams with, from now on. */
  members(members: readonly MemberAddress[]): void;
}

/** A member's settings and collaborators; fixed while it runs. */
interface MemberOptions {
  readonly self: NodeId;
  /** Random per process start, below 2^32. */
  readonly incarnation: number;
  readonly identity: DiskIdentity;
  /** `cluster.nodes` of the file: the members until the disk has a membership. */
  readonly nodes: readonly MemberAddress[];
  /** The operator allows a quorum of blank disks to form the cluster. */
  readonly bootstrap: boolean;
  /** This node stores and votes, and neither leads nor serves clients. */
  readonly witness?: boolean;
  readonly table: LeaseTable;
  readonly clock: AnchoredClock;
  readonly versions: HybridClock;
  /** The longest lease any configuration gives; read at every use. */
  readonly limits: { readonly maxLeaseMs: number };
  /** Durable facts as they were at the start. */
  readonly facts: ReadonlyMap<string, string>;
  /** Pools of the active configuration; another array means other pools. */
  readonly pools: () => readonly Range[];
  /** Activates a configuration; `done` runs once it is served, perhaps at once. */
  readonly activate: (text: string, done: () => void) => void;
  /** Checks a configuration's text; `done` gets its problem, perhaps at once. */
  readonly validate: Validate;
  /** The text of a configuration with another revision; undefined when the text is not a configuration. */
  readonly revise: (text: string, revision: number) => string | undefined;
  /** Another member sees floods of strangers in these subnets. */
  readonly floods?: (subnets: readonly Ipv4[], now: Instant) => void;
  /** Whether this node serves clients, for the heartbeats. */
  readonly isReady: (now: Instant) => boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly effects: MemberEffects;
  readonly safeguards?: Partial<Safeguards>;
  readonly now: Instant;
}

/** Another member as this one sees it. */
interface PeerStatus {
  readonly id: NodeId;
  readonly address: Ipv4;
  readonly live: boolean;
  /** Monotonic; undefined: never since this process started. */
  readonly lastSeenMs: number | undefined;
  readonly incarnation: number | undefined;
  readonly clock: PeerClock | undefined;
  /** Its last heartbeat. */
  readonly said: PeerFacts | undefined;
  /** The last contiguous sequence number received of its stream. */
  readonly received: number | undefined;
}

/** Messages that need no tick; for `leaseBatch` it depends on the changed fields. */
const TICKLESS: ReadonlySet<ClusterMessage["type"]> = new Set([
  "leaseBatch",
  "leaseAck",
  "retransmit",
  "timeProbe",
  "preVote",
  "statusHeard",
  "multicastHeard",
  "floods",
  "slotQuery",
  "slotAnswer",
  "slotRead",
]);

/** One member. */
export class Member {
  readonly #options: MemberOptions;
  readonly #failures: FailureDetector;
  readonly #membership: Membership;
  readonly #status: QuorumStatus;
  readonly #configs: ConfigReplication;
  readonly #pushes: ConfigPusher;
  readonly #patches: ConfigPatches;
  readonly #allotment: RangeAllotment;
  readonly #allocator: RangeAllocator;
  readonly #replica: Replica;
  readonly #nakQuorum: NakQuorum;
  readonly #peers = new Peers();
  readonly #clocksApart = new Set<NodeId>();
  readonly #proposals = new ProposalHealth();
  readonly #wireVersions = new WireVersions();
  /** Its `leadership` reads the current election, which is replaced when this node is fenced. */
  readonly #context: MemberContext<MemberNotice>;
  #election: Election;

  constructor(options: MemberOptions) {
    this.#options = options;
    const { self, incarnation, facts, table, clock, identity, random, now } = options;
    const effects = this.#watched(options.effects);
    this.#membership = new Membership({
      self,
      file: options.nodes,
      facts,
      blank: identity.startStage !== "voter",
      effects,
      changed: (at) => this.#membershipChanged(at),
      missed: (at) => this.#replica.fence(at),
      view: (at) => this.#changeView(at),
      isVoter: () => this.synced,
      diskId: () => this.identity.diskId,
      random,
    });
    const election = () => this.#election;
    const leadership: Leadership = {
      get role() {
        return election().role;
      },
      get term() {
        return election().term;
      },
      get leader() {
        return election().leader;
      },
    };
    const context = {
      self,
      incarnation,
      membership: this.#membership,
      leadership,
      peers: this.#peers,
      effects,
      random,
    };
    this.#context = context;
    this.#failures = new FailureDetector(context, now);
    this.#election = this.#elect(identity.startStage === "voter" ? facts.get(VOTE_FACT) : undefined);
    this.#status = new QuorumStatus(context);
    const patches = this.#patches = new ConfigPatches({
      known: () => this.#configs.known,
      revisionOf: (id) => this.#configs.revisionOf(id),
      areRead: () => !this.hasEarlierRelease,
      revise: options.revise,
    });
    const textFor: TextFor = (to, text, revision) => patches.textFor(to, text, revision);
    const text = facts.get(CONFIG_FACTS.text);
    this.#configs = new ConfigReplication(context, {
      stored: text === undefined ? undefined : { revision: Number(facts.get(CONFIG_FACTS.revision)), text },
      activate: (text, done) =>
        options.activate(text, () => {
          this.#applyRanges();
          done();
        }),
      validate: options.validate,
      textFor,
    });
    this.#pushes = new ConfigPusher(context, {
      present: (at) => this.#failures.live(at),
      hasQuorum: (at) => this.#status.hasQuorum(at),
      newest: () => this.#configs.newest,
      active: () => this.#configs.active?.revision ?? 0,
      validate: options.validate,
      revise: options.revise,
      take: (revision, text) => this.#configs.adopt({ revision, text }),
      textFor,
    });
    this.#allotment = new RangeAllotment(context, {
      stored: facts.get(RANGES_FACT),
      changed: () => this.#applyRanges(),
    });
    this.#applyRanges();
    this.#allocator = new RangeAllocator(context, {
      pools: options.pools,
      allotment: this.#allotment,
      freeIn: (range) => table.freeIn(range),
    });
    this.#replica = new Replica(context, {
      ...options,
      heartbeat: (tells) => ({
        free: tells ? this.#free() : [],
        ready: this.#ready,
        revision: this.#configs.revision,
        complete: this.#membership.complete,
        witness: this.#isWitness,
      }),
      clockNotice: (notice) => effects.notice(notice),
      learned: (at) => !this.#election.blank && this.#membership.mayVote(at),
      joining: (formed) => [...this.#membership.facts, ...(formed ? this.#election.formation : [])],
      joined: (formed) => {
        if (formed) this.#election.formed();
        effects.notice({ kind: "joined", formed });
      },
      fenced: () => {
        this.#election = this.#elect(undefined);
        this.#membership.fence();
        effects.notice({ kind: "fenced" });
      },
    });
    this.#nakQuorum = new NakQuorum(context, { table, clock });
  }

  /** Readiness at the last tick, for the heartbeats. */
  #ready = false;
  /** The newest configuration on this disk at the last tick. */
  #saidRevision = 0;
  /** An event happened that a part decides on at the next tick. */
  #due = true;
  #renewalsOnly = false;
  #tickedMs = 0;
  #wireVersion: WireVersion = WIRE_VERSION;
  #wireSaidMs = -Infinity;
  /** Computed by each tick. What an event brings forward is `#due`, the replica's, or later than the housekeeping. */
  #tickDeadlineMs = 0;

  get role(): Role | "standalone" {
    return this.#alone ? "standalone" : this.#context.leadership.role;
  }

  get term(): number {
    return this.#context.leadership.term;
  }

  get leader(): NodeId | undefined {
    return this.#context.leadership.leader;
  }

  get membership(): Pick<
    Membership,
    "epoch" | "hash" | "members" | "complete" | "unsettled" | "includesSelf" | "renewalsOnlyUntil"
  > {
    return this.#membership;
  }

  /**
   * Whether a member of a release before wire version 4 is live: it makes a reservation and the subnet's address part
   * of a client's key, and reads no patches of configurations.
   */
  get hasEarlierRelease(): boolean {
    return this.#wireVersion < 4;
  }

  /** Forced recovery: whether this member may grant renewals only, for leases that it doesn't know may still run. */
  isRenewalsOnly(now: Instant): boolean {
    const { renewalsOnlyUntil } = this.#membership;
    if (renewalsOnlyUntil === 0) return false;
    const time = this.#options.clock.bounds(now);
    return time === undefined || time.earliest < renewalsOnlyUntil;
  }

  get identity(): DiskIdentity {
    return this.#replica.identity;
  }

  get slotState(): SlotState {
    return this.#replica.slotState;
  }

  get synced(): boolean {
    return this.#replica.synced;
  }

  /** The configuration that a quorum has; undefined until it is known. */
  get configuration(): Configuration | undefined {
    return this.#configs.active;
  }

  /** The ranges this node allocates from, by pool, and their version. */
  get ranges(): RangeAllotment["held"] {
    return this.#allotment.held;
  }

  /** The leader's view of every member's ranges. */
  get divisions(): RangeAllocator["divisions"] {
    return this.#allocator.divisions;
  }

  get counters(): ReplicaCounters {
    return this.#replica.counters;
  }

  /** What steps of this machine's clock mean now. */
  get stepped(): SteppedClock {
    return this.#replica.clockSync.stepped;
  }

  /** Why this node's clock can't be used now; undefined: it can. */
  clockFault(now: Instant): ClockFault | "unconfirmed" | undefined {
    return this.#replica.clockFault(now);
  }

  /** Looks at this machine's clocks: call it before every event. */
  watchClock(now: Instant): void {
    this.#replica.watchClock(now);
  }

  /** Proposals that wait for a quorum. */
  get pending(): number {
    return this.#replica.pending;
  }

  /** The number of this process's last record, and the received position of every other stream. */
  get positions(): { readonly own: number; readonly received: readonly StreamPosition[] } {
    return this.#replica.positions;
  }

  /** The envelope of every message. */
  envelope(): Envelope {
    const { epoch, hash } = this.#membership;
    const { self, incarnation } = this.#options;
    return { from: self, incarnation, epoch, membershipHash: hash, wireVersion: this.#wireVersion };
  }

  /** The status of every other member. */
  peers(now: Instant): PeerStatus[] {
    const { received } = this.#replica.positions;
    return this.#failures.peers(now).map((peer) => ({
      ...peer,
      address: this.#membership.addressOf(peer.id) ?? 0,
      clock: this.#replica.clockSync.peers.get(peer.id),
      said: this.#peers.of(peer.id).said,
      received: received.find(({ origin, incarnation }) => origin === peer.id && incarnation === peer.incarnation)
        ?.sequence,
    }));
  }

  /** Whether the member with this address is live and says that it serves; undefined when no member has it. */
  serves(address: Ipv4, now: Instant): boolean | undefined {
    const member = this.#membership.members.find((member) => member.address === address);
    if (member === undefined) return undefined;
    return this.#failures.isLive(member.id, now) && this.#peers.of(member.id).said?.ready === true;
  }

  /** What readiness depends on, at this time. */
  facts(now: Instant): MemberFacts {
    const { self } = this.#options;
    const present = this.#failures.live(now);
    const { newest } = this.#status;
    const isHeard = newest === undefined || newest.from === self || newest.present.includes(self);
    return {
      clockFault: this.clockFault(now),
      isMember: this.#membership.includesSelf,
      synced: this.synced,
      slotState: this.slotState,
      present,
      voters: this.#voters(present),
      quorum: this.#quorum,
      hasQuorum: this.hasQuorum(now),
      leader: this.leader,
      unheardBy: isHeard ? undefined : newest.from,
      hasConfiguration: this.#configs.isCurrent,
      isCaughtUp: this.#replica.caughtUp(now),
      proposalsTimeOut: this.#proposals.timesOut(now.monotonicMs),
      isWitness: this.#isWitness,
      hasRanges: this.#hasRanges,
      isBehindDisk: this.#replica.isBehindDisk,
    };
  }

  /** Whether a quorum is live, as far as this member knows. */
  hasQuorum(now: Instant): boolean {
    return this.#status.hasQuorum(now);
  }

  /** Proposes a lease; `decided` runs once, perhaps before this returns. */
  propose(proposal: Proposal, now: Instant, decided: Decided): void {
    this.#replica.propose(proposal, now, (outcome, at) => {
      const ageMs = at.monotonicMs - now.monotonicMs;
      this.#proposals.decided(outcome, ageMs, this.#quorum - 1, at.monotonicMs);
      decided(outcome, at);
    });
  }

  /** Ends a lease that this node's slot binds to the client; see `Proposer.end`. */
  end(request: Parameters<Replica["end"]>[0], now: Instant, durable: (now: Instant) => void): boolean {
    return this.#replica.end(request, now, durable);
  }

  /** Ends the rest of a declined address; see `Proposer.endRest`. */
  endRest(address: Ipv4, now: Instant, durable: (now: Instant) => void): boolean {
    return this.#replica.endRest(address, now, durable);
  }

  /** Runs `denied` once the slots of a quorum deny that a client holds a lease of an address. */
  denyLease(address: Ipv4, client: ClientKey, now: Instant, denied: (now: Instant) => void): void {
    if (this.synced) this.#nakQuorum.ask(address, client, now, denied);
  }

  /** Reports to the leader that a client needs an address of these pools and this node's ranges have none free. */
  want(pools: Iterable<number>): void {
    for (const pool of pools) this.#due = this.#allotment.want(pool) || this.#due;
  }

  /** Tells the other members of floods of strangers that this node sees. */
  tellFloods(subnets: readonly Ipv4[]): void {
    if (!this.hasEarlierRelease) this.#context.effects.broadcast({ type: "floods", subnets });
  }

  /** Offers the `service` section of the local file, already valid, at the start and after each change. */
  offer(configuration: Configuration): void {
    this.#configs.offer(configuration);
    this.#due = true;
  }

  /** Lets every member check a configuration, and activates it if no member refuses; see `config_push.ts`. */
  push(request: PushRequest, now: Instant, done: (result: PushResult) => void): void {
    this.#pushes.push(request, now, done);
    this.#due = true;
  }

  /** Adds or removes a member, on the leader. `done` runs once: when the change is effective here, or can't be made. */
  change(change: MembershipChange, now: Instant, done: (result: ChangeResult) => void = () => {}): void {
    this.#due = true;
    this.#membership.change(change, now, done);
  }

  /** Operator's command: leave leading to others for a while. */
  stepDown(now: Instant): void {
    this.#election.stepDown(now);
    this.#due = true;
  }

  /** Operator's command: elect anew. False when this node can't lead. */
  forceElection(now: Instant): boolean {
    this.#due = true;
    return this.#election.forceElection(now);
  }

  /** Sends what was proposed, in one batch per millisecond. To be called at the end of every burst of input. */
  flush(now: Instant): void {
    this.#replica.flush(now);
  }

  /** Monotonic time at which {@link tick} or {@link flush} has work; not after `now` if it is due already. */
  nextDeadline(now: Instant): number {
    if (this.#due) return now.monotonicMs;
    const tickMs = Math.min(this.#tickDeadlineMs, this.#replica.urgentDeadline);
    return Math.min(Math.max(tickMs, this.#tickedMs + CLUSTER_LIMITS.tickMinMs), this.#replica.flushDeadline);
  }

  /** Runs what is due. */
  tick(now: Instant): void {
    this.#due = false;
    this.#tickedMs = now.monotonicMs;
    const membership = this.#membership;
    this.#failures.tick(now);
    this.#chooseWireVersion(now);
    this.#sayWireVersion(now);
    const present = this.#failures.live(now);
    const canvasses = this.#wireVersion > 1;
    this.#election.tick(now, { present, synced: this.synced, mayLearn: this.#replica.waited(now), canvasses });
    this.#status.tick(now, present);
    membership.tick(now);
    this.#configs.tick(now, present);
    this.#pushes.tick(now);
    // Only the leader needs the serving members.
    const serving = this.#context.leadership.role === "leader" ? this.#serving(present) : [];
    this.#allocator.tick(now, { present, serving, free: (node) => this.#freeOf(node) });
    this.#allotment.tick(now);
    if (this.#replica.settled) membership.settled(this.#options.self);
    const ready = this.#options.isReady(now);
    const { revision } = this.#configs;
    // The others leave the requests that select this node to it; and a quorum with a configuration serves it.
    if (ready !== this.#ready || revision !== this.#saidRevision) this.#replica.announce();
    this.#ready = ready;
    this.#saidRevision = revision;
    this.#replica.tick(now);
    this.#nakQuorum.tick(now);
    this.#watchClocks();
    this.#watchRenewals(now);
    this.#tickDeadlineMs = Math.min(
      this.#failures.nextDeadline,
      this.#election.nextDeadline(now),
      this.#status.nextDeadline,
      this.#pushes.nextDeadline,
      this.#replica.nextDeadline,
      now.monotonicMs + CLUSTER_LIMITS.housekeepingMs,
    );
  }

  /** Takes an authenticated message. */
  receive(envelope: Envelope, message: ClusterMessage, now: Instant): void {
    const { from, incarnation } = envelope;
    const membership = this.#membership;
    this.#due ||= !TICKLESS.has(message.type) || !this.#failures.isLive(from, now);
    if (from === this.#options.self) return void this.#failures.heard(from, incarnation, now);
    // The sender may be a member in a later epoch than this node's: take its membership first.
    if (message.type === "membership") return membership.receive(message, !this.synced, now);
    if (!membership.others.includes(from)) return;
    if (!this.#failures.heard(from, incarnation, now)) return;
    this.#wireVersions.heard(envelope, message);
    this.#chooseWireVersion(now);
    if (message.type === "wireSupport" || message.type === "multicastHeard") return;
    if (message.type === "hello") {
      membership.isCurrent(envelope, now);
      return this.#replica.answerHello(from, incarnation, message);
    }
    if (!membership.isCurrent(envelope, now)) return;
    switch (message.type) {
      case "election":
      case "okay":
      case "coordinator":
      case "preVote":
      case "preVoted":
      case "accepted":
      case "statusHeard":
        // A member with a stale identity may have lost its votes and stand in a term that it led before.
        if (this.#replica.trusts(from, incarnation)) this.#election.receive(from, message, now);
        return;
      case "clusterStatus":
        if (!this.#replica.trusts(from, incarnation)) return;
        this.#election.receive(from, message, now);
        return this.#status.receive(from, message, now);
      case "config":
      case "configPush":
      case "configCheck": {
        const text = this.#textOf(from, message.text);
        if (text === undefined) return;
        if (message.type === "config") return this.#configs.receive(from, { revision: message.revision, text }, now);
        return this.#pushes.receive(from, { ...message, text }, now);
      }
      case "configPushed":
      case "configChecked":
        return this.#pushes.receive(from, message, now);
      case "configWanted":
        this.#patches.wants(from);
        this.#pushes.resend(from);
        return this.#configs.resend(from, now);
      case "rangeAllocation":
        if (message.report) this.#allocator.receive(from, message, now);
        else this.#allotment.receive(from, message, now);
        return;
      case "membershipPrepare":
      case "membershipPromise":
      case "membershipAccept":
      case "membershipAccepted":
        return membership.choose(from, message, now, this.#replica.trusts(from, incarnation));
      case "floods":
        return this.#options.floods?.(message.subnets, now);
      case "slotQuery":
        if (this.synced) this.#nakQuorum.answer(from, message, now);
        return;
      case "slotAnswer":
        if (this.#replica.trusts(from, incarnation)) this.#nakQuorum.receive(from, message, now);
        return;
      case "leaseBatch":
        this.#heard(from, incarnation, message);
        return this.#replica.receive(from, incarnation, message, now);
      case "leaseAck":
        if (this.#replica.trusts(from, incarnation)) {
          this.#proposals.answered(from, message, this.#quorum - 1, now.monotonicMs);
        }
        return this.#replica.receive(from, incarnation, message, now);
      default:
        return this.#replica.receive(from, incarnation, message, now);
    }
  }

  /** The whole text; undefined when it can't be made here, and is asked for. */
  #textOf(from: NodeId, text: ConfigText): string | undefined {
    if (typeof text === "string") return text;
    const patched = this.#patches.apply(text);
    if (patched.kind === "text") return patched.text;
    if (patched.kind === "unfit") this.#context.effects.notice({ kind: "configUnfit", from, revision: text.revision });
    this.#context.effects.send(from, { type: "configWanted" });
    return undefined;
  }

  #chooseWireVersion(now: Instant): void {
    this.#wireVersion = this.#wireVersions.version((id) => this.#failures.isLive(id, now));
  }

  /** In an earlier version, members that read more can't be told from others otherwise. */
  #sayWireVersion(now: Instant): void {
    if (this.#wireVersion === WIRE_VERSION || now.monotonicMs - this.#wireSaidMs < CLUSTER_LIMITS.heartbeatMs) return;
    this.#wireSaidMs = now.monotonicMs;
    this.#context.effects.broadcast({ type: "wireSupport", version: WIRE_VERSION });
  }

  #heard(from: NodeId, incarnation: number, batch: LeaseBatch): void {
    const { ready, synced, settled, witness, revision, first } = batch;
    const peer = this.#peers.of(from);
    const before = peer.said;
    const same = before?.incarnation === incarnation;
    // Only a due heartbeat carries `free` and `seen`; other batches leave them empty.
    const free = batch.free.length > 0 || !same ? batch.free : before.free;
    const seen = batch.seen.length > 0 || !same ? batch.seen : before.seen;
    this.#due ||= !same || before.ready !== ready || before.synced !== synced || before.settled !== settled ||
      before.revision !== revision;
    peer.said = { ready, synced, settled, witness, revision, free, seen, incarnation, first };
    this.#configs.heard(from, revision);
    this.#membership.heard(from, batch);
  }

  /** Facts that became durable (a vote, a configuration, complete slots) need a tick. */
  #watched(effects: MemberEffects): Effects<MemberNotice> {
    return persistingBy(effects, (writes, durable) =>
      effects.persist(writes, (at) => {
        durable(at);
        // The lsn comes with every lease, and is no reason for a tick.
        if (writes.facts?.some(([key]) => key !== FACT.lsn)) this.#due = true;
      }));
  }

  #membershipChanged(now: Instant): void {
    this.#options.effects.members(this.#membership.members);
    for (const [id, peer] of this.#peers) if (!this.#membership.ids.includes(id)) peer.said = undefined;
    this.#nakQuorum.dropAll();
    this.#applyRanges();
    this.#replica.epochChanged(now);
  }

  get #alone(): boolean {
    return this.#membership.others.length === 0;
  }

  /**
   * A standalone node allocates from all pools. Otherwise the allotted ranges hold in any pool: during a change of the
   * configuration, pools may be numbered differently here than on the leader.
   */
  #applyRanges(): void {
    const all = this.#allotment.held.ranges.flat();
    this.#options.table.setRanges(this.#alone ? undefined : this.#options.pools().map(() => all));
  }

  /** How this node stands, for a membership change. */
  #changeView(now: Instant): ChangeView {
    const { self } = this.#options;
    const leads = this.role === "standalone" ||
      (this.#context.leadership.role === "leader" && this.#status.hasQuorum(now));
    const without = (fact: "settled" | "synced") =>
      this.#membership.ids.filter((id) => {
        if (id === self) return !this.#replica[fact];
        const { said, trusted } = this.#peers.of(id);
        // Only a process that is trusted has said so in this epoch, and of a disk that has not gone back.
        return !this.#failures.isLive(id, now) || trusted === undefined || said?.[fact] !== true;
      });
    const isMixed = this.#wireVersion === 1;
    return { leads, term: this.term, isMixed, lacking: without("settled"), notVoting: without("synced") };
  }

  /** Live members whose slots are complete and that serve clients. */
  #serving(present: readonly NodeId[]): readonly NodeId[] {
    const { self } = this.#options;
    return filtered(this.#voters(present), (id) => id === self ? !this.#isWitness : !this.#peers.of(id).said?.witness);
  }

  get #isWitness(): boolean {
    return this.#options.witness === true;
  }

  /** A witness never leads while there are other members. */
  #elect(stored: string | undefined): Election {
    return new Election(this.#context, stored, { mayLead: !this.#isWitness });
  }

  get #quorum(): number {
    return quorumOf(this.#membership.ids.length);
  }

  /** Live members that can vote: their slots are complete. */
  #voters(present: readonly NodeId[]): readonly NodeId[] {
    const { self } = this.#options;
    return filtered(present, (id) => id === self ? this.synced : this.#peers.of(id).said?.synced === true);
  }

  #free(): number[] {
    return this.#options.pools().map((_, pool) => this.#options.table.freeOwned(pool));
  }

  #freeOf(node: NodeId): readonly number[] | undefined {
    if (node === this.#options.self) return this.#free();
    const free = this.#peers.of(node).said?.free;
    return free === undefined || free.length === 0 ? undefined : free;
  }

  /** Whether a leader allotted ranges to this node. The allotment may be empty; the node still renews leases. */
  get #hasRanges(): boolean {
    return this.#alone || this.#options.pools().length === 0 || this.#allotment.held.version > 0;
  }

  #watchRenewals(now: Instant): void {
    // Without an anchor the time can't be told, and nothing is granted anyway.
    if (this.isRenewalsOnly(now) === this.#renewalsOnly || this.#options.clock.bounds(now) === undefined) return;
    this.#renewalsOnly = !this.#renewalsOnly;
    const until = this.#membership.renewalsOnlyUntil;
    this.#context.effects.notice(this.#renewalsOnly ? { kind: "renewalsOnly", until } : { kind: "renewalsOnlyOver" });
  }

  #watchClocks(): void {
    for (const id of this.#membership.others) {
      const offsetMs = this.#replica.clockSync.peers.get(id)?.offsetMs;
      if (offsetMs === undefined) continue;
      const apart = Math.abs(offsetMs) > MAX_CLOCK_SKEW_MS;
      if (apart === this.#clocksApart.has(id)) continue;
      if (apart) this.#clocksApart.add(id);
      else this.#clocksApart.delete(id);
      this.#context.effects.notice(apart ? { kind: "clockApart", id, offsetMs } : { kind: "clockAgrees", id });
    }
  }
}

/** The nodes for which something holds: nearly always all, and then the same list, as every tick asks. */
function filtered(nodes: readonly NodeId[], holds: (id: NodeId) => boolean): readonly NodeId[] {
  return nodes.every(holds) ? nodes : nodes.filter(holds);
}
