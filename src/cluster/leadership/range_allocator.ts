/**
 * The leader's range allocator: collects the members' reports, divides unowned ranges, adapts the division when members
 * join, are lost or run low, and repeats each member's allotment until it is acknowledged. `pool_split.ts` decides how
 * to divide.
 *
 * A division lasts for one term: the next leader learns it from the members' reports, so no disk holds it as a whole.
 * A node that served within the last `rangeGraceMs` keeps its ranges, so that a restart moves nothing.
 */

import { type Effects, isSameList, type Leadership, type MemberContext } from "../context.ts";
import type { Ipv4, Range } from "../../net/ipv4.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId, RangeAllocation } from "../wire/messages.ts";
import { blockRange, divide, rangesOf, type SplitPool, undivided } from "./pool_split.ts";
import { type AllottedRanges, type RangeAllotment, WANTED } from "./range_allotment.ts";

export type RangesNotice =
  /** The division changed; `moved` addresses have another owner than before. */
  { readonly kind: "rangesDivided"; readonly term: number; readonly version: number; readonly moved: number };

/** What a leader knows of the members. */
interface RangeView {
  readonly present: readonly NodeId[];
  /** Live and synced members, this node included if it is synced. */
  readonly serving: readonly NodeId[];
  /** Free addresses per pool as in the node's newest heartbeat; this node's own for itself. */
  free(node: NodeId): readonly number[] | undefined;
}

/** What the leader knows about one member's copy. */
interface Copy {
  ranges: readonly (readonly Range[])[];
  /** Acknowledged version of this term. */
  version: number;
  /** The version that `ranges` was looked up for. */
  sentVersion: number;
  sentMs: number;
  /** Heartbeats before this may tell of ranges that the node had lost (a restart, a new disk). */
  staleUntilMs: number;
}

const NO_COPY: Copy = { ranges: [], version: 0, sentVersion: 0, sentMs: -Infinity, staleUntilMs: 0 };

/** Free addresses are looked at this often; members and acknowledgements at once. */
const REVISE_MS = 250;

/** A division that stayed as it was is looked at again this much later if nothing else has changed. */
const SETTLED_MS = 5_000;

/** What a division was made of, and stayed as it was. */
interface Settled {
  readonly division: readonly SplitPool[];
  readonly serving: readonly NodeId[];
  readonly resting: readonly NodeId[];
  readonly present: readonly NodeId[];
  /** By serving node. */
  readonly free: readonly (readonly number[] | undefined)[];
  readonly ms: number;
}

/** What makes a leader look again at once when it changes. */
interface Viewed {
  readonly present: readonly NodeId[];
  readonly serving: readonly NodeId[];
  /** Of this node's own ranges. */
  readonly version: number;
}

function isSameView(a: Viewed, b: Viewed | undefined): boolean {
  return b !== undefined && a.version === b.version && isSameList(a.present, b.present) &&
    isSameList(a.serving, b.serving);
}

function isSettled(now: Settled, before: Settled | undefined): boolean {
  return before !== undefined && now.division === before.division && now.ms - before.ms < SETTLED_MS &&
    (["serving", "resting", "present"] as const).every((nodes) => isSameList(now[nodes], before[nodes])) &&
    now.free.every((counts, index) => isSameList(counts ?? [], before.free[index] ?? []));
}

/** Tells whether an address is in one of the ranges, in the logarithm of their number. */
function membershipOf(ranges: readonly Range[]): (address: Ipv4) => boolean {
  const merged: { first: Ipv4; last: Ipv4 }[] = [];
  for (const { first, last } of ranges.filter(({ first, last }) => first <= last).sort((a, b) => a.first - b.first)) {
    const open = merged.at(-1);
    if (open !== undefined && first <= open.last + 1) open.last = Math.max(open.last, last);
    else merged.push({ first, last });
  }
  return (address) => {
    let from = 0;
    let to = merged.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((merged[middle] as Range).last < address) from = middle + 1;
      else to = middle;
    }
    const range = merged[from];
    return range !== undefined && range.first <= address;
  };
}

/** Divides the pools while this node leads. */
export class RangeAllocator {
  readonly #self: NodeId;
  readonly #pools: () => readonly Range[];
  readonly #leadership: Leadership;
  readonly #allotment: RangeAllotment;
  readonly #effects: Effects<RangesNotice>;
  readonly #freeIn: (range: Range) => number;
  #term = 0;
  #sinceMs = 0;
  #version = 0;
  #divided: readonly SplitPool[] | undefined;
  #dividedFor: readonly Range[] = [];
  /** The version in which blocks were last taken from a node. */
  readonly #taken = new Map<NodeId, number>();
  readonly #copies = new Map<NodeId, Copy>();
  #serving: readonly NodeId[] = [];
  readonly #servedMs = new Map<NodeId, number>();
  readonly #wants = new Map<NodeId, Set<number>>();
  #moveAtMs = 0;
  /** Members at the last revision; undefined forces another one. */
  #viewed: Viewed | undefined;
  #reviseAtMs = 0;
  #settled: Settled | undefined;

