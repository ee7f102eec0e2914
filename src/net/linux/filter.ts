/**
 * Classic BPF programs of sockets: other traffic costs no copy and no turn of the event loop.
 *
 * That of a packet socket passes incoming, unfragmented UDP in IPv4 to one port. Incoming includes frames to hardware
 * addresses of other stations, which an interface delivers in promiscuous mode, and a veth always: the handler gets the
 * destination. That of a UDP socket passes some source addresses, and of the others a sample.
 */

import { assert } from "../../assert.ts";
import type { Ipv4 } from "../ipv4.ts";
import { ETH_P_IP } from "./abi.ts";

const LD_WORD_ABS = 0x20;
const LD_BYTE_ABS = 0x30;
const LD_HALF_ABS = 0x28;
const LD_HALF_IND = 0x48;
/** X = 4 * (frame[k] & 15): the length of the IPv4 header. */
const LDX_HEADER_LENGTH = 0xb1;
const JUMP_EQUAL = 0x15;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

/** SKF_AD_OFF + SKF_AD_PKTTYPE: the packet type, such as outgoing. */
const PACKET_TYPE = 0xfffff004;
const PACKET_OUTGOING = 4;
/** SKF_AD_OFF + SKF_AD_RANDOM: a random number. */
const RANDOM = 0xfffff038;
/** SKF_NET_OFF + 12: the source address in the IPv4 header, wherever the socket's own data begins. */
const SOURCE_ADDRESS = 0xfff0000c;
const PROTOCOL_UDP = 17;
const FRAGMENT_MASK = 0x3fff;
const WHOLE_FRAME = 0xffffffff;

type Instruction = readonly [code: number, whenTrue: number, whenFalse: number, k: number];

/** BPF_MAXINSNS. */
const INSTRUCTIONS_MAX = 4_096;

/** `struct sock_filter`: code (16 bits), jt, jf (8 each), k (32). */
const INSTRUCTION_OCTETS = 8;

/** The program for one port, assembled for SO_ATTACH_FILTER. Offsets count from the Ethernet header. */
export function udpPortFilter(port: number): Uint8Array<ArrayBuffer> {
  // Jumps count the instructions to skip: the last two are "take the whole frame" and "drop".
  const program: readonly Instruction[] = [
    [LD_BYTE_ABS, 0, 0, PACKET_TYPE],
    [JUMP_EQUAL, 10, 0, PACKET_OUTGOING],
    [LD_HALF_ABS, 0, 0, 12],
    [JUMP_EQUAL, 0, 8, ETH_P_IP],
    [LD_BYTE_ABS, 0, 0, 23],
    [JUMP_EQUAL, 0, 6, PROTOCOL_UDP],
    [LD_HALF_ABS, 0, 0, 20],
    [JUMP_ANY_BIT, 4, 0, FRAGMENT_MASK],
    [LDX_HEADER_LENGTH, 0, 0, 14],
    [LD_HALF_IND, 0, 0, 16],
    [JUMP_EQUAL, 0, 1, port],
    [RETURN, 0, 0, WHOLE_FRAME],
    [RETURN, 0, 0, 0],
  ];
  return assembled(program);
}

/** The program for a socket that is bound to ARP: what others send, assembled for SO_ATTACH_FILTER. */
export function arpFilter(): Uint8Array<ArrayBuffer> {
  return assembled([
    [LD_BYTE_ABS, 0, 0, PACKET_TYPE],
    [JUMP_EQUAL, 1, 0, PACKET_OUTGOING],
    [RETURN, 0, 0, WHOLE_FRAME],
    [RETURN, 0, 0, 0],
  ]);
}

/**
 * The program that passes datagrams from these addresses, and one in `sampleOneIn` (a power of two) of the others, so
 * that the program still sees that they come.
 */
export function sourcesFilter(sources: readonly Ipv4[], sampleOneIn: number): Uint8Array<ArrayBuffer> {
  assert(Number.isInteger(Math.log2(sampleOneIn)), "A sample is one in a power of two");
  return assembled([
    [LD_WORD_ABS, 0, 0, SOURCE_ADDRESS],
    ...sources.flatMap((source): Instruction[] => [
      [JUMP_EQUAL, 0, 1, source],
      [RETURN, 0, 0, WHOLE_FRAME],
    ]),
    [LD_WORD_ABS, 0, 0, RANDOM],
    [JUMP_ANY_BIT, 1, 0, sampleOneIn - 1],
    [RETURN, 0, 0, WHOLE_FRAME],
    [RETURN, 0, 0, 0],
  ]);
}

function assembled(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  assert(program.length <= INSTRUCTIONS_MAX, "The kernel takes no longer program");
  const bytes = new Uint8Array(program.length * INSTRUCTION_OCTETS);
  const view = new DataView(bytes.buffer);
  program.forEach(([code, whenTrue, whenFalse, k], index) => {
    const offset = index * INSTRUCTION_OCTETS;
    view.setUint16(offset, code, true);
    view.setUint8(offset + 2, whenTrue);
    view.setUint8(offset + 3, whenFalse);
    view.setUint32(offset + 4, k, true);
  });
  return bytes;
}

/** `struct sock_fprog`: number and address of the instructions. */
export function filterReference(program: Uint8Array, address: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, program.length / INSTRUCTION_OCTETS, true);
  view.setBigUint64(8, BigInt(address), true);
  return bytes;
}
