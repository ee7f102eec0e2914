/**
 * How long a declined address rests. A DHCPDECLINE is easily forged, so whole rests are few: per client, per circuit,
 * and by the share of the pool that rests already. Further ones are short. What rests beyond the share of the pool is
 * used again, the oldest first, when nothing else is free (`choose.ts`).
 */

import { assert } from "../../assert.ts";
import { toHex } from "../../bytes/hex.ts";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import type { LeaseDetail } from "../../lease/agreement/slot.ts";

/** Bounds of whole rests. */
export const REST_LIMITS = {
  /** Whole rests per client and period. One that declines more answers ARP for every address itself. */
  perClient: 4,
  /** Whole rests per circuit and period: a subnet whose pool has hosts with fixed addresses in it. */
  perCircuit: 32,
  periodMs: 3_600_000,
  /** Addresses of a pool that may rest at once, as a share; one at least. */
  poolShare: 1 / 4,
  /** Further rests: longer than a client is not offered what it declined. */
  shortMs: 600_000,
  /** Clients and circuits that are counted; the oldest is dropped. */
  countedMax: 4_096,
} as const;

assert(REST_LIMITS.perClient <= REST_LIMITS.perCircuit, "A circuit has one client at least");
assert(REST_LIMITS.shortMs < REST_LIMITS.periodMs, "What is over the limit rests shorter than the limit lasts");

/** A rest, and why it is no whole one. */
export interface Rest {
  readonly ms: number;
  readonly shortened: "client" | "circuit" | "pool" | undefined;
}

/** No rest: of a lease that was released. */
export const NO_REST: Rest = { ms: 0, shortened: undefined };

interface Count {
  readonly sinceMs: number;
  count: number;
}

/** How many addresses of a pool of this size may rest at once. */
export function restingMax(addresses: number): number {
  return Math.max(1, Math.floor(addresses * REST_LIMITS.poolShare));
}

/** The whole rests of one node. Times are monotonic milliseconds. */
export class Rests {
  readonly #counts = new Map<string, Count>();

  /** The rest of an address that a client declines now. `pool`: how its pool is used; undefined outside the pools. */
  restOf(
    declined: {
      readonly client: ClientKey;
      readonly detail: LeaseDetail;
      readonly wholeMs: number;
      readonly pool: { readonly addresses: number; readonly resting: number } | undefined;
    },
    nowMs: number,
  ): Rest {
    const { client, detail: { giaddr, circuitId, remoteId }, wholeMs, pool } = declined;
    const short = (shortened: Rest["shortened"]) => ({ ms: Math.min(REST_LIMITS.shortMs, wholeMs), shortened });
    if (pool !== undefined && pool.resting >= restingMax(pool.addresses)) return short("pool");
    if (!this.#admits(`client ${client}`, REST_LIMITS.perClient, nowMs)) return short("client");
    const circuit = `circuit ${giaddr}/${toHex(circuitId)}/${toHex(remoteId)}`;
    if (!this.#admits(circuit, REST_LIMITS.perCircuit, nowMs)) return short("circuit");
    return { ms: wholeMs, shortened: undefined };
  }

  #admits(key: string, max: number, nowMs: number): boolean {
    const known = this.#counts.get(key);
    this.#counts.delete(key);
    const isOver = known === undefined || nowMs - known.sinceMs >= REST_LIMITS.periodMs;
    const entry = isOver ? { sinceMs: nowMs, count: 0 } : known;
    // The last in the order: what is asked about often is not dropped.
    this.#counts.set(key, entry);
    if (this.#counts.size > REST_LIMITS.countedMax) {
      for (const oldest of this.#counts.keys()) {
        this.#counts.delete(oldest);
        break;
      }
    }
    if (entry.count >= max) return false;
    entry.count += 1;
    return true;
  }
}
