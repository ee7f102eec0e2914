/**
 * The safety half of a member: its slots, what it proposes, what it accepts from others, and how it gets complete slots again
 * after it lost its disk. Who leads and who allocates which addresses is decided elsewhere and can do no harm here.
 *
 * Nothing leaves that is not durable: an acceptance is answered after its fsync, a commit is known after the own one.
 */

import {
  AGREEMENT_RULES,
  type AgreementRules,
  type Answer,
  type EndRecord,
  type LockRecord,
} from "../lease/agreement.ts";
import type { AnchoredClock, Bounds, Instant } from "../lease/clock.ts";
import type { VersionMint } from "../lease/mint.ts";
import type { LeaseDetail, LeaseRow } from "../lease/slot.ts";
import type { LeaseTable } from "../lease/table.ts";
import { compareVersions, type Version } from "../lease/version.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { AnchorRounds } from "./anchor.ts";
import { type DiskIdentity, FACT, newDiskId, PeerDisks } from "./identity.ts";
import { IncomingStreams, NAMED_MAX } from "./incoming.ts";
import { Join, type JoinOutput } from "./join.ts";
import { CLUSTER_LIMITS } from "./limits.ts";
import type {
  ClusterMessage,
  Distrust,
  Hello,
  HelloAnswer,
  LeaseAck,
  LeaseBatch,
  NodeId,
  SyncChunk,
  SyncRequest,
} from "./messages.ts";
import { OutgoingStream } from "./outgoing.ts";
import { type Decided, type Proposal, Proposer } from "./proposer.ts";
import { Scrub, scrubbed } from "./scrub.ts";

/** What a member writes down in one go. */
export interface Writes {
  readonly rows?: readonly LeaseRow[];
  readonly facts?: readonly (readonly [key: string, value: string])[];
}

/** What a member needs done. */
export interface ReplicaPorts {
  /** To one member; may be lost. */
  send(to: NodeId, message: ClusterMessage): void;
  /** To all other members; may be lost for each. */
  broadcast(message: ClusterMessage): void;
  /** Durable in the order of the calls. */
  persist(writes: Writes, durable: (now: Instant) => void): void;
}

/** What keeps a replica safe, each of which the simulator takes away once to see that it is missed. */
export interface Safeguards {
  readonly rules: AgreementRules;
  /** How many members a majority is counted of; as many as there are. */
  readonly countedMembers: number | undefined;
  /** Answer only after the fsync. */
  readonly answerAfterSync: boolean;
  /** A blank disk does not vote. */
  readonly blankAbstains: boolean;
}

const ALL_SAFEGUARDS: Safeguards = {
  rules: AGREEMENT_RULES,
  countedMembers: undefined,
  answerAfterSync: true,
  blankAbstains: true,
};

/** What heartbeats say that others decide. */
export interface HeartbeatFacts {
  readonly free: readonly number[];
  readonly ready: boolean;
  readonly revision: number;
}

const SYNC_CHUNK_ROWS = 500;
/** Certificates reach the disk in the background. */
const CERTIFY_INTERVAL_MS = 1_000;

/** Everything about a replica that does not change while it runs. */
export interface ReplicaOptions {
  readonly self: NodeId;
  readonly incarnation: number;
  readonly identity: DiskIdentity;
  /** All members, this one too. */
  readonly members: readonly NodeId[];
  readonly table: LeaseTable;
  readonly clock: AnchoredClock;
  readonly mint: VersionMint;
  readonly limits: { readonly maxLeaseMs: number };
  /** Durable facts as they were at the start. */
  readonly facts: ReadonlyMap<string, string>;
  readonly heartbeat: () => HeartbeatFacts;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly ports: ReplicaPorts;
  readonly safeguards?: Partial<Safeguards>;
  readonly now: Instant;
}

