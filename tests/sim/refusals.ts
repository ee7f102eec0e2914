/**
 * (l) After the faults, once all nodes serve, no client is without a lease for longer than a bound while an address of
 * its LAN is free, whether it is refused or not answered.
 */

import { isLocked } from "../../src/lease/agreement/rule.ts";
import { OFFER_LIMITS } from "../../src/lease/table/limits.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import type { SimClient } from "./clients.ts";
import { poolOf, type Variant } from "./configurations.ts";
import { servesRenewalsOnly } from "./convergence.ts";
import type { SimNode } from "./node.ts";
import { Violation } from "./violation.ts";

/** An address may be offered to another client; a client asks every few seconds, and a range may have to move first. */
const BOUND_MS = OFFER_LIMITS.lastsMs + 30_000;

export class Refusals {
  /** Since when a client without a lease could have had one. */
  #since = new Map<SimClient, number>();

  /** Looks at the clients; all nodes serve. */
  look(nodes: readonly SimNode[], clients: readonly SimClient[], variant: Variant, nowMs: number): void {
    const since = new Map<SimClient, number>();
    for (const client of servesRenewalsOnly(nodes) ? [] : clients) {
      if (!client.seeks) continue;
      const free = poolOf(variant, client.lan).find((address) => isFree(address, client, nodes, variant));
      if (free === undefined) continue;
      const sinceMs = this.#since.get(client) ?? nowMs;
      since.set(client, sinceMs);
      if (nowMs - sinceMs <= BOUND_MS) continue;
      const seconds = BOUND_MS / 1_000;
      throw new Violation("(l)", `${client.name} has no lease for ${seconds} s, and ${formatIpv4(free)} is free`);
    }
    this.#since = since;
  }
}

function isFree(address: Ipv4, client: SimClient, nodes: readonly SimNode[], { reservation }: Variant): boolean {
  if (reservation?.client === client.number || reservation?.address === address) return false;
  return nodes.every(({ table, time }) => {
    const slot = table?.get(address);
    return slot !== undefined && time !== undefined && !isLocked(slot, time);
  });
}
