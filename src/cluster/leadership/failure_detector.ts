/**
 * Who is there: a member is present while anything authenticated of it arrived within `suspectMs`, and lost afterwards.
 * Also notices a restart (another incarnation) and two processes that share an id. What follows from that is decided
 * elsewhere; nothing here may be relied on for safety.
 */

import type { MemberContext } from "../context.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId } from "../wire/messages.ts";

/** A change of who is there. */
export type FailureNotice =
  | { readonly kind: "memberFound"; readonly id: NodeId }
  | { readonly kind: "memberLost"; readonly id: NodeId; readonly lastSeenMs: number }
  | { readonly kind: "memberRestarted"; readonly id: NodeId }
  /** Two processes run with this id: give one of them another `node.id`, or stop it. */
  | { readonly kind: "duplicateId"; readonly id: NodeId };

/** What is known about one other member. */
export interface PeerLiveness {
  readonly id: NodeId;
  readonly live: boolean;
  /** Monotonic time of the last message; undefined when there was none since this process started. */
  readonly lastSeenMs: number | undefined;
  readonly incarnation: number | undefined;
}

interface Peer {
  incarnation: number;
  /** When `incarnation` was first heard. */
  sinceMs: number;
  lastSeenMs: number;
  live: boolean;
  /** Earlier incarnations, oldest first: their late datagrams are no sign of life while the present one speaks. */
  readonly past: number[];
  duplicateSaid: boolean;
}

/** Earlier incarnations of a member that are remembered. */
const PAST_MAX = 16;

/** The failure detector of one process. */
export class FailureDetector {
  readonly #self: NodeId;
  readonly #members: () => readonly NodeId[];
  readonly #notice: (notice: FailureNotice) => void;
  readonly #peers = new Map<NodeId, Peer>();
  #present: readonly NodeId[] = [];

  constructor(context: Omit<MemberContext<FailureNotice>, "leadership">, now: Instant) {
    this.#self = context.self;
    this.#members = () => context.membership.ids;
    this.#notice = (notice) => context.effects.notice(notice);
    this.#peers.set(context.self, {
      incarnation: context.incarnation,
      sinceMs: now.monotonicMs,
      lastSeenMs: now.monotonicMs,
      live: true,
      past: [],
      duplicateSaid: false,
    });
  }

  /**
   * Takes note of an authenticated message. False when it is not from the member's running process: drop it then.
   */
  heard(from: NodeId, incarnation: number, now: Instant): boolean {
    const ms = now.monotonicMs;
    const peer = this.#peers.get(from);
    if (peer === undefined) {
      this.#peers.set(from, {
        incarnation,
        sinceMs: ms,
        lastSeenMs: ms,
        live: true,
        past: [],
        duplicateSaid: false,
      });
      this.#notice({ kind: "memberFound", id: from });
      return true;
    }
    if (incarnation !== peer.incarnation && !this.#replaces(from, peer, incarnation, ms)) return false;
    peer.lastSeenMs = ms;
    if (!peer.live) {
      peer.live = true;
      this.#notice({ kind: "memberFound", id: from });
    }
    return true;
  }

  /** Monotonic time at which the next member counts as lost if it stays silent. */
  get nextDeadline(): number {
    let deadlineMs = Infinity;
    for (const [id, { live, lastSeenMs }] of this.#peers) {
      if (live && id !== this.#self) deadlineMs = Math.min(deadlineMs, lastSeenMs + CLUSTER_LIMITS.suspectMs + 1);
    }
    return deadlineMs;
  }

  /** Takes note of silence. */
  tick(now: Instant): void {
    const members = this.#members();
    for (const [id, peer] of this.#peers) {
      if (id === this.#self || !peer.live || this.#isFresh(peer, now.monotonicMs)) continue;
      peer.live = false;
      // Nobody misses who was removed.
      if (members.includes(id)) this.#notice({ kind: "memberLost", id, lastSeenMs: peer.lastSeenMs });
    }
  }

  /** Members that are there, this one included, ascending. The same list as before while they are the same. */
  live(now: Instant): readonly NodeId[] {
    const before = this.#present;
    let count = 0;
    let isSame = true;
    for (const id of this.#members()) {
      if (this.isLive(id, now)) isSame &&= before[count++] === id;
    }
    if (isSame && count === before.length) return before;
    const present = this.#members().filter((id) => this.isLive(id, now)).sort((a, b) => a - b);
    return this.#present = present;
  }

  /** Whether one member is there. */
  isLive(id: NodeId, now: Instant): boolean {
    if (id === this.#self) return true;
    const peer = this.#peers.get(id);
    return peer !== undefined && this.#isFresh(peer, now.monotonicMs);
  }

  /** Every other member, for the status page. */
  peers(now: Instant): PeerLiveness[] {
    return this.#members().filter((id) => id !== this.#self).map((id) => ({
      id,
      live: this.isLive(id, now),
      lastSeenMs: this.#peers.get(id)?.lastSeenMs,
      incarnation: this.#peers.get(id)?.incarnation,
    }));
  }

  #isFresh(peer: Peer, ms: number): boolean {
    return ms - peer.lastSeenMs <= CLUSTER_LIMITS.suspectMs;
  }

  /** Whether another incarnation is the one that runs from now on. */
  #replaces(id: NodeId, peer: Peer, incarnation: number, ms: number): boolean {
    const isSelf = id === this.#self;
    if (isSelf || (peer.past.includes(incarnation) && this.#isFresh(peer, ms))) {
      // A datagram of the former process may be late by seconds; one that still arrives after that has a sender.
      if (ms - peer.sinceMs <= CLUSTER_LIMITS.duplicateIdMs || peer.duplicateSaid) return false;
      peer.duplicateSaid = true;
      this.#notice({ kind: "duplicateId", id });
      return false;
    }
    // Incarnations have no order: a late datagram of a process before may have passed for a new one. The one that goes on
    // speaking is the one that runs.
    const index = peer.past.indexOf(incarnation);
    if (index !== -1) peer.past.splice(index, 1);
    peer.duplicateSaid = false;
    peer.past.push(peer.incarnation);
    if (peer.past.length > PAST_MAX) peer.past.shift();
    peer.incarnation = incarnation;
    peer.sinceMs = ms;
    this.#notice({ kind: "memberRestarted", id });
    return true;
  }
}
