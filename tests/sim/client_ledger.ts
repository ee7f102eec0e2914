/**
 * What the clients have in their books, which is all that counts for them: (a) no address is held by two of them, (i) nobody
 * is refused an address that it holds.
 */

import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import { Violation } from "./violation.ts";
import type { EventQueue } from "./event_queue.ts";

/** A lease as a client has it in its books. */
interface Held {
  readonly address: Ipv4;
  /** As it was told. */
  readonly endsAtMs: number;
  /** A slow client uses the address for a little longer. */
  readonly usedUntilMs: number;
}

export class ClientLedger {
  readonly #world: EventQueue;
  readonly #held = new Map<string, Held>();

  constructor(world: EventQueue) {
    this.#world = world;
  }

  /** A client believes in a lease. */
  holds(client: string, address: Ipv4, endsAtMs: number, slackMs: number): void {
    const now = this.#world.nowMs;
    for (const [other, held] of this.#held) {
      if (other !== client && held.address === address && held.usedUntilMs > now) {
        throw new Violation("(a)", `${formatIpv4(address)} is held by ${other} and ${client}`);
      }
    }
    this.#held.set(client, { address, endsAtMs, usedUntilMs: endsAtMs + slackMs });
  }

  /** A client gave its lease up or left its network. */
  ended(client: string): void {
    this.#held.delete(client);
  }

  /** A client was told that it can't have an address, which no configuration keeps from it. */
  refused(client: string, address: Ipv4): void {
    if (this.held(client) === address) {
      throw new Violation("(i)", `${client} was refused ${formatIpv4(address)}, of which it holds a lease`);
    }
  }

  /** What a client holds now, by what it was told. */
  held(client: string): Ipv4 | undefined {
    const held = this.#held.get(client);
    return held !== undefined && held.endsAtMs > this.#world.nowMs ? held.address : undefined;
  }
}
