/**
 * Offers that wait for their REQUEST (RFC 2131 §3.1 step 2). They are promises to nobody: kept in memory, on this node,
 * for a short time, so that two clients are seldom offered one address.
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import type { ClientKey } from "../agreement/client_key.ts";
import type { LeaseTable } from "./lease_table.ts";

/** How long an offer stands. dhclient collects offers for up to 10 s, others ask at once. */
export const OFFER_MS = 15_000;

/** Past this many the oldest goes: a flood of invented clients must not eat the memory. */
const OFFERS_MAX = 65_536;

interface Offer {
  readonly address: Ipv4;
  readonly until: number;
}

/** The offers of one node. Times are monotonic milliseconds. */
export class Offers {
  readonly #table: LeaseTable;
  /** In the order in which they end: insertion order, as all last equally long. */
  readonly #byClient = new Map<ClientKey, Offer>();
  readonly #byAddress = new Map<Ipv4, ClientKey>();

  constructor(table: LeaseTable) {
    this.#table = table;
  }

  get size(): number {
    return this.#byClient.size;
  }

  /** What a client was offered last, if that still stands. */
  of(client: ClientKey): Ipv4 | undefined {
    return this.#byClient.get(client)?.address;
  }

  /** To whom an address is offered. */
  holder(address: Ipv4): ClientKey | undefined {
    return this.#byAddress.get(address);
  }

  /** Notes an offer; the address has been taken out of the free ones. An earlier offer to the client ends. */
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

  /** Ends a client's offer: it was taken, or the client chose another server. */
  end(client: ClientKey): void {
    const offer = this.#byClient.get(client);
    if (offer === undefined) return;
    this.#byClient.delete(client);
    this.#withdraw(client, offer.address);
  }

  /** The offers that stand, the oldest first. */
  entries(): { client: ClientKey; address: Ipv4; until: number }[] {
    return [...this.#byClient].map(([client, offer]) => ({ client, ...offer }));
  }

  /** Ends the offers that stood long enough. */
  expire(nowMs: number): void {
    for (const [client, offer] of this.#byClient) {
      if (offer.until > nowMs) return;
      this.end(client);
    }
  }

  /** The address may have gone to somebody else meanwhile, whose offer stands. */
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
