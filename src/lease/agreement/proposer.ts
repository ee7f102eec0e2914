/**
 * Grants and ends leases (README.md, propose and end): mints a version, takes its own slot, and decides exactly once,
 * when a quorum has the record on disk or the proposal time is over. A standalone node is a cluster of one: its own
 * fsync is the quorum.
 *
 * What a slot accepts is decided in `rule.ts`; which address and lease time to propose, and what to tell the client, by
 * the DHCP server.
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import { AGREEMENT_RULES, type AgreementRules, type Answer, type EndRecord, type LockRecord } from "./rule.ts";
import type { ClientKey } from "./client_key.ts";
import type { AnchoredClock, ClockFault, Instant } from "./clock.ts";
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
      | "tooManyPending"
      | "dropped"
      | "ended";
  };

/** Called once per `propose`. */
export type Decided = (outcome: Decision, now: Instant) => void;

/** This node's slots, as the proposer uses them. */
export interface SlotTable {
  get(address: Ipv4): Slot;
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

/** A proposal that is undecided, or was committed within the proposal time. */
interface Pending {
  readonly proposal: Proposal;
  readonly record: LockRecord;
  readonly startedMs: number;
  /** Ids of the members that have the record on disk. */
  readonly accepted: Set<number>;
  readonly waiting: Decided[];
  /** 1, and one more for each time that it was proposed again above a version in the way. */
  readonly attempt: number;
}

/** Requests that may wait for one proposal. */
const JOINED_MAX = 8;

/** Proposals of one address that may be undecided at a time. */
const PENDING_PER_ADDRESS_MAX = 8;

/** A request is proposed at most this often, so that two proposers do not outbid each other forever. */
const ATTEMPTS_MAX = 4;

/** The proposals of one node. */
export class Proposer {
  readonly #self: number;
  readonly #table: SlotTable;
  readonly #clock: AnchoredClock;
  readonly #mint: HybridClock;
  readonly #ports: ProposerPorts;
  readonly #membership: { readonly size: number };
  readonly #limits: { readonly maxLeaseMs: number };
  readonly #rules: AgreementRules;
  /** In the order of their deadlines. */
  readonly #pending = new Set<Pending>();
  readonly #byAddress = new Map<Ipv4, Pending[]>();
  /** Committed within the proposal time, for late `stale` answers; in the order of their start. */
  readonly #committed = new Set<Pending>();

  constructor(options: {
    self: number;
    table: SlotTable;
    clock: AnchoredClock;
    mint: HybridClock;
    /** Read at every decision. */
    membership: { readonly size: number };
    /** The longest lease any configuration gives. */
    limits: { readonly maxLeaseMs: number };
    ports: ProposerPorts;
    rules?: AgreementRules;
  }) {
    this.#self = options.self;
    this.#table = options.table;
    this.#clock = options.clock;
    this.#mint = options.mint;
    this.#membership = options.membership;
    this.#limits = options.limits;
    this.#ports = options.ports;
    this.#rules = options.rules ?? AGREEMENT_RULES;
  }

  /** Undecided proposals. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Proposes a lease; `decided` runs once, perhaps before this returns. */
  propose(proposal: Proposal, now: Instant, decided: Decided): void {
    const fault = this.#clock.fault(now);
    const time = this.#clock.bounds(now);
    if (fault !== undefined || time === undefined) {
      return decided({ committed: false, reason: fault ?? "noAnchor" }, now);
    }
    const { address, client, xid } = proposal;
    const joinable = this.#byAddress.get(address)?.find(({ proposal }) =>
      proposal.client === client && proposal.xid === xid
    );
    if (joinable !== undefined) {
      if (joinable.waiting.length >= JOINED_MAX) return decided({ committed: false, reason: "tooManyJoined" }, now);
      joinable.waiting.push(decided);
      return;
    }
    if ((this.#byAddress.get(address)?.length ?? 0) >= PENDING_PER_ADDRESS_MAX) {
      return decided({ committed: false, reason: "tooManyPending" }, now);
    }
    this.#attempt(proposal, time.latest + proposal.leaseMs, [decided], 1, now);
  }

