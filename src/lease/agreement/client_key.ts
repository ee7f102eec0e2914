/**
 * The client of a lease (README.md, SLOT): the subnet, a tag and bytes. A client identifier never equals a hardware
 * address, and one machine in two subnets is two clients.
 */

import { toHex } from "../../bytes/hex.ts";
import { formatIpv4, type Ipv4 } from "../../net/ipv4.ts";

/**
 * A client within its subnet as a binary string, one character per octet: subnet address (4), tag (1), then the bytes.
 * Compares with `===`, works as a Map key, and is stored as that many octets. The prefix length is not in it: a subnet
 * can grow or shrink, and its clients keep their leases.
 */
export type ClientKey = string & { readonly __brand: "ClientKey" };

/** What the bytes of a client are. */
export const CLIENT_TAG = {
  /** Option 61, whole (RFC 2132 §9.14, RFC 4361). */
  clientIdentifier: 0,
  /** `htype`, then `chaddr` (RFC 2131 §4.2). */
  hardware: 1,
} as const;

/** The parts of a {@link ClientKey}. */
interface Client {
  /** Network address of the subnet. */
  readonly subnet: Ipv4;
  readonly tag: number;
  readonly bytes: Uint8Array;
}

const HEADER_OCTETS = 5;

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
  const address = client.subnet;
  const octets = new Uint8Array(HEADER_OCTETS + client.bytes.length);
  octets[0] = address >>> 24;
  octets[1] = address >>> 16;
  octets[2] = address >>> 8;
  octets[3] = address;
  octets[4] = client.tag;
  octets.set(client.bytes, HEADER_OCTETS);
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
  let address: Ipv4 = 0;
  for (const octet of bytes.subarray(0, 4)) address = address * 256 + octet;
  return {
    subnet: address,
    tag: bytes[4] ?? 0,
    bytes: bytes.subarray(HEADER_OCTETS),
  };
}

/** A key as readable text, for the log, errors and HTTP. */
export function formatClient(key: ClientKey): string {
  const client = parseClientKey(key);
  const kind = client.tag === CLIENT_TAG.hardware ? "hardware" : "client id";
  return `${kind} ${toHex(client.bytes)} in ${formatIpv4(client.subnet)}`;
}
