/**
 * Whether a quorum is live: the leader broadcasts its view every `statusIntervalMs` and immediately after a change;
 * every member keeps the newest status by term. The status tells a node when to serve. It does not permit a grant:
 * each grant needs the acceptances of a quorum.
 */

import { quorumOf } from "../../lease/agreement/quorum.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import { type Effects, isSameList, type Leadership, type MemberContext } from "../context.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { ClusterStatus, NodeId } from "../wire/messages.ts";

/** A node begins or ceases to know of a live quorum. */
export type QuorumNotice = { readonly kind: "quorumFound" } | { readonly kind: "quorumLost" };

/** The newest status that a node knows; its own when it leads. */
interface KnownStatus {
  readonly from: NodeId;
  readonly term: number;
  readonly present: readonly NodeId[];
  readonly majority: boolean;
  /** Monotonic time at which it was received or sent. */
  readonly atMs: number;
}

/** Cluster status of one node: sent as leader, received as follower. */
export class QuorumStatus {
  readonly #self: NodeId;
  readonly #members: () => readonly NodeId[];
  readonly #leadership: Leadership;
  readonly #effects: Effects<QuorumNotice>;
  #newest: KnownStatus | undefined;
  #hadQuorum = false;

  constructor(context: MemberContext<QuorumNotice>) {
    this.#self = context.self;
    this.#members = () => context.membership.ids;
    this.#leadership = context.leadership;
    this.#effects = context.effects;
  }

  /** The newest status, for display. */
  get newest(): KnownStatus | undefined {
    return this.#newest;
  }

  /** Processes a leader's status. The election must process it first. */
  receive(from: NodeId, message: ClusterStatus, now: Instant): void {
    const { term, present, majority } = message;
    if (!this.#members().includes(from) || term < (this.#newest?.term ?? 0)) return;
    this.#newest = { from, term, present, majority, atMs: now.monotonicMs };
    this.#noticeChange(now);
  }

  /** Monotonic time at which a leader must repeat its status, or at which a follower's newest status expires. */
  get nextDeadline(): number {
    const newest = this.#newest;
    if (newest === undefined || this.#members().length === 1) return Infinity;
    if (this.#leadership.role === "leader") return newest.atMs + CLUSTER_LIMITS.statusIntervalMs;
    return this.#hadQuorum ? newest.atMs + CLUSTER_LIMITS.statusMs + 1 : Infinity;
  }

  /** As leader, broadcasts the live members after a change and when due. Must be called after the election's tick. */
  tick(now: Instant, present: readonly NodeId[]): void {
    if (this.#leadership.role === "leader") this.#broadcastStatus(now, present);
    this.#noticeChange(now);
  }

  /**
   * Whether a quorum is live as far as this node knows: a leader reported it within `statusMs`, even if that leader is
   * lost by now and an election is running. The only member of a cluster is its own quorum.
   */
  hasQuorum(now: Instant): boolean {
    if (this.#members().length === 1) return this.#members()[0] === this.#self;
    const newest = this.#newest;
    if (newest === undefined || !newest.majority) return false;
    // This node's own status no longer counts once it has stopped leading.
    if (newest.from === this.#self && this.#leadership.role !== "leader") return false;
    return now.monotonicMs - newest.atMs <= CLUSTER_LIMITS.statusMs;
  }

  #broadcastStatus(now: Instant, present: readonly NodeId[]): void {
    const { term } = this.#leadership;
    const members = this.#members();
    const live = members.filter((id) => present.includes(id) || id === this.#self);
    const majority = live.length >= quorumOf(members.length);
    const before = this.#newest;
    const isDue = before === undefined || before.from !== this.#self || before.term !== term ||
      before.majority !== majority || !isSameList(before.present, live) ||
      now.monotonicMs - before.atMs >= CLUSTER_LIMITS.statusIntervalMs;
    if (!isDue) return;
    this.#newest = { from: this.#self, term, present: live, majority, atMs: now.monotonicMs };
    if (members.length > 1) this.#effects.broadcast({ type: "clusterStatus", term, present: live, majority });
  }

  #noticeChange(now: Instant): void {
    const has = this.hasQuorum(now);
    if (has === this.#hadQuorum) return;
    this.#hadQuorum = has;
    this.#effects.notice({ kind: has ? "quorumFound" : "quorumLost" });
  }
}
