/**
 * The safety half of a member: what it proposes, what it accepts from others, and the lease streams between them.
 * Whether its slots are complete is `state_sync.ts`; leadership and ranges are decided elsewhere and cannot break
 * safety here.
 *
 * Nothing leaves that is not durable: an acceptance is answered after its fsync, a commit is known after the own one.
 */

import type { MemberContext } from "../context.ts";
import {
  AGREEMENT_RULES,
  type AgreementRules,
  type Answer,
  type EndRecord,
  type LockRecord,
} from "../../lease/agreement/rule.ts";
import type { AnchoredClock, Bounds, ClockFault, Instant } from "../../lease/agreement/clock.ts";
import type { HybridClock } from "../../lease/agreement/hybrid_clock.ts";
import type { LeaseDetail, LeaseRow } from "../../lease/agreement/slot.ts";
import type { LeaseTable } from "../../lease/table/lease_table.ts";
import type { Version } from "../../lease/agreement/version.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import { type ClockNotice, ClockSync } from "./clock_sync.ts";
import { type SlotState, StateSync } from "../sync/state_sync.ts";
import type { DiskIdentity } from "../sync/disk_identity.ts";
import { DiskLog } from "../sync/disk_log.ts";
import { IncomingStreams, NAMED_MAX } from "./incoming_streams.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { ClusterMessage, Hello, LeaseAck, LeaseBatch, NodeId, StreamPosition } from "../wire/messages.ts";
import { OutgoingStream } from "./outgoing_stream.ts";
import { Reproposals } from "./reproposal.ts";
import { type Decided, type Proposal, Proposer } from "../../lease/agreement/proposer.ts";

/** What keeps a replica safe, each of which the simulator takes away once to see that it is missed. */
export interface Safeguards {
  readonly rules: AgreementRules;
  /** The number of members that the quorum is computed from; undefined: all. */
  readonly countedMembers: number | undefined;
  /** Answer only after the fsync. */
  readonly answerAfterSync: boolean;
  /** A blank disk does not vote. */
  readonly blankAbstains: boolean;
  /** See `CLUSTER_LIMITS`. */
  readonly waitingRowsMax: number;
}

const ALL_SAFEGUARDS: Safeguards = {
  rules: AGREEMENT_RULES,
  countedMembers: undefined,
  answerAfterSync: true,
  blankAbstains: true,
  waitingRowsMax: CLUSTER_LIMITS.waitingRowsMax,
};

/** Commit notes wait this long for a batch of records that carries them. */
const NEWS_MS = 20;

/** Certificates reach the disk in the background. */
const CERTIFY_INTERVAL_MS = 1_000;

/** What a replica sent and answered. */
export interface ReplicaCounters {
  /** Batches with records, each one datagram to all. */
  batches: number;
  /** Batches without: heartbeats, and commit notes that had no company. */
  heartbeats: number;
  /** Records in batches. */
  records: number;
  /** Acknowledgements sent, one per batch received. */
  acknowledgements: number;
  /** Records of others that were accepted and rejected here. */
  accepted: number;
  rejected: number;
  repairsAsked: number;
  repairsServed: number;
}

/** What a member's replica and its sync work with. */
interface ReplicaOptions {
  readonly identity: DiskIdentity;
  readonly table: LeaseTable;
  readonly clock: AnchoredClock;
  readonly versions: HybridClock;
  /** The longest lease that the active configuration gives; read at every use. */
  readonly limits: { readonly maxLeaseMs: number };
  /** Durable facts as they were at the start. */
  readonly facts: ReadonlyMap<string, string>;
  readonly bootstrap: boolean;
  /** What others decide; `tells`: it is time to say what changes slowly, too. */
  readonly heartbeat: (tells: boolean) => Pick<LeaseBatch, "free" | "ready" | "revision" | "complete" | "witness">;
  readonly clockNotice: (notice: ClockNotice) => void;
  /** See `StateSyncOptions`. */
  readonly learned: (now: Instant) => boolean;
  readonly joining: (formed: boolean) => readonly (readonly [key: string, value: string])[];
  readonly joined: (formed: boolean) => void;
  readonly fenced: (now: Instant) => void;
  readonly safeguards?: Partial<Safeguards>;
  readonly now: Instant;
}

