/**
 * ARP on Ethernet (RFC 826), as far as it tells whether an address is used: a probe that asks for it without claiming
 * one (RFC 5227 §2.1.1), and which station a frame says has which address. Pure.
 */

import { assert } from "../assert.ts";
import type { Ipv4 } from "./ipv4.ts";

/** Ethernet II header and ARP packet; the driver pads to Ethernet's minimum. */
export const ARP_FRAME_OCTETS = 42;

const AT = { type: 12, htype: 14, oper: 20, sha: 22, spa: 28, tpa: 38 } as const;
const ETHERTYPE_ARP = 0x0806;
/** Ethernet, IPv4, and the lengths of their addresses, as one number each. */
const HTYPE_PTYPE = 0x0001_0800;
const HLEN_PLEN = 0x0604;
const REQUEST = 1;

/** Says that a station uses an address. */
export interface ArpClaim {
  readonly address: Ipv4;
  readonly mac: Uint8Array;
}

/** An ARP socket on one interface. */
export interface ArpSocket {
  /** Asks for an address; false when the system refuses. */
  probe(address: Ipv4): boolean;
  close(): void;
}

/**
 * A probe for an address.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const probe = arpProbe(Uint8Array.of(2, 0, 0, 0, 0, 1), 0x0a4d0102);
 * strictEqual(readArpClaim(probe), undefined, "it claims no address");
 * ```
 */
export function arpProbe(mac: Uint8Array, address: Ipv4): Uint8Array<ArrayBuffer> {
  assert(mac.length === 6, "An Ethernet address has 6 octets");
  const frame = new Uint8Array(ARP_FRAME_OCTETS);
  const view = new DataView(frame.buffer);
  frame.fill(0xff, 0, 6);
  frame.set(mac, 6);
  view.setUint16(AT.type, ETHERTYPE_ARP);
  view.setUint32(AT.htype, HTYPE_PTYPE);
  view.setUint16(AT.htype + 4, HLEN_PLEN);
  view.setUint16(AT.oper, REQUEST);
  frame.set(mac, AT.sha);
  view.setUint32(AT.tpa, address);
  return frame;
}

/** Which station has which address, as a request or a reply says; undefined when it says nothing. Never throws. */
export function readArpClaim(frame: Uint8Array): ArpClaim | undefined {
  if (frame.length < ARP_FRAME_OCTETS) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint16(AT.type) !== ETHERTYPE_ARP || view.getUint32(AT.htype) !== HTYPE_PTYPE) return undefined;
  if (view.getUint16(AT.htype + 4) !== HLEN_PLEN) return undefined;
  const address = view.getUint32(AT.spa);
  // RFC 5227 §1.1: the sender of a probe has no address yet.
  return address === 0 ? undefined : { address, mac: frame.slice(AT.sha, AT.spa) };
}
