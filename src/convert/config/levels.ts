/** Takes back at inner levels what outer ones say, by saying it everywhere else; and divides pools. */

import { type Ipv4, type Range, rangeContains } from "../../net/ipv4.ts";
import {
  copySettings,
  type Draft,
  type DraftPool,
  type DraftSettings,
  type DraftSubnet,
  inherit,
  say,
  type SettingKey,
  settingsOf,
} from "./draft.ts";

/** Leaves no level that takes something back. */
export function resolveNone(draft: Draft): void {
  for (const subnet of draft.subnets) {
    // A reserved address in a pool inherits from it.
    for (const reservation of subnet.reservations) if (reservation.none.size > 0) carve(subnet, reservation.address);
    for (const level of [...subnet.pools, ...subnet.reservations]) {
      for (const key of level.none) {
        if (key in draft || typeof key === "number" && draft.options.has(key)) handDown(draft, draft.subnets, key);
        if (!settingsOf(subnet).has(key)) continue;
        const outside = subnet.reservations.filter(({ address }) => poolOf(subnet, address) === undefined);
        handDown(subnet, [...subnet.pools, ...outside], key);
      }
    }
    for (const key of subnet.none) handDown(draft, draft.subnets, key);
  }
  for (const subnet of draft.subnets) {
    for (const level of [subnet, ...subnet.pools, ...subnet.reservations]) level.none.clear();
  }
}

/** Says at the inner levels, unless they speak for themselves, what the outer one says, and no longer there. */
function handDown(outer: DraftSettings, inner: readonly DraftSettings[], key: SettingKey): void {
  const value = settingsOf(outer).get(key);
  if (value === undefined) return;
  for (const level of inner) if (!settingsOf(level).has(key)) say(level, key, value);
  say(outer, key, undefined);
}

function poolOf(subnet: DraftSubnet, address: Ipv4): DraftPool | undefined {
  return subnet.pools.find(({ range }) => rangeContains(range, address));
}

/** Takes a reserved address out of the pool around it; the reservation keeps what the pool says. */
function carve(subnet: DraftSubnet, address: Ipv4): void {
  const pool = poolOf(subnet, address);
  if (pool === undefined) return;
  for (const reservation of subnet.reservations) if (reservation.address === address) inherit(reservation, pool);
  takeOut(subnet, address);
}

/** Takes an address out of the pool around it. */
export function takeOut(subnet: DraftSubnet, address: Ipv4): void {
  divide(subnet, { first: address, last: address });
  const at = subnet.pools.findIndex(({ range }) => range.first === address && range.last === address);
  if (at >= 0) subnet.pools.splice(at, 1);
}

/** Divides the pools of a subnet where a range begins and ends; the pools that lie in it. */
export function divide(subnet: DraftSubnet, within: Range): DraftPool[] {
  const parts = subnet.pools.flatMap((pool) => {
    const { first, last } = pool.range;
    const starts = [first, within.first, within.last + 1].filter((start) => start >= first && start <= last);
    const cuts = [...new Set(starts)].sort((a, b) => a - b);
    if (cuts.length === 1) return [pool];
    return cuts.map((start, index): DraftPool => ({
      ...copySettings(pool),
      place: pool.place,
      range: { first: start, last: (cuts[index + 1] ?? last + 1) - 1 },
    }));
  });
  subnet.pools.splice(0, subnet.pools.length, ...parts);
  return parts.filter(({ range }) => rangeContains(within, range.first) && rangeContains(within, range.last));
}
