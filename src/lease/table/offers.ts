/**
 * Offers that wait for their REQUEST (RFC 2131 §3.1 step 2). An offer is no promise: it is kept in this node's memory
 * for a short time, so that two clients are seldom offered one address. An offer to a stranger gives way earlier when
 * no address is free (`limits.ts`).
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import type { ClientKey } from "../agreement/client_key.ts";
import type { LeaseTable } from "./lease_table.ts";
import { OFFER_LIMITS } from "./limits.ts";

interface Offer {
  readonly address: Ipv4;
  readonly until: number;
  /** To a client that the node does not know: it gives way when no address is free. */
  readonly isStranger: boolean;
}

/** The offers of one node. Times are monotonic milliseconds. */
export class Offers {
  readonly #table: LeaseTable;
  /** In the order in which they end: insertion order, as every offer lasts equally long. */
  readonly #byClient = new Map<ClientKey, Offer>();
  readonly #byAddress = new Map<Ipv4, ClientKey>();
  /** Offers to strangers by pool, in the order in which they were made. */
  readonly #strangers = new Map<number, Map<ClientKey, Offer>>();

  constructor(table: LeaseTable) {
    this.#table = table;
  }

  get size(): number {
    return this.#byClient.size;
  }

  /** The address that is offered to a client. */
  of(client: ClientKey): Ipv4 | undefined {
    return this.#byClient.get(client)?.address;
  }

  /** The client that an address is offered to. */
  holder(address: Ipv4): ClientKey | undefined {
    return this.#byAddress.get(address);
  }

  /**
   * Adds an offer of an address that `LeaseTable` has taken out of the free ones. Ends an earlier offer to the client.
   */
  add(client: ClientKey, address: Ipv4, nowMs: number, isStranger = false): void {
    const earlier = this.#byClient.get(client);
    if (earlier !== undefined) {
      this.#forget(client, earlier);
      if (earlier.address !== address) this.#withdraw(client, earlier.address);
    }
    const offer = { address, until: nowMs + OFFER_LIMITS.lastsMs, isStranger };
    this.#byClient.set(client, offer);
    this.#byAddress.set(address, client);
    if (isStranger) this.#strangersOf(address)?.set(client, offer);
    if (this.#byClient.size > OFFER_LIMITS.offersMax) this.#endOldest();
  }

  /** A client's DHCPREQUEST has come: its offer gives way no more. */
  requested(client: ClientKey): void {
    const offer = this.#byClient.get(client);
    if (offer === undefined || !offer.isStranger) return;
    this.#strangersOf(offer.address)?.delete(client);
    this.#byClient.set(client, { ...offer, isStranger: false });
  }

  /** Ends a client's offer: the client requested it, or chose another server. */
  end(client: ClientKey): void {
    const offer = this.#byClient.get(client);
    if (offer === undefined) return;
    this.#forget(client, offer);
    this.#withdraw(client, offer.address);
  }

  /** All offers, the oldest first. */
  entries(): (Offer & { readonly client: ClientKey })[] {
    return [...this.#byClient].map(([client, offer]) => ({ client, ...offer }));
  }

  /**
   * The offers to strangers of a pool's addresses that may give way to another client, the oldest first. The caller
   * ends the one whose address it takes.
   */
  *yielding(pool: number, nowMs: number): Generator<{ client: ClientKey; address: Ipv4 }> {
    for (const [client, { address, until }] of this.#strangers.get(pool) ?? []) {
      if (!hasWaited(until, nowMs)) return;
      yield { client, address };
    }
  }

  /** How many addresses of a pool are offered to strangers that have not requested them. */
  toStrangers(pool: number): number {
    return this.#strangers.get(pool)?.size ?? 0;
  }

  /** Whether the offer of an address may give way to another client. */
  yields(address: Ipv4, nowMs: number): boolean {
    const client = this.#byAddress.get(address);
    const offer = client === undefined ? undefined : this.#byClient.get(client);
    return offer !== undefined && offer.isStranger && offer.address === address && hasWaited(offer.until, nowMs);
  }

  /** Ends the offers whose time is over. */
  expire(nowMs: number): void {
    for (const [client, offer] of this.#byClient) {
      if (offer.until > nowMs) return;
      this.end(client);
    }
  }

  #forget(client: ClientKey, { address, isStranger }: Offer): void {
    this.#byClient.delete(client);
    if (isStranger) this.#strangersOf(address)?.delete(client);
  }

  #strangersOf(address: Ipv4): Map<ClientKey, Offer> | undefined {
    const pool = this.#table.poolOf(address);
    if (pool === undefined) return undefined;
    let offers = this.#strangers.get(pool);
    if (offers === undefined) this.#strangers.set(pool, offers = new Map());
    return offers;
  }

  /** Leaves the address alone if it was offered to another client meanwhile. */
  #withdraw(client: ClientKey, address: Ipv4): void {
    if (this.#byAddress.get(address) !== client) return;
    this.#byAddress.delete(address);
    this.#table.endOffer(address);
  }

  #endOldest(): void {
    for (const client of this.#byClient.keys()) {
      this.end(client);
      return;
    }
  }
}

/** Whether the DHCPREQUEST for an offer would have come by now. */
function hasWaited(until: number, nowMs: number): boolean {
  return nowMs - (until - OFFER_LIMITS.lastsMs) >= OFFER_LIMITS.keptMs;
}
