/**
 * Makes the parts of a draft consistent, as the other server would read them: bounds of lease times, T1 and T2, network
 * and broadcast addresses, duplicate reservations. Reports every change.
 */

import { toHex } from "../../bytes/hex.ts";
import { formatSeconds, INFINITE_SECONDS } from "../../config/duration.ts";
import { formatIpv4, formatPrefix, formatRange, prefixContains, prefixRange, rangeContains } from "../../net/ipv4.ts";
import { LEASE_SECONDS_DEFAULT } from "../../config/service_schema.ts";
import { isHostAddress, type Place } from "../leases/lease.ts";
import type { Draft, DraftClass, DraftReservation, DraftSettings, DraftSubnet } from "./draft.ts";
import type { Findings } from "./findings.ts";
import { resolveNone } from "./levels.ts";
import { setOption } from "./options.ts";

/** Makes the parts of a draft consistent. */
export function settle(draft: Draft, findings: Findings): void {
  dropUnusableSubnets(draft, findings);
  mergeSubnets(draft, findings);
  dropUnusableClasses(draft, findings);
  resolveNone(draft);
  const levels = draft.subnets.flatMap((subnet) => [subnet, ...subnet.pools, ...subnet.reservations]);
  for (const settings of [draft, ...draft.classes, ...levels]) settleFields(settings, findings);
  const nowhere = { file: "", line: 0 };
  const service = settleTimes(draft, {}, nowhere, findings);
  const overridden = [service];
  for (const subnet of draft.subnets) {
    const times = settleTimes(subnet, service, subnet.place, findings);
    overridden.push(times);
    settlePools(subnet, findings);
    const pools = subnet.pools.map((pool) => ({
      range: pool.range,
      times: settleTimes(pool, times, pool.place, findings),
    }));
    overridden.push(...pools.map((pool) => pool.times));
    settleReservations(subnet, findings);
    for (const reservation of subnet.reservations) {
      const pool = pools.find(({ range }) => rangeContains(range, reservation.address));
      settleTimes(reservation, pool?.times ?? times, reservation.place, findings);
    }
  }
  for (const one of draft.classes) completeTimes(one, overridden, findings);
  nameClasses(draft);
}

/** RFC 2131 §2: `sname` and `file` end with a null octet. */
const SERVER_NAME_OCTETS_MAX = 63;
const BOOT_FILE_OCTETS_MAX = 127;
const encoder = new TextEncoder();

function settleFields(settings: DraftSettings, findings: Findings): void {
  const { nextServer, serverName, bootFile } = settings;
  if (nextServer !== undefined && !isHostAddress(nextServer.value)) {
    findings.lost(nextServer.place, "next server", `${formatIpv4(nextServer.value)} is not the address of a host`);
    delete settings.nextServer;
  }
  if (serverName !== undefined && !isText(serverName.value, SERVER_NAME_OCTETS_MAX)) {
    findings.lost(serverName.place, "server name", "its name does not fit the field; set the option tftp-server-name");
    delete settings.serverName;
  }
  if (bootFile === undefined || isText(bootFile.value, BOOT_FILE_OCTETS_MAX)) return;
  delete settings.bootFile;
  const bytes = encoder.encode(bootFile.value);
  setOption(settings, 67, bytes, { place: bootFile.place, statement: "boot file", findings });
}

function isText(text: string, octetsMax: number): boolean {
  return text !== "" && !/\p{Cc}/u.test(text) && encoder.encode(text).length <= octetsMax;
}

const MATCH_OCTETS_MAX = 255;

function dropUnusableClasses(draft: Draft, findings: Findings): void {
  const kept = draft.classes.filter((one) => {
    const { vendorClass, userClass } = one.match;
    const usable = [vendorClass, userClass].every((text) => text === undefined || isText(text, MATCH_OCTETS_MAX));
    if (!usable) findings.lost(one.place, `class ${one.name}`, "what it matches is empty, too long, or no text");
    return usable;
  });
  draft.classes.splice(0, draft.classes.length, ...kept);
}

function dropUnusableSubnets(draft: Draft, findings: Findings): void {
  const kept = draft.subnets.filter(({ prefix, place }) => {
    const { first, last } = prefixRange(prefix);
    const usable = isHostAddress(first) && isHostAddress(last);
    if (!usable) findings.lost(place, `subnet ${formatPrefix(prefix)}`, "it holds addresses that no host can have");
    return usable;
  });
  draft.subnets.splice(0, draft.subnets.length, ...kept);
}

