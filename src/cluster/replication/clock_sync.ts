/**
 * Sets the clock's anchor by round trips (lease agreement, CLOCK): a member agrees with this machine's wall clock when its time
 * lies within S of both ends of the round trip; once a majority agrees, this node included, the clock is anchored. The
 * clock itself is in `src/lease/agreement/clock.ts`.
 */

import { quorumOf } from "../../lease/agreement/quorum.ts";
import type { AnchoredClock, Instant } from "../../lease/agreement/clock.ts";
import { MAX_CLOCK_SKEW_MS } from "../../lease/agreement/limits.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId, TimeAnswer, TimeProbe } from "../wire/messages.ts";

/** Agreements that are this old count no more. */
const AGREEMENT_MS = 3 * CLUSTER_LIMITS.clockProbeMs;
/** An anchored clock is confirmed this much more seldom than a missing anchor is sought. */
const CONFIRM_FACTOR = 10;
/** Between two agreements the wall clock may have been slewed by this much; more is a jump. */
const SLEW_MS = 100;

/** A member's clock as last seen. */
export interface PeerClock {
  /** Its wall clock less ours, in the middle of the round trip, ms. */
  readonly offsetMs: number;
  readonly agrees: boolean;
}

interface Agreement {
  readonly atMs: number;
  /** This machine's wall clock less its monotonic one at that moment. */
  readonly difference: number;
}

/** Round trips with all other members. */
export class ClockSync {
  readonly #clock: AnchoredClock;
  readonly #members: { readonly size: number };
  readonly #sent = new Map<number, { to: NodeId; at: Instant }>();
  readonly #agreements = new Map<NodeId, Agreement>();
  readonly #peers = new Map<NodeId, PeerClock>();
  #nextProbe: number;
  #nextRoundMs = 0;

  /** `firstProbe`: random, so that answers to an earlier process of this node don't pass for answers to this one. */
  constructor(clock: AnchoredClock, members: { readonly size: number }, firstProbe = 1) {
    this.#clock = clock;
    this.#members = members;
    this.#nextProbe = firstProbe;
  }

  /** The other members' clocks as last seen. */
  get peers(): ReadonlyMap<NodeId, PeerClock> {
    return this.#peers;
  }

  /** Monotonic time of the next round of probes. */
  get nextDeadline(): number {
    return this.#nextRoundMs;
  }

  /** Probes to send now. */
  tick(now: Instant, others: readonly NodeId[]): { to: NodeId; message: TimeProbe }[] {
    if (now.monotonicMs < this.#nextRoundMs) return [];
    const anchored = this.#clock.fault(now) === undefined;
    this.#nextRoundMs = now.monotonicMs + CLUSTER_LIMITS.clockProbeMs * (anchored ? CONFIRM_FACTOR : 1);
    this.#sent.clear();
    // A node alone agrees with itself.
    this.#anchorIfQuorum(now);
    return others.map((to) => {
      const probe = this.#nextProbe++;
      this.#sent.set(probe, { to, at: now });
      return { to, message: { type: "timeProbe", probe } };
    });
  }

  /** Takes an answer to one of the last round's probes. */
  receive(from: NodeId, answer: TimeAnswer, now: Instant): void {
    const sent = this.#sent.get(answer.probe);
    if (sent === undefined || sent.to !== from) return;
    this.#sent.delete(answer.probe);
    const agrees = answer.wallMs - sent.at.wallMs <= MAX_CLOCK_SKEW_MS &&
      now.wallMs - answer.wallMs <= MAX_CLOCK_SKEW_MS &&
      this.#difference(sent.at, now) <= SLEW_MS;
    this.#peers.set(from, { offsetMs: answer.wallMs - (sent.at.wallMs + now.wallMs) / 2, agrees });
    if (!agrees) {
      this.#agreements.delete(from);
      return;
    }
    this.#agreements.set(from, { atMs: now.monotonicMs, difference: now.wallMs - now.monotonicMs });
    this.#anchorIfQuorum(now);
  }

  #difference(a: Instant, b: Instant): number {
    return Math.abs((a.wallMs - a.monotonicMs) - (b.wallMs - b.monotonicMs));
  }

  #anchorIfQuorum(now: Instant): void {
    const difference = now.wallMs - now.monotonicMs;
    let agreeing = 1;
    for (const agreement of this.#agreements.values()) {
      const fresh = now.monotonicMs - agreement.atMs <= AGREEMENT_MS;
      if (fresh && Math.abs(agreement.difference - difference) <= SLEW_MS) agreeing += 1;
    }
    if (agreeing < quorumOf(this.#members.size)) return;
    // Alone, nobody confirms a jump: the old anchor stands until it lapses.
    if (this.#members.size === 1 && this.#clock.fault(now) === "wallJumped") return;
    this.#clock.anchor(now);
  }
}
