/**
 * A client and its lease detail as one byte string, for the arena. Times and the agreement's fields are in columns.
 * Layout: five lengths (client in two octets; chaddr, hostname, circuit id in one each), htype, giaddr (4), then the
 * strings; the remote id is what remains.
 */

import { textOf } from "../../bytes/text.ts";
import { CLIENT_HEADER_OCTETS, type ClientKey, clientKeyOf, SUBNET_OCTETS } from "../agreement/client_key.ts";
import type { LeaseDetail } from "../agreement/slot.ts";

const HEADER_OCTETS = 10;
const STRING_OCTETS_MAX = 255;

/** The parts of a detail that a record contains. */
type RecordDetail = Omit<LeaseDetail, "lastSeen" | "expires">;

const encoder = new TextEncoder();

/** Encodes; strings longer than 255 octets are cut, except the client. */
export function encodeRecord(client: ClientKey, detail: RecordDetail): Uint8Array {
  const hostname = octetsOf(detail.hostname);
  const { chaddr } = detail;
  const circuitId = cut(detail.circuitId);
  const remoteId = cut(detail.remoteId);
  const bytes = new Uint8Array(
    HEADER_OCTETS + client.length + chaddr.length + hostname.length + circuitId.length + remoteId.length,
  );
  bytes[0] = client.length >>> 8;
  bytes[1] = client.length;
  bytes[2] = chaddr.length;
  bytes[3] = hostname.length;
  bytes[4] = circuitId.length;
  bytes[5] = detail.htype;
  bytes[6] = detail.giaddr >>> 24;
  bytes[7] = detail.giaddr >>> 16;
  bytes[8] = detail.giaddr >>> 8;
  bytes[9] = detail.giaddr;
  let at = writeText(bytes, HEADER_OCTETS, client);
  at = writeBytes(bytes, at, chaddr);
  at = typeof hostname === "string" ? writeText(bytes, at, hostname) : writeBytes(bytes, at, hostname);
  at = writeBytes(bytes, at, circuitId);
  writeBytes(bytes, at, remoteId);
  return bytes;
}

function cut(bytes: Uint8Array): Uint8Array {
  return bytes.length <= STRING_OCTETS_MAX ? bytes : bytes.subarray(0, STRING_OCTETS_MAX);
}

/** ASCII, as nearly every name is, stays text: the text encoder takes longer than the rest of the encoding. */
function octetsOf(text: string): string | Uint8Array {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) >= 0x80) return cut(encoder.encode(text));
  }
  return text.slice(0, STRING_OCTETS_MAX);
}

/** One octet per character. A loop is faster than `set` for so few octets. */
function writeText(bytes: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
  return at + text.length;
}

function writeBytes(bytes: Uint8Array, at: number, part: Uint8Array): number {
  for (let index = 0; index < part.length; index++) bytes[at + index] = part[index] as number;
  return at + part.length;
}

function clientLength(record: Uint8Array): number {
  return ((record[0] as number) << 8) | (record[1] as number);
}

/** The client of a record. */
export function recordClient(record: Uint8Array): ClientKey {
  return clientKeyOf(record.subarray(HEADER_OCTETS, HEADER_OCTETS + clientLength(record)));
}

/** Whether a record has this client, without making a key of it. */
export function recordHasClient(record: Uint8Array, client: ClientKey): boolean {
  return hasOctets(record, client, 0);
}

/** Whether a record's client sent the same as this one, in whichever subnet. */
export function recordHasSender(record: Uint8Array, client: ClientKey): boolean {
  return hasOctets(record, client, SUBNET_OCTETS);
}

function hasOctets(record: Uint8Array, client: ClientKey, from: number): boolean {
  if (record.length === 0 || clientLength(record) !== client.length) return false;
  for (let index = from; index < client.length; index++) {
    if (record[HEADER_OCTETS + index] !== client.charCodeAt(index)) return false;
  }
  return true;
}

const NO_BYTES = new Uint8Array();

/** A copy. Most of these strings are empty, and share one. */
function copy(record: Uint8Array, start: number, end: number): Uint8Array {
  return start === end ? NO_BYTES : record.slice(start, end);
}

/** The detail of a record, as a copy. */
export function recordDetail(record: Uint8Array): RecordDetail {
  const at = (index: number) => record[index] as number;
  const chaddrAt = HEADER_OCTETS + clientLength(record);
  const hostnameAt = chaddrAt + at(2);
  const circuitIdAt = hostnameAt + at(3);
  const remoteIdAt = circuitIdAt + at(4);
  return {
    htype: at(5),
    chaddr: copy(record, chaddrAt, hostnameAt),
    hostname: hostnameAt === circuitIdAt ? "" : textOf(record.subarray(hostnameAt, circuitIdAt)),
    circuitId: copy(record, circuitIdAt, remoteIdAt),
    remoteId: copy(record, remoteIdAt, record.length),
    giaddr: ((at(6) << 24) | (at(7) << 16) | (at(8) << 8) | at(9)) >>> 0,
  };
}

/** Tests an encoded record in the arena, without a copy. */
export type RecordTest = (bytes: Uint8Array, start: number, end: number) => boolean;

/** A search in records; both must match when both are given. */
interface RecordSearch {
  /** The first octets of the hardware address, or of the client identifier. */
  readonly client?: Uint8Array;
  /** A part of the host name; upper and lower case are the same (RFC 1035 §2.3.3). */
  readonly hostname?: string;
}

/** The test of a search; undefined when every record passes. */
export function recordTest({ client, hostname }: RecordSearch): RecordTest | undefined {
  const name = hostname === undefined ? undefined : encoder.encode(hostname.toLowerCase());
  if (client === undefined && name === undefined) return undefined;
  return (bytes, start) => {
    const clientAt = start + HEADER_OCTETS;
    const octets = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
    const chaddrAt = clientAt + octets;
    const chaddrOctets = bytes[start + 2] as number;
    if (client !== undefined) {
      const identifierAt = clientAt + CLIENT_HEADER_OCTETS;
      const known = beginsWith(bytes, chaddrAt, chaddrAt + chaddrOctets, client) ||
        beginsWith(bytes, identifierAt, chaddrAt, client);
      if (!known) return false;
    }
    if (name === undefined) return true;
    const hostnameAt = chaddrAt + chaddrOctets;
    return contains(bytes, hostnameAt, hostnameAt + (bytes[start + 3] as number), name);
  };
}

function beginsWith(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  if (end - start < wanted.length) return false;
  for (let at = 0; at < wanted.length; at++) if (bytes[start + at] !== wanted[at]) return false;
  return true;
}

/** `wanted` is in lower case. */
function contains(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  const first = wanted[0] as number;
  for (let from = start; from + wanted.length <= end; from++) {
    // Most positions fail here.
    if (lower(bytes[from] as number) !== first) continue;
    let at = 1;
    while (at < wanted.length && lower(bytes[from + at] as number) === wanted[at]) at++;
    if (at === wanted.length) return true;
  }
  return false;
}

function lower(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;
}
