/**
 * Which address a client is offered, and whether it may lease the one it asks for. Order (RFC 2131 §4.3.1): its
 * reservation, its current address, its open offer, its last address, the one it asks for, a never used one, the
 * longest expired (of these two, one that no host answered for, see `probes.ts`); when none is free, the one whose
 * offer to a stranger has waited longest for its DHCPREQUEST, and of a pool in which too many rest, the declined one
 * that has rested longest. On a link with several subnets the pools of the first come first.
 */

import { isLocked } from "../../lease/agreement/rule.ts";
import type { Bounds, Instant } from "../../lease/agreement/clock.ts";
import { type Ipv4, rangeSize } from "../../net/ipv4.ts";
import { poolAt } from "./compiled_service.ts";
import { restingMax } from "./rests.ts";
import { formerKey } from "./identity.ts";
import type { Query } from "./query.ts";
import { hasLease, type ServerState } from "./state.ts";
import { isStranger } from "./strangers.ts";

/** Refused addresses that a choice passes over at most. */
const PASSED_MAX = 16;

/** Resting addresses of a pool that a choice looks at, and what puts another member's behind all of its own. */
const RESTING_SEEN_MAX = 64;
const FOREIGN_RANK = Number.MAX_SAFE_INTEGER / 2;

/** When nothing else is free, an address is offered again this long after it was refused. */
const RETRY_MS = 8_000;

/** Chooses an address for a DHCPDISCOVER and notes the offer; undefined when none is free. */
export function chooseAddress(state: ServerState, query: Query, now: Instant, time: Bounds): Ipv4 | undefined {
  const { offers, table } = state;
  offers.expire(now.monotonicMs);
  table.expire(time);
  const address = knownAddress(state, query, now, time) ?? freeAddress(state, query, now, time) ??
    yieldedAddress(state, query, now, time) ?? restingAddress(state, query, now, time);
  if (address !== undefined) offers.add(query.client, address, now.monotonicMs, isStranger(state, query));
  return address;
}

function knownAddress(state: ServerState, query: Query, now: Instant, time: Bounds): Ipv4 | undefined {
  const { offers, table } = state;
  const { requestedAddress } = query;
  const known = table.find(query.client);
  const candidates = [
    query.reservation?.address,
    // Another member may have granted it since this one made its offer.
    known !== undefined && holds(state, query, known, time) ? known : undefined,
    offers.of(query.client),
    endStrangersOffer(state, known, now),
    // Another member may be offering what lies in its ranges.
    requestedAddress !== undefined && table.owns(requestedAddress) ? requestedAddress : undefined,
  ];
  for (const address of candidates) {
    if (address === undefined || isRefused(state, query, address, now)) continue;
    if (!mayTake(state, query, address, time)) continue;
    state.table.take(address, time);
    return address;
  }
  return undefined;
}

/** A client's own address, free of an offer to a stranger that has waited for its DHCPREQUEST. */
function endStrangersOffer({ offers }: ServerState, address: Ipv4 | undefined, now: Instant): Ipv4 | undefined {
  const holder = address === undefined ? undefined : offers.holder(address);
  if (address !== undefined && holder !== undefined && offers.yields(address, now.monotonicMs)) offers.end(holder);
  return address;
}

function freeAddress(state: ServerState, query: Query, now: Instant, time: Bounds): Ipv4 | undefined {
  const { probes, table } = state;
  const passed: Ipv4[] = [];
  const isBusy = (address: Ipv4) => probes.isBusy(address, now.monotonicMs);
  const next = (take: () => Ipv4 | undefined) => {
    for (let address = take(); address !== undefined; address = take()) {
      if (!isRefused(state, query, address, now) && !isBusy(address)) return address;
      passed.push(address);
      if (passed.length === PASSED_MAX) return undefined;
    }
  };
  let address: Ipv4 | undefined;
  for (const { number } of query.pools) {
    address ??= next(() => probes.take(number, now, time) ?? table.takeFree(number, time));
  }
  // This node's ranges are used up until the leader gives it more: another member's range is better than no answer.
  for (const { number } of query.pools) address ??= next(() => table.takeUnowned(number, time));
  // Better than no answer: what was in the way may be gone.
  address ??= passed.find((refused) =>
    !isBusy(refused) && now.monotonicMs - (refusalOf(state, query, refused, now)?.atMs ?? 0) >= RETRY_MS
  );
  for (const refused of passed) if (refused !== address) table.endOffer(refused);
  return address;
}

/** The address of the oldest offer that gives way. */
function yieldedAddress(state: ServerState, query: Query, now: Instant, time: Bounds): Ipv4 | undefined {
  const { offers, table } = state;
  for (const { number } of query.pools) {
    for (const { client, address } of offers.yielding(number, now.monotonicMs)) {
      // Its lease is being proposed: the DHCPREQUEST has come.
      if (isLocked(table.get(address), time) || isRefused(state, query, address, now)) continue;
      offers.end(client);
      table.take(address, time);
      return address;
    }
  }
  return undefined;
}

