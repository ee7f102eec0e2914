/**
 * State sync: makes this node's slots complete and keeps them so. It joins with a blank disk, settles in a new
 * membership, merges the others' slots by anti-entropy, and serves its own. It never answers a proposal (case 10).
 */

import type { MemberContext, MembershipView } from "../context.ts";
import { unionSources } from "../../lease/agreement/quorum.ts";
import type { AgreementRules } from "../../lease/agreement/rule.ts";
import type { AnchoredClock, Bounds, Instant } from "../../lease/agreement/clock.ts";
import type { HybridClock } from "../../lease/agreement/hybrid_clock.ts";
import { FREE_SLOT, type LeaseRow } from "../../lease/agreement/slot.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { LeaseTable } from "../../lease/table/lease_table.ts";
import { compareVersions } from "../../lease/agreement/version.ts";
import { BLANK, type DiskIdentity, FACT, fencedFacts, newDiskId, nextGeneration, type Stage } from "./disk_identity.ts";
import type { DiskLog } from "./disk_log.ts";
import { PeerDisks } from "./peer_disks.ts";
import { Join } from "./join.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import {
  type ClusterMessage,
  type DiskClaim,
  type Hello,
  type HelloAnswer,
  LSN_UNKNOWN,
  type NodeId,
  type StaleIdentity,
  type SyncChunk,
  type SyncRequest,
} from "../wire/messages.ts";
import { type PageRequest, SnapshotPull, unionRows } from "./snapshot_pull.ts";
import { AntiEntropy, isBeyondRepair, type MergedPage, mergeSlot } from "./anti_entropy.ts";

/** Some 75 KB: one round trip each, so a million leases take two thousand of them. */
const CHUNK_ROWS = 500;

/** How a node stands with its slots. */
export type SlotState =
  /** `fenced`: it was a voter, so it never forms the cluster, but waits for enough voters. */
  | { readonly kind: "joining"; readonly fenced: boolean; readonly progress: Join["progress"] }
  | { readonly kind: "settling"; readonly progress: SnapshotPull["progress"] }
  | { readonly kind: "complete" };

/** The stage of this disk, and what it does to reach the next one. */
type Phase =
  | { readonly stage: "learner" | "fenced"; readonly join: Join }
  /** Takes the union of its epoch. */
  | { readonly stage: "voter"; readonly pull: SnapshotPull }
  | { readonly stage: "settled" };

/** What a member's sync works with. */
interface StateSyncOptions {
  readonly identity: DiskIdentity;
  readonly log: DiskLog;
  readonly facts: ReadonlyMap<string, string>;
  readonly table: LeaseTable;
  readonly clock: AnchoredClock;
  readonly versions: HybridClock;
  readonly rules: AgreementRules;
  readonly bootstrap: boolean;
  /** Whether a blank disk has learned everything else (term, membership): until then its join does not complete. */
  readonly learned: (now: Instant) => boolean;
  /** Facts that become durable together with the completeness of a blank disk. */
  readonly joining: (formed: boolean) => readonly (readonly [key: string, value: string])[];
  /** The disk was blank and is complete now. `formed`: no member had anything. */
  readonly joined: (formed: boolean) => void;
  /** Another voter lacks this node's lock, and anti-entropy cannot help. */
  readonly beyondRepair: (address: Ipv4, now: Instant) => void;
  /** This node starts as blank as a new disk: what it proposed counts no more. */
  readonly fenced: (now: Instant) => void;
  readonly now: Instant;
}

/** One member's slots as a whole. */
export class StateSync {
  readonly #context: MemberContext;
  readonly #options: StateSyncOptions;
  readonly #disks: PeerDisks;
  readonly #antiEntropy = new AntiEntropy();
  #identity: DiskIdentity;
  #phase: Phase;
  #settledEpoch: number;
  /** The union is on its way to disk. */
  #finishing = false;
  #startedMs: number;
  /** Highest generation of this member's disks that others remember, for the next one. */
  #formerGeneration = 0;
  #caughtUp = false;
  /** The clock had no anchor at the last tick: nothing can be pulled or merged. */
  #clockless = true;
  /** The last page that each member was asked for. */
  readonly #asked = new Map<NodeId, { readonly phase: Phase; readonly after: number; readonly request: number }>();
  #nextRequest: number;
  /** Other voters, by their last heartbeat in this epoch. */
  #voters: readonly NodeId[] = [];
  /** Members for whom a page waits for this disk: one each. */
  readonly #serving = new Set<NodeId>();

