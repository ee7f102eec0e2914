/**
 * Sets and confirms the clock's anchor by round trips (lease agreement, CLOCK): a member agrees with this machine's
 * wall clock when its time lies within S of both ends of the round trip; once a quorum agrees, this node included, the
 * clock is anchored. A node alone is its own quorum: it anchors again at once after a step. The clock itself is in
 * `src/lease/agreement/clock.ts`; this module keeps its steps on disk and tells operators of them.
 *
 * It also says whether a quorum still agrees ({@link ClockSync.confirmed}), for readiness only. While a machine is
 * suspended, its wall and monotonic clocks stand still together, and nothing on it shows that when it runs on. It is
 * seen by what the others say: a heartbeat carries its sender's wall clock, and one that arrives "from the future" by
 * more than S proves that the two clocks are apart, however long it took. So a resumed machine knows with the second
 * heartbeat interval at the latest, and asks for round trips at once. What this can't show:
 *
 * - clocks that are ahead of the others', until the next round of probes (`clockProbeMs` × {@link CONFIRM_FACTOR}): a
 *   heartbeat from the past may just have been slow; a single clock that steps ahead departs from its own line instead;
 * - the same for clocks behind, while members of an earlier release are live, which send no time;
 * - a suspension shorter than S, and one of a whole quorum: it agrees with itself.
 */

import type { AnchoredClock, Instant } from "../../lease/agreement/clock.ts";
import { MARGIN_MS, MAX_CLOCK_SKEW_MS } from "../../lease/agreement/limits.ts";
import { quorumOf } from "../../lease/agreement/quorum.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId, TimeAnswer, TimeProbe } from "../wire/messages.ts";

/** Agreements older than this do not count for an anchor. */
const AGREEMENT_MS = 3 * CLUSTER_LIMITS.clockProbeMs;
/** An anchored clock is confirmed this much more seldom than a missing anchor is sought. */
const CONFIRM_FACTOR = 10;
/** Three rounds of probes: a clock that no quorum has agreed with for so long may have been wrong since. */
const CONFIRMED_MS = 3 * CONFIRM_FACTOR * CLUSTER_LIMITS.clockProbeMs;
/** Between two agreements the wall clock may have been slewed by this much; more is a jump. */
const SLEW_MS = 100;

/** The last moment that a `Date` can be. */
const DATE_MS_MAX = 8.64e15;

/** Keys of the durable facts. */
export const CLOCK_FACTS = {
  /** `Steps` of the clock: stepped, seen, since. */
  steps: "clockSteps",
  /** The largest maximum lease time that any configuration of this cluster ever had, ms. */
  maxLease: "maxLease",
} as const;

/** What happens to this machine's clock, for log and status. */
export type ClockNotice =
  /** It departed from the time that a quorum confirmed, and no quorum has confirmed it since. */
  | { readonly kind: "clockJumped"; readonly offsetMs: number }
  /** It is back, without that a quorum has followed it. */
  | { readonly kind: "clockReturned" }
  /** A quorum, or this node alone, agrees with a clock that was set. Ahead: see {@link SteppedClock}. */
  | ({ readonly kind: "clockSet"; readonly movedMs: number } & SteppedClock)
  /** The clock was set ahead while this node did not run, as it or the others know. */
  | ({ readonly kind: "clockWasSet" } & SteppedClock)
  /** Leases from before the last step have ended: addresses become free in time again. */
  | { readonly kind: "clockSettled" };

/** What steps ahead mean: addresses become free so much later, until then (ms since 1970; 0: not at all). */
export interface SteppedClock {
  readonly steppedMs: number;
  readonly untilMs: number;
}

/** A member's clock as last seen. */
export interface PeerClock {
  /** Its wall clock less ours, in the middle of the round trip; or the least it can be, by a heartbeat. ms. */
  readonly offsetMs: number;
  readonly agrees: boolean;
  /** Monotonic. */
  readonly atMs: number;
}

interface Agreement {
  readonly atMs: number;
  /** This machine's wall clock less its monotonic one at that moment. */
  readonly difference: number;
  /** `stepped` of the member, steps only seen included. */
  readonly steppedMs: number;
}

interface ClockSyncOptions {
  readonly clock: AnchoredClock;
  /** Read at every use. */
  readonly members: { readonly size: number };
  /** The longest lease that the active configuration gives; read at every use. */
  readonly limits: { readonly maxLeaseMs: number };
  /** Durable facts as they were at the start. */
  readonly facts: ReadonlyMap<string, string>;
  /** In the order of the calls, and before whatever is written later. */
  readonly persist: (fact: readonly [key: string, value: string]) => void;
  readonly notice: (notice: ClockNotice) => void;
  /** Random, so that answers to an earlier process of this node don't pass for answers to this one. */
  readonly firstProbe: number;
}

