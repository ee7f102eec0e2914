/** Whether all nodes know the same, and whether every address can be given away again: looked at after healing, from outside. */

import { isLocking } from "../../src/lease/agreement.ts";
import { formatClient } from "../../src/lease/client.ts";
import { MARGIN_MS, MAX_CLOCK_SKEW_MS } from "../../src/lease/limits.ts";
import type { Slot } from "../../src/lease/slot.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import { EPOCH_MS, Violation } from "./checker.ts";
import type { SimCluster, SimNode } from "./node.ts";

/** What a slot means to anybody who wants its address now, in true time; its history does not matter. */
function meaning(slot: Slot, nowMs: number): string {
  const runs = isLocking(slot.state) && slot.hold + MARGIN_MS > EPOCH_MS + nowMs;
  if (!runs) return "open";
  const { version, client } = slot;
  return `${slot.state} by ${client === undefined ? "nobody" : formatClient(client)} at ${version.clock}`;
}

function addressesOf(nodes: readonly SimNode[]): Set<Ipv4> {
  return new Set(nodes.flatMap((node) => [...node.table?.rows() ?? []].map(({ address }) => address)));
}

/** (f) The first difference between two nodes' tables or configurations; undefined when all are equal. */
export function differences({ nodes, world }: SimCluster): string | undefined {
  const all = [...nodes.values()];
  const texts = new Set(all.map((node) => node.member?.configuration?.text));
  if (texts.size > 1) return `${texts.size} configurations are served`;
  for (const address of addressesOf(all)) {
    const meanings = all.map((node) => node.table === undefined ? "" : meaning(node.table.get(address), world.nowMs));
    if (new Set(meanings).size > 1) {
      return `${formatIpv4(address)}: ${all.map(({ id }, index) => `node ${id} ${meanings[index]}`).join("; ")}`;
    }
  }
  return undefined;
}

/** (h) The first address that is not free everywhere, or belongs to nobody's or two nodes' ranges. */
export function freeEverywhere(cluster: SimCluster): Violation | undefined {
  const all = [...cluster.nodes.values()];
  const trueMs = cluster.world.nowMs - MAX_CLOCK_SKEW_MS;
  for (const address of addressesOf(all)) {
    for (const { id, table } of all) {
      const slot = table?.get(address);
      if (slot === undefined || meaning(slot, trueMs) === "open") continue;
      return new Violation("(h)", `node ${id} still keeps ${formatIpv4(address)}: ${meaning(slot, trueMs)}`);
    }
  }
  const [first] = all;
  const pools = first?.table === undefined ? [] : first.pools;
  for (const [pool, range] of pools.entries()) {
    for (let address = range.first; address <= range.last; address++) {
      const owners = all.filter((node) => node.table?.owns(address)).map(({ id }) => id);
      if (owners.length === 1) continue;
      return new Violation("(h)", `${formatIpv4(address)} is in the ranges of ${owners.length} nodes (${owners})`);
    }
    const size = range.last - range.first + 1;
    const free = all.reduce((sum, node) => sum + (node.table?.freeOwned(pool) ?? 0), 0);
    if (free !== size) return new Violation("(h)", `${free} of ${size} addresses of pool ${pool} can be given away`);
  }
  return undefined;
}
