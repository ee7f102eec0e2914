/** Writes DHCP messages of emulated clients (RFC 2131 §2). Independent of `src/dhcp`, which is under test. */

import { TYPES } from "../../lab/dhcp_frame.ts";

export interface ClientMessage {
  readonly type: (typeof TYPES)[number];
  readonly xid: number;
  readonly chaddr: Uint8Array;
  /** Sets the broadcast flag: a UDP socket cannot receive unicast to an address that its host does not have. */
  readonly broadcast?: boolean;
  readonly hops?: number;
  /** Seconds since the client began. */
  readonly secs?: number;
  readonly ciaddr?: Uint8Array;
  /** Option 50. */
  readonly requestedAddress?: Uint8Array;
  /** Option 54. */
  readonly serverIdentifier?: Uint8Array;
}

/** The whole message, padded to the 300 octets of BOOTP (RFC 1542 §2.1). */
export function encodeClientMessage(message: ClientMessage): Uint8Array {
  const bytes = new Uint8Array(300);
  const view = new DataView(bytes.buffer);
  bytes.set([1, 1, 6, message.hops ?? 0]);
  view.setUint32(4, message.xid);
  view.setUint16(8, message.secs ?? 0);
  view.setUint16(10, message.broadcast ? 0x8000 : 0);
  if (message.ciaddr !== undefined) bytes.set(message.ciaddr, 12);
  bytes.set(message.chaddr, 28);
  view.setUint32(236, 0x63825363);
  let at = 240;
  const option = (code: number, value: ArrayLike<number>) => {
    bytes.set([code, value.length], at);
    bytes.set(value, at + 2);
    at += 2 + value.length;
  };
  option(53, [TYPES.indexOf(message.type)]);
  if (message.requestedAddress !== undefined) option(50, message.requestedAddress);
  if (message.serverIdentifier !== undefined) option(54, message.serverIdentifier);
  option(55, [1, 3, 6, 51, 54]);
  bytes[at] = 255;
  return bytes;
}

/** The hardware address of emulated client `number`. */
export function chaddrOf(number: number): Uint8Array {
  return Uint8Array.of(0x02, 0x5a, number >>> 24, number >>> 16, number >>> 8, number);
}

/** Dotted decimal as octets. */
export function octets(address: string): Uint8Array {
  return Uint8Array.from(address.split("."), Number);
}
