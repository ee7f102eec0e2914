/**
 * Whether the members hear this node. They answer a leader's status (`statusHeard`); a leader that fewer than a quorum
 * hear within `statusMs` is of no use, although it may hear them all. It then leaves leading to others for
 * `unheardRestMs`, and so does a candidate whose takeover failed. Where no other leads, it leads again after a backoff.
 *
 * All times are monotonic.
 */

import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId } from "../wire/messages.ts";

/** Exponential backoff: how often `leaderlessMs` doubles at most. */
const BACKOFF_MAX = 2;

/** The audience of one node. */
export class Audience {
  /** When this node began to lead. */
  #sinceMs = 0;
  /** When each member last answered the status. */
  readonly #answeredMs = new Map<NodeId, number>();
  /** Leading is left to others until then. */
  #yieldUntilMs = 0;
  /** How often in a row this node was unheard soon after it began to lead. */
  #unheard = 0;
  /** When this node last heard a leader, or led. */
  #ledMs = 0;

  /** This node begins to lead. */
  lead(ms: number): void {
    this.#sinceMs = ms;
    this.#answeredMs.clear();
  }

  /** A member answered this leader's status. */
  answered(from: NodeId, ms: number): void {
    this.#answeredMs.set(from, ms);
  }

  /** When fewer than a quorum of the members, of which one is this node, will have heard it for `statusMs`. */
  unheardAtMs(others: readonly NodeId[], quorum: number): number {
    const times = others.map((id) => Math.max(this.#sinceMs, this.#answeredMs.get(id) ?? 0)).sort((a, b) => b - a);
    // The other members that make a quorum with this node.
    return (times[quorum - 2] ?? Infinity) + CLUSTER_LIMITS.statusMs;
  }

  /** This node steps down, as it is unheard. */
  steppedDown(ms: number): void {
    const wasShort = ms - this.#sinceMs < CLUSTER_LIMITS.unheardRestMs;
    this.#unheard = wasShort ? Math.min(this.#unheard + 1, BACKOFF_MAX) : 0;
    this.yield(ms);
  }

  /** Leading is left to others for a while. */
  yield(ms: number): void {
    this.#yieldUntilMs = ms + CLUSTER_LIMITS.unheardRestMs;
  }

  /** An operator wants this node to lead. */
  endYielding(): void {
    this.#yieldUntilMs = 0;
  }

  /** A leader is heard, possibly this node. */
  led(ms: number): void {
    this.#ledMs = ms;
  }

  /** Whether leading is left to others now. */
  yields(ms: number): boolean {
    return ms < this.yieldsUntilMs;
  }

  /** When {@link yields} changes if no leader is heard until then. */
  get yieldsUntilMs(): number {
    return Math.min(this.#yieldUntilMs, this.#ledMs + CLUSTER_LIMITS.leaderlessMs * 2 ** this.#unheard);
  }
}
