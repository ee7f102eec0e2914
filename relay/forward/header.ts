/**
 * Reads the fixed header of a message in place. A relay does not decode the rest: it forwards what it does not
 * understand.
 */

import { AT, END, MAGIC_COOKIE, PAD } from "../../src/dhcp/layout.ts";
import { BOOTREPLY, BOOTREQUEST } from "../../src/dhcp/message.ts";
import { type Ipv4, UNSPECIFIED } from "../../src/net/ipv4.ts";
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

/** RFC 2132 §9.1, §9.6, §9.7. */
const REQUESTED_ADDRESS = 50;
const MESSAGE_TYPE = 53;
const SERVER_IDENTIFIER = 54;

/** The options a relay looks at. */
export interface Glance {
  /** 0 when there is none (BOOTP). */
  readonly messageType: number;
  /** {@link UNSPECIFIED} when there is none, like the next. */
  readonly serverIdentifier: Ipv4;
  readonly requestedAddress: Ipv4;
}

/**
 * A glance at the options field of a message whose header has been checked. A malformed option ends it. These
 * options never occur in `file` or `sname`.
 */
export function glanceAt(bytes: Uint8Array): Glance {
  let messageType = 0;
  let serverIdentifier = UNSPECIFIED;
  let requestedAddress = UNSPECIFIED;
  let offset: number = AT.options;
  while (offset + 2 < bytes.length) {
    const code = byteAt(bytes, offset);
    if (code === END) break;
    if (code === PAD) {
      offset++;
      continue;
    }
    const length = byteAt(bytes, offset + 1);
    const next = offset + 2 + length;
    if (next > bytes.length) break;
    if (code === MESSAGE_TYPE && length === 1) messageType = byteAt(bytes, offset + 2);
    else if (code === SERVER_IDENTIFIER && length === 4) serverIdentifier = readUint32(bytes, offset + 2);
    else if (code === REQUESTED_ADDRESS && length === 4) requestedAddress = readUint32(bytes, offset + 2);
    offset = next;
  }
  return { messageType, serverIdentifier, requestedAddress };
}
