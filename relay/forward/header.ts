/**
 * Reads the fixed header of a message in place. A relay does not decode the rest: it forwards what it does not
 * understand.
 */

import { AT, MAGIC_COOKIE } from "../../src/dhcp/layout.ts";
import { BOOTREPLY, BOOTREQUEST } from "../../src/dhcp/message.ts";
import { DATAGRAM_BYTES_MAX } from "./config.ts";

/** RFC 2131 §2: `chaddr` has 16 octets. */
const HLEN_MAX = 16;

/** The fault of a header. */
export type HeaderFault = "length" | "op" | "cookie" | "hlen";

/** Reads a big-endian 32-bit field. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return ((byteAt(bytes, offset) << 24) | (byteAt(bytes, offset + 1) << 16) | (byteAt(bytes, offset + 2) << 8) |
    byteAt(bytes, offset + 3)) >>> 0;
}

/** The octet at an offset that the caller has checked. */
export function byteAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset] as number;
}

/**
 * The checks common to requests and replies; undefined when there is no fault. After it, every field of the fixed
 * header may be read without a check of the length.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(headerFault(new Uint8Array(239)), "length");
 * strictEqual(headerFault(new Uint8Array(300)), "op");
 * ```
 */
export function headerFault(bytes: Uint8Array): HeaderFault | undefined {
  if (bytes.length < AT.options || bytes.length > DATAGRAM_BYTES_MAX) return "length";
  const op = byteAt(bytes, AT.op);
  if (op !== BOOTREQUEST && op !== BOOTREPLY) return "op";
  if (readUint32(bytes, AT.cookie) !== MAGIC_COOKIE) return "cookie";
  if (byteAt(bytes, AT.hlen) > HLEN_MAX) return "hlen";
  return undefined;
}
