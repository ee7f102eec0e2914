/**
 * The ranges this node allocates from, by the leader's last allocation. A newer allocation applies immediately; it is
 * acknowledged once it is durable. The node reports its ranges to a new leader, which then keeps the division.
 *
 * From a member to its leader a `RangeAllocation` says what the member has (term and version as held): report and
 * acknowledgement in one. A range `WANTED` in it says that the member lacks an address of that pool.
 */

import type { Effects, Leadership, MemberContext } from "../context.ts";
import { type Range, UNSPECIFIED } from "../../net/ipv4.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId, RangeAllocation } from "../wire/messages.ts";

/** Key of the persisted fact: the allocation as JSON. */
export const RANGES_FACT = "ranges";

/** In a report: this node lacks an address of the pool. 0.0.0.0 is in no pool. */
export const WANTED: Range = { first: UNSPECIFIED, last: UNSPECIFIED };

/** What a node holds. */
export interface AllottedRanges {
  readonly term: number;
  readonly version: number;
  readonly ranges: readonly (readonly Range[])[];
}

const NO_POOLS: readonly number[] = [];
const NOTHING: AllottedRanges = { term: 0, version: 0, ranges: [] };

/** One node's ranges. */
export class RangeAllotment {
  readonly #self: NodeId;
  readonly #leadership: Leadership;
  readonly #effects: Effects;
  readonly #changed: ((ranges: readonly (readonly Range[])[]) => void) | undefined;
  #held: AllottedRanges;
  #durable: AllottedRanges;
  readonly #wanted = new Set<number>();
  #reportAtMs = 0;

  constructor(context: MemberContext, options: {
    /** The fact `RANGES_FACT`. */
    stored: string | undefined;
    /** Runs when the ranges are others than before. */
    changed?: (ranges: readonly (readonly Range[])[]) => void;
  }) {
    this.#self = context.self;
    this.#leadership = context.leadership;
    this.#effects = context.effects;
    this.#changed = options.changed;
    this.#held = read(options.stored);
    this.#durable = this.#held;
  }

  /** What this node may allocate from, by pool. */
  get held(): AllottedRanges {
    return this.#held;
  }

  /** What it could show after a crash. */
  get durable(): AllottedRanges {
    return this.#durable;
  }

  /** Pools that this node wanted an address of since the last call; for a leader that asks itself. */
  takeWanted(): readonly number[] {
    if (this.#wanted.size === 0) return NO_POOLS;
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    return wanted;
  }

  /** A client wants an address of a pool in which this node has none left. Returns whether that is news. */
  want(pool: number): boolean {
    const isNews = !this.#wanted.has(pool);
    this.#wanted.add(pool);
    return isNews;
  }

  /** Takes an allocation from the leader; everything else is ignored. */
  receive(from: NodeId, message: RangeAllocation, now: Instant): void {
    const { term, version, ranges } = message;
    if (from !== this.#leadership.leader || term !== this.#leadership.term) return;
    if (term < this.#held.term || (term === this.#held.term && version < this.#held.version)) return;
    if (term === this.#held.term && version === this.#held.version) {
      if (this.#durable === this.#held) this.#report(now);
      return;
    }
    const held = { term, version, ranges };
    const isOther = JSON.stringify(ranges) !== JSON.stringify(this.#held.ranges);
    this.#held = held;
    if (isOther) {
      this.#wanted.clear();
      this.#changed?.(ranges);
    }
    this.#effects.persist({ facts: [[RANGES_FACT, JSON.stringify(held)]] }, (at) => {
      this.#durable = held;
      if (this.#held === held) this.#report(at);
    });
  }

  /** Reports to the leader when it may not know this node's ranges, or when an address is wanted. */
  tick(now: Instant): void {
    // What is not on disk yet is reported once it is.
    const { monotonicMs } = now;
    if (monotonicMs < this.#reportAtMs || this.#durable !== this.#held) return;
    // Now and then in any case: a disk may have gone back to what it was, and the leader thinks that it knows better.
    const isDue = monotonicMs >= this.#reportAtMs + CLUSTER_LIMITS.rangeReportMs;
    if (isDue || this.#held.term !== this.#leadership.term || this.#wanted.size > 0) this.#report(now);
  }

  #report(now: Instant): void {
    const { leader } = this.#leadership;
    if (leader === undefined || leader === this.#self) return;
    this.#reportAtMs = now.monotonicMs + CLUSTER_LIMITS.repeatMs;
    const { term, version } = this.#durable;
    const ranges = this.#durable.ranges.map((list) => [...list]);
    for (const pool of this.takeWanted()) {
      while (ranges.length <= pool) ranges.push([]);
      ranges[pool]?.push(WANTED);
    }
    this.#effects.send(leader, { type: "rangeAllocation", report: true, term, version, ranges });
  }
}

/** Reads the fact. What can't be read is nothing: the leader says it again. */
function read(stored: string | undefined): AllottedRanges {
  if (stored === undefined) return NOTHING;
  try {
    const { term, version, ranges } = JSON.parse(stored);
    return Number.isSafeInteger(term) && Number.isSafeInteger(version) && Array.isArray(ranges)
      ? { term, version, ranges }
      : NOTHING;
  } catch {
    return NOTHING;
  }
}
