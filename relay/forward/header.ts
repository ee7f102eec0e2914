/**
 * What a relay must know of a message, read where it lies. It does not decode the rest: that is for the two ends, and
 * a relay passes on what it does not understand.
 */

import { AT, END, MAGIC_COOKIE, PAD } from "../../src/dhcp/layout.ts";
import { BOOTREPLY, BOOTREQUEST } from "../../src/dhcp/message.ts";
import { DATAGRAM_BYTES_MAX } from "./config.ts";

/** RFC 2131 §2: `chaddr` has 16 octets. */
const HLEN_MAX = 16;

/** What is wrong with the fixed part. */
export type HeaderFault = "length" | "op" | "cookie" | "hlen";

/** Reads a big-endian 32-bit field. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return ((byteAt(bytes, offset) << 24) | (byteAt(bytes, offset + 1) << 16) | (byteAt(bytes, offset + 2) << 8) |
    byteAt(bytes, offset + 3)) >>> 0;
}

/** The octet at an offset that the caller knows to lie inside. */
export function byteAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset] as number;
}

/**
 * What both directions check before they look closer; undefined when nothing is wrong. After it, every field of
 * the fixed part may be read without a further look at the length.
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

/** RFC 2132 §9.6. */
const MESSAGE_TYPE = 53;

/**
 * The value of option 53 in a message whose header has been checked; 0 when it has none (BOOTP) or its options don't
 * fit together. Every server writes it into the options field, never into `file` or `sname`.
 */
export function messageTypeOf(bytes: Uint8Array): number {
  let offset: number = AT.options;
  while (offset < bytes.length) {
    const code = byteAt(bytes, offset);
    if (code === END) return 0;
    if (code === MESSAGE_TYPE) return bytes[offset + 2] ?? 0;
    offset += code === PAD ? 1 : 2 + (bytes[offset + 1] ?? 0);
  }
  return 0;
}