/** Round trips with all other members, and what follows for this machine's clock. */
export class ClockSync {
  readonly #options: ClockSyncOptions;
  readonly #sent = new Map<number, { to: NodeId; at: Instant }>();
  readonly #agreements = new Map<NodeId, Agreement>();
  readonly #peers = new Map<NodeId, PeerClock>();
  /** Members whose last heartbeat came from the future. */
  readonly #ahead = new Set<NodeId>();
  #nextProbe: number;
  /** Monotonic time of the last round of probes, and of the next one. */
  #roundMs = -Infinity;
  #nextRoundMs = -Infinity;
  #maxLeaseMs: number;
  /** As they are on disk, or on their way there. */
  #written: AnchoredClock["steps"];
  /** Monotonic time since when the wall clock has been off the line. */
  #jumpedMs: number | undefined;
  #jumpSaid = false;

  constructor(options: ClockSyncOptions) {
    this.#options = options;
    const { clock, facts, firstProbe } = options;
    const [steppedMs = 0, seenMs = 0, sinceMs = 0] = (facts.get(CLOCK_FACTS.steps) ?? "").split(" ").map(Number);
    clock.restore({ steppedMs, seenMs, sinceMs });
    this.#written = clock.steps;
    this.#maxLeaseMs = Number(facts.get(CLOCK_FACTS.maxLease) ?? 0);
    this.#nextProbe = firstProbe;
  }

  /** The other members' clocks as last seen. */
  get peers(): ReadonlyMap<NodeId, PeerClock> {
    return this.#peers;
  }

  /** The largest maximum lease time that any configuration of this cluster ever had, ms. */
  get maxLeaseMs(): number {
    return this.#maxLeaseMs;
  }

