/**
 * The client of a lease (README.md, SLOT): the subnet, a tag and bytes. A client identifier never equals a hardware
 * address, and one machine in two subnets is two clients. Which key a request has is decided by the DHCP server.
 */

import { toHex } from "../../bytes/hex.ts";
import { formatIpv4 } from "../../net/ipv4.ts";

/**
 * A client within its subnet as a binary string, one character per octet: number of the subnet (4), tag (1), then the
 * bytes, which are what the client sent. Compares with `===`, works as a Map key, and is stored as that many octets. A
 * key stays what it was when its lease was made: no change of a configuration changes it.
 */
export type ClientKey = string & { readonly __brand: "ClientKey" };

/** What the bytes of a client are. */
export const CLIENT_TAG = {
  /** Option 61, whole (RFC 2132 §9.14, RFC 4361). */
  clientIdentifier: 0,
  /** `htype`, then `chaddr` (RFC 2131 §4.2). */
  hardware: 1,
  /** No client: the host, as `htype` and hardware address, that answered for an address that was free. */
  conflict: 2,
} as const;

/** The largest number that a configuration gives: below 1.0.0.0, so that it is the address of no subnet. */
export const SUBNET_ID_MAX = 0x00ff_ffff;

/** The parts of a {@link ClientKey}. */
interface Client {
  /** Number of the subnet: its network address at that time, if the configuration gave it none. */
  readonly subnet: number;
  readonly tag: number;
  readonly bytes: Uint8Array;
}

/** The subnet stands first. */
export const SUBNET_OCTETS = 4;
/** Then the tag. */
export const CLIENT_HEADER_OCTETS = SUBNET_OCTETS + 1;

/**
 * Builds the key.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const client = { subnet: 0x0a4d0000, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, 2, 0, 0, 0, 0, 9) };
 * strictEqual(formatClient(clientKey(client)), "hardware 01020000000009 in 10.77.0.0");
 * ```
 */
export function clientKey(client: Client): ClientKey {
  const { subnet } = client;
  const octets = new Uint8Array(CLIENT_HEADER_OCTETS + client.bytes.length);
  octets[0] = subnet >>> 24;
  octets[1] = subnet >>> 16;
  octets[2] = subnet >>> 8;
  octets[3] = subnet;
  octets[4] = client.tag;
  octets.set(client.bytes, CLIENT_HEADER_OCTETS);
  return clientKeyOf(octets);
}

/** The octets of a key, for storage and the wire. */
export function clientKeyBytes(key: ClientKey): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(key.length);
  for (let index = 0; index < key.length; index++) bytes[index] = key.charCodeAt(index);
  return bytes;
}

/** The key with these octets; the inverse of {@link clientKeyBytes}. */
export function clientKeyOf(bytes: Uint8Array): ClientKey {
  // Twice as fast as spreading; this runs several times per request.
  return String.fromCharCode.apply(null, bytes as unknown as number[]) as ClientKey;
}

/** The parts of a key; the inverse of {@link clientKey}. */
export function parseClientKey(key: ClientKey): Client {
  const bytes = clientKeyBytes(key);
  return { subnet: subnetNumberOf(key), tag: bytes[4] ?? 0, bytes: bytes.subarray(CLIENT_HEADER_OCTETS) };
}

/** Whether a key is no client's, but that of a host that answered for an address that was free. */
export function isConflict(key: ClientKey): boolean {
  return key.charCodeAt(SUBNET_OCTETS) === CLIENT_TAG.conflict;
}

/** The number of a key's subnet. */
export function subnetNumberOf(key: ClientKey): number {
  let number = 0;
  for (let index = 0; index < SUBNET_OCTETS; index++) number = number * 256 + key.charCodeAt(index);
  return number;
}

/** Whether the client of both keys sent the same, in whichever subnets. */
export function isSameSender(a: ClientKey, b: ClientKey): boolean {
  return a === b || (a.length === b.length && a.slice(SUBNET_OCTETS) === b.slice(SUBNET_OCTETS));
}

const KINDS = ["client id", "hardware", "host"] as const;

/** A key as readable text, for the log, errors and HTTP. */
export function formatClient(key: ClientKey): string {
  const client = parseClientKey(key);
  const kind = KINDS[client.tag] ?? KINDS[CLIENT_TAG.clientIdentifier];
  const subnet = client.subnet > SUBNET_ID_MAX ? formatIpv4(client.subnet) : `subnet ${client.subnet}`;
  return `${kind} ${toHex(client.bytes)} in ${subnet}`;
}
