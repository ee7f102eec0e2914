/**
 * New leases for strangers, a bounded number at a time: the others wait in order, so that what known clients want is
 * agreed at once. Some have to wait for a while first. It decides when each is proposed; the server proposes.
 */

import type { ClientKey } from "../../lease/agreement/client_key.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import { SERVER_LIMITS } from "./limits.ts";

/** One lease that waits. Times are monotonic. */
interface Waiting {
  readonly client: ClientKey;
  /** When it may be proposed: the time of its request, or later. */
  readonly atMs: number;
  /** Whether it may still be proposed then. */
  readonly mayStart: (now: Instant) => boolean;
  /** Proposes it; `decided` must run once, when the proposal is decided. */
  readonly start: (now: Instant, decided: (now: Instant) => void) => void;
  /** It waited too long, or may not be proposed. */
  readonly drop: (now: Instant) => void;
}

/** The queue. */
export class StrangerQueue {
  #proposed = 0;
  /** Those that are due, in order. */
  #due: Waiting[] = [];
  /** The first of `#due` that waits; those before it have been started. */
  #first = 0;
  /** Those that are due later, in order, by client: a retransmission is the same request. */
  readonly #later = new Map<ClientKey, Waiting>();

  /** Starts a proposal now or later; false when too many wait. */
  add(waiting: Waiting, now: Instant): boolean {
    if (this.#later.has(waiting.client)) return true;
    if (this.#isFull()) this.#dropLate(now);
    if (this.#isFull()) return false;
    if (waiting.atMs > now.monotonicMs) this.#later.set(waiting.client, waiting);
    else this.#due.push(waiting);
    this.#startNext(now);
    return true;
  }

  /** Starts what has become due. */
  tick(now: Instant): void {
    for (const waiting of this.#later.values()) {
      if (waiting.atMs > now.monotonicMs) break;
      this.#later.delete(waiting.client);
      this.#due.push(waiting);
    }
    if (this.#first < this.#due.length) this.#startNext(now);
  }

  #isFull(): boolean {
    return this.#due.length - this.#first + this.#later.size >= SERVER_LIMITS.strangersWaitingMax;
  }

  #startNext(now: Instant): void {
    this.#dropLate(now);
    while (this.#proposed < SERVER_LIMITS.strangerProposalsMax && this.#first < this.#due.length) {
      const next = this.#due[this.#first++] as Waiting;
      if (!next.mayStart(now)) {
        next.drop(now);
        continue;
      }
      this.#proposed += 1;
      next.start(now, (at) => {
        this.#proposed -= 1;
        this.#startNext(at);
      });
    }
    if (this.#first < this.#due.length) return;
    this.#due = [];
    this.#first = 0;
  }

  /** Clients whose requests waited too long ask again. */
  #dropLate(now: Instant): void {
    for (let next = this.#due[this.#first]; next !== undefined; next = this.#due[this.#first]) {
      if (now.monotonicMs - next.atMs <= SERVER_LIMITS.strangerWaitMs) break;
      this.#first += 1;
      next.drop(now);
    }
    if (this.#first < SERVER_LIMITS.strangersWaitingMax) return;
    this.#due.splice(0, this.#first);
    this.#first = 0;
  }
}
