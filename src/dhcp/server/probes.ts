/**
 * Conflict detection: which free addresses no host answered for lately, and for which one did. The addresses that would
 * be offered next are probed ahead of time, so that no reply ever waits for a probe; when clients come faster than
 * probes, addresses are offered without one. Probing is the driver's; what a host that answered means is decided in
 * `dhcp_server.ts`.
 */

import { assert } from "../../assert.ts";
import type { Bounds } from "../../lease/agreement/clock.ts";
import type { LeaseTable } from "../../lease/table/lease_table.ts";
import type { Ipv4 } from "../../net/ipv4.ts";

export const PROBE_LIMITS = {
  /** Addresses of a pool that are probed ahead. */
  ahead: 64,
  /** How long nothing is believed to use an address after no host answered for it. */
  clearMs: 300_000,
  /** It is probed again after this time. */
  againMs: 240_000,
  /** How long an address that does not rest is not offered after a host answered for it. */
  busyMs: 30_000,
  /** A result counts this long after the address was asked for. */
  askedMs: 10_000,
} as const;

assert(
  PROBE_LIMITS.againMs + PROBE_LIMITS.askedMs < PROBE_LIMITS.clearMs && PROBE_LIMITS.askedMs < PROBE_LIMITS.busyMs,
  "A result is renewed before it ends",
);

/** What became of addresses that were asked for. */
export interface ProbeResults {
  /** No host answered for these. */
  readonly clear: readonly Ipv4[];
  /** A host with this hardware address answered. */
  readonly used: readonly { readonly address: Ipv4; readonly mac: Uint8Array }[];
  /** The relay on whose link they were probed; 0.0.0.0: this node did. */
  readonly giaddr: Ipv4;
}

/** The results of one node. Times are monotonic milliseconds. */
export class Probes {
  readonly #table: LeaseTable;
  /** When no host answered, by pool and address, in the order in which they are to be offered. */
  readonly #clear: readonly Map<Ipv4, number>[];
  /** When a host answered. */
  readonly #busy: readonly Map<Ipv4, number>[];
  /** When an address was asked for. */
  readonly #asked = new Map<Ipv4, number>();

  constructor(table: LeaseTable, pools: number) {
    this.#table = table;
    this.#clear = Array.from({ length: pools }, () => new Map());
    this.#busy = Array.from({ length: pools }, () => new Map());
  }

  /** The addresses of a pool that are to be probed now. */
  wanted(pool: number, nowMs: number): Ipv4[] {
    this.#forgetOld(pool, nowMs);
    const wanted: Ipv4[] = [];
    let ahead = 0;
    for (const address of this.#table.upcoming(pool)) {
      // Asked for in time, so that the result is there when it is offered again.
      const busyForMs = PROBE_LIMITS.busyMs - (nowMs - (this.#busy[pool]?.get(address) ?? -Infinity));
      if (busyForMs > PROBE_LIMITS.askedMs) continue;
      if (busyForMs <= 0 && ++ahead > PROBE_LIMITS.ahead) break;
      const clearMs = this.#clear[pool]?.get(address);
      const isAsked = nowMs - (this.#asked.get(address) ?? -Infinity) < PROBE_LIMITS.askedMs;
      if (!isAsked && (clearMs === undefined || nowMs - clearMs >= PROBE_LIMITS.againMs)) wanted.push(address);
    }
    for (const address of wanted) this.#asked.set(address, nowMs);
    return wanted;
  }

  /** Whether a result about an address was asked for; it counts once. */
  takeAsked(address: Ipv4, nowMs: number): boolean {
    const askedMs = this.#asked.get(address);
    this.#asked.delete(address);
    return askedMs !== undefined && nowMs - askedMs < PROBE_LIMITS.askedMs;
  }

  /** Whether no host answered for an address lately. */
  isClear(address: Ipv4, nowMs: number): boolean {
    const clearMs = this.#at(this.#clear, address)?.get(address);
    return clearMs !== undefined && nowMs - clearMs < PROBE_LIMITS.clearMs;
  }

  /** No host answered. */
  noteClear(address: Ipv4, nowMs: number): void {
    const clear = this.#at(this.#clear, address);
    clear?.delete(address);
    clear?.set(address, nowMs);
    this.#at(this.#busy, address)?.delete(address);
  }

  /** A host answered. */
  noteBusy(address: Ipv4, nowMs: number): void {
    this.#at(this.#clear, address)?.delete(address);
    const busy = this.#at(this.#busy, address);
    busy?.delete(address);
    busy?.set(address, nowMs);
  }

  /** The address rests: when that ends, it is probed again. */
  noteRest(address: Ipv4): void {
    this.#at(this.#busy, address)?.delete(address);
  }

  /** Whether a host answered for an address lately. */
  isBusy(address: Ipv4, nowMs: number): boolean {
    const busyMs = this.#at(this.#busy, address)?.get(address);
    return busyMs !== undefined && nowMs - busyMs < PROBE_LIMITS.busyMs;
  }

  /** How many addresses of a pool are not offered as a host answered lately. */
  busyIn(pool: number, nowMs: number): number {
    this.#forgetOld(pool, nowMs);
    return this.#busy[pool]?.size ?? 0;
  }

  /** How many addresses of a pool are free as far as probes tell. */
  clearIn(pool: number): number {
    return this.#clear[pool]?.size ?? 0;
  }

  /** Takes the next address of a pool that no host answered for, out of the free ones of this node's ranges. */
  take(pool: number, now: { readonly monotonicMs: number }, time: Bounds): Ipv4 | undefined {
    const clear = this.#clear[pool];
    for (const [address, clearMs] of clear ?? []) {
      clear?.delete(address);
      if (now.monotonicMs - clearMs >= PROBE_LIMITS.clearMs) continue;
      if (!this.#table.owns(address) || !this.#table.isAvailable(address, time)) continue;
      this.#table.take(address, time);
      return address;
    }
    return undefined;
  }

  #at(pools: readonly Map<Ipv4, number>[], address: Ipv4): Map<Ipv4, number> | undefined {
    const pool = this.#table.poolOf(address);
    return pool === undefined ? undefined : pools[pool];
  }

  /** Drops results that count no more. Each map is in the order of its times. */
  #forgetOld(pool: number, nowMs: number): void {
    const olds = [
      [this.#clear[pool], PROBE_LIMITS.clearMs],
      [this.#busy[pool], PROBE_LIMITS.busyMs],
      [this.#asked, PROBE_LIMITS.askedMs],
    ] as const;
    for (const [map, lastsMs] of olds) {
      for (const [address, atMs] of map ?? []) {
        if (nowMs - atMs < lastsMs) break;
        map?.delete(address);
      }
    }
  }
}
