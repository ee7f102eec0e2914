/**
 * The leases that a node has on disk, read beside the running node through the database's readable view.
 */

import { DatabaseSync } from "node:sqlite";

/** A slot without the fields that a node may learn later than another. */
export interface StoredLease {
  readonly address: string;
  readonly state: string;
  readonly chaddr: string;
  readonly version: string;
  /** ISO 8601, by the nodes' clock, to the second; null: not locked. */
  readonly lockedUntil: string | null;
}

export function storedLeases(stateDir: string): Map<string, StoredLease> {
  const database = new DatabaseSync(`${stateDir}/leases.db`, { readOnly: true });
  try {
    const columns = "address, state, chaddr, version_clock || '.' || version_node AS version, " +
      "locked_until AS lockedUntil";
    const rows = database.prepare(`SELECT ${columns} FROM leases`).all() as unknown as StoredLease[];
    return new Map(rows.map((row) => [row.address, { ...row }]));
  } finally {
    database.close();
  }
}

/** Differences between nodes' tables, a line for each of the first addresses; empty when they are equal. */
export function differences(tables: ReadonlyMap<number, ReadonlyMap<string, StoredLease>>): string[] {
  const addresses = new Set([...tables.values()].flatMap((table) => [...table.keys()]));
  const lines: string[] = [];
  for (const address of addresses) {
    const texts = [...tables].map(([id, table]) => {
      const lease = table.get(address);
      return [id, lease === undefined ? "nothing" : `${lease.state} ${lease.chaddr} ${lease.version}`] as const;
    });
    if (new Set(texts.map(([, text]) => text)).size <= 1) continue;
    lines.push(`${address}: ${texts.map(([id, text]) => `node ${id} has ${text}`).join(", ")}`);
  }
  return lines;
}
