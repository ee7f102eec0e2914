/**
 * Encodes and decodes UDP in IPv4 in Ethernet II (RFC 768, RFC 791). Pure: interface, filter and the handling of a bad
 * frame are decided by the packet socket.
 *
 * Checksums of received frames are verified, with one exception. A sender on the same machine (veth, bridge, container,
 * virtual machine) leaves the UDP checksum to hardware that the frame never passes: the field then contains only the
 * sum over the pseudo-header, not complemented (Linux: CHECKSUM_PARTIAL). The kernel reports this in PACKET_AUXDATA
 * (TP_STATUS_CSUMNOTREADY), which takes `recvmsg` and its pointers for every frame. The value of the field shows it as
 * well, so a datagram with exactly this value is accepted. A damaged datagram has this value with a probability of 1 :
 * 65,536, and frames that were never on a wire are not damaged.
 */

import { assert } from "../assert.ts";
import type { Ipv4 } from "./ipv4.ts";
import type { PacketAddressing } from "./packet.ts";

const ETHERNET_OCTETS = 14;
const IPV4_OCTETS = 20;
const UDP_OCTETS = 8;
const MAC_OCTETS = 6;

/** Octets of the headers in a frame that is built here. */
export const FRAME_HEADER_OCTETS = ETHERNET_OCTETS + IPV4_OCTETS + UDP_OCTETS;

/** The longest payload: IPv4's total length has 16 bits. */
export const FRAME_PAYLOAD_OCTETS_MAX = 65535 - IPV4_OCTETS - UDP_OCTETS;

const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_UDP = 17;
const DONT_FRAGMENT = 0x4000;
/** "More fragments" and the fragment offset: not 0 in every fragment. */
const FRAGMENT_MASK = 0x3fff;
/** RFC 1122 §3.2.1.7 wants it configurable; 64 is the assigned default (RFC 1700). */
const TIME_TO_LIVE = 64;

assert(FRAME_HEADER_OCTETS === 42, "Ethernet II, IPv4 without options and UDP have 42 octets of headers");

/** Why a frame is not a valid UDP datagram. */
type FrameError =
  | "truncated"
  | "not IPv4"
  | "IPv4 header length"
  | "IPv4 total length"
  | "IPv4 header checksum"
  | "fragment"
  | "not UDP"
  | "UDP length"
  | "UDP checksum";

/** A decoded frame. The views point into it. */
export type FrameRead =
  | { readonly ok: true; readonly payload: Uint8Array; readonly addressing: PacketAddressing }
  | { readonly ok: false; readonly error: FrameError };

function word(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
}

function address(bytes: Uint8Array, offset: number): Ipv4 {
  return word(bytes, offset) * 65536 + word(bytes, offset + 2);
}

function putWord(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

function putAddress(bytes: Uint8Array, offset: number, value: Ipv4): void {
  putWord(bytes, offset, value >>> 16);
  putWord(bytes, offset + 2, value);
}

/** One's complement sum of 16-bit words, not yet folded; an odd last octet counts as the high half (RFC 1071 §1). */
function sum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  let total = initial;
  let offset = start;
  for (; offset + 1 < end; offset += 2) total += word(bytes, offset);
  if (offset < end) total += (bytes[offset] as number) << 8;
  return total;
}

function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 65536);
  return folded;
}

/** The sum over addresses, protocol and UDP length (RFC 768). The addresses are adjacent in the IPv4 header. */
function pseudoHeaderSum(bytes: Uint8Array, addressesOffset: number, udpLength: number): number {
  return sum(bytes, addressesOffset, addressesOffset + 8, PROTOCOL_UDP + udpLength);
}

/**
 * Writes a frame to the start of `target` and returns its length. `target` must have room for
 * {@link FRAME_HEADER_OCTETS} and the payload; whether the link takes a frame of this length is not checked. The driver
 * pads to Ethernet's minimum.
 */