/** The lease agreement of one member. */
export class Replica {
  readonly counters: ReplicaCounters = {
    batches: 0,
    heartbeats: 0,
    records: 0,
    acknowledgements: 0,
    accepted: 0,
    rejected: 0,
    repairsAsked: 0,
    repairsServed: 0,
  };
  readonly #context: MemberContext;
  readonly #options: ReplicaOptions;
  readonly #safeguards: Safeguards;
  readonly #proposer: Proposer;
  readonly #stateSync: StateSync;
  readonly #outgoing = new OutgoingStream();
  readonly #incoming = new IncomingStreams();
  readonly #clockSync: ClockSync;
  readonly #reproposals: Reproposals;
  readonly #log: DiskLog;
  /** Own undecided locks by the clock of their version, which this process issues once. */
  readonly #sequences = new Map<number, number>();
  readonly #uncertified = new Set<Ipv4>();
  #saidMs = -Infinity;
  #batchMs = -Infinity;
  /** Commit notes leave at this time at the latest. */
  #newsMs = Infinity;
  #certifiedMs = 0;

  constructor(member: MemberContext, options: ReplicaOptions) {
    this.#log = new DiskLog(options.identity.lsnFound, options.safeguards?.waitingRowsMax);
    const context = { ...member, effects: this.#log.counting(member.effects) };
    this.#context = context;
    this.#options = options;
    this.#safeguards = { ...ALL_SAFEGUARDS, ...options.safeguards };
    const { self, membership, effects } = context;
    const { table, clock, versions } = options;
    const { rules, countedMembers } = this.#safeguards;
    const size = {
      get size() {
        return membership.others.length + 1;
      },
    };
    this.#clockSync = new ClockSync({
      clock,
      members: size,
      limits: options.limits,
      facts: options.facts,
      persist: (fact) => effects.persist({ facts: [fact] }, () => {}),
      notice: options.clockNotice,
      firstProbe: Math.floor(context.random() * 2 ** 40),
    });
    this.#proposer = new Proposer({
      self,
      table,
      clock,
      versions,
      membership: countedMembers === undefined ? size : { size: countedMembers },
      rules,
      ports: {
        persist: (row, durable) => effects.persist({ rows: [row] }, durable),
        propagate: (address, record, detail) => this.#propagate(address, record, detail),
        committed: (address, version, now) => this.#committed(address, version, now),
      },
    });
    this.#reproposals = new Reproposals(context, {
      table,
      clock,
      repropose: (address, now) => this.#proposer.repropose(address, now),
      now: options.now,
    });
    this.#stateSync = new StateSync(context, {
      ...options,
      log: this.#log,
      rules,
      beyondRepair: (address, now) => this.#reproposals.consider(address, now),
      joined: (formed) => {
        this.announce();
        options.joined(formed);
      },
      fenced: (now) => {
        this.#proposer.dropAll(now);
        this.#reproposals.dropAll();
        options.fenced(now);
      },
    });
  }

  /** Whether this node's slots are complete: it proposes, votes and can be pulled from. */
  get synced(): boolean {
    return this.#stateSync.synced;
  }

  /** Whether it has everything of this epoch. */
  get settled(): boolean {
    return this.#stateSync.stage === "settled";
  }

  get identity(): DiskIdentity {
    return this.#stateSync.identity;
  }

  /** See `StateSync.waited`. */
  waited(now: Instant): boolean {
    return this.#stateSync.waited(now);
  }

  /** Whether it has what was granted while it was away; see `StateSync.caughtUp`. */
  caughtUp(now: Instant): boolean {
    return this.#stateSync.caughtUp(now);
  }

  get slotState(): SlotState {
    return this.#stateSync.state;
  }

  get pending(): number {
    return this.#proposer.pending;
  }

  /** Whether the disk is so far behind that this node takes no records of others. */
  get isBehindDisk(): boolean {
    return this.#log.isFull;
  }

  /** Whether this process of a member is trusted. */
  trusts(from: NodeId, incarnation: number): boolean {
    return this.#context.peers.of(from).trusted?.incarnation === incarnation;
  }

  /** What the other members' clocks say, and what steps of this one mean. */
  get clockSync(): Pick<ClockSync, "peers" | "stepped" | "maxLeaseMs"> {
    return this.#clockSync;
  }

  /** Why this node should not serve by its clock; see `ClockSync.confirmed` for the last one. */
  clockFault(now: Instant): ClockFault | "unconfirmed" | undefined {
    return this.#options.clock.fault(now) ?? (this.#clockSync.confirmed(now) ? undefined : "unconfirmed");
  }

  /** See `ClockSync.watch`. */
  watchClock(now: Instant): void {
    this.#clockSync.watch(now);
  }

  /** The number of this process's last record, and how far every other stream was received. */
  get positions(): { readonly own: number; readonly received: readonly StreamPosition[] } {
    return { own: this.#outgoing.last, received: this.#incoming.positions() };
  }

  /** Proposes a lease; see `Proposer.propose`. A node that is not synced refuses. */
  propose(proposal: Proposal, now: Instant, decided: Decided): void {
    if (!this.synced) return decided({ committed: false, reason: "noAnchor" }, now);
    this.#noteAnchor(now);
    this.#proposer.propose(proposal, now, decided);
  }

  /** Ends a lease; see `Proposer.end`. */
  end(request: Parameters<Proposer["end"]>[0], now: Instant, durable: (now: Instant) => void): boolean {
    this.#noteAnchor(now);
    return this.synced && this.#proposer.end(request, now, durable);
  }

  /** Ends the rest of a declined address; see `Proposer.endRest`. */
  endRest(address: Ipv4, now: Instant, durable: (now: Instant) => void): boolean {
    this.#noteAnchor(now);
    return this.synced && this.#proposer.endRest(address, now, durable);
  }

  /**
   * Sends what was proposed. What came within a millisecond of the last batch waits for {@link flushDeadline}. Call it
   * at the end of every burst of input.
   */
  flush(now: Instant): void {
    if (!this.#outgoing.unsent) return;
    if (this.#outgoing.full || now.monotonicMs - this.#batchMs >= CLUSTER_LIMITS.batchMs) this.#send(now, false);
  }

  /** Monotonic time at which {@link tick} has something to do. */
  get nextDeadline(): number {
    const alone = this.#alone;
    return Math.min(
      this.#proposer.nextDeadline,
      this.#clockSync.nextDeadline,
      alone ? Infinity : this.#saidMs + CLUSTER_LIMITS.heartbeatMs,
      alone ? Infinity : this.#stateSync.nextDeadline,
      this.#reproposals.nextDeadline,
      this.#uncertified.size > 0 && !this.#log.isFull ? this.#certifiedMs + CERTIFY_INTERVAL_MS : Infinity,
    );
  }

  /** The part of {@link tick}'s deadline that any message may bring forward: gaps in streams, and commit notes. */
  get urgentDeadline(): number {
    return Math.min(this.#newsMs, this.#incoming.nextDeadline);
  }

  /** Monotonic time at which {@link flush} has a batch to send. */
  get flushDeadline(): number {
    return this.#outgoing.unsent ? this.#batchMs + CLUSTER_LIMITS.batchMs : Infinity;
  }

  /** Runs what is due. */
  tick(now: Instant): void {
    const { effects, membership } = this.#context;
    this.#noteAnchor(now);
    this.#proposer.tick(now);
    for (const { to, message } of this.#clockSync.tick(now, membership.others)) {
      effects.send(to, { ...message, disk: this.#stateSync.claim });
    }
    for (const { origin, incarnation, missing } of this.#incoming.gaps(now.monotonicMs)) {
      this.counters.repairsAsked += 1;
      effects.send(origin, { type: "retransmit", incarnation, missing });
    }
    const due = now.monotonicMs - this.#saidMs >= CLUSTER_LIMITS.heartbeatMs;
    if (due || this.#outgoing.unsent || now.monotonicMs >= this.#newsMs) this.#send(now, due);
    if (this.synced && this.#incoming.lost) {
      this.#incoming.clearLost();
      this.#stateSync.expedite();
    }
    this.#stateSync.tick(now);
    this.#reproposals.tick(now);
    this.#writeCertificates(now);
  }

  /** Takes a message of a member of the same membership. */
  receive(from: NodeId, incarnation: number, message: ClusterMessage, now: Instant): void {
    const { effects } = this.#context;
    this.#noteAnchor(now);
    switch (message.type) {
      case "leaseBatch":
        return this.#batch(from, incarnation, message, now);
      case "leaseAck":
        return this.#answers(from, incarnation, message, now);
      case "retransmit":
        if (message.incarnation !== this.#context.incarnation) return;
        for (const batch of this.#outgoing.repair(message.missing)) {
          this.counters.repairsServed += 1;
          effects.send(from, this.#batchOf(batch, false, now));
        }
        return;
      case "timeProbe":
        if (message.disk !== undefined && !this.#stateSync.judge(from, incarnation, message.disk)) return;
        return effects.send(from, this.#clockSync.answer(message, now));
      case "slotRead":
        if (this.synced) this.#reproposals.answer(from, message, now);
        return;
      case "slotReadAnswer":
        if (this.trusts(from, incarnation)) this.#reproposals.receive(from, message, now);
        return;
      case "timeAnswer":
        return this.#clockSync.receive(from, message, now);
      default:
        this.#stateSync.receive(from, message, now);
    }
  }

  /** Answers whether this node's disk is blank, in any epoch. */
  answerHello(from: NodeId, incarnation: number, hello: Hello): void {
    this.#stateSync.answerHello(from, incarnation, hello);
  }

  /** The next tick sends a heartbeat: the others wait to hear a change. */
  announce(): void {
    this.#saidMs = -Infinity;
  }

  /** A new epoch holds: aborts the proposals of the one before (membership step 2). */
  epochChanged(now: Instant): void {
    this.#proposer.abortAll(now);
    this.#reproposals.dropAll();
    this.#stateSync.epochChanged();
    this.announce();
  }

  /** Starts as blank as a new disk. */
  fence(now: Instant): void {
    this.#stateSync.fence(now);
  }

  /** From the first anchor on, transactions on slots count. */
  #noteAnchor(now: Instant): void {
    this.#log.anchored ||= this.#options.clock.bounds(now) !== undefined;
  }

  get #alone(): boolean {
    return this.#context.membership.others.length === 0;
  }

  #propagate(address: Ipv4, record: LockRecord | EndRecord, detail: LeaseDetail): void {
    if (this.#alone) return;
    if ("kind" in record) {
      this.#sequences.delete(record.replaces.clock);
      this.#outgoing.add({ kind: "end", address, detail, record });
    } else {
      this.#sequences.set(record.version.clock, this.#outgoing.add({ kind: "lock", address, detail, record }));
    }
  }

  #committed(address: Ipv4, version: Version, now: Instant): void {
    if (this.#alone) return;
    this.#uncertified.add(address);
    const sequence = this.#sequences.get(version.clock);
    if (sequence === undefined) return;
    this.#sequences.delete(version.clock);
    this.#outgoing.note(sequence);
    this.#newsMs = Math.min(this.#newsMs, now.monotonicMs + NEWS_MS);
  }

  #send(now: Instant, heartbeat: boolean): void {
    if (this.#alone) return;
    if (heartbeat) this.#saidMs = now.monotonicMs;
    this.#batchMs = now.monotonicMs;
    this.#newsMs = Infinity;
    let tells = heartbeat;
    for (const batch of this.#outgoing.take(heartbeat)) {
      if (batch.records.length === 0) this.counters.heartbeats += 1;
      else this.counters.batches += 1;
      this.counters.records += batch.records.length;
      this.#context.effects.broadcast(this.#batchOf(batch, tells, now));
      tells = false;
    }
  }

  /** `tells`: it is time to say what changes slowly, too. */
  #batchOf(batch: Pick<LeaseBatch, "first" | "records" | "committed">, tells: boolean, now: Instant): LeaseBatch {
    const { first, records, committed } = batch;
    const { free, ready, revision, complete, witness } = this.#options.heartbeat(tells);
    const { diskId, bootCount, diskGeneration, lsnFound, lsn } = this.#stateSync.claim;
    // Field by field: spreading three objects takes nine times as long.
    return {
      type: "leaseBatch",
      first,
      records,
      committed,
      seen: tells ? this.#incoming.positions() : [],
      free,
      ready,
      synced: this.synced,
      settled: this.settled,
      complete,
      witness,
      revision,
      diskId,
      bootCount,
      diskGeneration,
      lsnFound,
      lsn,
      wallMs: now.wallMs,
    };
  }

  #batch(from: NodeId, incarnation: number, batch: LeaseBatch, now: Instant): void {
    const { clock } = this.#options;
    const { effects } = this.#context;
    this.#clockSync.heard(from, batch.wallMs, now);
    if (!this.#stateSync.heard(from, incarnation, batch)) return;
    const time = clock.bounds(now);
    if (time === undefined) return;
    if (!this.synced && this.#safeguards.blankAbstains) return;
    // Not noted as arrived: once the disk works again, the gap is noticed.
    if (this.#log.isFull) return;
    this.#incoming.arrived(from, incarnation, batch.first, batch.records.length, now.monotonicMs);
    const rows: LeaseRow[] = [];
    const answers = batch.records.map((record, index): Answer => {
      this.#incoming.name(from, batch.first + index, record.address, record.record.version);
      return this.#take(record, time, rows);
    });
    this.#certify(from, incarnation, batch);
    if (answers.length === 0) return;
    const ack: LeaseAck = { type: "leaseAck", incarnation, first: batch.first, answers };
    const answer = () => {
      this.counters.acknowledgements += 1;
      effects.send(from, ack);
    };
    if (!this.#safeguards.answerAfterSync) answer();
    if (rows.length > 0) effects.persist({ rows }, this.#safeguards.answerAfterSync ? answer : () => {});
    else answer();
  }

  /** Takes a record into a slot. An accepted one is written even if unchanged: its answer follows that write. */
  #take(record: LeaseBatch["records"][number], time: Bounds, rows: LeaseRow[]): Answer {
    const { table, versions } = this.#options;
    const { address, detail } = record;
    versions.observe(record.record.version);
    const slot = table.get(address);
    if (record.kind === "end") {
      const ended = this.#safeguards.rules.end(slot, record.record, time, false);
      if (ended !== undefined) {
        table.set(address, ended, detail);
        rows.push({ address, slot: ended, detail });
      }
      return { ok: true };
    }
    const taken = this.#safeguards.rules.vote(slot, record.record, time);
    if (taken.answer.ok) {
      this.counters.accepted += 1;
      table.set(address, taken.slot, detail);
      rows.push({ address, slot: taken.slot, detail });
    } else this.counters.rejected += 1;
    return taken.answer;
  }

  #certify(from: NodeId, incarnation: number, batch: LeaseBatch): void {
    // A range may be as long as its sender likes; more than is remembered can't be meant, in all ranges together.
    let left = NAMED_MAX;
    for (const { first, last } of batch.committed) {
      for (let sequence = Math.max(first, last - left); sequence <= last && left > 0; sequence++, left--) {
        const named = this.#incoming.takeNamed(from, incarnation, sequence);
        if (named === undefined) continue;
        this.#options.table.certify(named.address, named.version);
        this.#uncertified.add(named.address);
      }
    }
  }

  #answers(from: NodeId, incarnation: number, ack: LeaseAck, now: Instant): void {
    // Case 9: an answer to an earlier process of this node decides nothing, nor does one of a stale identity (case 20).
    if (ack.incarnation !== this.#context.incarnation || !this.trusts(from, incarnation)) return;
    for (const [index, answer] of ack.answers.entries()) {
      const record = this.#outgoing.get(ack.first + index);
      if (record?.kind === "lock") this.#proposer.answer(from, record.address, record.record.version, answer, now);
    }
  }

  #writeCertificates(now: Instant): void {
    if (now.monotonicMs - this.#certifiedMs < CERTIFY_INTERVAL_MS || this.#uncertified.size === 0) return;
    if (this.#log.isFull) return;
    this.#certifiedMs = now.monotonicMs;
    const { table } = this.#options;
    const rows = [...this.#uncertified].map((address) => ({
      address,
      slot: table.get(address),
      detail: table.detail(address),
    }));
    this.#uncertified.clear();
    this.#context.effects.persist({ rows }, () => {});
  }
}
