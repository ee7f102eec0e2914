/**
 * What this node has of the other members' lease streams: notices gaps, remembers which record had which number until
 * its commit is said, and asks for what is missing. Taking a record into a slot is the acceptor's business.
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import type { Version } from "../../lease/agreement/version.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId, SequenceRange, StreamPosition } from "../wire/messages.ts";

/** How long a gap may last before its records are asked for, and how often again. Reordering alone is no loss. */
const GAP_PATIENCE_MS = 30;
const REPAIR_INTERVAL_MS = 100;
/** After so many requests in vain the origin has lost the records: only a sync helps. */
const REPAIRS_MAX = 20;
/** Records of one origin that wait for their commit note. */
export const NAMED_MAX = 16_384;
/** Numbers above a gap that are remembered one by one. */
const AHEAD_MAX = CLUSTER_LIMITS.repairRecords;

/** One stream. */
interface Incoming {
  readonly incarnation: number;
  /** All up to here were received or given up. */
  contiguous: number;
  /** Received above `contiguous`. */
  readonly ahead: Set<number>;
  /** Highest number known to exist. */
  known: number;
  gapSinceMs: number | undefined;
  askedMs: number;
  asked: number;
  readonly named: Map<number, { address: Ipv4; version: Version }>;
}

/** The streams of all other members. */
export class IncomingStreams {
  readonly #streams = new Map<NodeId, Incoming>();
  #lost = false;
  /** Whether a stream may have a gap. */
  #hasGaps = false;

  /** Whether records were given up since the last `clearLost`: a sync has to bring them. */
  get lost(): boolean {
    return this.#lost;
  }

  clearLost(): void {
    this.#lost = false;
  }

  /** What was received of each stream. */
  positions(): StreamPosition[] {
    return [...this.#streams].map(([origin, { incarnation, contiguous }]) => ({
      origin,
      incarnation,
      sequence: contiguous,
    }));
  }

  /**
   * Notes a batch: numbers `first` to `first + count - 1` arrived, and all below exist. With the first batch of an
   * incarnation its past is taken as known: a join or a sync brings what it was.
   */
  arrived(origin: NodeId, incarnation: number, first: number, count: number, nowMs: number): void {
    let stream = this.#streams.get(origin);
    if (stream === undefined || stream.incarnation !== incarnation) {
      // A stream that is met late began while this node was away: what came before is in the slots of others.
      this.#lost ||= first > 1;
      stream = {
        incarnation,
        contiguous: first - 1,
        ahead: new Set(),
        known: 0,
        gapSinceMs: undefined,
        askedMs: -Infinity,
        asked: 0,
        named: new Map(),
      };
      this.#streams.set(origin, stream);
    }
    const last = first + count - 1;
    stream.known = Math.max(stream.known, last);
    for (let sequence = Math.max(first, stream.contiguous + 1); sequence <= last; sequence++) {
      stream.ahead.add(sequence);
    }
    advance(stream);
    if (stream.ahead.size > AHEAD_MAX) this.#giveUp(stream);
    if (stream.contiguous >= stream.known) {
      stream.gapSinceMs = undefined;
      stream.asked = 0;
    } else {
      stream.gapSinceMs ??= nowMs;
      this.#hasGaps = true;
    }
  }

  /** Remembers the slot of a record until its commit note arrives. */
  name(origin: NodeId, sequence: number, address: Ipv4, version: Version): void {
    const named = this.#streams.get(origin)?.named;
    if (named === undefined) return;
    named.set(sequence, { address, version });
    if (named.size <= NAMED_MAX) return;
    for (const oldest of named.keys()) {
      named.delete(oldest);
      return;
    }
  }

  /** The slot a record was about, once. */
  takeNamed(origin: NodeId, incarnation: number, sequence: number): { address: Ipv4; version: Version } | undefined {
    const stream = this.#streams.get(origin);
    if (stream === undefined || stream.incarnation !== incarnation) return undefined;
    const named = stream.named.get(sequence);
    stream.named.delete(sequence);
    return named;
  }

  /** Monotonic time at which the next gap is to be asked for. */
  get nextDeadline(): number {
    let deadlineMs = Infinity;
    if (!this.#hasGaps) return deadlineMs;
    for (const { gapSinceMs, askedMs } of this.#streams.values()) {
      if (gapSinceMs === undefined) continue;
      deadlineMs = Math.min(deadlineMs, Math.max(gapSinceMs + GAP_PATIENCE_MS, askedMs + REPAIR_INTERVAL_MS));
    }
    return deadlineMs;
  }

  /** Gaps to ask for now. */
  gaps(nowMs: number): { origin: NodeId; incarnation: number; missing: SequenceRange }[] {
    const gaps: { origin: NodeId; incarnation: number; missing: SequenceRange }[] = [];
    if (!this.#hasGaps) return gaps;
    this.#hasGaps = false;
    for (const [origin, stream] of this.#streams) {
      if (stream.gapSinceMs === undefined) continue;
      this.#hasGaps = true;
      if (nowMs - stream.gapSinceMs < GAP_PATIENCE_MS) continue;
      if (nowMs - stream.askedMs < REPAIR_INTERVAL_MS) continue;
      if (stream.asked >= REPAIRS_MAX) {
        this.#giveUp(stream);
        continue;
      }
      stream.asked += 1;
      stream.askedMs = nowMs;
      const first = stream.contiguous + 1;
      let last = first;
      // Its sender keeps no more, and a gap may be as long as the sender likes.
      const end = Math.min(stream.known, first + CLUSTER_LIMITS.repairRecords);
      while (last < end && !stream.ahead.has(last + 1)) last += 1;
      gaps.push({ origin, incarnation: stream.incarnation, missing: { first, last } });
    }
    return gaps;
  }

  #giveUp(stream: Incoming): void {
    this.#lost = true;
    stream.contiguous = stream.known;
    stream.ahead.clear();
    stream.gapSinceMs = undefined;
    stream.asked = 0;
  }
}

function advance(stream: Incoming): void {
  while (stream.ahead.delete(stream.contiguous + 1)) stream.contiguous += 1;
}
