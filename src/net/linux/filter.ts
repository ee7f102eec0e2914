/**
 * The classic BPF program of a packet socket: other traffic costs no copy and no turn of the event loop.
 *
 * It passes incoming, unfragmented UDP in IPv4 to one port. Incoming includes frames to hardware addresses of other
 * stations, which an interface delivers in promiscuous mode, and a veth always: the handler gets the destination.
 */

import { ETH_P_IP } from "./abi.ts";

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
const PROTOCOL_UDP = 17;
const FRAGMENT_MASK = 0x3fff;
const WHOLE_FRAME = 0xffffffff;

type Instruction = readonly [code: number, whenTrue: number, whenFalse: number, k: number];

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
