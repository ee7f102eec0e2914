/**
 * The membership (lease agreement, "membership"): an epoch and a list of members, durable, never backwards. The
 * leader adds or removes one member per epoch. A change is refused until every member is settled in the epoch before,
 * and while a member that stays is not live or is a learner. `state_sync.ts` settles the slots in a new epoch.
 *
 * Decisions that the rule leaves open:
 * - While a disk is blank and knows no later epoch, `cluster.nodes` of the file is epoch 1. Once the disk is complete,
 *   its membership holds, and a file that differs is reported.
 * - Every node sends its membership to a sender of an earlier epoch. A blank disk adopts any later epoch; a voter
 *   adopts the next one, and becomes a learner if it missed a whole epoch.
 * - Should two leaders make one epoch, that of the higher term holds, unless this node knows the epoch to be complete.
 */

import type { Instant } from "../../lease/agreement/clock.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { Effects } from "../context.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { Envelope, MemberAddress, Membership as MembershipMessage, NodeId } from "../wire/messages.ts";
import { WIRE_LIMITS } from "../wire/limits.ts";

/** Keys of the persisted facts. */
export const MEMBERSHIP_FACTS = { membership: "membership", complete: "membership:complete" } as const;

/** One epoch. */
interface Epoch {
  readonly epoch: number;
  readonly term: number;
  /** By id. */
  readonly members: readonly MemberAddress[];
}

export type MembershipNotice =
  | { readonly kind: "membershipChanged"; readonly epoch: number; readonly members: readonly NodeId[] }
  /** Every member has everything of this epoch. */
  | { readonly kind: "membershipComplete"; readonly epoch: number }
  /** The file names other members than the cluster has: the command changes members, not the file. */
  | { readonly kind: "membershipFileDiffers"; readonly epoch: number }
  /** A member has a different membership of the same epoch: its `cluster.nodes` differed at the formation. */
  | { readonly kind: "membershipConflict"; readonly from: NodeId; readonly epoch: number };

/** A change by command. */
export type MembershipChange =
  | { readonly kind: "add"; readonly member: MemberAddress }
  | { readonly kind: "remove"; readonly id: NodeId };

/** How things stand on the node that is to make a change. */
interface ChangeLeadership {
  readonly leads: boolean;
  readonly term: number;
  /** Members that are not live or not settled. */
  readonly lacking: readonly NodeId[];
}

export type ChangeResult =
  | { readonly ok: true; readonly epoch: number }
  /** One line: why not, and what to do. */
  | { readonly ok: false; readonly problem: string };

/** A hash over the members and their addresses (FNV-1a), below 2^32. */
export function membershipHash(members: readonly MemberAddress[]): number {
  let hash = 0x811c9dc5;
  const mix = (octet: number) => hash = Math.imul(hash ^ octet, 0x01000193);
  for (const { id, address } of members) {
    for (const octet of [id, address >>> 24, address >>> 16, address >>> 8, address]) mix(octet & 0xff);
  }
  return hash >>> 0;
}

function byId(members: readonly MemberAddress[]): MemberAddress[] {
  return [...members].sort((a, b) => a.id - b.id);
}

/** The membership as one node knows it. */
export class Membership {
  readonly #self: NodeId;
  readonly #effects: Effects<MembershipNotice>;
  /** Called when a new epoch holds; `missed`: this node skipped an epoch. */
  readonly #changed: (missed: boolean, now: Instant) => void;
  #current: Epoch;
  #hash = 0;
  #ids: readonly NodeId[] = [];
  #others: readonly NodeId[] = [];
  /** On its way to disk. */
  #next: Epoch | undefined;
  #complete: number;
  readonly #settled = new Set<NodeId>();
  readonly #sentMs = new Map<NodeId, number>();
  readonly #conflicts = new Set<NodeId>();

