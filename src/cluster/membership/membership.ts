/**
 * The membership (lease agreement, "membership"): an epoch and a list of members, durable, never backwards. The
 * leader adds or removes one member per epoch; `paxos.ts` chooses one membership per epoch (step 0), and this class
 * adopts it. A change is refused until every member is settled in the epoch before, and while a member that stays is
 * not live or is a learner. `state_sync.ts` settles the slots in a new epoch. When a quorum of the disks is lost,
 * `reset.ts` makes the next epoch.
 *
 * Decisions that the rule leaves open:
 * - While a disk is blank and knows no later epoch, `cluster.nodes` of the file is epoch 1. Once the disk is complete,
 *   its membership holds, and a file that differs is reported.
 * - Every node sends its membership to a sender of an earlier epoch. A blank disk adopts any later epoch; a voter
 *   adopts the next one, and becomes a learner if it missed a whole epoch, was no member before, or was just added.
 * - A leader whose own disk has accepted a change that was not completed completes it without a command.
 */

import type { Instant } from "../../lease/agreement/clock.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { Effects } from "../context.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type {
  Envelope,
  MemberAddress,
  Membership as MembershipMessage,
  MembershipContent,
  NodeId,
} from "../wire/messages.ts";
import { WIRE_LIMITS } from "../wire/limits.ts";
import { type AcceptorState, NOTHING_PROMISED, Paxos, type PaxosMessage } from "./paxos.ts";

/** Keys of the persisted facts. */
export const MEMBERSHIP_FACTS = {
  membership: "membership",
  complete: "membership:complete",
  acceptor: "membership:acceptor",
} as const;

