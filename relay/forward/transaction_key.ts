/**
 * What tells transactions and clients apart, as keys of maps: chaddr with xid (RFC 2131 §2), or chaddr alone, on one
 * interface. Text of few characters is what maps are fastest with.
 */

import { AT } from "../../src/dhcp/layout.ts";
import { byteAt } from "./header.ts";

const ETHERNET_BYTES = 6;
const CHADDR_BYTES = 16;

function pair(bytes: Uint8Array, offset: number): number {
  return (byteAt(bytes, offset) << 8) | byteAt(bytes, offset + 1);
}

/** The key of the transaction that a message belongs to; `link` is the index of the client's interface. */
export function transactionKey(bytes: Uint8Array, link: number): string {
  return clientKey(bytes, link) + String.fromCharCode(pair(bytes, AT.xid), pair(bytes, AT.xid + 2));
}

/**
 * The key of the client that a message is from or for.
 *
 * @example
 * ```ts
 * import { notStrictEqual, strictEqual } from "node:assert/strict";
 * const message = new Uint8Array(300).fill(6, 2, 3);
 * strictEqual(clientKey(message, 0), clientKey(message.slice(), 0));
 * notStrictEqual(clientKey(message, 0), clientKey(message, 1));
 * ```
 */
export function clientKey(bytes: Uint8Array, link: number): string {
  const at = AT.chaddr;
  if (byteAt(bytes, AT.hlen) === ETHERNET_BYTES) {
    return String.fromCharCode(link, pair(bytes, at), pair(bytes, at + 2), pair(bytes, at + 4));
  }
  const octets = bytes.subarray(at, at + CHADDR_BYTES);
  return String.fromCharCode(link, byteAt(bytes, AT.hlen), ...octets);
}