export function writeFrame(target: Uint8Array, payload: Uint8Array, addressing: PacketAddressing): number {
  const length = FRAME_HEADER_OCTETS + payload.length;
  assert(payload.length <= FRAME_PAYLOAD_OCTETS_MAX, "A payload must fit IPv4's total length");
  assert(target.length >= length, "A frame must fit its memory");
  assert(
    addressing.destinationMac.length === MAC_OCTETS && addressing.sourceMac.length === MAC_OCTETS,
    "An Ethernet address has 6 octets",
  );
  target.set(addressing.destinationMac, 0);
  target.set(addressing.sourceMac, MAC_OCTETS);
  putWord(target, 12, ETHERTYPE_IPV4);

  const ip = ETHERNET_OCTETS;
  target[ip] = 0x45;
  target[ip + 1] = 0;
  putWord(target, ip + 2, IPV4_OCTETS + UDP_OCTETS + payload.length);
  // RFC 6864 §4.1: the identification of a datagram that may not be fragmented has no meaning.
  putWord(target, ip + 4, 0);
  putWord(target, ip + 6, DONT_FRAGMENT);
  target[ip + 8] = TIME_TO_LIVE;
  target[ip + 9] = PROTOCOL_UDP;
  putWord(target, ip + 10, 0);
  putAddress(target, ip + 12, addressing.source);
  putAddress(target, ip + 16, addressing.destination);
  putWord(target, ip + 10, ~fold(sum(target, ip, ip + IPV4_OCTETS)));

  const udp = ip + IPV4_OCTETS;
  const udpLength = UDP_OCTETS + payload.length;
  putWord(target, udp, addressing.sourcePort);
  putWord(target, udp + 2, addressing.destinationPort);
  putWord(target, udp + 4, udpLength);
  putWord(target, udp + 6, 0);
  target.set(payload, udp + UDP_OCTETS);
  const checksum = 0xffff ^ fold(sum(target, udp, length, pseudoHeaderSum(target, ip + 12, udpLength)));
  // RFC 768: a checksum that comes out as zero is sent as all ones; zero says "not computed".
  putWord(target, udp + 6, checksum === 0 ? 0xffff : checksum);
  return length;
}

function checksumHolds(frame: Uint8Array, ip: number, udp: number, udpLength: number): boolean {
  const stated = word(frame, udp + 6);
  if (stated === 0) return true;
  const pseudo = pseudoHeaderSum(frame, ip + 12, udpLength);
  return fold(sum(frame, udp, udp + udpLength, pseudo)) === 0xffff || stated === fold(pseudo);
}

function rejected(error: FrameError): FrameRead {
  return { ok: false, error };
}

/**
 * Decodes an Ethernet II frame. Never throws and never reads outside it; padding after the datagram is ignored.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const frame = new Uint8Array(64);
 * const addressing = {
 *   sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
 *   destinationMac: Uint8Array.of(2, 0, 0, 0, 0, 2),
 *   source: 0x0a4d0001,
 *   sourcePort: 67,
 *   destination: 0x0a4d0102,
 *   destinationPort: 68,
 * };
 * const length = writeFrame(frame, Uint8Array.of(1, 2, 3), addressing);
 * deepStrictEqual(readFrame(frame.subarray(0, length)), {
 *   ok: true,
 *   payload: Uint8Array.of(1, 2, 3),
 *   addressing,
 * });
 * ```
 */
export function readFrame(frame: Uint8Array): FrameRead {
  const ip = ETHERNET_OCTETS;
  if (frame.length < FRAME_HEADER_OCTETS) return rejected("truncated");
  if (word(frame, 12) !== ETHERTYPE_IPV4) return rejected("not IPv4");
  const first = frame[ip] as number;
  if (first >>> 4 !== 4) return rejected("not IPv4");
  const headerLength = 4 * (first & 15);
  if (headerLength < IPV4_OCTETS) return rejected("IPv4 header length");
  const totalLength = word(frame, ip + 2);
  if (totalLength < headerLength + UDP_OCTETS) return rejected("IPv4 total length");
  if (ip + totalLength > frame.length) return rejected("truncated");
  if (fold(sum(frame, ip, ip + headerLength)) !== 0xffff) return rejected("IPv4 header checksum");
  if (frame[ip + 9] !== PROTOCOL_UDP) return rejected("not UDP");
  if ((word(frame, ip + 6) & FRAGMENT_MASK) !== 0) return rejected("fragment");

  const udp = ip + headerLength;
  const udpLength = word(frame, udp + 4);
  if (udpLength < UDP_OCTETS || headerLength + udpLength > totalLength) return rejected("UDP length");
  if (!checksumHolds(frame, ip, udp, udpLength)) return rejected("UDP checksum");
  return {
    ok: true,
    payload: frame.subarray(udp + UDP_OCTETS, udp + udpLength),
    addressing: {
      sourceMac: frame.subarray(MAC_OCTETS, 2 * MAC_OCTETS),
      destinationMac: frame.subarray(0, MAC_OCTETS),
      source: address(frame, ip + 12),
      sourcePort: word(frame, udp),
      destination: address(frame, ip + 16),
      destinationPort: word(frame, udp + 2),
    },
  };
}
