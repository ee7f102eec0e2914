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
import type { CompiledService, Network } from "./compiled_service.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { Shed } from "./link_budgets.ts";
import type { Query } from "./query.ts";
import type { ServerState } from "./state.ts";

/** The pools that count for a client: those whose addresses it may have. */
type Pools = Pick<Query, "pools">;

/**
 * Whether a client is a stranger to this node. A reservation for a place makes one client known at a time: hardware
 * addresses can be invented there as anywhere else.
 */
export function isStranger(state: ServerState, query: Query): boolean {
  return query.reservation?.namesClient !== true && !hasReserved(state, query) && !state.table.knows(query.client);
}

/** Whether an address is reserved for a client and, where several may have it, no other client has it. */
function hasReserved({ table }: ServerState, { client, reservation }: Query): boolean {
  if (reservation?.address === undefined) return false;
  if (!reservation.isShared) return true;
  const slot = table.get(reservation.address);
  return slot.state !== "bound" || slot.client === client;
}

/**
 * Why a stranger's message is dropped before it is looked at. One with an open offer has passed already: its
 * DHCPREQUEST completes the exchange.
 */
export function shedMessage(state: ServerState, query: Query, now: Instant): Shed | undefined {
  if (state.offers.of(query.client) !== undefined || !isStranger(state, query)) return undefined;
  state.floods.stranger(extentOf(state, query.subnet.network), state.table.hashOf(query.client), now.monotonicMs);
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
  const { table, links } = state;
  const { client, subnet: { network }, agent } = query;
  const byClass = query.classes.findLast(({ config }) => config.maxLeasesPerCircuit !== undefined)?.config;
  const leasesMax = byClass?.maxLeasesPerCircuit ?? network.maxLeasesPerCircuit;
  if (leasesMax === undefined || hasReserved(state, query)) return undefined;
  const { circuitId = NO_BYTES, remoteId = NO_BYTES } = agent;
  const circuit = circuitOf(network.address, { circuitId, remoteId });
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
  if (!isNearlyFull(state, query)) return undefined;
  const { monotonicMs } = now;
  if (isBeyondShare(state, query) && (!isStranger(state, query) || isFlooded(state, query.subnet.network, now))) {
    // A client that wants several addresses is a flood by itself.
    return state.links.shed(query, "share", monotonicMs);
  }
  if (state.links.lease(query, take, monotonicMs)) return undefined;
  state.floods.exceeded(query.subnet.network.address, monotonicMs);
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
  if (leaseSeconds <= firstLeaseSeconds || !isNearlyFull(state, query)) return leaseSeconds;
  const { address, now } = wanted;
  const isFirst = isFirstLease(state, query, wanted) || (holdsOnProbation(state, query, address) &&
    !isRenewal(state.table.detail(address), now.wallMs));
  return isFirst ? firstLeaseSeconds : leaseSeconds;
}

/** Whether a lease is a stranger's, or one more of a client that has another: one client could take all addresses. */
export function isFirstLease(state: ServerState, query: Query, { address, time }: Wanted): boolean {
  const { table } = state;
  const { client } = query;
  if (isStranger(state, query)) return true;
  if (hasReserved(state, query) || table.get(address).client === client) return false;
  return table.addressesBoundBy(client).some((other) => isLocked(table.get(other), time));
}

function holdsOnProbation(state: ServerState, query: Query, address: Ipv4): boolean {
  const { table } = state;
  return !hasReserved(state, query) && table.isOnProbation(address) && table.get(address).client === query.client;
}

/** Whether few addresses of the client's pools are free. Offers to strangers do not count: they give way. */
function isNearlyFull({ table, offers, compiled }: ServerState, { pools }: Pools): boolean {
  const size = sum(pools, (pool) => table.sizeOf(pool));
  if (size < compiled.smallSubnet) return false;
  const used = size - sum(pools, (pool) => table.free(pool) + offers.toStrangers(pool));
  return 100 * used >= compiled.config.strangers.nearlyFull * size;
}

/**
 * Whether strangers have as many first leases of these pools as they may have when they are a flood, beside those that
 * other nodes are granting at this moment.
 */
function isBeyondShare({ table, compiled }: ServerState, { pools }: Pools): boolean {
  const size = sum(pools, (pool) => table.sizeOf(pool));
  const granted = sum(pools, (pool) => table.onProbation(pool)) + Math.floor(size / SERVER_LIMITS.flood.undecidedPart);
  return 100 * granted >= compiled.config.strangers.share * size;
}

function isFlooded(state: ServerState, network: Network, { monotonicMs }: Instant): boolean {
  return state.floods.isFlood(extentOf(state, network), monotonicMs);
}

/** Whether a first lease has to wait until it is known that strangers are no flood. */
export function mustWait(state: ServerState, pools: Pools): boolean {
  return isNearlyFull(state, pools) && isBeyondShare(state, pools);
}

/** The same once it has waited: whether strangers turned out to be a flood. */
export function isRefusedAfterAll(state: ServerState, via: Pools & Pick<Query, "subnet">, now: Instant): boolean {
  return mustWait(state, via) && isFlooded(state, via.subnet.network, now);
}

function extentOf({ table }: ServerState, { pools, address }: Network) {
  return {
    subnet: address,
    size: sum(pools, (pool) => table.sizeOf(pool)),
    unrenewed: sum(pools, (pool) => table.unrenewed(pool)),
  };
}

/** Whether a configuration limits the leases of circuits. */
export function limitsCircuits({ config, subnets }: CompiledService): boolean {
  return subnets.some(({ network }) => network.maxLeasesPerCircuit !== undefined) ||
    config.classes.some(({ maxLeasesPerCircuit }) => maxLeasesPerCircuit !== undefined);
}

/** How long a first lease on probation is at most, by pool; 0 where leases are as short anyway. */
export function probationMsOf({ pools, config }: CompiledService): number[] {
  const { firstLeaseSeconds } = config.strangers;
  return pools.map(({ settings }) => settings.leaseSeconds > firstLeaseSeconds ? firstLeaseSeconds * 1_000 : 0);
}

function sum(pools: Network["pools"], value: (pool: number) => number): number {
  return pools.reduce((total, { number }) => total + value(number), 0);
}
