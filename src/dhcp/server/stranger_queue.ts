/**
 * New leases for strangers, a bounded number at a time: the others wait in order, so that what known clients want is
 * agreed at once. It decides when each is proposed, and tells how many are on their way; the server proposes.
 */

import type { Instant } from "../../lease/agreement/clock.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import { SERVER_LIMITS } from "./limits.ts";

/** A lease that a stranger requests. */
interface FirstLease {
  /** The address of its subnet. */
  readonly subnet: Ipv4;
  /** Proposes it; `decided` must run once, when the proposal is decided. */
  readonly start: (now: Instant, decided: (now: Instant) => void) => void;
  /** It waited too long. */
  readonly drop: (now: Instant) => void;
}

/** One that waits; `atMs`: since when. */
type Waiting = FirstLease & { readonly atMs: number };

/** First leases of a subnet that are on their way. */
export interface InFlight {
  readonly waiting: number;
  readonly proposed: number;
  /** Decided less than `SERVER_LIMITS.settleMs` ago: a member that missed the record may not have it yet. */
  readonly settling: number;
}

const NONE: InFlight = { waiting: 0, proposed: 0, settling: 0 };

/** The queue. Times are monotonic. */
export class StrangerQueue {
  #proposed = 0;
  /** Those that have not been started, in order, from `#first` on. */
  #waiting: Waiting[] = [];
  #first = 0;
  /** In the order of their decisions. */
  readonly #settling = new Set<{ readonly subnet: Ipv4; readonly untilMs: number }>();
  readonly #inFlight = new Map<Ipv4, InFlight>();

  /** Starts a proposal now or later; false when too many wait. */
  add(lease: FirstLease, now: Instant): boolean {
    this.#settle(now);
    if (this.#isFull()) this.#dropLate(now);
    if (this.#isFull()) return false;
    this.#waiting.push({ ...lease, atMs: now.monotonicMs });
    this.#count(lease.subnet, { waiting: 1 });
    this.#startNext(now);
    return true;
  }

  /** First leases of the subnet with this address that are on their way. */
  inFlight(subnet: Ipv4, now: Instant): InFlight {
    this.#settle(now);
    return this.#inFlight.get(subnet) ?? NONE;
  }

  #settle({ monotonicMs }: Instant): void {
    for (const settling of this.#settling) {
      if (settling.untilMs > monotonicMs) return;
      this.#settling.delete(settling);
      this.#count(settling.subnet, { settling: -1 });
    }
  }

  #count(subnet: Ipv4, { waiting = 0, proposed = 0, settling = 0 }: Partial<InFlight>): void {
    const before = this.#inFlight.get(subnet) ?? NONE;
    const after = {
      waiting: before.waiting + waiting,
      proposed: before.proposed + proposed,
      settling: before.settling + settling,
    };
    if (after.waiting + after.proposed + after.settling > 0) this.#inFlight.set(subnet, after);
    else this.#inFlight.delete(subnet);
  }

  #isFull(): boolean {
    return this.#waiting.length - this.#first >= SERVER_LIMITS.strangersWaitingMax;
  }

  #startNext(now: Instant): void {
    this.#dropLate(now);
    while (this.#proposed < SERVER_LIMITS.strangerProposalsMax && this.#first < this.#waiting.length) {
      const { subnet, start } = this.#waiting[this.#first++] as Waiting;
      this.#count(subnet, { waiting: -1, proposed: 1 });
      this.#proposed += 1;
      start(now, (at) => {
        this.#proposed -= 1;
        this.#count(subnet, { proposed: -1, settling: 1 });
        this.#settling.add({ subnet, untilMs: at.monotonicMs + SERVER_LIMITS.settleMs });
        this.#startNext(at);
      });
    }
    if (this.#first < this.#waiting.length) return;
    this.#waiting = [];
    this.#first = 0;
  }

  /** Clients whose requests waited too long ask again. */
  #dropLate(now: Instant): void {
    for (let next = this.#waiting[this.#first]; next !== undefined; next = this.#waiting[this.#first]) {
      if (now.monotonicMs - next.atMs <= SERVER_LIMITS.strangerWaitMs) break;
      this.#first += 1;
      this.#count(next.subnet, { waiting: -1 });
      next.drop(now);
    }
    if (this.#first < SERVER_LIMITS.strangersWaitingMax) return;
    this.#waiting.splice(0, this.#first);
    this.#first = 0;
  }
}
