/**
 * The clients that nodes have given a lease through this relay, by interface. A hardware address can be invented, a
 * DHCPACK can't: these clients never wait behind strangers. After a restart all clients are strangers until their next
 * DHCPACK.
 */

import { ExpiringMap } from "../../src/rate/expiring_map.ts";
import { FORWARD } from "./limits.ts";

/** Known clients; the keys are those of `clientKey`, whose first character is the link's index. */
export class KnownClients {
  /** By the interface's name, so that they survive a reload, which may change the indices. */
  readonly #interfaces = new Map<string, ExpiringMap<true>>();

  has(interfaceName: string, client: string, nowMs: number): boolean {
    return this.#interfaces.get(interfaceName)?.get(client.slice(1), nowMs) ?? false;
  }

  /** A node gave the client a lease. */
  add(interfaceName: string, client: string, nowMs: number): void {
    let clients = this.#interfaces.get(interfaceName);
    if (clients === undefined) {
      clients = new ExpiringMap({ ttlMs: FORWARD.knownTtlMs, entriesMax: FORWARD.clientsMax });
      this.#interfaces.set(interfaceName, clients);
    }
    clients.set(client.slice(1), true, nowMs);
  }
}
