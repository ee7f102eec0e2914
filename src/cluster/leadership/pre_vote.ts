/**
 * Pre-vote: whether this node would vote for a candidate now. A candidate asks a quorum before it raises the term, so
 * that a node behind a partial cut, which keeps losing the leader, costs no terms. Nothing is promised by an answer.
 *
 * A voter that hears a leader refuses. The exception is a higher candidate that takes over: it hears that leader too,
 * and the voter has heard it without a break, as a candidate on a lossy link would not lead for long.
 */

import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId } from "../wire/messages.ts";

/** A candidate counts its time to take over from when it hears a quorum, which is a little later than it is heard. */
const STEADY_MS = CLUSTER_LIMITS.takeoverMs - CLUSTER_LIMITS.leaderWaitMs;

/** One voter: how steadily it hears each member. */
export class PreVote {
  /** Monotonic time since when each live member has been live. */
  readonly #liveSince = new Map<NodeId, number>();
  #live: readonly NodeId[] = [];

  /** Takes the live members; the same list means no change. */
  tick(live: readonly NodeId[], ms: number): void {
    if (live === this.#live) return;
    this.#live = live;
    for (const id of this.#liveSince.keys()) if (!live.includes(id)) this.#liveSince.delete(id);
    for (const id of live) if (!this.#liveSince.has(id)) this.#liveSince.set(id, ms);
  }

  /** Whether this node would vote for a candidate; `leader`: the one it hears, possibly itself. */
  grants(candidate: { from: NodeId; hearsLeader: boolean }, leader: NodeId | undefined, ms: number): boolean {
    const { from, hearsLeader } = candidate;
    if (leader === undefined || leader === from) return true;
    const sinceMs = this.#liveSince.get(from);
    return hearsLeader && from > leader && sinceMs !== undefined && ms - sinceMs >= STEADY_MS;
  }
}
