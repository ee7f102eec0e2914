/** Reservations of a subnet: one client each, one address each, and times that fit. */

import { toHex } from "../bytes/hex.ts";
import { type Prefix, type Range, rangeContains } from "../net/ipv4.ts";
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
  /** Where the subnet stands. */
  readonly path: Path;
  /** Those that other subnets of its link have reservations for. */
  readonly clients: Unique<string> | undefined;
}

/** Checks the `reservations` of a subnet. */
export function checkReservations(reservations: unknown, subnet: CheckedSubnet, report: Report): void {
  const addresses = new Unique(report, "reserve each address once");
  const { clients = new Unique<string>(report, "reserve one address for each client") } = subnet;
  for (const [index, entry] of asList(reservations).entries()) {
    const reservation = asMapping(entry);
    const path = [...subnet.path, "reservations", index];
    const { address, hardware, clientId } = readReserved(reservation);
    if (address !== undefined && subnet.prefix !== undefined) {
      checkReservedAddress(address, subnet.prefix, [...path, "address"], report);
    }
    addresses.add(address, [...path, "address"]);
    clients.add(hardware && `hardware ${toHex(hardware)}`, [...path, "hardware"]);
    clients.add(clientId && `clientId ${toHex(clientId)}`, [...path, "clientId"]);
    if (entry === reservation) checkOneClient(reservation, path, report);
    const pool = subnet.pools.find(({ range }) => address !== undefined && range && rangeContains(range, address));
    checkTimes(readTimes(reservation), pool?.times ?? subnet.times, path, report);
  }
}

function checkOneClient(reservation: Mapping, path: Path, report: Report): void {
  const byHardware = Object.hasOwn(reservation, "hardware");
  const byClientId = Object.hasOwn(reservation, "clientId");
  if (byHardware && byClientId) {
    const message = "given together with hardware; remove one of the two, as a client is known by one";
    report([...path, "clientId"], message, "key");
  }
  if (!byHardware && !byClientId) report(path, "names no client; give hardware or clientId", "place");
}