  constructor(context: MemberContext, options: StateSyncOptions) {
    this.#context = context;
    this.#options = options;
    const { identity, facts, now } = options;
    this.#identity = identity;
    this.#startedMs = now.monotonicMs;
    // Answers to an earlier process of this node must not pass for answers to this one.
    this.#nextRequest = 1 + Math.floor(context.random() * 2 ** 40);
    this.#disks = new PeerDisks(context.peers, facts, (facts, durable) => context.effects.persist({ facts }, durable));
    this.#settledEpoch = Number(facts.get(FACT.settled) ?? 0);
    for (const id of context.membership.others) {
      const [own, theirs] = (facts.get(FACT.blankPeer(id)) ?? "").split(" ");
      if (own === identity.diskId && theirs) context.peers.of(id).blankDisk = theirs;
    }
    this.#phase = identity.startStage === "voter" ? this.#settling() : this.#joining(identity.startStage);
    if (this.synced) this.#antiEntropy.expedite();
  }

  get stage(): Stage {
    return this.#phase.stage;
  }

  /** Whether this node proposes, votes and can be pulled from. */
  get synced(): boolean {
    return this.stage === "voter" || this.stage === "settled";
  }

  get identity(): DiskIdentity {
    return this.#identity;
  }

  /** Whether all proposals accepted by the former disk are decided (case 18): a blank disk must not learn before. */
  waited(now: Instant): boolean {
    return this.synced || now.monotonicMs - this.#startedMs >= CLUSTER_LIMITS.blankWaitMs;
  }

  get state(): SlotState {
    const phase = this.#phase;
    if ("join" in phase) return { kind: "joining", fenced: phase.stage === "fenced", progress: phase.join.progress };
    return "pull" in phase ? { kind: "settling", progress: phase.pull.progress } : { kind: "complete" };
  }