  /** What steps ahead mean now. */
  get stepped(): SteppedClock {
    const { steppedMs, sinceMs } = this.#options.clock.steps;
    const untilMs = Math.min(sinceMs + this.#maxLeaseMs + MARGIN_MS, DATE_MS_MAX);
    return { steppedMs, untilMs: steppedMs === 0 ? 0 : untilMs };
  }

  /** Monotonic time of the next round of probes. */
  get nextDeadline(): number {
    return this.#nextRoundMs;
  }

  /** Whether a quorum, this node included, still agreed with this clock when it was asked last. */
  confirmed(now: Instant): boolean {
    let agreeing = 1;
    for (const { agrees, atMs } of this.#peers.values()) {
      if (agrees && now.monotonicMs - atMs <= CONFIRMED_MS) agreeing += 1;
    }
    return agreeing >= quorumOf(this.#options.members.size);
  }

  /** Looks at this machine's clocks. Call it first at every event: what happens later depends on what is seen. */
  watch(now: Instant): void {
    const { clock, members, limits, persist } = this.#options;
    if (limits.maxLeaseMs > this.#maxLeaseMs) this.#learnMaxLease(limits.maxLeaseMs);
    clock.observe(now, this.#maxLeaseMs);
    const { steps } = clock;
    if (steps !== this.#written) {
      const settled = steps.steppedMs === 0 && this.#written.steppedMs > 0;
      this.#written = steps;
      persist([CLOCK_FACTS.steps, `${steps.steppedMs} ${steps.seenMs} ${steps.sinceMs}`]);
      if (settled) this.#options.notice({ kind: "clockSettled" });
    }
    const fault = clock.fault(now);
    // A node alone is its own quorum, and serves on.
    if (fault !== undefined && members.size === 1) this.#anchorIfQuorum(now);
    else this.#watchJump(fault === "wallJumped", now);
  }

  /** Probes to send now. */
  tick(now: Instant, others: readonly NodeId[]): { to: NodeId; message: TimeProbe }[] {
    this.watch(now);
    this.#forgetAllBut(others);
    const sure = this.#options.clock.fault(now) === undefined && this.confirmed(now);
    // What was sure at the last round may not be any more: other members, for instance.
    if (!sure) this.#nextRoundMs = Math.min(this.#nextRoundMs, this.#roundMs + CLUSTER_LIMITS.clockProbeMs);
    if (now.monotonicMs < this.#nextRoundMs) return [];
    this.#roundMs = now.monotonicMs;
    this.#nextRoundMs = now.monotonicMs + CLUSTER_LIMITS.clockProbeMs * (sure ? CONFIRM_FACTOR : 1);
    this.#sent.clear();
    // A node alone agrees with itself.
    this.#anchorIfQuorum(now);
    return others.map((to) => {
      const probe = this.#nextProbe++;
      this.#sent.set(probe, { to, at: now });
      return { to, message: { type: "timeProbe", probe } };
    });
  }

  /** The answer to another member's probe. */
  answer({ probe }: TimeProbe, now: Instant): TimeAnswer {
    const { steppedMs, seenMs } = this.#options.clock.steps;
    return {
      type: "timeAnswer",
      probe,
      wallMs: now.wallMs,
      steppedMs: steppedMs + seenMs,
      maxLeaseMs: this.#maxLeaseMs,
    };
  }

  /** Takes an answer to one of the last round's probes. */
  receive(from: NodeId, answer: TimeAnswer, now: Instant): void {
    const sent = this.#sent.get(answer.probe);
    if (sent === undefined || sent.to !== from) return;
    this.#sent.delete(answer.probe);
    // Locks that come from other members may be as long as any configuration of theirs allowed.
    if (answer.maxLeaseMs > this.#maxLeaseMs) this.#learnMaxLease(answer.maxLeaseMs);
    const agrees = answer.wallMs - sent.at.wallMs <= MAX_CLOCK_SKEW_MS &&
      now.wallMs - answer.wallMs <= MAX_CLOCK_SKEW_MS &&
      this.#difference(sent.at, now) <= SLEW_MS;
    const offsetMs = answer.wallMs - (sent.at.wallMs + now.wallMs) / 2;
    this.#peers.set(from, { offsetMs, agrees, atMs: now.monotonicMs });
    if (!agrees) {
      this.#agreements.delete(from);
      return;
    }
    const { steppedMs } = answer;
    const difference = now.wallMs - now.monotonicMs;
    this.#agreements.set(from, { atMs: now.monotonicMs, difference, steppedMs });
    this.#anchorIfQuorum(now);
  }

  /** Takes the wall clock of a heartbeat's sender, 0: it said none. It can only be later there by now. */
  heard(from: NodeId, wallMs: number, now: Instant): void {
    const offsetMs = wallMs - now.wallMs;
    const ahead = offsetMs > MAX_CLOCK_SKEW_MS;
    if (ahead === this.#ahead.has(from)) return;
    this.#nextRoundMs = Math.min(this.#nextRoundMs, now.monotonicMs);
    if (!ahead) return void this.#ahead.delete(from);
    this.#ahead.add(from);
    this.#agreements.delete(from);
    this.#peers.set(from, { offsetMs, agrees: false, atMs: now.monotonicMs });
  }

  #difference(a: Instant, b: Instant): number {
    return Math.abs((a.wallMs - a.monotonicMs) - (b.wallMs - b.monotonicMs));
  }

  #anchorIfQuorum(now: Instant): void {
    const { clock, members } = this.#options;
    const difference = now.wallMs - now.monotonicMs;
    let agreeing = 1;
    let agreedMs = 0;
    for (const { atMs, difference: theirs, steppedMs } of this.#agreements.values()) {
      const fresh = now.monotonicMs - atMs <= AGREEMENT_MS;
      if (!fresh || Math.abs(theirs - difference) > SLEW_MS) continue;
      agreeing += 1;
      agreedMs = Math.max(agreedMs, steppedMs);
    }
    if (agreeing < quorumOf(members.size)) return;
    const before = clock.steps.steppedMs;
    const movedMs = clock.anchor(now, agreedMs);
    const { stepped } = this;
    if (Math.abs(movedMs) > MAX_CLOCK_SKEW_MS) {
      this.#jumpedMs = undefined;
      this.#jumpSaid = false;
      this.#options.notice({ kind: "clockSet", movedMs, ...stepped });
    } else if (stepped.steppedMs > before) this.#options.notice({ kind: "clockWasSet", ...stepped });
    this.watch(now);
  }

  /** Asks the others at once, and tells operators if they don't agree soon. */
  #watchJump(jumped: boolean, now: Instant): void {
    if (!jumped) {
      if (this.#jumpSaid) this.#options.notice({ kind: "clockReturned" });
      this.#jumpedMs = undefined;
      this.#jumpSaid = false;
    } else if (this.#jumpedMs === undefined) {
      this.#jumpedMs = now.monotonicMs;
      this.#nextRoundMs = Math.min(this.#nextRoundMs, now.monotonicMs);
    } else if (!this.#jumpSaid && now.monotonicMs - this.#jumpedMs >= AGREEMENT_MS) {
      this.#jumpSaid = true;
      this.#options.notice({ kind: "clockJumped", offsetMs: this.#options.clock.offset(now) });
    }
  }

  #learnMaxLease(ms: number): void {
    this.#maxLeaseMs = ms;
    this.#options.persist([CLOCK_FACTS.maxLease, String(ms)]);
  }

  #forgetAllBut(others: readonly NodeId[]): void {
    for (const id of this.#peers.keys()) {
      if (others.includes(id)) continue;
      this.#peers.delete(id);
      this.#agreements.delete(id);
      this.#ahead.delete(id);
    }
  }
}
