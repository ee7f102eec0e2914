/**
 * Strangers: clients that have no lease, no record of an ended one and no reservation. Hardware addresses can be
 * invented, so what strangers take is bounded. Decides which of their messages are looked at, which of them gets a new
 * lease while a subnet is nearly full, and how long that lease lasts. The budgets of links are `link_budgets.ts`.
 */

import type { Bounds, Instant } from "../../lease/agreement/clock.ts";
import { isLocked } from "../../lease/agreement/rule.ts";
import { circuitOf } from "../../lease/table/circuit_counts.ts";
import { isRenewal } from "../../lease/table/probation.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { CompiledService, Subnet } from "./compiled_service.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { Shed } from "./link_budgets.ts";
import type { Query } from "./query.ts";
import type { ServerState } from "./state.ts";

/** Whether a client is a stranger to this node. */
export function isStranger({ table }: ServerState, { client, reservation }: Query): boolean {
  return reservation === undefined && !table.knows(client);
}

/**
 * Why a stranger's message is dropped before it is looked at. One with an open offer has passed already: its
 * DHCPREQUEST completes the exchange.
 */
export function shedMessage(state: ServerState, query: Query, now: Instant): Shed | undefined {
  if (state.offers.of(query.client) !== undefined || !isStranger(state, query)) return undefined;
  state.floods.stranger(extentOf(state, query.subnet), state.table.hashOf(query.client), now.monotonicMs);
  return state.links.message(query, now.monotonicMs);
}

const NO_BYTES = new Uint8Array();

/** A lease that is to be granted. */
export interface Wanted {
  readonly address: Ipv4;
  readonly now: Instant;
  readonly time: Bounds;
}

/** Why a client is offered no address. */
export function shedOffer(state: ServerState, query: Query, now: Instant, time: Bounds): Shed | undefined {
  const shed = shedCircuit(state, query, { now, time });
  return shed ?? (isStranger(state, query) ? shedNewLease(state, query, false, now) : undefined);
}

/** Why a client does not get a lease beyond those that its circuit may have; one that runs is renewed. */
export function shedCircuit(
  state: ServerState,
  query: Query,
  { address, now, time }: Partial<Wanted> & Omit<Wanted, "address">,
): Shed | undefined {
  const { compiled, table, links } = state;
  const { client, subnet, agent, reservation } = query;
  const leasesMax = subnet.config.maxLeasesPerCircuit ?? compiled.config.maxLeasesPerCircuit;
  if (leasesMax === undefined || reservation !== undefined) return undefined;
  const { circuitId = NO_BYTES, remoteId = NO_BYTES } = agent;
  const circuit = circuitOf(subnet.prefix.address, { circuitId, remoteId });
  if (circuit === undefined || table.leasesOfCircuit(circuit) < leasesMax) return undefined;
  const bound = table.addressesBoundBy(client).filter((own) => isLocked(table.get(own), time));
  const isHeld = address === undefined ? bound.length > 0 : bound.includes(address);
  return isHeld ? undefined : links.shed(query, "circuit", now.monotonicMs);
}

/** Why a client does not get a lease that is new to it. */
export function shedLease(state: ServerState, query: Query, wanted: Wanted): Shed | undefined {
  return isFirstLease(state, query, wanted) ? shedNewLease(state, query, true, wanted.now) : undefined;
}

/** `take`: it is granted, else one is offered. */
function shedNewLease(state: ServerState, query: Query, take: boolean, now: Instant): Shed | undefined {
  if (!isNearlyFull(state, query.subnet)) return undefined;
  const { monotonicMs } = now;
  if (isBeyondShare(state, query.subnet) && (!isStranger(state, query) || isFlooded(state, query.subnet, now))) {
    // A client that wants several addresses is a flood by itself.
    return state.links.shed(query, "share", monotonicMs);
  }
  if (state.links.lease(query, take, monotonicMs)) return undefined;
  state.floods.exceeded(query.subnet.prefix.address, monotonicMs);
  return state.links.shed(query, "leases", monotonicMs);
}