  #attempt(proposal: Proposal, lockedUntil: number, waiting: Decided[], attempt: number, now: Instant): void {
    const { address, client } = proposal;
    const time = this.#clock.bounds(now);
    const decide = (outcome: Decision) => waiting.forEach((decided) => decided(outcome, now));
    if (time === undefined) return decide({ committed: false, reason: "noAnchor" });
    const record: LockRecord = {
      client,
      version: this.#mint.mint(time.earliest),
      lockedUntil,
      committedVersion: NO_VERSION,
      singleVersion: true,
      proposedAt: time.latest,
    };
    const { slot, answer } = this.#rules.accept(this.#table.get(address), record, time, this.#limits.maxLeaseMs);
    if (!answer.ok) return decide({ committed: false, reason: answer.reason });
    this.#table.set(address, slot, proposal.detail);
    const pending: Pending = {
      proposal,
      record,
      startedMs: now.monotonicMs,
      accepted: new Set(),
      waiting,
      attempt,
    };
    this.#pending.add(pending);
    const undecided = this.#byAddress.get(address);
    if (undecided === undefined) this.#byAddress.set(address, [pending]);
    else undecided.push(pending);
    this.#ports.propagate(address, record, proposal.detail);
    this.#ports.persist({ address, slot, detail: proposal.detail }, (at) => this.#accepted(pending, this.#self, at));
  }

  /**
   * Takes a member's answer to one record of this process. Answers to decided proposals are ignored (case 5), but for a
   * `stale` to a committed one.
   */
  answer(from: number, address: Ipv4, version: Version, answer: Answer, now: Instant): void {
    const isMeant = ({ record }: Pending) => compareVersions(record.version, version) === 0;
    if (!answer.ok) this.#mint.observe(answer.version);
    const pending = this.#byAddress.get(address)?.find(isMeant);
    if (pending !== undefined) {
      if (answer.ok) return this.#accepted(pending, from, now);
      if (answer.reason === "stale") this.#outbid(pending, now);
      return;
    }
    if (answer.ok || answer.reason !== "stale") return;
    for (const committed of this.#committed) {
      if (committed.proposal.address === address && isMeant(committed)) return this.#repropose(committed, now);
    }
  }

  /** `stale`: replaces the proposal by a fresh one above the version in the way. */
  #outbid(pending: Pending, now: Instant): void {
    const time = this.#clock.bounds(now);
    // A wall clock that has jumped since must not set `lockedUntil`: the lock would last as long as the jump.
    if (pending.attempt >= ATTEMPTS_MAX || time === undefined || this.#clock.fault(now) !== undefined) return;
    this.#forget(pending);
    const { proposal, waiting, attempt } = pending;
    this.#attempt(proposal, time.latest + proposal.leaseMs, waiting, attempt + 1, now);
  }

  /**
   * Committed, but one voter has a higher version: proposes the same client and `lockedUntil` again above it, without
   * another answer to the client.
   */
  #repropose(committed: Pending, now: Instant): void {
    this.#committed.delete(committed);
    if (committed.attempt >= ATTEMPTS_MAX || this.#clock.fault(now) !== undefined) return;
    this.#attempt(committed.proposal, committed.record.lockedUntil, [], committed.attempt + 1, now);
  }

