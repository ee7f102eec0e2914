/**
 * Failure detector: a member is live while its last authenticated message is at most `suspectMs` old, and lost after
 * that. It also detects a restart (another incarnation) and two processes that share one id. Reactions are decided
 * elsewhere; safety must not rely on this module.
 */

import type { MemberContext } from "../context.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId } from "../wire/messages.ts";

/** A change in the set of live members. */
export type FailureNotice =
  | { readonly kind: "memberFound"; readonly id: NodeId }
  | { readonly kind: "memberLost"; readonly id: NodeId; readonly lastSeenMs: number }
  | { readonly kind: "memberRestarted"; readonly id: NodeId }
  /** Two processes run with this id: give one of them another `node.id`, or stop it. */
  | { readonly kind: "duplicateId"; readonly id: NodeId };

/** Liveness of one other member. */
interface PeerLiveness {
  readonly id: NodeId;
  readonly live: boolean;
  /** Monotonic time of the last message; undefined when none has arrived since this process started. */
  readonly lastSeenMs: number | undefined;
  readonly incarnation: number | undefined;
}

interface Peer {
  readonly id: NodeId;
  incarnation: number;
  /** Monotonic time at which `incarnation` was first heard. */
  sinceMs: number;
  lastSeenMs: number;
  live: boolean;
  /** Earlier incarnations, oldest first: their late datagrams do not count while the current incarnation is live. */
  readonly past: number[];
  duplicateReported: boolean;
}

/** How many earlier incarnations of a member are remembered. */
const PAST_MAX = 16;

/** The failure detector of one process. */
export class FailureDetector {
  readonly #self: NodeId;
  readonly #members: () => readonly NodeId[];
  readonly #notice: (notice: FailureNotice) => void;
  readonly #peers = new Map<NodeId, Peer>();
  #live: readonly NodeId[] = [];

  constructor(context: Omit<MemberContext<FailureNotice>, "leadership">, now: Instant) {
    this.#self = context.self;
    this.#members = () => context.membership.ids;
    this.#notice = (notice) => context.effects.notice(notice);
    this.#peers.set(context.self, firstHeard(context.self, context.incarnation, now.monotonicMs));
  }

  /**
   * Records an authenticated message. Returns false when it is not from the member's running process; the caller must
   * drop it.
   */
  heard(from: NodeId, incarnation: number, now: Instant): boolean {
    const ms = now.monotonicMs;
    const peer = this.#peers.get(from);
    if (peer === undefined) {
      this.#peers.set(from, firstHeard(from, incarnation, ms));
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

  /** Monotonic time at which the next member becomes lost if no message arrives. */
  get nextDeadline(): number {
    let deadlineMs = Infinity;
    for (const { id, live, lastSeenMs } of this.#peers.values()) {
      if (live && id !== this.#self) deadlineMs = Math.min(deadlineMs, lastSeenMs + CLUSTER_LIMITS.suspectMs + 1);
    }
    return deadlineMs;
  }

  /** Declares silent members lost. */
  tick(now: Instant): void {
    const members = this.#members();
    for (const peer of this.#peers.values()) {
      const { id } = peer;
      if (id === this.#self || !peer.live || this.#isFresh(peer, now.monotonicMs)) continue;
      peer.live = false;
      // The silence of a removed member is expected.
      if (members.includes(id)) this.#notice({ kind: "memberLost", id, lastSeenMs: peer.lastSeenMs });
    }
  }

  /** Live members, this node included, ascending. Returns the same array object while the members are unchanged. */
  live(now: Instant): readonly NodeId[] {
    const before = this.#live;
    let count = 0;
    let isSame = true;
    for (const id of this.#members()) {
      if (this.isLive(id, now)) isSame &&= before[count++] === id;
    }
    if (isSame && count === before.length) return before;
    const live = this.#members().filter((id) => this.isLive(id, now)).sort((a, b) => a - b);
    return this.#live = live;
  }

  /** Whether one member is live. */
  isLive(id: NodeId, now: Instant): boolean {
    if (id === this.#self) return true;
    const peer = this.#peers.get(id);
    return peer !== undefined && this.#isFresh(peer, now.monotonicMs);
  }

  /** All other members, for the status page. */
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

  /** Whether a message with another incarnation makes that incarnation the running one. */
  #replaces(id: NodeId, peer: Peer, incarnation: number, ms: number): boolean {
    const isSelf = id === this.#self;
    if (isSelf || (peer.past.includes(incarnation) && this.#isFresh(peer, ms))) {
      // A datagram of the former process may be late by seconds; one that arrives even later has a running sender.
      if (ms - peer.sinceMs <= CLUSTER_LIMITS.duplicateIdMs || peer.duplicateReported) return false;
      peer.duplicateReported = true;
      this.#notice({ kind: "duplicateId", id });
      return false;
    }
    // Incarnations have no order: a late datagram of a former process may have been taken for a new one. The running
    // incarnation is the one that continues to send.
    const index = peer.past.indexOf(incarnation);
    if (index !== -1) peer.past.splice(index, 1);
    peer.duplicateReported = false;
    peer.past.push(peer.incarnation);
    if (peer.past.length > PAST_MAX) peer.past.shift();
    peer.incarnation = incarnation;
    peer.sinceMs = ms;
    this.#notice({ kind: "memberRestarted", id });
    return true;
  }
}

/** A process that is heard for the first time. */
function firstHeard(id: NodeId, incarnation: number, ms: number): Peer {
  return { id, incarnation, sinceMs: ms, lastSeenMs: ms, live: true, past: [], duplicateReported: false };
}
