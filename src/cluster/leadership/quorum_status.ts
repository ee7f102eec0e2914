/**
 * Whether a majority is there: the leader says so several times a second and at once after a change, everybody keeps the
 * newest by term. It tells a node when to serve; it is no permission to grant anything, which takes a majority's answers
 * each time.
 */

import { quorumOf } from "../../lease/agreement/quorum.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import type { Effects, Leadership, MemberContext } from "../context.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { ClusterStatus, NodeId } from "../wire/messages.ts";

/** A node begins or ceases to know of a majority. */
export type QuorumNotice = { readonly kind: "majorityFound" } | { readonly kind: "majorityLost" };

/** The newest status a node knows, its own when it leads. */
export interface KnownStatus {
  readonly from: NodeId;
  readonly term: number;
  readonly present: readonly NodeId[];
  readonly majority: boolean;
  /** Monotonic time at which it was heard or said. */
  readonly atMs: number;
}

/** Cluster status, on both ends. */
export class QuorumStatus {
  readonly #self: NodeId;
  readonly #members: () => readonly NodeId[];
  readonly #leadership: Leadership;
  readonly #effects: Effects<QuorumNotice>;
  #newest: KnownStatus | undefined;
  #had = false;

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

  /** Takes a leader's status. The election takes it first. */
  receive(from: NodeId, message: ClusterStatus, now: Instant): void {
    const { term, present, majority } = message;
    if (!this.#members().includes(from) || term < (this.#newest?.term ?? 0)) return;
    this.#newest = { from, term, present, majority, atMs: now.monotonicMs };
    this.#say(now);
  }

  /** Monotonic time at which a leader has to repeat its status, or a follower's newest one is too old. */
  get nextDeadline(): number {
    const newest = this.#newest;
    if (newest === undefined || this.#members().length === 1) return Infinity;
    if (this.#leadership.role === "leader") return newest.atMs + CLUSTER_LIMITS.statusIntervalMs;
    return this.#had ? newest.atMs + CLUSTER_LIMITS.statusMs + 1 : Infinity;
  }

  /** A leader says who is there when that changed, or when it is time again. After the election's tick. */
  tick(now: Instant, present: readonly NodeId[]): void {
    if (this.#leadership.role === "leader") this.#lead(now, present);
    this.#say(now);
  }

  /**
   * Whether a majority is there as far as this node knows: a leader said so within `statusMs`, even if it is gone by now and
   * another one is being elected. Alone in its cluster a node is the majority.
   */
  hasQuorum(now: Instant): boolean {
    if (this.#members().length === 1) return this.#members()[0] === this.#self;
    const newest = this.#newest;
    if (newest === undefined || !newest.majority) return false;
    // What this node said while it led counts no more when it had to stop.
    if (newest.from === this.#self && this.#leadership.role !== "leader") return false;
    return now.monotonicMs - newest.atMs <= CLUSTER_LIMITS.statusMs;
  }

  #lead(now: Instant, present: readonly NodeId[]): void {
    const { term } = this.#leadership;
    const members = this.#members();
    const there = members.filter((id) => present.includes(id) || id === this.#self);
    const majority = there.length >= quorumOf(members.length);
    const before = this.#newest;
    const isDue = before === undefined || before.from !== this.#self || before.term !== term ||
      before.majority !== majority || before.present.join() !== there.join() ||
      now.monotonicMs - before.atMs >= CLUSTER_LIMITS.statusIntervalMs;
    if (!isDue) return;
    this.#newest = { from: this.#self, term, present: there, majority, atMs: now.monotonicMs };
    if (members.length > 1) this.#effects.broadcast({ type: "clusterStatus", term, present: there, majority });
  }

  #say(now: Instant): void {
    const has = this.hasQuorum(now);
    if (has === this.#had) return;
    this.#had = has;
    this.#effects.notice({ kind: has ? "majorityFound" : "majorityLost" });
  }
}