/** Effective times of a level, in seconds. */
interface Times {
  /** Before its bounds are looked at, which may differ at inner levels. */
  readonly wanted?: number;
  readonly lease?: number;
  readonly min?: number;
  readonly max?: number;
  readonly t1?: number;
  readonly t2?: number;
}

function settleTimes(settings: DraftSettings, around: Times, where: Place, findings: Findings): Times {
  const placeOf = (key: "leaseTime" | "renewTime" | "rebindTime" | "maxLeaseTime") =>
    settings[key]?.place ?? settings.leaseTime?.place ?? where;
  const wanted = settings.leaseTime?.value ?? around.wanted ?? LEASE_SECONDS_DEFAULT;
  let max = settings.maxLeaseTime?.value ?? around.max ?? wanted;
  const min = settings.minLeaseTime?.value ?? around.min ?? Math.min(wanted, max);
  // The minimum is looked at last.
  const lease = Math.max(Math.min(wanted, max), min);
  const bound = lease < wanted ? "maxLeaseTime" : "minLeaseTime";
  const place = lease === wanted ? placeOf("maxLeaseTime") : settings[bound]?.place ?? placeOf("leaseTime");
  if (lease !== (settings.leaseTime === undefined ? around.lease ?? wanted : wanted)) {
    const remark = lease < wanted ? "its maximum" : lease > wanted ? "its minimum" : "";
    settings.leaseTime = { value: lease, place, remark };
  }
  if (max < lease) {
    settings.maxLeaseTime = { value: lease, place, remark: "not shorter than the lease time" };
    max = lease;
  }
  finiteTimes(settings);
  let t2 = settings.rebindTime?.value ?? around.t2;
  if (t2 !== undefined && t2 >= lease) {
    const place = placeOf("rebindTime");
    const value = share(lease, 0.875);
    findings.changed(place, "T2", `T2 of ${formatSeconds(t2)} does not fit a lease time of ${formatSeconds(lease)}`);
    settings.rebindTime = { value, place, remark: "7/8 of the lease time" };
    t2 = value;
  }
  let t1 = settings.renewTime?.value ?? around.t1;
  const latest = t2 ?? lease * 0.875;
  if (t1 !== undefined && t1 >= latest) {
    const place = placeOf("renewTime");
    const value = Math.max(1, Math.min(share(lease, 0.5), Math.ceil(latest) - 1));
    findings.changed(place, "T1", `T1 of ${formatSeconds(t1)} does not fit T2 of ${formatSeconds(Math.floor(latest))}`);
    settings.renewTime = { value, place, remark: "half of the lease time" };
    t1 = value;
  }
  // T2 alone, and earlier than half of the lease time: T1 must come before it.
  if (t1 === undefined && t2 !== undefined && t2 <= lease / 2) {
    t1 = Math.max(1, Math.floor(t2 / 2));
    settings.renewTime = { value: t1, place: placeOf("rebindTime"), remark: "half of T2" };
  }
  return { wanted, lease, min, max, ...(t1 === undefined ? {} : { t1 }), ...(t2 === undefined ? {} : { t2 }) };
}

/** Only leaseTime and maxLeaseTime may be infinite: the others get the longest finite time. */
function finiteTimes(settings: DraftSettings): void {
  for (const key of ["minLeaseTime", "renewTime", "rebindTime"] as const) {
    const said = settings[key];
    if (said?.value === INFINITE_SECONDS) settings[key] = { ...said, value: INFINITE_SECONDS - 1 };
  }
}

function share(lease: number, part: number): number {
  return Math.max(1, Math.floor(lease * part));
}

/** A class applies at every level: what it sets must fit the times of all of them, or replace those. */
function completeTimes(settings: DraftClass, levels: readonly Times[], findings: Findings): void {
  const { leaseTime, minLeaseTime, maxLeaseTime, renewTime, rebindTime } = settings;
  if (leaseTime === undefined) {
    for (const key of ["minLeaseTime", "maxLeaseTime", "renewTime", "rebindTime"] as const) delete settings[key];
    return;
  }
  const { value, place } = leaseTime;
  settings.minLeaseTime = minLeaseTime !== undefined && minLeaseTime.value <= value ? minLeaseTime : { value, place };
  settings.maxLeaseTime = maxLeaseTime !== undefined && maxLeaseTime.value >= value ? maxLeaseTime : { value, place };
  finiteTimes(settings);
  if (value === INFINITE_SECONDS) return;
  const fits = levels.every(({ t1, t2 }) => (t2 ?? 0) < value && (t1 ?? 0) < (t2 ?? value * 0.875));
  if (rebindTime === undefined && renewTime === undefined) {
    if (fits) return;
    const advice = "T1 and T2 of some levels do not fit its lease time, so it has its own here, in all subnets";
    findings.changed(place, `class ${settings.name}`, advice);
  }
  const t2 = rebindTime !== undefined && rebindTime.value < value ? rebindTime : { value: share(value, 0.875), place };
  settings.rebindTime = t2;
  settings.renewTime = renewTime !== undefined && renewTime.value < t2.value
    ? renewTime
    : { value: Math.max(1, Math.min(share(value, 0.5), t2.value - 1)), place };
}

