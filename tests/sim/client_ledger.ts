/**
 * The leases as the clients know them: (a) no address is held by two clients, (i) no client is refused an address that
 * it holds.
 */

import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import { Violation } from "./violation.ts";
import type { EventQueue } from "./event_queue.ts";

/** A lease as a client knows it. */
interface Held {
  readonly address: Ipv4;
  /** End of the lease in the acknowledgement. */
  readonly endsAtMs: number;
  /** A slow client uses the address for some time after that. */
  readonly usedUntilMs: number;
}

export class ClientLedger {
  readonly #events: EventQueue;
  readonly #held = new Map<string, Held>();

  constructor(events: EventQueue) {
    this.#events = events;
  }

  /** A client has a lease from now on. */
  holds(client: string, address: Ipv4, endsAtMs: number, slackMs: number): void {
    const now = this.#events.nowMs;
    for (const [other, held] of this.#held) {
      if (other !== client && held.address === address && held.usedUntilMs > now) {
        throw new Violation("(a)", `${formatIpv4(address)} is held by ${other} and ${client}`);
      }
    }
    this.#held.set(client, { address, endsAtMs, usedUntilMs: endsAtMs + slackMs });
  }

  /** A client gave up its lease, or left its network. */
  ended(client: string): void {
    this.#held.delete(client);
  }

  /** A client got a DHCPNAK for an address that all configurations allow it. */
  refused(client: string, address: Ipv4): void {
    if (this.held(client) === address) {
      throw new Violation("(i)", `${client} was refused ${formatIpv4(address)}, of which it holds a lease`);
    }
  }

  /** Whether a client holds this address. */
  isHeld(address: Ipv4): boolean {
    return [...this.#held.keys()].some((client) => this.held(client) === address);
  }

  /** The address that a client holds now, until the end in its acknowledgement. */
  held(client: string): Ipv4 | undefined {
    const held = this.#held.get(client);
    return held !== undefined && held.endsAtMs > this.#events.nowMs ? held.address : undefined;
  }
}
