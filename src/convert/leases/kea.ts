/**
 * Kea's `kea-leases4.csv` (memfile): a header that names the columns, then appended rows; the last row of an address
 * counts. Kea's CSV has no quotes; a comma or line end within a value is written `&#x2c`.
 */

import { ETHERNET } from "../../dhcp/hardware_address.ts";
import { INFINITE_SECONDS } from "../../config/duration.ts";
import { fromHex, toHex } from "../../bytes/hex.ts";
import { decodeRelayAgentInformation } from "../../dhcp/relay_agent_information.ts";
import { parseIpv4 } from "../../net/ipv4.ts";
import {
  hostnameOf,
  identityProblem,
  isHostAddress,
  latin1Bytes,
  LeaseCollector,
  type LeaseReading,
  plainHex,
  usableIdentifier,
} from "./lease.ts";

/** Required columns; schema versions differ in the others. */
const REQUIRED = ["address", "hwaddr", "client_id", "valid_lifetime", "expire"] as const;

/**
 * The files that Kea reads for one lease file, in its order: the lease file cleanup (LFC) leaves older rows in other
 * files, and a finished cleanup replaces both inputs.
 */
export function keaLeaseFiles(file: string, exists: (file: string) => boolean): string[] {
  const completed = `${file}.completed`;
  const older = exists(completed) ? [completed] : [`${file}.2`, `${file}.1`].filter(exists);
  return [...older, file];
}

/** Reads the texts of one or more files, the oldest first, one character per octet. Never throws. */
export function readKeaLeases(files: readonly { readonly file: string; readonly text: string }[]): LeaseReading {
  const found = new LeaseCollector();
  for (const { file, text } of files) readFile(file, text, found);
  return found.result();
}

function readFile(file: string, text: string, found: LeaseCollector): void {
  let columns: ReadonlyMap<string, number> | undefined;
  let start = 0;
  for (let line = 1; start < text.length; line++) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const row = text.slice(start, end).replace(/\r$/, "");
    start = end + 1;
    if (row.trim() === "") continue;
    const place = { file, line };
    // Files that follow each other in one stream have a header each.
    if (columns === undefined || row.startsWith("address,")) {
      columns = new Map(row.split(",").map((name, index) => [name.trim(), index]));
      const absent = REQUIRED.filter((name) => !columns?.has(name));
      if (absent.length === 0) continue;
      const reason = columns.has("duid")
        ? "the header is that of DHCPv6 leases; give the file with the DHCPv4 leases"
        : `the header lacks ${absent.join(", ")}; it must name the columns`;
      return found.unusable(place, row, reason);
    }
    readRow(row, columns, place, found);
  }
}

function readRow(
  row: string,
  columns: ReadonlyMap<string, number>,
  place: { file: string; line: number },
  found: LeaseCollector,
): void {
  const values = row.split(",");
  const value = (name: string) => unescape(values[columns.get(name) ?? -1] ?? "");
  const refuse = (reason: string) => found.unusable(place, row, reason);
  // Kea rejects a truncated row, except for columns that a newer schema added at the end.
  if (values.length < columns.size && REQUIRED.some((name) => (columns.get(name) ?? 0) >= values.length)) {
    return refuse(`it has ${values.length} values where the header names ${columns.size}`);
  }
  const address = parseIpv4(value("address"));
  if (address === undefined || !isHostAddress(address)) {
    return refuse(`"${value("address")}" is not the address of a host`);
  }
  const validLifetime = wholeNumber(value("valid_lifetime"));
  const expire = wholeNumber(value("expire"));
  if (validLifetime === undefined || expire === undefined) return refuse("valid_lifetime and expire must be numbers");
  const chaddr = plainHex(value("hwaddr"));
  const identifier = plainHex(value("client_id"));
  if (chaddr === undefined) return refuse(`hwaddr "${value("hwaddr")}" is not hexadecimal`);
  if (identifier === undefined) return refuse(`client_id "${value("client_id")}" is not hexadecimal`);
  const state = stateOf(value("state"));
  if (state === undefined) return refuse(`state "${value("state")}" is unknown`);
  // A lease that was removed is written once more, with a valid lifetime of 0.
  if (validLifetime === 0) return found.free(address);
  const anonymous = chaddr.length === 0 && identifier.length === 0;
  if (state === "ended" && anonymous) return found.free(address);
  const problem = state === "declined" && anonymous ? undefined : identityProblem(identifier, chaddr);
  if (problem !== undefined) return refuse(problem);
  found.lease({
    address,
    state,
    identifier: usableIdentifier(identifier),
    htype: chaddr.length === 0 ? 0 : ETHERNET,
    chaddr,
    hostname: hostnameOf(value("hostname").replace(/\.$/, "")),
    expires: validLifetime === INFINITE_SECONDS ? undefined : expire,
    ...relayInformation(value("user_context")),
    place,
  });
}

/** Kea's `Lease::STATE_*`; files of Kea before 1.0 have no such column. */
function stateOf(text: string): "bound" | "declined" | "ended" | undefined {
  switch (text) {
    case "":
    case "0":
      return "bound";
    case "1":
      return "declined";
    case "2": // expired-reclaimed
    case "3": // released
      return "ended";
    default:
      return undefined;
  }
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** `&#x2c` and the like: two hexadecimal digits, no semicolon (Kea's `CSVRow::unescapeCharacters`). */
function unescape(text: string): string {
  if (!text.includes("&#x")) return text;
  return text.replaceAll(/&#x([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

/** `{ "ISC": { "relay-agent-info": … } }`, as `store-extended-info` and the lease query keep it. */
function relayInformation(context: string): { circuitId: string; remoteId: string } {
  const nothing = { circuitId: "", remoteId: "" };
  if (!context.includes("relay-agent-info")) return nothing;
  try {
    const info: unknown = JSON.parse(new TextDecoder().decode(latin1Bytes(context)))?.ISC?.["relay-agent-info"];
    const hex = typeof info === "string" ? info : (info as { "sub-options"?: unknown } | undefined)?.["sub-options"];
    const bytes = typeof hex === "string" ? fromHex(hex) : undefined;
    const decoded = bytes && decodeRelayAgentInformation(bytes);
    if (decoded === undefined || !decoded.ok) return nothing;
    const { circuitId = new Uint8Array(), remoteId = new Uint8Array() } = decoded.value;
    return { circuitId: toHex(circuitId), remoteId: toHex(remoteId) };
  } catch {
    return nothing;
  }
}