/** dnsmasq gives a subnet as often as it has ranges. */
function mergeSubnets(draft: Draft, findings: Findings): void {
  const kept: DraftSubnet[] = [];
  for (const subnet of draft.subnets) {
    const other = kept.find((one) =>
      prefixContains(one.prefix, subnet.prefix.address) || prefixContains(subnet.prefix, one.prefix.address)
    );
    if (other === undefined) kept.push(subnet);
    else {
      const advice = `it overlaps the subnet ${formatPrefix(other.prefix)} of line ${other.place.line}; ` +
        "what it says is not carried over: put its pools and reservations into one of the two";
      findings.lost(subnet.place, `subnet ${formatPrefix(subnet.prefix)}`, advice);
    }
  }
  draft.subnets.splice(0, draft.subnets.length, ...kept);
}

function settlePools(subnet: DraftSubnet, findings: Findings): void {
  const { first, last } = prefixRange(subnet.prefix);
  const usable = subnet.prefix.prefixLength >= 31 ? { first, last } : { first: first + 1, last: last - 1 };
  const kept: typeof subnet.pools = [];
  for (const pool of subnet.pools) {
    const { range, place } = pool;
    const cut = { first: Math.max(range.first, usable.first), last: Math.min(range.last, usable.last) };
    const name = `pool ${formatRange(range)}`;
    if (cut.first > cut.last) {
      findings.lost(place, name, `it lies outside the subnet ${formatPrefix(subnet.prefix)}; correct one of the two`);
      continue;
    }
    if (cut.first !== range.first || cut.last !== range.last) {
      findings.changed(place, name, `shortened to ${formatRange(cut)}: no client may have the rest in this subnet`);
    }
    const other = kept.find((one) => one.range.first <= cut.last && cut.first <= one.range.last);
    if (other !== undefined) {
      const advice = `it overlaps the pool ${formatRange(other.range)} of line ${other.place.line}; separate the two`;
      findings.lost(place, name, advice);
      continue;
    }
    pool.range = cut;
    kept.push(pool);
  }
  subnet.pools.splice(0, subnet.pools.length, ...kept);
}

function settleReservations(subnet: DraftSubnet, findings: Findings): void {
  const addresses = new Map<number, DraftReservation>();
  const clients = new Map<string, DraftReservation>();
  const { first, last } = prefixRange(subnet.prefix);
  const kept = subnet.reservations.filter((reservation) => {
    const { address, hardware, clientId, place } = reservation;
    const name = `reservation of ${formatIpv4(address)}`;
    const client = hardware === undefined ? `id ${toHex(clientId ?? new Uint8Array())}` : `hardware ${toHex(hardware)}`;
    const earlier = addresses.get(address);
    const same = clients.get(client);
    if (subnet.prefix.prefixLength < 31 && (address === first || address === last)) {
      findings.lost(place, name, "no client may have the subnet's first or last address; reserve another");
    } else if (earlier !== undefined) {
      const advice = `line ${earlier.place.line} reserves this address already, and one client has it here; ` +
        "reserve another address for the other client";
      findings.lost(place, name, advice);
    } else if (same !== undefined) {
      const advice = `line ${same.place.line} reserves ${formatIpv4(same.address)} for the same client, ` +
        "which has one address in a subnet here";
      findings.lost(place, name, advice);
    } else {
      addresses.set(address, reservation);
      clients.set(client, reservation);
      return true;
    }
    return false;
  });
  subnet.reservations.splice(0, subnet.reservations.length, ...kept);
}

/** Names of classes must differ. */
function nameClasses(draft: Draft): void {
  const taken = new Set<string>();
  for (const [index, one] of draft.classes.entries()) {
    let name = one.name;
    for (let number = 2; taken.has(name); number++) name = `${one.name.slice(0, 56)}-${number}`;
    taken.add(name);
    if (name !== one.name) draft.classes[index] = { ...one, name };
  }
}
