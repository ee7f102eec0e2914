/**
 * Map keys for transactions and clients: chaddr with xid (RFC 2131 §2), or chaddr alone, per interface. Short strings,
 * since maps are fastest with these.
 */

import { AT } from "../../src/dhcp/layout.ts";
import type { OptionScan } from "../../src/dhcp/relay_agent.ts";
import { byteAt } from "./header.ts";

const ETHERNET_BYTES = 6;
const CHADDR_BYTES = 16;

function pair(bytes: Uint8Array, offset: number): number {
  return (byteAt(bytes, offset) << 8) | byteAt(bytes, offset + 1);
}

/** Key of a message's transaction; `link` is the index of the client interface. */
export function transactionKey(bytes: Uint8Array, link: number): string {
  return clientKey(bytes, link) + String.fromCharCode(pair(bytes, AT.xid), pair(bytes, AT.xid + 2));
}

/**
 * Key of the client that a message is from or for.
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

/** Key of a client as servers tell clients apart: also by its client identifier (RFC 2131 §4.2). */
export function seekerKey(client: string, bytes: Uint8Array, { clientIdentifier }: OptionScan): string {
  if (clientIdentifier === 0) return client;
  const start = clientIdentifier + 2;
  return client + String.fromCharCode(...bytes.subarray(start, start + byteAt(bytes, clientIdentifier + 1)));
}