/** The lease agreement of one member. */
export class Replica {
  readonly #options: ReplicaOptions;
  readonly #safeguards: Safeguards;
  readonly #others: readonly NodeId[];
  readonly #proposer: Proposer;
  readonly #outgoing = new OutgoingStream();
  readonly #incoming = new IncomingStreams();
  readonly #scrub = new Scrub();
  readonly #anchor: AnchorRounds;
  readonly #peers: PeerDisks;
  /** Own undecided locks by the clock of their version, which this process mints once. */
  readonly #sequences = new Map<number, number>();
  /** Members that said they vote, by their last heartbeat. */
  readonly #voters = new Set<NodeId>();
  readonly #uncertified = new Set<Ipv4>();
  /** The process of each member whose last heartbeat was believed: only its answers count. */
  readonly #trusted = new Map<NodeId, number>();
  /** Disks that were blank when they answered this one: those it may have formed the cluster with. */
  readonly #formation = new Map<NodeId, string>();
  #identity: DiskIdentity;
  #join: Join | undefined;
  #finishing = false;
  #lastSentMs = -Infinity;
  #certifiedMs = 0;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#safeguards = { ...ALL_SAFEGUARDS, ...options.safeguards };
    const { self, members, table, clock, mint, limits, ports, identity, facts } = options;
    this.#others = members.filter((id) => id !== self);
    this.#anchor = new AnchorRounds(clock, { size: members.length });
    this.#peers = new PeerDisks(facts, this.#others, (fact) => ports.persist({ facts: [fact] }, () => {}));
    this.#proposer = new Proposer({
      self,
      table,
      clock,
      mint,
      membership: { size: this.#safeguards.countedMembers ?? members.length },
      rules: this.#safeguards.rules,
      limits,
      ports: {
        persist: (row, durable) => ports.persist({ rows: [row] }, durable),
        propagate: (address, record, detail) => this.#propagate(address, record, detail),
        committed: (address, version) => this.#committed(address, version),
      },
    });
    this.#identity = identity;
    for (const id of this.#others) {
      const [own, theirs] = (facts.get(FACT.blankPeer(id)) ?? "").split(" ");
      if (own === identity.diskId && theirs) this.#formation.set(id, theirs);
    }
    if (identity.blank) {
      this.#join = new Join(options.now.monotonicMs, this.#formation);
    }
  }

  /** Whether this node's slots are complete: it proposes, votes and can be pulled from. */
  get synced(): boolean {
    return this.#join === undefined;
  }

  /** Whether it may propose now. */
  mayPropose(now: Instant): boolean {
    return this.synced && this.#options.clock.fault(now) === undefined;
  }

  get pending(): number {
    return this.#proposer.pending;
  }

  /** The other members' clocks as last seen. */
  get peerClocks(): AnchorRounds["peers"] {
    return this.#anchor.peers;
  }

  /** Proposes a lease; see `Proposer.propose`. A node that is not synced refuses. */
  propose(proposal: Proposal, now: Instant, decided: Decided): void {
    if (!this.synced) return decided({ committed: false, reason: "noAnchor" }, now);
    this.#proposer.propose(proposal, now, decided);
  }

  /** Ends a lease; see `Proposer.end`. */
  end(request: Parameters<Proposer["end"]>[0], now: Instant, durable: (now: Instant) => void): boolean {
    return this.synced && this.#proposer.end(request, now, durable);
  }

  /** Sends what was proposed since the last call; to be called at the end of every burst of input. */
  flush(now: Instant): void {
    if (this.#outgoing.waiting) this.#send(now, false);
  }

  /** Lets time pass: at least every 20 ms. */
  tick(now: Instant): void {
    this.#proposer.tick(now);
    for (const { to, message } of this.#anchor.tick(now, this.#others)) this.#options.ports.send(to, message);
    for (const { origin, incarnation, missing } of this.#incoming.gaps(now.monotonicMs)) {
      this.#options.ports.send(origin, { type: "repair", incarnation, missing });
    }
    const due = now.monotonicMs - this.#lastSentMs >= CLUSTER_LIMITS.heartbeatMs;
    if (this.#outgoing.waiting || due) this.#send(now, due);
    this.#tickJoin(now);
    this.#tickScrub(now);
    this.#writeCertificates(now);
  }

  /** Takes a message of a member of the same membership. */
  receive(from: NodeId, incarnation: number, message: ClusterMessage, now: Instant): void {
    const { ports, clock } = this.#options;
    switch (message.type) {
      case "leaseBatch":
        return this.#batch(from, incarnation, message, now);
      case "leaseAck":
        return this.#answers(from, incarnation, message, now);
      case "repair":
        if (message.incarnation !== this.#options.incarnation) return;
        for (const batch of this.#outgoing.repair(message.missing)) ports.send(from, this.#batchOf(batch));
        return;
      case "timeProbe":
        return ports.send(from, { type: "timeAnswer", probe: message.probe, wallMs: now.wallMs });
      case "timeAnswer":
        return this.#anchor.receive(from, message, now);
      case "syncRequest":
        return this.#serveSync(from, message, now);
      case "syncChunk":
        return this.#takeChunk(from, message, clock.bounds(now), now);
      case "hello":
        return this.#answerHello(from, message);
      case "helloAnswer":
        return this.#helloAnswered(from, message);
      case "distrust":
        return this.#distrusted(message, now);
      default:
        return;
    }
  }

  #propagate(address: Ipv4, record: LockRecord | EndRecord, detail: LeaseDetail): void {
    if (this.#others.length === 0) return;
    if ("kind" in record) {
      this.#sequences.delete(record.replaces.clock);
      this.#outgoing.add({ kind: "end", address, detail, record });
    } else {
      this.#sequences.set(record.version.clock, this.#outgoing.add({ kind: "lock", address, detail, record }));
    }
  }

  #committed(address: Ipv4, version: Version): void {
    if (this.#others.length === 0) return;
    this.#uncertified.add(address);
    const sequence = this.#sequences.get(version.clock);
    if (sequence === undefined) return;
    this.#sequences.delete(version.clock);
    this.#outgoing.note(sequence);
  }

  #send(now: Instant, heartbeat: boolean): void {
    this.#lastSentMs = now.monotonicMs;
    for (const batch of this.#outgoing.take(heartbeat)) this.#options.ports.broadcast(this.#batchOf(batch));
  }

  #batchOf(batch: Pick<LeaseBatch, "first" | "records" | "committed">): LeaseBatch {
    return {
      type: "leaseBatch",
      ...batch,
      seen: this.#incoming.positions(),
      ...this.#options.heartbeat(),
      synced: this.synced,
      diskId: this.#identity.diskId,
      starts: this.#identity.starts,
    };
  }

  #batch(from: NodeId, incarnation: number, batch: LeaseBatch, now: Instant): void {
    const { clock, ports } = this.#options;
    if (!this.#peers.seen(from, batch, batch.synced)) {
      ports.send(from, { type: "distrust", diskId: batch.diskId, starts: batch.starts });
      if (this.#trusted.get(from) === incarnation) this.#trusted.delete(from);
      return;
    }
    this.#trusted.set(from, incarnation);
    if (batch.synced) this.#voters.add(from);
    else this.#voters.delete(from);
    const time = clock.bounds(now);
    if (time === undefined) return;
    if (!this.synced && this.#safeguards.blankAbstains) return;
    this.#incoming.arrived(from, incarnation, batch.first, batch.records.length, now.monotonicMs);
    const rows: LeaseRow[] = [];
    const answers = batch.records.map((record, index): Answer => {
      this.#incoming.name(from, batch.first + index, record.address, record.record.version);
      return this.#take(record, time, rows);
    });
    this.#certify(from, incarnation, batch);
    if (answers.length === 0) return;
    const ack: LeaseAck = { type: "leaseAck", incarnation, first: batch.first, answers };
    const answer = () => ports.send(from, ack);
    if (!this.#safeguards.answerAfterSync) answer();
    if (rows.length > 0) ports.persist({ rows }, this.#safeguards.answerAfterSync ? answer : () => {});
    else answer();
  }

  /** One record into its slot. Accepted ones are written even when nothing changed: the answer follows the earlier write. */
  #take(record: LeaseBatch["records"][number], time: Bounds, rows: LeaseRow[]): Answer {
    const { table, mint, limits } = this.#options;
    const { address, detail } = record;
    mint.observe(record.record.version);
    const slot = table.get(address);
    if (record.kind === "end") {
      const ended = this.#safeguards.rules.end(slot, record.record, time, false);
      if (ended !== undefined) {
        table.set(address, ended, detail);
        rows.push({ address, slot: ended, detail });
      }
      return { ok: true };
    }
    const taken = this.#safeguards.rules.accept(slot, record.record, time, limits.maxLeaseMs);
    if (taken.answer.ok) {
      table.set(address, taken.slot, detail);
      rows.push({ address, slot: taken.slot, detail });
    }
    return taken.answer;
  }

  #certify(from: NodeId, incarnation: number, batch: LeaseBatch): void {
    for (const { first, last } of batch.committed) {
      // A range may be as long as its sender likes; more than is remembered can't be meant.
      for (let sequence = Math.max(first, last - NAMED_MAX); sequence <= last; sequence++) {
        const named = this.#incoming.takeNamed(from, incarnation, sequence);
        if (named === undefined) continue;
        this.#options.table.certify(named.address, named.version);
        this.#uncertified.add(named.address);
      }
    }
  }

  #answers(from: NodeId, incarnation: number, ack: LeaseAck, now: Instant): void {
    // Case 9: an answer to an earlier process of this node decides nothing. Nor does one of somebody who forgot (case 20).
    if (ack.incarnation !== this.#options.incarnation || this.#trusted.get(from) !== incarnation) return;
    for (const [index, answer] of ack.answers.entries()) {
      const record = this.#outgoing.get(ack.first + index);
      if (record?.kind === "lock") this.#proposer.answer(from, record.address, record.record.version, answer, now);
    }
  }

  #serveSync(from: NodeId, request: SyncRequest, now: Instant): void {
    const { clock, ports, table } = this.#options;
    // No anchor: don't sync. What is not on this disk yet must not be on another's first, so the answer waits for a write.
    if (!this.synced || clock.bounds(now) === undefined) return;
    const rows = table.rowsAfter(request.after, SYNC_CHUNK_ROWS);
    const chunk: SyncChunk = { type: "syncChunk", rows, more: rows.length === SYNC_CHUNK_ROWS };
    ports.persist({}, () => ports.send(from, chunk));
  }

  #takeChunk(from: NodeId, chunk: SyncChunk, time: Bounds | undefined, now: Instant): void {
    if (time === undefined) return;
    if (this.#join === undefined) return this.#scrubRows(this.#scrub.receive(from, chunk, [...this.#voters]), time);
    this.#output(this.#join.receive(from, chunk, now, time));
    this.#finishJoin();
  }

  /**
   * To a disk that was blank when this node formed the cluster, this node counts as blank for good: that disk has promised
   * nothing since, so it may join with empty slots, as if it had been down.
   */
  #answerHello(from: NodeId, hello: Hello): void {
    const blank = !this.synced || this.#formation.get(from) === hello.diskId;
    const { diskId: ownDiskId } = this.#identity;
    this.#options.ports.send(from, { type: "helloAnswer", diskId: hello.diskId, blank, ownDiskId });
  }

  #tickScrub(now: Instant): void {
    if (!this.synced || this.#options.clock.bounds(now) === undefined) return;
    if (this.#incoming.lost) {
      this.#incoming.clearLost();
      this.#scrub.hurry(this.#voters.size);
    }
    const output = this.#scrub.tick(now, [...this.#voters]);
    if (output !== undefined) this.#options.ports.send(output.to, output.message);
  }

  #scrubRows(theirs: readonly LeaseRow[], time: Bounds): void {
    const { table, mint, limits, ports } = this.#options;
    const options = { rules: this.#safeguards.rules, maxLeaseMs: limits.maxLeaseMs };
    const rows: LeaseRow[] = [];
    for (const { address, slot: other, detail: theirDetail } of theirs) {
      mint.observe(other.version);
      const own = table.get(address);
      const slot = scrubbed(own, other, time, options);
      if (slot === undefined) continue;
      // The own client's older version tells what is committed, and nothing newer about the client.
      const detail = compareVersions(slot.version, own.version) === 0 ? table.detail(address) : theirDetail;
      table.set(address, slot, detail);
      rows.push({ address, slot, detail });
    }
    if (rows.length > 0) ports.persist({ rows }, () => {});
  }

  #helloAnswered(from: NodeId, answer: HelloAnswer): void {
    const { diskId } = this.#identity;
    if (answer.diskId !== diskId || !answer.blank) return;
    if (this.#join?.helloAnswered(from, answer.ownDiskId) !== true) return;
    this.#formation.set(from, answer.ownDiskId);
    this.#options.ports.persist({ facts: [[FACT.blankPeer(from), `${diskId} ${answer.ownDiskId}`]] }, () => {});
  }

  /** Somebody remembers this node otherwise: it forgot something, so it starts as blank as a new disk. */
  #distrusted(message: Distrust, now: Instant): void {
    const { diskId, starts } = this.#identity;
    if (!this.synced || message.diskId !== diskId || message.starts !== starts) return;
    this.#identity = { diskId: newDiskId(this.#options.random), starts, blank: true };
    this.#proposer.dropAll(now);
    this.#formation.clear();
    this.#join = new Join(now.monotonicMs);
    this.#finishing = false;
    const facts: [string, string][] = [[FACT.diskId, this.#identity.diskId], [FACT.blank, "yes"]];
    this.#options.ports.persist({ facts }, () => {});
  }

  #tickJoin(now: Instant): void {
    if (this.#join === undefined || this.#options.clock.bounds(now) === undefined) return;
    const voters = this.#others.filter((id) => this.#voters.has(id));
    this.#output(this.#join.tick(now, this.#others, voters));
    this.#finishJoin();
  }

  #output(output: readonly JoinOutput[]): void {
    const { ports } = this.#options;
    for (const each of output) {
      if (each.kind === "hello") ports.broadcast({ type: "hello", diskId: this.#identity.diskId, blank: true });
      else ports.send(each.to, each.message);
    }
  }

  /** Complete slots become durable together with the fact that they are; only then does this node vote. */
  #finishJoin(): void {
    const join = this.#join;
    if (join === undefined || this.#finishing) return;
    const { members, table, mint, ports } = this.#options;
    const rows = join.isFormation(this.#others) ? [] : join.result(members.length);
    if (rows === undefined) return;
    for (const row of rows) {
      mint.observe(row.slot.version);
      table.set(row.address, row.slot, row.detail);
    }
    this.#finishing = true;
    ports.persist({ rows, facts: [[FACT.blank, "no"]] }, () => {
      if (this.#join !== join) return;
      this.#join = undefined;
      this.#finishing = false;
    });
  }

  #writeCertificates(now: Instant): void {
    if (now.monotonicMs - this.#certifiedMs < CERTIFY_INTERVAL_MS || this.#uncertified.size === 0) return;
    this.#certifiedMs = now.monotonicMs;
    const { table, ports } = this.#options;
    const rows = [...this.#uncertified].map((address) => ({
      address,
      slot: table.get(address),
      detail: table.detail(address),
    }));
    this.#uncertified.clear();
    ports.persist({ rows }, () => {});
  }
}
