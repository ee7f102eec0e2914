/**
 * Whether the strangers of a subnet are a flood: there are more of them than the subnet has addresses for, they want
 * leases faster than they may have them, or their first leases end without a renewal. A network whose devices are all
 * new shows none of that, however full it gets. A node that sees little of a flood, as a relay sends most of it
 * elsewhere, hears of it from the others. Times are monotonic milliseconds.
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
  /** When strangers of a subnet exceeded the rate of new leases. */
  readonly #exceededMs = new Map<Ipv4, number>();
  /** When a subnet showed a sign here, and when another node said that it does there. */
  readonly #seenMs = new Map<Ipv4, number>();
  readonly #toldMs = new Map<Ipv4, number>();

  /** A stranger of a subnet asked. `hash`: of the client, by a secret function. */
  stranger(extent: Extent, hash: number, nowMs: number): void {
    this.#at(extent, nowMs).current.see(hash);
    if (this.#showsSign(extent, nowMs)) this.#seenMs.set(extent.subnet, nowMs);
  }

  /** A stranger of a subnet got no lease, as its link exceeds the rate of new leases. */
  exceeded(subnet: Ipv4, nowMs: number): void {
    this.#exceededMs.set(subnet, nowMs);
  }

  /** Another node sees a flood in a configured subnet. */
  told(subnet: Ipv4, nowMs: number): void {
    this.#toldMs.set(subnet, nowMs);
  }

  /** Whether the strangers of a subnet are a flood. */
  isFlood(extent: Extent, nowMs: number): boolean {
    const toldMs = this.#toldMs.get(extent.subnet) ?? -Infinity;
    return nowMs - toldMs < SERVER_LIMITS.flood.toldMs || this.#showsSign(extent, nowMs);
  }

  /** The subnets that showed a sign here since a time. */
  seenSince(ms: number): Ipv4[] {
    return [...this.#seenMs].filter(([, seenMs]) => seenMs >= ms).map(([subnet]) => subnet);
  }

  #showsSign(extent: Extent, nowMs: number): boolean {
    const { last, current } = this.#at(extent, nowMs);
    const { subnet, size, unrenewed } = extent;
    const { windowMs, strangersPerAddress, unrenewedShare } = SERVER_LIMITS.flood;
    const exceededMs = this.#exceededMs.get(subnet) ?? -Infinity;
    if (nowMs - exceededMs < windowMs) return true;
    return last.strangers + current.strangers >= strangersPerAddress * size ||
      unrenewed - last.unrenewed >= unrenewedShare * size;
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
