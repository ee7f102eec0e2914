/**
 * How a relay probes addresses of its clients' link for a node, in three datagrams between their DHCP ports. Their
 * first octet is no `op` of BOOTP.
 *
 * | kind     | from  | says                                                                           |
 * | -------- | ----- | ------------------------------------------------------------------------------ |
 * | `ask`    | relay | which addresses shall I probe on this link? As long as the longest answer      |
 * | `wanted` | node  | these                                                                          |
 * | `found`  | relay | hosts answered for these of them, with their hardware addresses; not for others |
 *
 * A forged source address lets nothing rest: a `found` counts only with the random number of the `wanted`, which went
 * to the relay's own address, and only about addresses in it. The relay believes a `wanted` in the same way.
 */

import { assert } from "../assert.ts";
import { fromHex, toHex } from "../bytes/hex.ts";
import type { Ipv4 } from "../net/ipv4.ts";

export const PROBE_EXCHANGE = {
  addressesMax: 64,
  /** A random number. */
  nonceOctets: 8,
} as const;

/** "DCp1". */
const MAGIC = 0x44437031;
const KINDS = ["ask", "wanted", "found"] as const;
const AT = { kind: 4, relayNonce: 5, nodeNonce: 13, giaddr: 21, link: 25, count: 29, entries: 30 } as const;
const WANTED_OCTETS = 4;
const FOUND_OCTETS = 10;
const MAC_OCTETS = 6;
const ASK_OCTETS = AT.entries + PROBE_EXCHANGE.addressesMax * WANTED_OCTETS;

assert(AT.nodeNonce === AT.relayNonce + PROBE_EXCHANGE.nonceOctets, "The relay's number comes first");
assert(AT.giaddr === AT.nodeNonce + PROBE_EXCHANGE.nonceOctets, "Then the node's");

/** One datagram. */
export interface ProbeMessage {
  readonly kind: (typeof KINDS)[number];
  /** Hexadecimal; the `ask`'s, and that of the `wanted` that answers it. */
  readonly relayNonce: string;
  /** Hexadecimal; the `wanted`'s, and that of the `found` that follows; zeros in an `ask`. */
  readonly nodeNonce: string;
  /** The relay's address for the node. */
  readonly giaddr: Ipv4;
  /** The relay's address on the clients' link. */
  readonly link: Ipv4;
  /** `wanted`: without `mac`. */
  readonly addresses: readonly { readonly address: Ipv4; readonly mac?: Uint8Array }[];
}

/** Whether a datagram is meant to be one of these. */
export function isProbeMessage(bytes: Uint8Array): boolean {
  return bytes[0] === MAGIC >>> 24;
}

export function writeProbeMessage(message: ProbeMessage): Uint8Array<ArrayBuffer> {
  const { kind, relayNonce, nodeNonce, giaddr, link, addresses } = message;
  assert(addresses.length <= PROBE_EXCHANGE.addressesMax, "More addresses than a message has room for");
  const entryOctets = kind === "found" ? FOUND_OCTETS : WANTED_OCTETS;
  const length = kind === "ask" ? ASK_OCTETS : AT.entries + addresses.length * entryOctets;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  bytes[AT.kind] = KINDS.indexOf(kind);
  bytes.set(fromHex(relayNonce) ?? [], AT.relayNonce);
  bytes.set(fromHex(nodeNonce) ?? [], AT.nodeNonce);
  view.setUint32(AT.giaddr, giaddr);
  view.setUint32(AT.link, link);
  bytes[AT.count] = addresses.length;
  addresses.forEach(({ address, mac }, index) => {
    const at = AT.entries + index * entryOctets;
    view.setUint32(at, address);
    if (mac !== undefined) bytes.set(mac, at + 4);
  });
  return bytes;
}

/** Reads a datagram; undefined when it is none of these. Never throws. */
export function readProbeMessage(bytes: Uint8Array): ProbeMessage | undefined {
  if (bytes.length < AT.entries) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = KINDS[view.getUint8(AT.kind)];
  const count = view.getUint8(AT.count);
  if (view.getUint32(0) !== MAGIC || kind === undefined || count > PROBE_EXCHANGE.addressesMax) return undefined;
  const entryOctets = kind === "found" ? FOUND_OCTETS : WANTED_OCTETS;
  const length = kind === "ask" ? ASK_OCTETS : AT.entries + count * entryOctets;
  if (bytes.length !== length || (kind === "ask" && count > 0)) return undefined;
  const nonce = (at: number) => toHex(bytes.subarray(at, at + PROBE_EXCHANGE.nonceOctets));
  return {
    kind,
    relayNonce: nonce(AT.relayNonce),
    nodeNonce: nonce(AT.nodeNonce),
    giaddr: view.getUint32(AT.giaddr),
    link: view.getUint32(AT.link),
    addresses: Array.from({ length: count }, (_, index) => {
      const at = AT.entries + index * entryOctets;
      const address = view.getUint32(at);
      return kind === "found" ? { address, mac: bytes.slice(at + 4, at + 4 + MAC_OCTETS) } : { address };
    }),
  };
}
