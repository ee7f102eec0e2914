/**
 * Whether this node's proposals get anywhere. A node that hears a quorum, and whose proposals time out all the same
 * (disks that hang, datagrams that are lost one way), is not ready: relays use another one. It tries again after a
 * while: a circuit breaker. For readiness only.
 */

import { PROPOSAL_MS } from "../../lease/agreement/limits.ts";
import type { Decision } from "../../lease/agreement/proposer.ts";
import type { LeaseAck, NodeId } from "../wire/messages.ts";

/** So many proposals in a row time out before the node counts as not ready. */
const TIMEOUTS_MIN = 3;
/** The node is ready again after this time, so that the next proposal can show whether it recovered. */
const RETRY_MS = 5_000;
/** Exponential backoff: how often `RETRY_MS` doubles at most. */
const BACKOFF_MAX = 3;

/** The proposals of one node, and the answers to them. Times are monotonic milliseconds. */
export class ProposalHealth {
  /** Proposals that timed out since one was committed. */
  #timeouts = 0;
  /** The node is not ready before this time; undefined: its proposals get answers. */
  #retryMs: number | undefined;
  /** Attempts since a proposal was committed. */
  #retries = 0;
  /** Each member's last answer that judged a record by its slot. */
  readonly #answeredMs = new Map<NodeId, number>();

  /** A member answered records of this process. `needed`: answers of others that make a quorum with this node. */
  answered(from: NodeId, { answers }: LeaseAck, needed: number, ms: number): void {
    // Late for every voter: this machine was suspended.
    if (!answers.some((answer) => answer.ok || answer.reason !== "late")) return;
    this.#answeredMs.set(from, ms);
    // Answers are back, as after a partition whose records are sent again.
    if (this.#retryMs !== undefined && this.#isAnswered(needed, ms)) this.#retryMs = Math.min(this.#retryMs, ms);
  }

  /** A proposal of that age ended. */
  decided(outcome: Decision, ageMs: number, needed: number, ms: number): void {
    if (outcome.committed) {
      this.#timeouts = 0;
      this.#retries = 0;
      this.#retryMs = undefined;
    }
    // A quorum answered, so it refused: that is the address's fault, not this node's.
    if (outcome.committed || outcome.reason !== "timeout" || this.#isAnswered(needed, ms)) return;
    this.#timeouts += 1;
    // What was proposed before the last attempt says nothing about it.
    const isNew = this.#retryMs === undefined ? this.#timeouts >= TIMEOUTS_MIN : ms - ageMs >= this.#retryMs;
    if (!isNew) return;
    this.#retryMs = ms + RETRY_MS * 2 ** Math.min(this.#retries, BACKOFF_MAX);
    this.#retries += 1;
  }

  /** Whether the last proposals timed out, and it is too early for another attempt. */
  timesOut(ms: number): boolean {
    return this.#retryMs !== undefined && ms < this.#retryMs;
  }

  #isAnswered(needed: number, ms: number): boolean {
    if (needed === 0) return false;
    return [...this.#answeredMs.values()].filter((at) => ms - at <= PROPOSAL_MS).length >= needed;
  }
}
