/**
 * Grants and ends leases (README.md, propose and end): mints a version, takes its own slot, and decides exactly once,
 * when a quorum has the record on disk or the proposal time is over. A standalone node is a cluster of one: its own
 * fsync is the quorum.
 *
 * What a slot accepts is decided in `rule.ts`; which address and lease time to propose, and what to tell the client, by
 * the DHCP server; which leases to propose once more, in `src/cluster/replication/reproposal.ts`.
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import { AGREEMENT_RULES, type AgreementRules, type Answer, type EndRecord, type LockRecord } from "./rule.ts";
import type { ClientKey } from "./client_key.ts";
import type { AnchoredClock, Bounds, ClockFault, Instant } from "./clock.ts";
import { PROPOSAL_MS } from "./limits.ts";
import type { HybridClock } from "./hybrid_clock.ts";
import { quorumOf } from "./quorum.ts";
import type { LeaseDetail, LeaseRow, Slot } from "./slot.ts";
import { compareVersions, NO_VERSION, type Version } from "./version.ts";

/** What a proposal asks for. */
export interface Proposal {
  readonly address: Ipv4;
  readonly client: ClientKey;
  /** A retransmission joins a pending proposal only with equal client and equal xid (case 7). */
  readonly xid: number;
  /** T: the lease time, from now. */
  readonly leaseMs: number;
  readonly detail: LeaseDetail;
}

/** A lease that its client releases or declines. */
export interface EndRequest {
  readonly kind: "released" | "declined";
  readonly address: Ipv4;
  readonly client: ClientKey;
  /** For a declined address: how long it rests. */
  readonly restMs: number;
  readonly detail: LeaseDetail;
  /** How long ago the client's message arrived: what it requested since must not look older (case 32b). None: now. */
  readonly agoMs?: number;
}

/** How a proposal ended. */
export type Decision =
  /** Durable on a quorum; `leaseMs` is T minus the time that passed (case 12). */
  | { readonly committed: true; readonly leaseMs: number }
  | {
    readonly committed: false;
    readonly reason:
      | ClockFault
      | "late"
      | "conflict"
      | "stale"
      | "timeout"
      | "tooManyJoined"
      | "superseded"
      | "dropped"
      | "ended";
  };

/** Called once per `propose`. */
export type Decided = (outcome: Decision, now: Instant) => void;

/** This node's slots, as the proposer uses them. */
export interface SlotTable {
  get(address: Ipv4): Slot;
  detail(address: Ipv4): LeaseDetail;
  set(address: Ipv4, slot: Slot, detail: LeaseDetail): void;
  /** Sets `committedVersion` to `version` if the slot still has that version. */
  certify(address: Ipv4, version: Version): void;
}

/** What the proposer needs from its driver. */
export interface ProposerPorts {
  /** Writes a row to stable storage; `durable` runs after its fsync. */
  persist(row: LeaseRow, durable: (now: Instant) => void): void;
  /** Sends a record to every other member; their answers go to `Proposer.answer`. */
  propagate(address: Ipv4, record: LockRecord | EndRecord, detail: LeaseDetail): void;
  /** A quorum has the record. Called before the `decided` of its proposals. */
  committed(address: Ipv4, version: Version, now: Instant): void;
}

/** What is proposed: for a client's request, or once more as the slot has it. */
interface Attempt {
  readonly address: Ipv4;
  readonly client: ClientKey;
  /** Undefined: no request may join. */
  readonly xid: number | undefined;
  /** T: 0 without a request. */
  readonly leaseMs: number;
  readonly lockedUntil: number;
  readonly detail: LeaseDetail;
  readonly waiting: Decided[];
  /** 1, and one more for each time that it was proposed again above a version in the way. */
  readonly number: number;
}

/** A proposal that is undecided, or was committed within the proposal time. */
interface Pending {
  readonly attempt: Attempt;
  readonly record: LockRecord;
  readonly startedMs: number;
  /** Ids of the members that have the record on disk. */
  readonly accepted: Set<number>;
  /** Ids of the members that will not have it: another client's lock runs there, or it was late. */
  readonly rejected: Set<number>;
}

