/**
 * Whether the strangers of a subnet are a flood: there are more of them than the subnet has addresses for, or their
 * first leases end without a renewal. A network whose devices are all new shows neither, however full it gets. Times
 * are monotonic milliseconds.
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import { SERVER_LIMITS } from "./limits.ts";

/** A subnet as it is now. */
interface Extent {
  readonly subnet: Ipv4;
  /** Addresses of its pools. */
  readonly size: number;
  /** First leases that ended without a renewal so far. */
  readonly unrenewed: number;
}

/** What happened in one window of time. */
class Window {
  readonly startMs: number;
  /** When the window began. */
  readonly unrenewed: number;
  /** Strangers, as far as their hashes differ. */
  strangers = 0;
  readonly #seen: Uint8Array;

  constructor({ size, unrenewed }: Extent, startMs: number) {
    this.startMs = startMs;
    this.unrenewed = unrenewed;
    this.#seen = new Uint8Array(Math.max(1, size));
  }

  /** Eight bits per address: of twice as many strangers as addresses, one in ten is not told from another. */
  see(hash: number): void {
    const bit = hash % (8 * this.#seen.length);
    const mask = 1 << (bit & 7);
    const octet = this.#seen[bit >>> 3] as number;
    if ((octet & mask) !== 0) return;
    this.#seen[bit >>> 3] = octet | mask;
    this.strangers += 1;
  }
}

/** Signs of floods, by subnet. */
export class FloodSigns {
  /** This window and the one before, by the subnet's address; the keys are configured subnets. */
  readonly #windows = new Map<Ipv4, { readonly last: Window; readonly current: Window }>();

  /** A stranger of a subnet asked. `hash`: of the client, by a secret function. */
  stranger(extent: Extent, hash: number, nowMs: number): void {
    this.#at(extent, nowMs).current.see(hash);
  }

  /** Whether the strangers of a subnet are a flood. */
  isFlood(extent: Extent, nowMs: number): boolean {
    const { last, current } = this.#at(extent, nowMs);
    const { strangersPerAddress, unrenewedShare } = SERVER_LIMITS.flood;
    return last.strangers + current.strangers >= strangersPerAddress * extent.size ||
      extent.unrenewed - last.unrenewed >= unrenewedShare * extent.size;
  }

  #at(extent: Extent, nowMs: number): { readonly last: Window; readonly current: Window } {
    const known = this.#windows.get(extent.subnet);
    const { windowMs } = SERVER_LIMITS.flood;
    const ageMs = nowMs - (known?.current.startMs ?? -Infinity);
    if (known !== undefined && ageMs < windowMs) return known;
    const current = new Window(extent, nowMs);
    const last = known === undefined || ageMs >= 2 * windowMs
      ? new Window({ ...extent, size: 0 }, nowMs)
      : known.current;
    const windows = { last, current };
    this.#windows.set(extent.subnet, windows);
    return windows;
  }
}