  constructor(options: {
    self: NodeId;
    /** `cluster.nodes` of the file. */
    file: readonly MemberAddress[];
    facts: ReadonlyMap<string, string>;
    /** The disk's slots are not complete. */
    blank: boolean;
    effects: Effects<MembershipNotice>;
    changed: (missed: boolean, now: Instant) => void;
  }) {
    this.#self = options.self;
    this.#effects = options.effects;
    this.#changed = options.changed;
    const file = byId(options.file);
    const stored = read(options.facts.get(MEMBERSHIP_FACTS.membership));
    const followsFile = stored === undefined || (options.blank && stored.epoch === 1);
    this.#current = followsFile ? { epoch: 1, term: 0, members: file } : stored;
    this.#complete = Number(options.facts.get(MEMBERSHIP_FACTS.complete) ?? 0);
    this.#derive();
    if (!followsFile && membershipHash(file) !== this.#hash) {
      this.#effects.notice({ kind: "membershipFileDiffers", epoch: stored.epoch });
    }
  }

  get epoch(): number {
    return this.#current.epoch;
  }

  get hash(): number {
    return this.#hash;
  }

  /** All members, this one too unless it was removed, by id. */
  get members(): readonly MemberAddress[] {
    return this.#current.members;
  }

  get ids(): readonly NodeId[] {
    return this.#ids;
  }

  /** All other members. */
  get others(): readonly NodeId[] {
    return this.#others;
  }

  /** Whether this node is a member. */
  get includesSelf(): boolean {
    return this.#ids.includes(this.#self);
  }

  /** Whether every member is known to have everything of this epoch. */
  get complete(): boolean {
    return this.#complete >= this.#current.epoch;
  }

  /** Members that are not known to be settled, while the epoch is not complete. */
  get unsettled(): readonly NodeId[] {
    return this.complete ? [] : this.#ids.filter((id) => !this.#settled.has(id));
  }

  addressOf(id: NodeId): Ipv4 | undefined {
    return this.#current.members.find((member) => member.id === id)?.address;
  }

