/**
 * dnsmasq's lease file: a line for each lease, `expiry hardware-address address host-name client-identifier`, where the
 * expiry is 0 for a lease without end and `*` stands for nothing. A line `duid …` starts the DHCPv6 leases.
 */

import { ETHERNET } from "../../dhcp/hardware_address.ts";
import { parseIpv4 } from "../../net/ipv4.ts";
import {
  hostnameOf,
  identityProblem,
  isHostAddress,
  LeaseCollector,
  type LeaseReading,
  type Place,
  plainHex,
  usableIdentifier,
} from "./lease.ts";

/** 1980: before every possible expiry, and more seconds than any lease has. */
const CLOCK_SECONDS_MIN = 315_532_800;

/** Reads the text of a file, one character per octet. Never throws, whatever the text. */
export function readDnsmasqLeases(text: string, file: string): LeaseReading {
  const found = new LeaseCollector();
  let version6 = false;
  let start = 0;
  for (let line = 1; start < text.length; line++) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const row = text.slice(start, end).trim();
    start = end + 1;
    if (row === "") continue;
    const isDuid = /^duid\s+[0-9a-f]{2}(?::[0-9a-f]{2})*$/i.test(row);
    if (isDuid) version6 = true;
    if (isDuid || (version6 && isVersion6(row))) found.other();
    else readRow(row, { file, line }, found);
  }
  return found.result();
}

/** `expiry iaid address host-name duid`; the identity association of temporary addresses has a T in front. */
function isVersion6(row: string): boolean {
  const [expiry, iaid, address, ...rest] = row.split(/\s+/);
  return /^\d+$/.test(expiry ?? "") && /^T?\d+$/.test(iaid ?? "") && (address ?? "").includes(":") && rest.length === 2;
}

function readRow(row: string, place: Place, found: LeaseCollector): void {
  const refuse = (reason: string) => found.unusable(place, row, reason);
  const words = row.split(/\s+/);
  const [expiry = "", hardware = "", ip = "", name = "", id = ""] = words;
  if (words.length !== 5) return refuse(`it has ${words.length} words; a lease has five`);
  if (!/^\d{1,15}$/.test(expiry)) return refuse(`"${expiry}" is no time in seconds since 1970`);
  if (Number(expiry) > 0 && Number(expiry) < CLOCK_SECONDS_MIN) {
    return refuse("it ends in the seventies: a dnsmasq without a clock writes how long leases are, and not until when");
  }
  const address = parseIpv4(ip);
  if (address === undefined || !isHostAddress(address)) return refuse(`"${ip}" is not the address of a host`);
  // The hardware type is written only where it is not Ethernet: `06-00:11:…`.
  const typed = /^(?:([0-9a-f]{2})-)?(.*)$/i.exec(hardware);
  const chaddr = plainHex(typed?.[2] ?? "");
  if (chaddr === undefined) return refuse(`"${hardware}" is no hardware address`);
  const identifier = id === "*" ? "" : plainHex(id);
  if (identifier === undefined) return refuse(`"${id}" is no client identifier`);
  const problem = identityProblem(identifier, chaddr);
  if (problem !== undefined) return refuse(problem);
  found.lease({
    address,
    state: "bound",
    identifier: usableIdentifier(identifier),
    htype: typed?.[1] === undefined ? ETHERNET : Number.parseInt(typed[1], 16),
    chaddr,
    hostname: name === "*" ? "" : hostnameOf(name),
    expires: Number(expiry) === 0 ? undefined : Number(expiry),
    circuitId: "",
    remoteId: "",
    place,
  });
}
