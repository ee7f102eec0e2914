/**
 * What must hold some time after the last fault: (f) all tables are equal, (g) every node serves and every client has a
 * lease, (h) every address is in use, or open on every node.
 *
 * Two slots are equal when they lock the address for the same client, version and time, or when neither locks it: it is
 * open then, and an ended lease cannot come back, as versions only rise. Lease details and commit certificates may
 * reach a member later: no decision depends on them.
 */

import { isLocked } from "../../src/lease/agreement/rule.ts";
import { isEnded, type Slot } from "../../src/lease/agreement/slot.ts";
import { compareVersions, NO_VERSION } from "../../src/lease/agreement/version.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import type { SimClient } from "./clients.ts";
import type { SimCluster } from "./cluster.ts";
import { LANS, poolOf, variantOf } from "./configurations.ts";
import type { SimNode } from "./node.ts";
import type { Operator } from "./operator.ts";
import type { Check } from "./violation.ts";
import { formatSlot } from "./format.ts";
import { EPOCH_MS } from "./machine_clock.ts";

/** A condition that does not hold yet. */
export interface Unmet {
  readonly check: Check;
  /** The node, client or address. */
  readonly about: string;
  readonly what: string;
}

/** The members' machines; {@link firstUnserving} reports one that is missing. */
export function membersOf({ nodes }: SimCluster, { members }: Operator): SimNode[] {
  return [...members].flatMap((id) => nodes.get(id) ?? []);
}

/** (g) A member that does not serve the newest configuration in the newest membership. */
export function firstUnserving(cluster: SimCluster, operator: Operator): Unmet | undefined {
  if (operator.busy) return { check: "(g)", about: "operator", what: "a membership change is not finished" };
  const { newest } = cluster.checkers.epochs;
  for (const id of operator.members) {
    const node = cluster.nodes.get(id);
    const what = node === undefined ? `node ${id} is gone` : faultOf(node, newest.epoch, operator.file.revision);
    if (what !== undefined) return { check: "(g)", about: `node ${id}`, what };
  }
  return undefined;
}

function faultOf(node: SimNode, epoch: number, revision: number): string | undefined {
  const { id, member } = node;
  if (member === undefined) return `node ${id} does not run`;
  if (!node.ready) return `node ${id} does not serve: ${node.command((core, now) => core.explainNotReady(now))}`;
  const { membership, configuration } = member;
  if (membership.epoch !== epoch || !membership.complete) {
    return `node ${id} is in epoch ${membership.epoch}; epoch ${epoch} is not complete there`;
  }
  return configuration?.revision === revision
    ? undefined
    : `node ${id} serves configuration ${configuration?.revision}`;
}

/** (g) A client without a lease. */
export function firstWithoutLease(clients: readonly SimClient[]): Unmet | undefined {
  const without = clients.find((client) => !client.off && client.address === undefined);
  return without && { check: "(g)", about: without.name, what: `${without.name} on LAN ${without.lan} has no lease` };
}

/** Whether some node serves renewals only, after a forced recovery. */
export function servesRenewalsOnly(nodes: readonly SimNode[]): boolean {
  return nodes.some((node) => node.member?.isRenewalsOnly(node.now()) === true);
}

/** (f), (h): the first address that is not as it must be; without clients only whether the tables are equal. */
export function firstDifference(
  nodes: readonly SimNode[],
  operator: Operator,
  clients: readonly SimClient[] | undefined,
): Unmet | undefined {
  const inUse = new Set(clients?.map((client) => client.off ? undefined : client.address));
  const variant = variantOf(operator.file.text);
  const pools = LANS.flatMap((_, lan) => poolOf(variant, lan));
  const isRenewalsOnly = servesRenewalsOnly(nodes);
  for (const address of new Set([...pools, ...nodes.flatMap(({ disk }) => [...disk.rows.keys()])])) {
    const name = formatIpv4(address);
    const difference = disagreement(nodes, [address]);
    // Locks that stand against each other end by their time only, which is after a run with long leases; nothing is
    // proposed once more while renewals only are served, or where no voter lacks the lock.
    const mayLast = clients === undefined &&
      (isRenewalsOnly || isContended(nodes, address) || isOneLock(nodes, address));
    if (difference !== undefined && !mayLast) return { check: "(f)", about: name, what: difference };
    const [first] = nodes;
    const view = first === undefined ? OPEN : viewOf(first, address);
    if (!pools.includes(address)) continue;
    if (clients !== undefined && view !== OPEN && !inUse.has(address)) {
      return { check: "(h)", about: name, what: `${name} is ${view}, and no client uses it` };
    }
    const owners = nodes.filter(({ table }) => table?.owns(address)).map(({ id }) => id);
    if (owners.length !== 1) return { check: "(h)", about: name, what: `${name} is in the ranges of nodes ${owners}` };
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

/**
 * Whether an address is locked for no client on a quorum, and locked for several clients, blocked on some nodes, or
 * locked on some by a request that other nodes have ended since.
 */
function isContended(nodes: readonly SimNode[], address: Ipv4): boolean {
  const slots = nodes.flatMap((node) => lockOf(node, address) ?? []);
  const bound = slots.filter(({ state }) => state === "bound");
  const clients = bound.map(({ client }) => client);
  const most = Math.max(0, ...clients.map((one) => clients.filter((other) => other === one).length));
  const ends = nodes.flatMap(({ table }) => table?.get(address) ?? []).filter(({ state }) => isEnded(state));
  const isEndedSince = bound.some(({ client, version }) =>
    ends.some((end) => end.client === client && compareVersions(end.version, version) > 0)
  );
  return (new Set(clients).size > 1 || bound.length < slots.length || isEndedSince) && most <= nodes.length / 2;
}

/**
 * Whether all nodes lock an address for one client until one time, by proposals of which none is certified: of a
 * request that several nodes were sent, each node has what it received. The client's next renewal replaces them.
 */
function isOneLock(nodes: readonly SimNode[], address: Ipv4): boolean {
  const slots = nodes.map((node) => lockOf(node, address));
  const [first] = slots;
  return first !== undefined &&
    slots.every((slot) =>
      slot?.state === "bound" && slot.client === first.client && slot.lockedUntil === first.lockedUntil &&
      compareVersions(slot.version, slot.committedVersion) !== 0
    );
}

const OPEN = "open";

function viewOf(node: SimNode, address: Ipv4): string {
  const slot = lockOf(node, address);
  if (slot === undefined) return OPEN;
  // A blocked address is locked for no client: its version decides nothing until it is open again.
  if (slot.state === "blocked") return `blocked until ${slot.lockedUntil - EPOCH_MS}`;
  // Certificates may differ, and whether the lock consists of one version.
  return formatSlot({ ...slot, committedVersion: NO_VERSION, singleVersion: false });
}

/** A slot that locks its address. That a node keeps locks for longer after a step of its clock is not looked at. */
export function lockOf({ table, time }: SimNode, address: Ipv4): Slot | undefined {
  const slot = table?.get(address);
  return slot !== undefined && time !== undefined && isLocked(slot, { ...time, earliest: time.now }) ? slot : undefined;
}

/** How many of these clients a LAN has addresses for. */
export function capacity(operator: Operator, clients: readonly SimClient[], lan: number): number {
  const variant = variantOf(operator.file.text);
  const { reservation } = variant;
  const general = poolOf(variant, lan).filter((address) => address !== reservation?.address).length;
  const isOnLan = lan === 0 && clients.some((client) => client.number === reservation?.client && client.lan === lan);
  return general + (isOnLan ? 1 : 0);
}
