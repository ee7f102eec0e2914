/**
 * What must hold some time after the last fault: (f) all tables are equal, (g) every node serves and every client has a
 * lease, (h) every address is in use, or open on every node.
 *
 * Two slots are equal when they lock the address for the same client, version and time, or when neither locks it: it is
 * open then, and an ended lease cannot come back, as versions only rise. Lease details and commit certificates may
 * reach a member later: no decision depends on them.
 */

import { isLocked } from "../../src/lease/agreement/rule.ts";
import { NO_VERSION } from "../../src/lease/agreement/version.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import type { SimClient } from "./clients.ts";
import type { SimCluster } from "./cluster.ts";
import { LANS, poolOf, variantOf } from "./configurations.ts";
import type { SimNode } from "./node.ts";
import type { Operator } from "./operator.ts";
import type { Check } from "./violation.ts";
import { formatSlot } from "./format.ts";

/** A condition that does not hold yet. */
export interface Unmet {
  readonly check: Check;
  readonly what: string;
}

/** The first condition that does not hold yet; undefined: all hold. */
export function firstUnmet(cluster: SimCluster, operator: Operator, clients: readonly SimClient[]): Unmet | undefined {
  const nodes = [...operator.members].map((id) => cluster.nodes.get(id));
  return checkNodes(cluster, operator, nodes) ?? checkClients(clients) ??
    checkTables(nodes as SimNode[], operator, clients);
}

function checkNodes(
  cluster: SimCluster,
  operator: Operator,
  nodes: readonly (SimNode | undefined)[],
): Unmet | undefined {
  if (operator.busy) return { check: "(g)", what: "a membership change is not finished" };
  const { newest } = cluster.checkers.epochs;
  for (const node of nodes) {
    const member = node?.member;
    if (node === undefined || member === undefined) return { check: "(g)", what: `node ${node?.id} does not run` };
    if (!node.ready) {
      return {
        check: "(g)",
        what: `node ${node.id} does not serve: ${node.command((core, now) => core.explainNotReady(now))}`,
      };
    }
    if (member.membership.epoch !== newest.epoch || !member.membership.complete) {
      return {
        check: "(g)",
        what: `node ${node.id} is in epoch ${member.membership.epoch}; epoch ${newest.epoch} is not complete there`,
      };
    }
    if (member.configuration?.revision !== operator.file.revision) {
      return { check: "(g)", what: `node ${node.id} serves configuration ${member.configuration?.revision}` };
    }
  }
  return undefined;
}

function checkClients(clients: readonly SimClient[]): Unmet | undefined {
  const without = clients.find((client) => !client.off && client.address === undefined);
  return without && { check: "(g)", what: `${without.name} on LAN ${without.lan} has no lease` };
}

function checkTables(
  nodes: readonly SimNode[],
  operator: Operator,
  clients: readonly SimClient[],
): Unmet | undefined {
  const inUse = new Set(clients.map((client) => client.off ? undefined : client.address));
  const variant = variantOf(operator.file.text);
  const pools = LANS.flatMap((_, lan) => poolOf(variant, lan));
  for (const address of new Set([...pools, ...nodes.flatMap(addressesOf)])) {
    const difference = disagreement(nodes, [address]);
    if (difference !== undefined) return { check: "(f)", what: difference };
    const [first] = nodes;
    const view = first === undefined ? OPEN : viewOf(first, address);
    const name = formatIpv4(address);
    if (!pools.includes(address)) continue;
    if (view !== OPEN && !inUse.has(address)) {
      return { check: "(h)", what: `${name} is ${view}, and no client uses it` };
    }
    const owners = nodes.filter(({ table }) => table?.owns(address)).map(({ id }) => id);
    if (owners.length !== 1) return { check: "(h)", what: `${name} is in the ranges of nodes ${owners}` };
  }
  return undefined;
}

/** The first address with different slots on these nodes; undefined: none. */
export function disagreement(nodes: readonly SimNode[], addresses: Iterable<Ipv4>): string | undefined {
  for (const address of addresses) {
    const views = nodes.map((node) => viewOf(node, address));
    if (views.every((view) => view === views[0])) continue;
    return `${formatIpv4(address)} is ${views.map((view, index) => `${view} at ${nodes[index]?.id}`).join(", ")}`;
  }
  return undefined;
}

const OPEN = "open";

function viewOf({ table, time }: SimNode, address: Ipv4): string {
  const slot = table?.get(address);
  if (slot === undefined || time === undefined || !isLocked(slot, time)) return OPEN;
  // Certificates may differ, and whether the lock consists of one version.
  return formatSlot({ ...slot, committedVersion: NO_VERSION, singleVersion: false });
}

function addressesOf({ table }: SimNode): Ipv4[] {
  return table === undefined ? [] : table.rowsAfter(-1, 1_000).map(({ address }) => address);
}

/** How many of these clients a LAN has addresses for. */
export function capacity(operator: Operator, clients: readonly SimClient[], lan: number): number {
  const variant = variantOf(operator.file.text);
  const { reservation } = variant;
  const general = poolOf(variant, lan).filter((address) => address !== reservation?.address).length;
  const isOnLan = lan === 0 && clients.some((client) => client.number === reservation?.client && client.lan === lan);
  return general + (isOnLan ? 1 : 0);
}