/** One epoch. */
export interface Epoch extends MembershipContent {
  readonly epoch: number;
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

/** How the other parts see the node that is to make a change. */
export interface ChangeView {
  readonly leads: boolean;
  readonly term: number;
  /** A member of an earlier release is live: it can't take part in the choice. */
  readonly isMixed: boolean;
  /** Members that are not live or not settled. */
  readonly lacking: readonly NodeId[];
  /** Members that are not live or whose slots are not complete. */
  readonly notVoting: readonly NodeId[];
}

export type ChangeResult =
  | { readonly ok: true; readonly epoch: number }
  /** One line: why not, and what to do. */
  | { readonly ok: false; readonly problem: string };

type ChangeDone = (result: ChangeResult) => void;

/** A hash over the members, their addresses and the forced recovery (FNV-1a), below 2^32. */
export function membershipHash(members: readonly MemberAddress[], renewalsOnlyUntil = 0): number {
  let hash = 0x811c9dc5;
  const mix = (octet: number) => hash = Math.imul(hash ^ octet, 0x01000193);
  for (const { id, address } of members) {
    for (const octet of [id, address >>> 24, address >>> 16, address >>> 8, address]) mix(octet & 0xff);
  }
  for (let rest = renewalsOnlyUntil; rest > 0; rest = Math.floor(rest / 256)) mix(rest % 256);
  return hash >>> 0;
}

function hashOf({ members, renewalsOnlyUntil }: MembershipContent): number {
  return membershipHash(members, renewalsOnlyUntil);
}

function byId(members: readonly MemberAddress[]): MemberAddress[] {
  return [...members].sort((a, b) => a.id - b.id);
}

/** The membership as one node knows it. */
export class Membership {
  readonly #self: NodeId;
  readonly #effects: Effects<MembershipNotice>;
  /** Called when a new epoch holds. */
  readonly #changed: (now: Instant) => void;
  /** Called before an epoch is written that makes this node a learner: it skipped one, or was no member. */
  readonly #missed: (now: Instant) => void;
  #current: Epoch;
  #hash = 0;
  #ids: readonly NodeId[] = [];
  #others: readonly NodeId[] = [];
  readonly #view: (now: Instant) => ChangeView;
  readonly #paxos: Paxos;
  /** On its way to disk. */
  #next: Epoch | undefined;
  /** The change that a command asked for. */
  #asked: { readonly content: MembershipContent; readonly done: ChangeDone } | undefined;
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
    changed: (now: Instant) => void;
    missed: (now: Instant) => void;
    /** Read at every use. */
    view: (now: Instant) => ChangeView;
    /** Whether this node's slots are complete, and the id of its disk. */
    isVoter: () => boolean;
    diskId: () => string;
    random: () => number;
  }) {
    const { self, effects, facts, blank } = options;
    this.#self = self;
    this.#effects = effects;
    this.#changed = options.changed;
    this.#missed = options.missed;
    this.#view = options.view;
    const file = byId(options.file);
    const stored = readEpoch(facts.get(MEMBERSHIP_FACTS.membership));
    const followsFile = stored === undefined || (blank && stored.epoch === 1);
    this.#current = followsFile ? { epoch: 1, term: 0, members: file, renewalsOnlyUntil: 0, added: 0 } : stored;
    this.#complete = Number(facts.get(MEMBERSHIP_FACTS.complete) ?? 0);
    this.#derive();
    this.#paxos = new Paxos({
      self,
      members: () => this.#ids,
      isVoter: options.isVoter,
      diskId: options.diskId,
      random: options.random,
      stored: blank ? NOTHING_PROMISED : readAcceptor(facts, this.#current.epoch),
      send: (to, message) => effects.send(to, message),
      persist: (state, durable) => effects.persist({ facts: [this.#acceptorFact(state)] }, durable),
      chosen: (content) => this.#adopt({ epoch: this.#current.epoch + 1, ...content }),
      blocked: (content, now) => {
        const problem = this.#refuse(this.#changeTo(content), this.#view(now)) ?? "give the command again";
        this.#answer({
          ok: false,
          problem: `${describe(this.#changeTo(content))} was begun before and must be completed first: ${problem}`,
        });
      },
    });
    if (!followsFile && membershipHash(file) !== membershipHash(stored.members)) {
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

  /** Forced recovery: before this time every member grants renewals only, in ms since 1970; 0: no such time. */
  get renewalsOnlyUntil(): number {
    return this.#current.renewalsOnlyUntil;
  }

  /** The facts that a disk has to have before it votes in this epoch. */
  get facts(): readonly (readonly [key: string, value: string])[] {
    const epoch = this.#next ?? this.#current;
    return [[MEMBERSHIP_FACTS.membership, JSON.stringify(epoch)], this.#acceptorFact(this.#paxos.state)];
  }

  /**
   * Whether a blank disk may vote as far as memberships are concerned: it has learned what its lost disk had promised,
   * and no other epoch is on its way.
   */
  mayVote(now: Instant): boolean {
    return this.#next === undefined && (this.#paxos.recovered || this.#view(now).isMixed);
  }

  /** This disk counts as lost. */
  fence(): void {
    this.#paxos.reset();
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

  /** Takes a membership of another epoch, which was chosen. `blank`: this disk's slots are not complete. */
  receive(message: MembershipMessage, blank: boolean, now: Instant): void {
    const { type: _type, members, ...rest } = message;
    const known = this.#next ?? this.#current;
    const sorted = byId(members);
    if (sorted.length === 0 || sorted.some(({ id }, index) => sorted[index - 1]?.id === id)) return;
    if (rest.epoch <= known.epoch) return;
    const isNew = rest.added === this.#self || !this.includesSelf;
    const missed = rest.epoch > this.#current.epoch + 1 || (isNew && sorted.some(({ id }) => id === this.#self));
    // On disk first that it is a learner: a process that finds the epoch there would vote in it.
    if (!blank && missed) this.#missed(now);
    this.#adopt({ ...rest, members: sorted });
  }

  /** Takes a message of the choice of the next membership. `trusted`: the sender's answers count. */
  choose(from: NodeId, message: PaxosMessage, now: Instant, trusted: boolean): void {
    if (this.#next === undefined) this.#paxos.receive(from, message, now, trusted);
  }

  /** Makes a change, on the leader. `done` runs once: when the change is effective here, or can't be made. */
  change(change: MembershipChange, now: Instant, done: ChangeDone): void {
    const view = this.#view(now);
    const problem = this.#paxos.isProposing || this.#next !== undefined
      ? "another change is on its way: try again in a moment"
      : this.#refuse(change, view);
    if (problem !== undefined) return done({ ok: false, problem });
    const { members, renewalsOnlyUntil } = this.#current;
    const content: MembershipContent = {
      term: view.term,
      members: change.kind === "add" ? byId([...members, change.member]) : members.filter(({ id }) => id !== change.id),
      renewalsOnlyUntil,
      added: change.kind === "add" ? change.member.id : 0,
    };
    this.#asked = { content, done };
    this.#propose(content, view.term, now);
  }

  /** Sends what is due, and completes a change that an earlier leader began. */
  tick(now: Instant): void {
    if (this.#next !== undefined || this.#paxos.isIdle) return;
    const view = this.#view(now);
    if (this.#paxos.isProposing) {
      if (!view.leads) {
        this.#paxos.withdraw();
        const problem = "this node no longer leads: the next leader may complete the change; look at `members`, " +
          "and give the command there if it is missing";
        this.#answer({ ok: false, problem });
      }
    } else {
      const begun = this.#paxos.state.accepted?.content;
      if (begun !== undefined && this.#refuse(this.#changeTo(begun), view) === undefined) {
        this.#propose(undefined, view.term, now);
      }
    }
    this.#paxos.tick(now, !view.isMixed);
  }

  #propose(content: MembershipContent | undefined, term: number, now: Instant): void {
    const permits = (begun: MembershipContent, at: Instant) =>
      this.#refuse(this.#changeTo(begun), this.#view(at)) === undefined;
    this.#paxos.propose({ term, content, permits }, now);
  }

  #answer(result: ChangeResult): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.done(result);
  }

  /** The change that leads from this epoch to a membership of the next one. */
  #changeTo({ members }: MembershipContent): MembershipChange {
    const member = members.find(({ id }) => !this.#ids.includes(id));
    if (member !== undefined) return { kind: "add", member };
    return { kind: "remove", id: this.#ids.find((id) => !members.some((member) => member.id === id)) ?? 0 };
  }

  #refuse(change: MembershipChange, view: ChangeView): string | undefined {
    if (!view.leads) return "this node does not lead: give the command on the leader";
    if (view.isMixed) return "a node of an earlier release is live: install the same release on every node first";
    return this.#refuseUnsettled(change, view) ?? this.#refuseMember(change);
  }

  /** Steps 1 and 5. The other members have the slots that a blank disk lost: none may leave before it has joined. */
  #refuseUnsettled(change: MembershipChange, { lacking, notVoting }: ChangeView): string | undefined {
    const { epoch, added } = this.#current;
    const others = (ids: readonly NodeId[]) => ids.filter((id) => change.kind !== "remove" || id !== change.id);
    if (!this.complete) {
      // A newcomer that died can neither settle nor be waited for (case 31).
      if (change.kind === "remove" && change.id === added) {
        const missing = others(notVoting);
        if (missing.length === 0) return undefined;
        return `node ${added} can be removed only while all other members have all leases: ` +
          `start ${missing.join(", ")}, and wait`;
      }
      const waiting = this.unsettled;
      const exit = waiting.includes(added)
        ? `; node ${added}, which was added last, can be removed: members remove ${added}`
        : "";
      return `members ${
        waiting.join(", ")
      } do not have everything of epoch ${epoch} yet: wait, or start them, with an ` +
        `empty stateDir where the disk is lost${exit}`;
    }
    const incomplete = others(lacking);
    if (incomplete.length === 0) return undefined;
    return `members ${incomplete.join(", ")} are away, or do not have everything yet: start them, with an empty ` +
      "stateDir where the disk is lost, and wait";
  }

  #refuseMember(change: MembershipChange): string | undefined {
    const { members } = this.#current;
    if (change.kind === "remove") {
      if (!this.#ids.includes(change.id)) return `node ${change.id} is no member`;
      if (members.length === 1) return "it is the only member: stop it instead";
      if (change.id === this.#self) return "this node leads: drain it, and give the command on the next leader";
      return undefined;
    }
    const { id, address } = change.member;
    if (this.#ids.includes(id)) {
      return `node ${id} is a member already: to replace its machine, start the new one as node ${id} with an empty ` +
        "stateDir";
    }
    if (members.some((member) => member.address === address)) return "another member has this address";
    if (members.length >= WIRE_LIMITS.membersMax) return `a cluster has at most ${WIRE_LIMITS.membersMax} members`;
    return undefined;
  }

  #adopt(next: Epoch): void {
    this.#next = next;
    this.#effects.persist({ facts: [[MEMBERSHIP_FACTS.membership, JSON.stringify(next)]] }, (now) => {
      if (this.#next !== next) return;
      this.#next = undefined;
      const before = this.#current;
      this.#current = next;
      this.#settled.clear();
      this.#sentMs.clear();
      this.#conflicts.clear();
      this.#paxos.reset();
      this.#derive();
      // To those of the epoch before, as long as they can be reached under it, and to those of this one.
      const ids = new Set([...before.members, ...next.members].map(({ id }) => id));
      for (const id of ids) if (id !== this.#self) this.#effects.send(id, this.#message());
      this.#effects.notice({ kind: "membershipChanged", epoch: next.epoch, members: this.#ids });
      this.#changed(now);
      if (this.#asked === undefined) return;
      const isAsked = hashOf(this.#asked.content) === this.#hash && next.epoch === before.epoch + 1;
      const problem = `another change was completed first: epoch ${next.epoch} has the members ` +
        `${this.#ids.join(", ")}; give the command again if it is still needed`;
      this.#answer(isAsked ? { ok: true, epoch: next.epoch } : { ok: false, problem });
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
    this.#hash = hashOf(this.#current);
    this.#ids = members.map(({ id }) => id);
    this.#others = this.#ids.filter((id) => id !== this.#self);
  }

  #message(): MembershipMessage {
    return { type: "membership", ...this.#current };
  }

  #acceptorFact(state: AcceptorState): readonly [string, string] {
    return [MEMBERSHIP_FACTS.acceptor, JSON.stringify({ epoch: this.#current.epoch, ...state })];
  }
}

function describe(change: MembershipChange): string {
  return change.kind === "add" ? `\`members add ${change.member.id}\`` : `\`members remove ${change.id}\``;
}

/** Reads the fact. Throws on what can't be read: starting under other members could cost leases. */
export function readEpoch(stored: string | undefined): Epoch | undefined {
  if (stored === undefined) return undefined;
  // The release before knew neither of the last two.
  const { epoch, term, members, renewalsOnlyUntil = 0, added = 0 } = JSON.parse(stored) as Epoch;
  return { epoch, term, members, renewalsOnlyUntil, added };
}

/** What this disk has promised in an epoch. */
export function readAcceptor(facts: ReadonlyMap<string, string>, epoch: number): AcceptorState {
  const stored = facts.get(MEMBERSHIP_FACTS.acceptor);
  if (stored === undefined) return NOTHING_PROMISED;
  const { epoch: of, promised, accepted, since, joined } = JSON.parse(stored) as AcceptorState & { epoch: number };
  return of === epoch ? { promised, accepted, since, joined } : NOTHING_PROMISED;
}