type Failure = Extract<Decision, { committed: false }>["reason"];

/** Requests that may wait for one proposal. */
const JOINED_MAX = 8;

/** A request is proposed at most this often, so that two proposers do not outbid each other forever. */
const ATTEMPTS_MAX = 4;

/** The proposals of one node: at most one per address is undecided. */
export class Proposer {
  readonly #self: number;
  readonly #table: SlotTable;
  readonly #clock: AnchoredClock;
  readonly #versions: HybridClock;
  readonly #ports: ProposerPorts;
  readonly #membership: { readonly size: number };
  readonly #rules: AgreementRules;
  /** By address, in the order of their deadlines. */
  readonly #pending = new Map<Ipv4, Pending>();
  /** Committed within the proposal time, for late `stale` answers; by address, in the order of their commits. */
  readonly #committed = new Map<Ipv4, Pending>();

  constructor(options: {
    self: number;
    table: SlotTable;
    clock: AnchoredClock;
    versions: HybridClock;
    /** Read at every decision. */
    membership: { readonly size: number };
    ports: ProposerPorts;
    rules?: AgreementRules;
  }) {
    this.#self = options.self;
    this.#table = options.table;
    this.#clock = options.clock;
    this.#versions = options.versions;
    this.#membership = options.membership;
    this.#ports = options.ports;
    this.#rules = options.rules ?? AGREEMENT_RULES;
  }

