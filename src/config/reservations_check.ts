/** Reservations of a subnet, or of all: clients that differ, addresses that differ, and times that fit. */

import { toHex } from "../bytes/hex.ts";
import { type Ipv4, type Prefix, prefixContains, type Range, rangeContains } from "../net/ipv4.ts";
import { checkNames, checkOverriding, type OverriddenLevel } from "./classes_check.ts";
import type { Path, Report } from "./issue.ts";
import { Unique } from "./places.ts";
import { asList, asMapping, type Mapping } from "./plain.ts";
import { checkReservedAddress } from "./ranges_check.ts";
import { readReserved } from "./service_schema.ts";
import { checkTimes, readTimes, type Times } from "./times_check.ts";

/** What the reservations of a subnet are checked against; a value that is wrong by itself is undefined. */
interface CheckedSubnet {
  readonly prefix: Prefix | undefined;
  readonly times: Times;
  /** A reserved address within a pool inherits from it. */
  readonly pools: readonly { readonly range: Range | undefined; readonly times: Times }[];
  /** What `classes` may name. */
  readonly classNames: ReadonlySet<string>;
  /** Where the subnet stands. */
  readonly path: Path;
  /** Those that the subnets of its link have reservations for; undefined: it has its link to itself. */
  readonly clients: Unique<string> | undefined;
}

/** Reserved addresses of all subnets. */
export class ReservedAddresses extends Unique<Ipv4> {
  constructor(report: Report) {
    super(report, "reserve each address once, for several clients in one reservation");
  }
}

/** Checks the `reservations` of a subnet. */
export function checkReservations(
  reservations: unknown,
  subnet: CheckedSubnet,
  addresses: ReservedAddresses,
  report: Report,
): void {
  const { clients = clientsOf(report) } = subnet;
  for (const { reservation, address, path } of readAll(reservations, subnet.path, { addresses, clients }, report)) {
    if (address !== undefined && subnet.prefix !== undefined) {
      checkReservedAddress(address, subnet.prefix, [...path, "address"], report);
    }
    checkNames(reservation.classes, subnet.classNames, [...path, "classes"], report);
    const pool = subnet.pools.find(({ range }) => address !== undefined && range && rangeContains(range, address));
    checkTimes(readTimes(reservation), pool?.times ?? subnet.times, path, report);
  }
}

/** Checks the `reservations` of the service: their clients may be in any subnet. */
export function checkGlobalReservations(
  reservations: unknown,
  { prefixes, levels, classNames, path }: {
    /** Of the subnets that are right by themselves. */
    readonly prefixes: readonly Prefix[];
    readonly levels: readonly OverriddenLevel[];
    /** What `classes` may name. */
    readonly classNames: ReadonlySet<string>;
    /** Where the service stands. */
    readonly path: Path;
  },
  addresses: ReservedAddresses,
  report: Report,
): void {
  const seen = { addresses, clients: clientsOf(report) };
  for (const { reservation, address, path: place } of readAll(reservations, path, seen, report)) {
    const prefix = address === undefined ? undefined : prefixes.find((each) => prefixContains(each, address));
    if (address !== undefined && prefix !== undefined) {
      checkReservedAddress(address, prefix, [...place, "address"], report);
    } else if (address !== undefined) {
      report([...place, "address"], "lies in no subnet; add the subnet, or leave it out");
    }
    checkNames(reservation.classes, classNames, [...place, "classes"], report);
    checkOverriding(readTimes(reservation), levels, place, report);
  }
}

/** Clients and places, each of which may have one reservation in a list, or on a link (`where`). */
export function clientsOf(report: Report, where = ""): Unique<string> {
  return new Unique<string>(report, `give each client one reservation${where}`);
}

/** The entries of a list, each checked for what does not depend on a subnet. */
function* readAll(
  reservations: unknown,
  place: Path,
  { addresses, clients }: { readonly addresses: ReservedAddresses; readonly clients: Unique<string> },
  report: Report,
) {
  for (const [index, entry] of asList(reservations).entries()) {
    const reservation = asMapping(entry);
    const path = [...place, "reservations", index];
    const { address, hardware, clientId, circuitId, remoteId } = readReserved(reservation);
    if (address !== undefined) addresses.add(address, [...path, "address"]);
    addClients(clients, hardware, reservation, path, "hardware");
    addClients(clients, clientId, reservation, path, "clientId");
    if (circuitId !== undefined || remoteId !== undefined) {
      const key = `${circuitId && toHex(circuitId)}/${remoteId && toHex(remoteId)}`;
      clients.add(key, [...path, circuitId === undefined ? "remoteId" : "circuitId"]);
    }
    if (entry === reservation) checkOneKind(reservation, path, report);
    yield { reservation, address, path };
  }
}

function addClients(
  clients: Unique<string>,
  values: readonly (Uint8Array | undefined)[],
  reservation: Mapping,
  path: Path,
  key: "hardware" | "clientId",
): void {
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    const item = Array.isArray(reservation[key]) ? [at] : [];
    if (value !== undefined) clients.add(`${key} ${toHex(value)}`, [...path, key, ...item]);
  }
}

const KINDS = ["hardware", "clientId", "circuitId", "remoteId"] as const;

function checkOneKind(reservation: Mapping, path: Path, report: Report): void {
  const [first, second] = KINDS.filter((key) => Object.hasOwn(reservation, key));
  if (first === undefined) report(path, "names no client; give hardware, clientId, circuitId or remoteId", "place");
  if (second !== undefined && first !== "circuitId") {
    const message = `given together with ${first}; remove one of the two, as a client is known by one`;
    report([...path, second], message, "key");
  }
}