  constructor(context: MemberContext<RangesNotice>, options: {
    /** The pools of the active configuration; another array means other pools. */
    pools: () => readonly Range[];
    /** This node's own ranges: a leader tells itself without a message. */
    allotment: RangeAllotment;
    /** Free addresses in a range by the lease table; at most a block's worth is asked at a time. */
    freeIn: (range: Range) => number;
  }) {
    this.#self = context.self;
    this.#leadership = context.leadership;
    this.#effects = context.effects;
    this.#pools = options.pools;
    this.#allotment = options.allotment;
    this.#freeIn = options.freeIn;
  }

  /** Version of the division, 0 while there is none. */
  get version(): number {
    return this.#divided === undefined ? 0 : this.#version;
  }

  /** The division; undefined on a follower, and on a leader that is still asking around. */
  get divisions(): readonly SplitPool[] | undefined {
    return this.#divided;
  }

  /** Takes a member's report. Ignored while this node does not lead. */
  receive(from: NodeId, message: RangeAllocation, now: Instant): void {
    if (this.#leadership.role !== "leader" || this.#leadership.term !== this.#term || from === this.#self) return;
    this.#learn(from, message, now.monotonicMs);
    this.#viewed = undefined;
    message.ranges.forEach((ranges, pool) => {
      if (ranges.some((range) => range.first === WANTED.first && range.last === WANTED.last)) this.#want(from, pool);
    });
  }

  /** Processes timers and the view of the members. Must be called after the election's tick. */
  tick(now: Instant, view: RangeView): void {
    const ms = now.monotonicMs;
    const { role, term } = this.#leadership;
    if (role !== "leader") {
      this.#divided = undefined;
      this.#term = 0;
      return;
    }
    if (term !== this.#term) this.#reset(term, ms);
    this.#learn(this.#self, this.#allotment.durable, ms);
    for (const pool of this.#allotment.takeWanted()) this.#want(this.#self, pool);
    for (const node of view.serving) {
      const copy = this.#copies.get(node);
      if (copy !== undefined && !this.#serving.includes(node)) copy.staleUntilMs = ms + CLUSTER_LIMITS.rangeIntervalMs;
      this.#servedMs.set(node, ms);
    }
    this.#serving = view.serving;
    if (this.#divided === undefined) {
      // A node that will be synced soon gets its share with the first division.
      const heard = view.present.every((node) => this.#copies.has(node) && view.serving.includes(node));
      if (!heard && ms - this.#sinceMs < CLUSTER_LIMITS.rangeCollectMs) return;
    }
    const viewed = { present: view.present, serving: view.serving, version: this.#allotment.durable.version };
    if (!isSameView(viewed, this.#viewed) || ms >= this.#reviseAtMs || this.#pools() !== this.#dividedFor) {
      this.#viewed = viewed;
      this.#reviseAtMs = ms + REVISE_MS;
      this.#revise(ms, view);
    }
    this.#tell(this.#self, now);
    for (const node of view.present) if (node !== this.#self) this.#tell(node, now);
  }

  #reset(term: number, ms: number): void {
    this.#term = term;
    this.#sinceMs = ms;
    this.#version = 0;
    this.#divided = undefined;
    this.#moveAtMs = ms + CLUSTER_LIMITS.rangeCollectMs;
    for (const map of [this.#copies, this.#servedMs, this.#wants, this.#taken]) map.clear();
  }

  #learn(from: NodeId, held: AllottedRanges, ms: number): void {
    const version = held.term === this.#term ? held.version : 0;
    const copy = this.#copies.get(from);
    if (copy === undefined) this.#copies.set(from, { ...NO_COPY, ranges: held.ranges, version });
    else {
      if (version !== copy.version) this.#settled = undefined;
      if (version < copy.version || version === 0) copy.staleUntilMs = ms + CLUSTER_LIMITS.rangeIntervalMs;
      copy.version = version;
      if (this.#divided === undefined) copy.ranges = held.ranges;
    }
  }

  #want(node: NodeId, pool: number): void {
    const pools = this.#wants.get(node);
    if (pools === undefined) this.#wants.set(node, new Set([pool]));
    else pools.add(pool);
  }

  #revise(ms: number, view: RangeView): void {
    const pools = this.#pools();
    const isFirst = this.#divided === undefined;
    const isNew = isFirst || pools !== this.#dividedFor;
    const before = isNew ? this.#recall(pools) : this.#divided ?? [];
    this.#dividedFor = pools;
    const serving = [...view.serving].sort((a, b) => a - b);
    const isResting = (node: NodeId) => {
      const servedMs = this.#servedMs.get(node);
      return servedMs !== undefined && ms - servedMs <= CLUSTER_LIMITS.rangeGraceMs;
    };
    const resting = [...this.#servedMs.keys()].filter((node) => !serving.includes(node) && isResting(node));
    const mayMove = ms >= this.#moveAtMs && !isNew;
    // Once per node: the own counts are made for all pools each time they are asked for.
    const free = new Map(serving.map((node) => {
      // On a new division the heartbeats still tell of the one before.
      const isStale = isNew || ms < (this.#copies.get(node)?.staleUntilMs ?? 0);
      return [node, isStale ? undefined : view.free(node)];
    }));
    const counts = serving.map((node) => free.get(node));
    const settled = { division: before, serving, resting, present: view.present, free: counts, ms };
    const mayDiffer = !mayMove || this.#wants.size > 0;
    if (!mayDiffer && isSettled(settled, this.#settled)) return;
    const next = divide(this.#acknowledged(before, view.present), {
      serving,
      resting,
      present: view.present,
      free: (node, pool) => free.get(node)?.[pool],
      wants: (node, pool) => this.#wants.get(node)?.has(pool) ?? false,
      freeIn: this.#freeIn,
    }, mayMove);
    if (mayMove) this.#wants.clear();
    this.#settled = !mayDiffer && next === this.#divided ? settled : undefined;
    if (next === this.#divided) return;
    this.#version += 1;
    this.#note(before, next, ms);
    this.#divided = next;
  }

  /** The division as its owners remember it. A block that two claim is the higher one's until it is divided anew. */
  #recall(pools: readonly Range[]): SplitPool[] {
    // Prepared once: thousands of pools have a hundred thousand blocks.
    const known = Array.from(this.#copies, ([node, copy]) => {
      const ranges = this.#divided === undefined ? copy.ranges : this.#rangesOf(node);
      return { node, holds: membershipOf(ranges.flat()) };
    });
    return undivided(pools).map((division) => ({
      ...division,
      owners: division.owners.map((_, block) => {
        const { first } = blockRange(division, block);
        return known.find(({ holds }) => holds(first))?.node ?? 0;
      }),
    }));
  }

  #rangesOf(node: NodeId): Range[][] {
    return (this.#divided ?? []).map((division) => rangesOf(division, node));
  }

  /** Blocks whose former owner acknowledged, or is gone, are free for the new one. */
  #acknowledged(divisions: readonly SplitPool[], present: readonly NodeId[]): readonly SplitPool[] {
    let changed = false;
    const next = divisions.map((division) => {
      const isWaiting = (node: NodeId) =>
        node !== 0 && present.includes(node) && (this.#copies.get(node)?.version ?? 0) < (this.#taken.get(node) ?? 0);
      if (!division.from.some((node) => node !== 0 && !isWaiting(node))) return division;
      changed = true;
      return { ...division, from: division.from.map((node) => isWaiting(node) ? node : 0) };
    });
    return changed ? next : divisions;
  }

  #note(before: readonly SplitPool[], next: readonly SplitPool[], ms: number): void {
    let moved = 0;
    next.forEach((division, pool) =>
      division.owners.forEach((owner, block) => {
        const last = before[pool];
        if (last?.owners[block] === owner) return;
        const range = blockRange(division, block);
        moved += range.last - range.first + 1;
        const from = division.from[block] ?? 0;
        if (from !== 0) this.#taken.set(from, this.#version);
      })
    );
    if (moved === 0) return;
    this.#moveAtMs = ms + CLUSTER_LIMITS.rangeIntervalMs;
    this.#effects.notice({ kind: "rangesDivided", term: this.#term, version: this.#version, moved });
  }

  #tell(node: NodeId, now: Instant): void {
    const ms = now.monotonicMs;
    const copy = this.#copies.get(node) ?? { ...NO_COPY };
    this.#copies.set(node, copy);
    if (copy.version === this.#version) return;
    if (copy.sentVersion === this.#version && ms - copy.sentMs < CLUSTER_LIMITS.repeatMs) return;
    copy.ranges = this.#rangesOf(node);
    copy.sentVersion = this.#version;
    copy.sentMs = ms;
    const plan = { term: this.#term, version: this.#version, ranges: copy.ranges };
    const message: RangeAllocation = { type: "rangeAllocation", report: false, ...plan };
    if (node === this.#self) this.#allotment.receive(node, message, now);
    else this.#effects.send(node, message);
  }
}
