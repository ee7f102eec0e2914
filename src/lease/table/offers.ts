/**
 * Offers that wait for their REQUEST (RFC 2131 §3.1 step 2). An offer is no promise: it is kept in this node's memory
 * for a short time, so that two clients are seldom offered one address.
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import type { ClientKey } from "../agreement/client_key.ts";
import type { LeaseTable } from "./lease_table.ts";

/** How long an offer lasts. dhclient collects offers for up to 10 s, other clients ask at once. */
export const OFFER_MS = 15_000;

/** Above this number the oldest offer ends: a flood of invented clients must not exhaust the memory. */
const OFFERS_MAX = 65_536;

interface Offer {
  readonly address: Ipv4;
  readonly until: number;
}

/** The offers of one node. Times are monotonic milliseconds. */
export class Offers {
  readonly #table: LeaseTable;
  /** In the order in which they end: insertion order, as every offer lasts equally long. */
  readonly #byClient = new Map<ClientKey, Offer>();
  readonly #byAddress = new Map<Ipv4, ClientKey>();

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
  add(client: ClientKey, address: Ipv4, nowMs: number): void {
    const earlier = this.#byClient.get(client);
    if (earlier !== undefined) {
      this.#byClient.delete(client);
      if (earlier.address !== address) this.#withdraw(client, earlier.address);
    }
    this.#byClient.set(client, { address, until: nowMs + OFFER_MS });
    this.#byAddress.set(address, client);
    if (this.#byClient.size > OFFERS_MAX) this.#endOldest();
  }

  /** Ends a client's offer: the client requested it, or chose another server. */
  end(client: ClientKey): void {
    const offer = this.#byClient.get(client);
    if (offer === undefined) return;
    this.#byClient.delete(client);
    this.#withdraw(client, offer.address);
  }

  /** All offers, the oldest first. */
  entries(): { client: ClientKey; address: Ipv4; until: number }[] {
    return [...this.#byClient].map(([client, offer]) => ({ client, ...offer }));
  }

  /** Ends the offers whose time is over. */
  expire(nowMs: number): void {
    for (const [client, offer] of this.#byClient) {
      if (offer.until > nowMs) return;
      this.end(client);
    }
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