/**
 * When nothing else is free, and more of the pool rests than may: the declined address that has rested longest, one of
 * this node's ranges first. Or the client's own reservation, as it gets no other. The rest ends: forged DHCPDECLINEs
 * must not take a pool out of use. Few declines are believed: another host has the address.
 */
function restingAddress(state: ServerState, query: Query, now: Instant, time: Bounds): Ipv4 | undefined {
  const { compiled, table, offers } = state;
  const isUsable = (address: Ipv4) => table.get(address).state === "declined" && !isRefused(state, query, address, now);
  const reserved = query.reservation?.address;
  let best = reserved !== undefined && isUsable(reserved) ? reserved : undefined;
  if (best === undefined) {
    const rank = (address: Ipv4) => table.detail(address).lastSeen + (table.owns(address) ? 0 : FOREIGN_RANK);
    for (const { number, range } of query.pools) {
      if (table.restingIn(number) <= restingMax(rangeSize(range))) continue;
      let seen = 0;
      for (const address of table.resting(number)) {
        if (++seen > RESTING_SEEN_MAX) break;
        if (compiled.reservationAt(address) !== undefined || state.isUsed(address)) continue;
        if (offers.holder(address) !== undefined) continue;
        if (isUsable(address) && (best === undefined || rank(address) < rank(best))) best = address;
      }
    }
  }
  if (best === undefined || !state.endRest(best)) return undefined;
  table.take(best, time);
  return best;
}

/**
 * Whether an address was refused to the client, or declined by it, a short time ago: offered again, it would be refused
 * again. A lease that is not decided yet counts: its client asks again from the start because another member refused
 * it. A retransmission of the same request is no such case; nor is an attempt of this node, once the client has a lease
 * there through another one.
 */
function isRefused(state: ServerState, query: Query, address: Ipv4, now: Instant): boolean {
  const refusal = refusalOf(state, query, address, now);
  if (refusal === undefined || refusal.note.xid === query.message.xid) return false;
  return refusal.note.isAttempt !== true || !hasLease(state.table.get(address), query.client);
}

function refusalOf(state: ServerState, query: Query, address: Ipv4, now: Instant) {
  return state.refused.get(query.client, address, now.monotonicMs);
}

/**
 * Whether a client that has no address may get one: one that it may lease, or its reservation, although another client
 * on the same machine has that, such as its firmware.
 */
export function mayTake(state: ServerState, query: Query, address: Ipv4, time: Bounds): boolean {
  return mayLease(state, query, address, time) || formerKey(state, query, address) !== undefined;
}

/**
 * Whether a client may lease an address. No other client's lock runs on it, and it is reserved for the client alone; or
 * it is not offered to another client, and either reserved for this one among others, or in a pool for this client,
 * neither reserved nor known to be in use, while no address that is reserved for the client is available.
 */
export function mayLease(state: ServerState, query: Query, address: Ipv4, time: Bounds): boolean {
  const { compiled, table, offers } = state;
  const { client, reservation } = query;
  const locked = isLocked(table.get(address), time);
  if (locked && !holds(state, query, address, time)) return false;
  if (reservation?.address === address && !reservation.isShared) return true;
  if (reservation?.address !== address) {
    if (compiled.reservationAt(address) !== undefined || poolAt(query, address) === undefined) return false;
    if (state.isUsed(address)) return false;
    if (reservation?.address !== undefined && mayTake(state, query, reservation.address, time)) return false;
  }
  // An offer to another client, made before this node heard of the lease, does not count.
  if (locked) return true;
  const holder = offers.holder(address);
  return holder === undefined || holder === client;
}

/**
 * Whether a client may keep the address that it has. The pools say what is given to clients that ask for an address:
 * one outside them stays its client's as long as the client renews it, unless another address is reserved for it. So
 * does one that is known to be in use: it may be in use by this client. One in a pool that is not for its client any
 * more does not.
 */
export function mayKeep(state: ServerState, query: Query, address: Ipv4, time: Bounds): boolean {
  const { compiled } = state;
  const { subnet, reservation } = query;
  if (mayLease(state, query, address, time)) return true;
  const isForClient = poolAt(query, address) !== undefined;
  if (isForClient ? !state.isUsed(address) : poolAt(subnet.network, address) !== undefined) return false;
  if (compiled.reservationAt(address) !== undefined) return false;
  return holds(state, query, address, time) &&
    (reservation?.address === undefined || !mayTake(state, query, reservation.address, time));
}

/** Whether the client's own lock runs on an address. */
function holds({ table }: ServerState, { client }: Query, address: Ipv4, time: Bounds): boolean {
  const slot = table.get(address);
  return slot.state === "bound" && slot.client === client && isLocked(slot, time);
}