  /** Undecided proposals. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Proposes a lease; `decided` runs once, perhaps before this returns. */
  propose(proposal: Proposal, now: Instant, decided: Decided): void {
    const { address, client, xid, leaseMs, detail } = proposal;
    const time = this.#time(now);
    if (typeof time === "string") return decided({ committed: false, reason: time }, now);
    const pending = this.#pending.get(address);
    if (pending?.attempt.client === client && pending.attempt.xid === xid) {
      const { waiting } = pending.attempt;
      if (waiting.length >= JOINED_MAX) return decided({ committed: false, reason: "tooManyJoined" }, now);
      waiting.push(decided);
      return;
    }
    if (pending !== undefined && pending.attempt.client !== client) {
      return decided({ committed: false, reason: "conflict" }, now);
    }
    // Two proposals of one client would leave a lock that neither abort covers (case 33).
    if (pending !== undefined) this.#abort(pending, now, "superseded");
    this.#start(
      { address, client, xid, leaseMs, lockedUntil: time.latest + leaseMs, detail, waiting: [decided], number: 1 },
      now,
    );
  }

  /**
   * Proposes the running lease of a slot once more: a new version, the same client and `lockedUntil`, no answer to the
   * client. Nothing happens while a proposal of the address is undecided.
   */
  repropose(address: Ipv4, now: Instant): void {
    const { state, client, lockedUntil } = this.#table.get(address);
    if (state !== "bound" || client === undefined || this.#pending.has(address)) return;
    const detail = this.#table.detail(address);
    this.#start({ address, client, xid: undefined, leaseMs: 0, lockedUntil, detail, waiting: [], number: 1 }, now);
  }

  #start(attempt: Attempt, now: Instant): void {
    const { address, client, lockedUntil, detail } = attempt;
    const time = this.#time(now);
    if (typeof time === "string") return fail(attempt, time, now);
    const record: LockRecord = {
      client,
      version: this.#versions.mint(time.latest),
      lockedUntil,
      committedVersion: NO_VERSION,
      singleVersion: true,
      proposedAt: time.latest,
    };
    const { slot, answer } = this.#rules.accept(this.#table.get(address), record, time);
    if (!answer.ok) return fail(attempt, answer.reason, now);
    this.#table.set(address, slot, detail);
    const pending: Pending = { attempt, record, startedMs: now.monotonicMs, accepted: new Set(), rejected: new Set() };
    this.#pending.set(address, pending);
    this.#ports.propagate(address, record, detail);
    this.#ports.persist({ address, slot, detail }, (at) => this.#accepted(pending, this.#self, at));
  }

  /**
   * Takes a member's answer to one record of this process. Answers to decided proposals are ignored (case 5), but for a
   * `stale` to a committed one.
   */
  answer(from: number, address: Ipv4, version: Version, answer: Answer, now: Instant): void {
    if (!answer.ok) this.#versions.observe(answer.version);
    const isMeant = (one: Pending | undefined) =>
      one !== undefined && compareVersions(one.record.version, version) === 0;
    const pending = this.#pending.get(address);
    if (pending !== undefined && isMeant(pending)) {
      if (answer.ok) this.#accepted(pending, from, now);
      else if (answer.reason === "stale") this.#outbid(pending, now);
      else this.#rejected(pending, from, answer.reason, now);
      return;
    }
    const committed = this.#committed.get(address);
    if (answer.ok || answer.reason !== "stale" || committed === undefined || !isMeant(committed)) return;
    this.#committed.delete(address);
    // Committed, but this voter has a higher version: its slot is not asked first (case 28c). Whatever else has come
    // into the own slot since is (case 28b).
    if (this.#table.get(address).client === committed.attempt.client) this.repropose(address, now);
  }

  /** Aborts the proposal once a quorum is out of reach, as so many members reject it: its client need not wait. */
  #rejected(pending: Pending, member: number, reason: "conflict" | "late", now: Instant): void {
    pending.rejected.add(member);
    const { size } = this.#membership;
    if (size - pending.rejected.size < quorumOf(size)) this.#abort(pending, now, reason);
  }

  /** `stale`: aborts the proposal, and makes a fresh one above the version in the way. */
  #outbid(pending: Pending, now: Instant): void {
    const { attempt } = pending;
    const time = this.#time(now);
    // A wall clock that has jumped since must not set `lockedUntil`: the lock would last as long as the jump.
    if (attempt.number >= ATTEMPTS_MAX || typeof time === "string") return;
    this.#undo(pending, now);
    const lockedUntil = attempt.xid === undefined ? attempt.lockedUntil : time.latest + attempt.leaseMs;
    this.#start({ ...attempt, lockedUntil, number: attempt.number + 1 }, now);
  }

  /** The membership changed (README.md, membership, step 2): aborts every proposal. The clients ask again. */
  abortAll(now: Instant): void {
    this.#committed.clear();
    for (const pending of [...this.#pending.values()]) this.#abort(pending, now, "dropped");
  }

  /** This node becomes a learner: drops every proposal without an abort. */
  dropAll(now: Instant): void {
    this.#committed.clear();
    for (const [address, { attempt }] of [...this.#pending]) {
      this.#pending.delete(address);
      fail(attempt, "dropped", now);
    }
  }

  /** Monotonic time at which {@link tick} has a proposal to abort; Infinity while none is undecided. */
  get nextDeadline(): number {
    for (const { startedMs } of this.#pending.values()) return startedMs + PROPOSAL_MS + 1;
    return Infinity;
  }

  /** Aborts what is older than the proposal time. */
  tick(now: Instant): void {
    for (const [address, { startedMs }] of this.#committed) {
      if (now.monotonicMs - startedMs > PROPOSAL_MS) this.#committed.delete(address);
    }
    for (const pending of this.#pending.values()) {
      if (now.monotonicMs - pending.startedMs <= PROPOSAL_MS) return;
      this.#abort(pending, now, "timeout");
    }
  }

  /**
   * Ends a lease. False when this node's own slot is not bound by the client, or the clock has a fault; `durable` runs
   * once the end is on this node's disk.
   */
  end(
    request: EndRequest,
    now: Instant,
    durable: (now: Instant) => void,
  ): boolean {
    const { address, client, kind, detail } = request;
    const time = this.#time(now);
    const slot = this.#table.get(address);
    if (typeof time === "string") return false;
    if (slot.state !== "bound" || slot.client !== client) return false;
    const record: EndRecord = {
      kind,
      client,
      version: this.#versions.mint(time.latest),
      replaces: slot.version,
      committedVersion: slot.committedVersion,
      at: Math.max(0, time.earliest - (request.agoMs ?? 0)),
      until: kind === "declined" ? time.latest + request.restMs : 0,
    };
    const ended = this.#rules.end(slot, record, time, true);
    if (ended === undefined) return false;
    // The client's earlier request ends with its lease: a DHCPACK must not leave once the address is free.
    const pending = this.#pending.get(address);
    if (pending?.attempt.client === client) {
      this.#pending.delete(address);
      fail(pending.attempt, "ended", now);
    }
    this.#table.set(address, ended, detail);
    this.#ports.propagate(address, record, detail);
    this.#ports.persist({ address, slot: ended, detail }, durable);
    return true;
  }

  /**
   * Ends the rest of a declined address before its time: a release in the name of the client that declined it, about
   * the same versions. False when the address does not rest here, or the clock has a fault.
   */
  endRest(address: Ipv4, now: Instant, durable: (now: Instant) => void): boolean {
    const time = this.#time(now);
    const slot = this.#table.get(address);
    if (typeof time === "string" || slot.state !== "declined" || slot.client === undefined) return false;
    if (slot.ended === undefined) return false;
    const { replaces, committedVersion, at } = slot.ended;
    const version = this.#versions.mint(time.latest);
    const record: EndRecord = {
      kind: "released",
      client: slot.client,
      version,
      replaces,
      committedVersion,
      at,
      until: 0,
    };
    const ended = this.#rules.end(slot, record, time, false);
    if (ended === undefined) return false;
    const detail = this.#table.detail(address);
    this.#table.set(address, ended, detail);
    this.#ports.propagate(address, record, detail);
    this.#ports.persist({ address, slot: ended, detail }, durable);
    return true;
  }

  /** The time, if this node's clock may be used for a new record; else why not. */
  #time(now: Instant): Bounds | ClockFault {
    return this.#clock.fault(now) ?? this.#clock.bounds(now) ?? "noAnchor";
  }

  #accepted(pending: Pending, member: number, now: Instant): void {
    const { attempt, record } = pending;
    const { address, client, leaseMs } = attempt;
    if (this.#pending.get(address) !== pending) return;
    pending.accepted.add(member);
    const elapsedMs = now.monotonicMs - pending.startedMs;
    if (pending.accepted.size < quorumOf(this.#membership.size) || elapsedMs > PROPOSAL_MS) return;
    const slot = this.#table.get(address);
    // The own slot counts in the quorum: without the client's lock in it there is no quorum. Silence is always safe.
    const isLockedHere = slot.state === "bound" && slot.client === client &&
      compareVersions(slot.version, record.version) >= 0;
    if (!isLockedHere) return this.#abort(pending, now, "ended");
    this.#pending.delete(address);
    if (this.#membership.size > 1) this.#committed.set(address, pending);
    // The certificate may reach the disk later: losing it costs nothing but speed.
    this.#table.certify(address, record.version);
    this.#ports.committed(address, record.version, now);
    for (const decided of attempt.waiting) decided({ committed: true, leaseMs: leaseMs - elapsedMs }, now);
  }

  #abort(pending: Pending, now: Instant, reason: Failure): void {
    this.#undo(pending, now);
    fail(pending.attempt, reason, now);
  }

  /** Decides: aborted. What was locked by nothing but this proposal is free again, here and at the others. */
  #undo({ attempt: { address, client, detail }, record: { version } }: Pending, now: Instant): void {
    this.#pending.delete(address);
    const record: EndRecord = {
      kind: "aborted",
      client,
      version,
      replaces: version,
      committedVersion: NO_VERSION,
      at: 0,
      until: 0,
    };
    const time = this.#clock.bounds(now);
    const slot = time && this.#rules.end(this.#table.get(address), record, time, false);
    if (slot !== undefined) {
      this.#table.set(address, slot, detail);
      this.#ports.persist({ address, slot, detail }, () => {});
    }
    this.#ports.propagate(address, record, detail);
  }
}

function fail({ waiting }: Attempt, reason: Failure, now: Instant): void {
  for (const decided of waiting) decided({ committed: false, reason }, now);
}