  /** The facts that make this epoch durable. */
  get facts(): readonly (readonly [key: string, value: string])[] {
    return [[MEMBERSHIP_FACTS.membership, JSON.stringify(this.#current)]];
  }

  /**
   * Whether a message is of this membership. One of an earlier epoch is answered with this one, so that its sender
   * catches up; one of a later epoch is for later.
   */
  isCurrent(envelope: Envelope, now: Instant): boolean {
    const { from, epoch, membershipHash } = envelope;
    if (epoch === this.#current.epoch) {
      if (membershipHash === this.#hash) return true;
      if (!this.#conflicts.has(from)) {
        this.#conflicts.add(from);
        this.#effects.notice({ kind: "membershipConflict", from, epoch });
      }
    }
    const differs = epoch < this.#current.epoch || (epoch === this.#current.epoch && epoch > 1);
    if (differs && now.monotonicMs - (this.#sentMs.get(from) ?? -Infinity) >= CLUSTER_LIMITS.repeatMs) {
      this.#sentMs.set(from, now.monotonicMs);
      this.#effects.send(from, this.#message());
    }
    return false;
  }

  /** Takes what a member's heartbeat of this epoch says. */
  heard(from: NodeId, batch: { readonly settled: boolean; readonly complete: boolean }): void {
    if (batch.settled) this.settled(from);
    if (batch.complete) this.#completed();
  }

  /** A member has everything of this epoch. */
  settled(id: NodeId): void {
    if (this.complete || this.#settled.has(id)) return;
    this.#settled.add(id);
    if (this.#ids.every((member) => this.#settled.has(member))) this.#completed();
  }

  /** Takes a membership of another epoch. `blank`: this disk's slots are not complete. */
  receive(message: MembershipMessage, blank: boolean): void {
    const { epoch, term, members } = message;
    const known = this.#next ?? this.#current;
    const sorted = byId(members);
    if (sorted.length === 0 || sorted.some(({ id }, index) => sorted[index - 1]?.id === id)) return;
    if (epoch < known.epoch) return;
    if (epoch === known.epoch) {
      const holds = membershipHash(sorted) === membershipHash(known.members) || term <= known.term || this.complete;
      if (holds || epoch === 1) return;
    }
    this.#adopt({ epoch, term, members: sorted }, !blank && epoch > this.#current.epoch + 1);
  }

  /** Makes a change, on the leader. */
  change(change: MembershipChange, leadership: ChangeLeadership): ChangeResult {
    const problem = this.#refuse(change, leadership);
    if (problem !== undefined) return { ok: false, problem };
    const epoch = this.#current.epoch + 1;
    const members = change.kind === "add"
      ? byId([...this.#current.members, change.member])
      : this.#current.members.filter(({ id }) => id !== change.id);
    this.#adopt({ epoch, term: leadership.term, members }, false);
    return { ok: true, epoch };
  }

  #refuse(change: MembershipChange, { leads, lacking }: ChangeLeadership): string | undefined {
    if (!leads) return "this node does not lead: give the command on the leader";
    if (this.#next !== undefined) return "another change is on its way: try again in a moment";
    if (!this.complete) {
      const waiting = this.unsettled.join(", ");
      return `members ${waiting} do not have everything of epoch ${this.#current.epoch} yet: wait, or start them`;
    }
    // The others have the slots that a blank disk lost: none of them may leave before that disk has joined.
    const incomplete = lacking.filter((id) => change.kind !== "remove" || id !== change.id);
    if (incomplete.length > 0) {
      return `members ${incomplete.join(", ")} are away, or do not have everything yet: start them, and wait`;
    }
    const { members } = this.#current;
    if (change.kind === "remove") {
      if (!this.#ids.includes(change.id)) return `node ${change.id} is no member`;
      if (members.length === 1) return "it is the only member: stop it instead";
      if (change.id === this.#self) return "this node leads: drain it, and give the command on the next leader";
      return undefined;
    }
    const { id, address } = change.member;
    if (this.#ids.includes(id)) return `node ${id} is a member already: remove it first to replace it`;
    if (members.some((member) => member.address === address)) return "another member has this address";
    if (members.length >= WIRE_LIMITS.membersMax) return `a cluster has at most ${WIRE_LIMITS.membersMax} members`;
    return undefined;
  }

  #adopt(next: Epoch, missed: boolean): void {
    this.#next = next;
    this.#effects.persist({ facts: [[MEMBERSHIP_FACTS.membership, JSON.stringify(next)]] }, (now) => {
      if (this.#next !== next) return;
      this.#next = undefined;
      const before = this.#current.members;
      this.#current = next;
      this.#settled.clear();
      this.#sentMs.clear();
      this.#conflicts.clear();
      this.#derive();
      // Once more to those of the epoch before, as long as they can be reached under it.
      for (const { id } of before) if (id !== this.#self) this.#effects.send(id, this.#message());
      this.#effects.notice({ kind: "membershipChanged", epoch: next.epoch, members: this.#ids });
      this.#changed(missed, now);
    });
  }

  #completed(): void {
    if (this.complete) return;
    const { epoch } = this.#current;
    this.#complete = epoch;
    this.#effects.persist({ facts: [[MEMBERSHIP_FACTS.complete, String(epoch)]] }, () => {});
    this.#effects.notice({ kind: "membershipComplete", epoch });
  }

  #derive(): void {
    const { members } = this.#current;
    this.#hash = membershipHash(members);
    this.#ids = members.map(({ id }) => id);
    this.#others = this.#ids.filter((id) => id !== this.#self);
  }

  #message(): MembershipMessage {
    return { type: "membership", ...this.#current };
  }
}

/** Reads the fact. Throws on what can't be read: starting under other members could cost leases. */
function read(stored: string | undefined): Epoch | undefined {
  if (stored === undefined) return undefined;
  const { epoch, term, members } = JSON.parse(stored) as Epoch;
  return { epoch, term, members };
}