  /** The membership changed (README.md, membership, step 2): aborts every proposal. The clients ask again. */
  abortAll(now: Instant): void {
    this.#committed.clear();
    for (const pending of [...this.#pending]) this.#abort(pending, now, "dropped");
  }

  /** This node becomes a learner: drops every proposal without an abort. */
  dropAll(now: Instant): void {
    this.#committed.clear();
    for (const pending of [...this.#pending]) {
      this.#forget(pending);
      for (const decided of pending.waiting) decided({ committed: false, reason: "dropped" }, now);
    }
  }

  /** Monotonic time at which {@link tick} has a proposal to abort; Infinity while none is undecided. */
  get nextDeadline(): number {
    for (const { startedMs } of this.#pending) return startedMs + PROPOSAL_MS + 1;
    return Infinity;
  }

  /** Aborts what is older than the proposal time. */
  tick(now: Instant): void {
    for (const committed of this.#committed) {
      if (now.monotonicMs - committed.startedMs <= PROPOSAL_MS) break;
      this.#committed.delete(committed);
    }
    for (const pending of this.#pending) {
      if (now.monotonicMs - pending.startedMs <= PROPOSAL_MS) return;
      this.#abort(pending, now, "timeout");
    }
  }

  /**
   * Ends a lease. False when this node's own slot is not bound by the client; `durable` runs once the end is on this
   * node's disk.
   */
  end(
    request: EndRequest,
    now: Instant,
    durable: (now: Instant) => void,
  ): boolean {
    const { address, client, kind, detail } = request;
    const time = this.#clock.bounds(now);
    const slot = this.#table.get(address);
    if (time === undefined || slot.state !== "bound" || slot.client !== client) return false;
    const record: EndRecord = {
      kind,
      client,
      version: this.#mint.mint(time.earliest),
      replaces: slot.version,
      committedVersion: slot.committedVersion,
      at: time.earliest,
      until: kind === "declined" ? time.latest + request.restMs : 0,
    };
    const ended = this.#rules.end(slot, record, time, true);
    if (ended === undefined) return false;
    // The client's earlier requests end with its lease: a DHCPACK must not leave once the address is free.
    for (const pending of this.#byAddress.get(address) ?? []) {
      if (pending.proposal.client === client) this.#decideEnded(pending, now);
    }
    this.#table.set(address, ended, detail);
    this.#ports.propagate(address, record, detail);
    this.#ports.persist({ address, slot: ended, detail }, durable);
    return true;
  }

  #accepted(pending: Pending, member: number, now: Instant): void {
    if (!this.#pending.has(pending)) return;
    pending.accepted.add(member);
    const elapsedMs = now.monotonicMs - pending.startedMs;
    if (pending.accepted.size < quorumOf(this.#membership.size) || elapsedMs > PROPOSAL_MS) return;
    const { address, client, leaseMs } = pending.proposal;
    const slot = this.#table.get(address);
    // The own slot counts in the quorum: without the client's lock in it there is no quorum. Silence is always safe.
    const isLockedHere = slot.state === "bound" && slot.client === client &&
      compareVersions(slot.version, pending.record.version) >= 0;
    if (!isLockedHere) return this.#decideEnded(pending, now);
    this.#forget(pending);
    if (this.#membership.size > 1) this.#committed.add(pending);
    // The certificate may reach the disk later: losing it costs nothing but speed.
    this.#table.certify(address, pending.record.version);
    this.#ports.committed(address, pending.record.version, now);
    for (const decided of pending.waiting) decided({ committed: true, leaseMs: leaseMs - elapsedMs }, now);
  }

  #decideEnded(pending: Pending, now: Instant): void {
    this.#forget(pending);
    for (const decided of pending.waiting) decided({ committed: false, reason: "ended" }, now);
  }

  #abort(pending: Pending, now: Instant, reason: "timeout" | "dropped"): void {
    this.#forget(pending);
    const { address, client, detail } = pending.proposal;
    const time = this.#clock.bounds(now);
    if (time !== undefined) {
      const record: EndRecord = {
        kind: "aborted",
        client,
        version: this.#mint.mint(time.earliest),
        replaces: pending.record.version,
        committedVersion: NO_VERSION,
        at: 0,
        until: 0,
      };
      const slot = this.#rules.end(this.#table.get(address), record, time, false);
      if (slot !== undefined) {
        this.#table.set(address, slot, detail);
        this.#ports.persist({ address, slot, detail }, () => {});
      }
      this.#ports.propagate(address, record, detail);
    }
    for (const decided of pending.waiting) decided({ committed: false, reason }, now);
  }

  #forget(pending: Pending): void {
    this.#pending.delete(pending);
    const { address } = pending.proposal;
    const others = this.#byAddress.get(address)?.filter((other) => other !== pending) ?? [];
    if (others.length === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, others);
  }
}
