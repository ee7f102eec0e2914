/**
 * Whether this node's proposals get anywhere. A node that hears a quorum, and whose proposals time out all the same
 * (disks that hang, datagrams that are lost one way), is not ready: relays use another one. For readiness only.
 */

import { PROPOSAL_MS } from "../../lease/agreement/limits.ts";
import type { Decision } from "../../lease/agreement/proposer.ts";
import type { LeaseAck, NodeId } from "../wire/messages.ts";

/** So many proposals in a row time out before the node counts as not ready. */
const TIMEOUTS_MIN = 3;
/** The node is ready again this long after the last one, so that the next proposal can show whether it recovered. */
const RETRY_MS = 5_000;
/** Exponential backoff: how often `RETRY_MS` doubles at most. */
const BACKOFF_MAX = 3;

/** The proposals of one node, and the answers to them. */
export class ProposalHealth {
  #timeouts = 0;
  #lastTimeoutMs = -Infinity;
  /** Monotonic time of each member's last answer that judged a record by its slot. */
  readonly #answeredMs = new Map<NodeId, number>();

  /** A member answered records of this process. */
  answered(from: NodeId, { answers }: LeaseAck, ms: number): void {
    // Late for every voter: this machine was suspended.
    if (answers.some((answer) => answer.ok || answer.reason !== "late")) this.#answeredMs.set(from, ms);
  }

  /** A proposal ended. `needed`: answers of others that make a quorum with this node. */
  decided(outcome: Decision, needed: number, ms: number): void {
    if (outcome.committed) this.#timeouts = 0;
    if (outcome.committed || outcome.reason !== "timeout") return;
    // A quorum answered, so it refused: that is the address's fault, not this node's.
    const answered = [...this.#answeredMs.values()].filter((at) => ms - at <= PROPOSAL_MS).length;
    if (needed > 0 && answered >= needed) return;
    this.#timeouts += 1;
    this.#lastTimeoutMs = ms;
  }

  /** Whether all of the last proposals timed out. */
  timesOut(ms: number): boolean {
    if (this.#timeouts < TIMEOUTS_MIN) return false;
    return ms - this.#lastTimeoutMs < RETRY_MS * 2 ** Math.min(this.#timeouts - TIMEOUTS_MIN, BACKOFF_MAX);
  }
}
