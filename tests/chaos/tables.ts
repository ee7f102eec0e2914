/**
 * Whether all nodes have the same leases, after the last heal. Compared is each address that a quorum has locked for
 * one client: what fewer have locked was never acknowledged, and addresses that are locked for no client, such as
 * declined and blocked ones, become free by themselves, each node in its own way.
 */

import type { StoredLease } from "../e2e/cluster/database.ts";

type Table = ReadonlyMap<string, StoredLease>;

/** A line for each address of which a quorum has a lease that others don't have; `nowMs` by the nodes' clock. */
export function unequalLeases(tables: ReadonlyMap<number, Table>, nowMs: number): string[] {
  const addresses = new Set([...tables.values()].flatMap((table) => [...table.keys()]));
  const quorum = Math.floor(tables.size / 2) + 1;
  const lines: string[] = [];
  for (const address of addresses) {
    const views = [...tables].map(([id, table]) => ({ id, lease: table.get(address) }));
    const holders = views.flatMap(({ lease }) => isBound(lease, nowMs) ? [lease.chaddr] : []);
    if (!holders.some((one) => holders.filter((other) => other === one).length >= quorum)) continue;
    const texts = views.map(({ id, lease }) => `node ${id} has ${describe(lease)}`);
    if (new Set(views.map(({ lease }) => describe(lease))).size > 1) lines.push(`${address}: ${texts.join(", ")}`);
  }
  return lines;
}

function isBound(lease: StoredLease | undefined, nowMs: number): lease is StoredLease {
  return lease?.state === "bound" && lease.lockedUntil !== null && Date.parse(lease.lockedUntil) > nowMs;
}

function describe(lease: StoredLease | undefined): string {
  return lease === undefined ? "nothing" : `${lease.state} ${lease.chaddr} ${lease.version}`;
}