  /** What this process says of its disk. */
  get claim(): DiskClaim {
    const { diskId, bootCount, diskGeneration, lsnFound } = this.#identity;
    return { diskId, bootCount, diskGeneration, lsnFound, lsn: this.#options.log.lsn };
  }

  /** Notes what a member's heartbeat says of its disk. False: the process is not trusted, and is told so. */
  heard(from: NodeId, incarnation: number, disk: DiskClaim & { readonly synced: boolean }): boolean {
    const { membership, peers } = this.#context;
    const isTrusted = this.judge(from, incarnation, disk);
    const peer = peers.of(from);
    const isKnown = peer.trusted?.incarnation === incarnation && peer.trusted.isVoter === disk.synced;
    if (isTrusted && isKnown) return true;
    // Of two processes on copies of a disk, the one heard before may have gone back by now.
    peer.trusted = isTrusted ? { incarnation, isVoter: disk.synced } : undefined;
    this.#voters = membership.others.filter((id) => peers.of(id).trusted?.isVoter === true);
    return isTrusted;
  }

  /** Whether a disk has not gone back, as far as this node knows; else its process is told so. */
  judge(from: NodeId, incarnation: number, disk: DiskClaim): boolean {
    if (this.#disks.seen(from, disk, incarnation)) return true;
    const { diskId, bootCount } = disk;
    const diskGeneration = this.#disks.diskGeneration(from);
    this.#context.effects.send(from, { type: "staleIdentity", diskId, bootCount, incarnation, diskGeneration });
    return false;
  }

  /**
   * Whether the slots are as new as those of the others, after a start: what was granted while this node was away its
   * clients would ask for in vain. It asks for no more than can be had in a moment: with very many leases the rest
   * comes later.
   */
  caughtUp(now: Instant): boolean {
    if (this.#caughtUp || !this.synced) return this.synced;
    const needed = unionSources(this.#context.membership.others.length + 1);
    const enough = Math.min(needed, this.#context.membership.others.length);
    this.#caughtUp = this.#antiEntropy.merged >= enough ||
      now.monotonicMs - this.#startedMs >= CLUSTER_LIMITS.catchUpMs;
    return this.#caughtUp;
  }

  /** Records of other members' streams were given up: expedites anti-entropy. */
  expedite(): void {
    this.#antiEntropy.expedite();
  }

  /** Another membership holds. */
  epochChanged(): void {
    for (const [, peer] of this.#context.peers) peer.trusted = undefined;
    this.#voters = [];
    this.#finishing = false;
    this.#phase = "join" in this.#phase ? this.#joining(this.#phase.stage) : this.#settling();
  }

  /** Becomes a learner on a new disk (case 20, and a member that was away for a whole epoch). */
  fence(now: Instant): void {
    const diskId = newDiskId(this.#context.random);
    this.#identity = { ...this.#identity, diskId, diskGeneration: 0 };
    for (const [, peer] of this.#context.peers) peer.blankDisk = undefined;
    this.#finishing = false;
    this.#startedMs = now.monotonicMs;
    this.#phase = this.#joining("fenced");
    this.#context.effects.persist({ facts: fencedFacts(diskId) }, () => {});
    this.#options.fenced(now);
  }

  /** Monotonic time at which {@link tick} has a page to ask for; joining and settling follow their answers. */
  get nextDeadline(): number {
    const merges = this.stage === "settled" && !this.#clockless;
    return Math.min(this.#disks.nextDeadline, merges ? this.#antiEntropy.nextDeadline : Infinity);
  }

  /** Asks for what this node lacks. */
  tick(now: Instant): void {
    this.#disks.tick(now.monotonicMs);
    this.#clockless = this.#options.clock.bounds(now) === undefined;
    if (this.#clockless) return;
    const voters = this.#voters;
    const phase = this.#phase;
    if ("join" in phase) {
      for (const output of phase.join.tick(now, voters)) {
        if (output.kind === "request") this.#ask(output);
        else this.#context.effects.broadcast({ type: "hello", diskId: this.#identity.diskId, blank: true });
      }
      return this.#finishJoin(now);
    }
    if ("pull" in phase) {
      for (const request of phase.pull.tick(now, voters)) this.#ask(request);
      return this.#finishSettle(now);
    }
    const request = this.#antiEntropy.tick(now, voters);
    if (request !== undefined) this.#ask(request);
  }

  /** Takes a message that is about slots as a whole; true when it was one. */
  receive(from: NodeId, message: ClusterMessage, now: Instant): boolean {
    switch (message.type) {
      case "syncRequest":
        this.#serve(from, message, now);
        return true;
      case "syncChunk":
        this.#take(from, message, now);
        return true;
      case "helloAnswer":
        this.#helloAnswered(from, message);
        return true;
      case "staleIdentity":
        this.#staleIdentity(message, now);
        return true;
      default:
        return false;
    }
  }

  /**
   * To a disk that was blank while this one was, this node counts as blank until it hears of a voter with that id: the
   * disk has promised nothing since, so it may vote with empty slots, as if it had been down. Answered in any epoch.
   */
  answerHello(from: NodeId, incarnation: number, { diskId, blank: isBlank }: Hello): void {
    const { diskId: ownDiskId } = this.#identity;
    const forms = this.stage === "learner";
    if (forms && isBlank) this.#rememberBlank(from, diskId);
    const noVoter = this.#disks.diskGeneration(from) === 0;
    this.#context.effects.send(from, {
      type: "helloAnswer",
      diskId,
      incarnation,
      blank: noVoter && (forms || this.#context.peers.of(from).blankDisk === diskId),
      ownDiskId,
    });
  }

  #rememberBlank(id: NodeId, diskId: string): void {
    const peer = this.#context.peers.of(id);
    if (peer.blankDisk === diskId) return;
    peer.blankDisk = diskId;
    const fact = [FACT.blankPeer(id), `${this.#identity.diskId} ${diskId}`] as const;
    this.#context.effects.persist({ facts: [fact] }, () => {});
  }

  #joining(stage: "learner" | "fenced"): Phase {
    const { epoch, others } = this.#context.membership;
    const knowsCluster = stage === "fenced" || epoch > 1;
    const forms = knowsCluster ? "never" : this.#options.bootstrap ? "quorum" : "all";
    return { stage, join: new Join({ startedMs: this.#startedMs, others, forms }) };
  }

  #settling(): Phase {
    const { membership } = this.#context;
    if (this.#settledEpoch >= membership.epoch) return { stage: "settled" };
    return { stage: "voter", pull: new SnapshotPull("settle", settleSources(membership)) };
  }

  /** A page that is asked for again keeps its request: the first answer may be slower than the second question. */
  #ask({ to, page }: PageRequest): void {
    const { diskId, bootCount } = this.#identity;
    const { after } = page;
    const last = this.#asked.get(to);
    const isRepeated = last?.phase === this.#phase && last.after === after;
    const request = isRepeated ? last.request : this.#nextRequest++;
    this.#asked.set(to, { phase: this.#phase, after, request });
    this.#context.effects.send(to, { type: "syncRequest", ...page, diskId, bootCount, request });
  }

  /** Slots as they were before this phase began may lack what the disk before has accepted since (case 18). */
  #isAnswer(from: NodeId, { request }: SyncChunk): boolean {
    const asked = this.#asked.get(from);
    return asked?.phase === this.#phase && (request === asked.request || request === 0);
  }

  #serve(from: NodeId, request: SyncRequest, now: Instant): void {
    const { clock, table } = this.#options;
    const { effects } = this.#context;
    // No sync without an anchor. Slots must be durable here before another disk has them, so this waits for a write.
    if (!this.synced || clock.bounds(now) === undefined || this.#serving.has(from)) return;
    // The source of a join remembers the joining disk, even if no heartbeat of it has arrived.
    if (request.purpose === "join") this.#disks.seen(from, { ...request, ...LSN_UNKNOWN, diskGeneration: 0 }, 0);
    const rows = table.rowsAfter(request.after, CHUNK_ROWS);
    const diskGeneration = this.#disks.diskGeneration(from);
    const more = rows.length === CHUNK_ROWS;
    const chunk: SyncChunk = { type: "syncChunk", rows, more, diskGeneration, request: request.request };
    this.#serving.add(from);
    effects.persist({}, () => {
      this.#serving.delete(from);
      effects.send(from, chunk);
    });
  }

  #take(from: NodeId, chunk: SyncChunk, now: Instant): void {
    const time = this.#options.clock.bounds(now);
    if (time === undefined || !this.#isAnswer(from, chunk)) return;
    // It is asked for again.
    if (this.#options.log.isFull) return;
    const phase = this.#phase;
    if ("join" in phase) {
      this.#formerGeneration = Math.max(this.#formerGeneration, chunk.diskGeneration);
      for (const output of phase.join.receive(from, chunk, now, time)) if (output.kind === "request") this.#ask(output);
      return this.#finishJoin(now);
    }
    if ("pull" in phase) {
      const request = phase.pull.receive(from, chunk, now, time);
      if (request !== undefined) this.#ask(request);
      return this.#finishSettle(now);
    }
    const page = this.#antiEntropy.receive(from, chunk, this.#voters);
    if (page === undefined) return;
    this.#mergeRows(page.rows, time);
    this.#findBeyondRepair(page, time, now);
  }

  /** Finds locks that a voter lacks, by its page, and that it will not get by merging this node's. */
  #findBeyondRepair({ rows, after, last }: MergedPage, time: Bounds, now: Instant): void {
    const { table, rules, beyondRepair } = this.#options;
    const theirs = new Map(rows.map(({ address, slot }) => [address, slot]));
    for (let from: number = after;;) {
      const own = table.usedAfter(from, CHUNK_ROWS);
      for (const address of own) {
        if (address > last) return;
        from = address;
        if (!isBeyondRepair(table.get(address), theirs.get(address) ?? FREE_SLOT, time, rules)) continue;
        this.#antiEntropy.differs();
        beyondRepair(address, now);
      }
      if (own.length < CHUNK_ROWS) return;
    }
  }

  #mergeRows(theirs: readonly LeaseRow[], time: Bounds): void {
    const { table, versions, rules } = this.#options;
    const rows: LeaseRow[] = [];
    for (const { address, slot: other, detail: theirDetail } of theirs) {
      versions.observe(other.version);
      const own = table.get(address);
      const slot = mergeSlot(own, other, time, rules);
      if (slot === undefined) continue;
      // The own client's older version tells what is committed, and nothing newer about the client.
      const detail = compareVersions(slot.version, own.version) === 0 ? table.detail(address) : theirDetail;
      rows.push({ address, slot, detail });
    }
    if (rows.length > 0) this.#antiEntropy.differs();
    this.#store(rows);
  }

  #store(rows: readonly LeaseRow[], facts: readonly (readonly [string, string])[] = [], durable = () => {}): void {
    const { table, versions } = this.#options;
    for (const { address, slot, detail } of rows) {
      versions.observe(slot.version);
      table.set(address, slot, detail);
    }
    if (rows.length > 0 || facts.length > 0) this.#context.effects.persist({ rows, facts }, durable);
  }

  #helloAnswered(from: NodeId, answer: HelloAnswer): void {
    const isMine = answer.diskId === this.#identity.diskId && this.#isThisProcess(answer.incarnation);
    if (!("join" in this.#phase) || !isMine) return;
    this.#phase.join.helloAnswered(from, answer.blank);
    if (answer.blank) this.#rememberBlank(from, answer.ownDiskId);
  }

  /** In version 1 a message does not say which process it means. */
  #isThisProcess(incarnation: number): boolean {
    return incarnation === 0 || incarnation === this.#context.incarnation;
  }

  /** Another member remembers a later disk or a later state of this one: this node is fenced and joins again. */
  #staleIdentity(message: StaleIdentity, now: Instant): void {
    const { diskId, bootCount } = this.#identity;
    if (message.diskId !== diskId || message.bootCount !== bootCount) return;
    if (!this.#isThisProcess(message.incarnation)) return;
    this.#formerGeneration = Math.max(this.#formerGeneration, message.diskGeneration);
    this.fence(now);
  }

  /** Complete slots become durable together with the fact that they are; only then does this node vote. */
  #finishJoin(now: Instant): void {
    const phase = this.#phase;
    if (!("join" in phase) || this.#finishing) return;
    const formed = phase.join.isFormation;
    const rows = phase.join.result();
    const { joining, joined, learned } = this.#options;
    if (rows === undefined || (!formed && !learned(now))) return;
    const { epoch } = this.#context.membership;
    this.#finishing = true;
    const diskGeneration = nextGeneration(this.#formerGeneration, this.#options.clock.bounds(now)?.earliest ?? 0);
    const facts: [string, string][] = [
      [FACT.blank, BLANK.no],
      [FACT.diskGeneration, String(diskGeneration)],
      [FACT.settled, String(epoch)],
    ];
    this.#store(rows, [...facts, ...joining(formed)], () => {
      if (this.#phase !== phase) return;
      this.#identity = { ...this.#identity, diskGeneration };
      this.#settled(epoch);
      joined(formed);
    });
  }

  /** The union of the others' slots and the own ones (membership step 4). */
  #finishSettle(now: Instant): void {
    const phase = this.#phase;
    const time = this.#options.clock.bounds(now);
    if (!("pull" in phase) || time === undefined || this.#finishing) return;
    const theirs = phase.pull.result();
    if (theirs === undefined) return;
    const { table } = this.#options;
    const { epoch } = this.#context.membership;
    const rows: LeaseRow[] = [];
    for (const row of theirs) {
      const slot = table.get(row.address);
      const own = { address: row.address, slot, detail: table.detail(row.address) };
      const union = slot.state === "free" ? row : unionRows(own, row, time);
      if (union.slot !== slot) rows.push(union);
    }
    this.#finishing = true;
    this.#store(rows, [[FACT.settled, String(epoch)]], () => {
      if (this.#phase === phase) this.#settled(epoch);
    });
  }

  /** The union is durable. */
  #settled(epoch: number): void {
    this.#phase = { stage: "settled" };
    this.#finishing = false;
    this.#settledEpoch = epoch;
  }
}

/** A standalone node has no sources. */
function settleSources({ others }: MembershipView): number {
  return others.length === 0 ? 0 : unionSources(others.length + 1);
}