/**
 * The time of a lease, which would last for `leaseSeconds`. While a subnet is nearly full, a stranger's first lease is
 * short, and stays so until its client renews it.
 */
export function onProbation(
  state: ServerState,
  query: Query,
  wanted: Wanted,
  leaseSeconds: number,
): number {
  const { firstLeaseSeconds } = state.compiled.config.strangers;
  if (leaseSeconds <= firstLeaseSeconds || !isNearlyFull(state, query.subnet)) return leaseSeconds;
  const { address, now } = wanted;
  const isFirst = isFirstLease(state, query, wanted) || (holdsOnProbation(state, query, address) &&
    !isRenewal(state.table.detail(address), now.wallMs));
  return isFirst ? firstLeaseSeconds : leaseSeconds;
}

/** Whether a lease is a stranger's, or one more of a client that has another: one client could take all addresses. */
export function isFirstLease(state: ServerState, query: Query, { address, time }: Wanted): boolean {
  const { table } = state;
  const { client, reservation } = query;
  if (isStranger(state, query)) return true;
  if (reservation !== undefined || table.get(address).client === client) return false;
  return table.addressesBoundBy(client).some((other) => isLocked(table.get(other), time));
}

function holdsOnProbation({ table }: ServerState, { client, reservation }: Query, address: Ipv4): boolean {
  return reservation === undefined && table.isOnProbation(address) && table.get(address).client === client;
}

/** Whether few of a subnet's addresses are free. Offers to strangers do not count: they give way. */
function isNearlyFull({ table, offers, compiled }: ServerState, { pools }: Subnet): boolean {
  const size = sum(pools, (pool) => table.sizeOf(pool));
  if (size < compiled.smallSubnet) return false;
  const used = size - sum(pools, (pool) => table.free(pool) + offers.toStrangers(pool));
  return 100 * used >= compiled.config.strangers.nearlyFull * size;
}

/**
 * Whether strangers have as many first leases of a subnet as they may have when they are a flood, beside those that
 * other nodes are granting at this moment.
 */
function isBeyondShare({ table, compiled }: ServerState, { pools }: Subnet): boolean {
  const size = sum(pools, (pool) => table.sizeOf(pool));
  const granted = sum(pools, (pool) => table.onProbation(pool)) + Math.floor(size / SERVER_LIMITS.flood.undecidedPart);
  return 100 * granted >= compiled.config.strangers.share * size;
}

function isFlooded(state: ServerState, subnet: Subnet, { monotonicMs }: Instant): boolean {
  return state.floods.isFlood(extentOf(state, subnet), monotonicMs);
}

/** Whether a first lease has to wait until it is known that strangers are no flood. */
export function mustWait(state: ServerState, { subnet }: Pick<Query, "subnet">): boolean {
  return isNearlyFull(state, subnet) && isBeyondShare(state, subnet);
}

/** The same once it has waited: whether strangers turned out to be a flood. */
export function isRefusedAfterAll(state: ServerState, via: Pick<Query, "subnet">, now: Instant): boolean {
  return mustWait(state, via) && isFlooded(state, via.subnet, now);
}

function extentOf({ table }: ServerState, { pools, prefix }: Subnet) {
  return {
    subnet: prefix.address,
    size: sum(pools, (pool) => table.sizeOf(pool)),
    unrenewed: sum(pools, (pool) => table.unrenewed(pool)),
  };
}

/** Whether a configuration limits the leases of circuits. */
export function limitsCircuits({ config }: CompiledService): boolean {
  return config.maxLeasesPerCircuit !== undefined ||
    config.subnets.some(({ maxLeasesPerCircuit }) => maxLeasesPerCircuit !== undefined);
}

/** How long a first lease on probation is at most, by pool; 0 where leases are as short anyway. */
export function probationMsOf({ pools, config }: CompiledService): number[] {
  const { firstLeaseSeconds } = config.strangers;
  return pools.map(({ settings }) => settings.leaseSeconds > firstLeaseSeconds ? firstLeaseSeconds * 1_000 : 0);
}

function sum(pools: Subnet["pools"], value: (pool: number) => number): number {
  return pools.reduce((total, { number }) => total + value(number), 0);
}
