/**
 * The DHCP message as the rest of the code sees it (RFC 2131 §2). `decode.ts` and `encode.ts` translate it to and from
 * datagrams; option values are decoded by the registry (`options/`).
 */

import type { Ipv4 } from "../net/ipv4.ts";

/** RFC 2131 §2, field `op`. */
export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;

/** RFC 2131 §2, figure 2: the leftmost bit of `flags`. */
export const BROADCAST_FLAG = 0x8000;

/** RFC 2131 §4.1. */
export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

/** Option 53 (RFC 2132 §9.6, RFC 4388 §6.1). */
export const MESSAGE_TYPE = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  DECLINE: 4,
  ACK: 5,
  NAK: 6,
  RELEASE: 7,
  INFORM: 8,
  LEASEQUERY: 10,
  LEASEUNASSIGNED: 11,
  LEASEUNKNOWN: 12,
  LEASEACTIVE: 13,
} as const;

/** Stands for the type of a message without option 53, of a BOOTP client (RFC 951, RFC 1534). */
export const BOOTP_TYPE = 0;

/**
 * Options by code, each as its whole value: parts of a long option joined (RFC 3396), overloaded fields merged in
 * (RFC 2132 §9.3). Insertion order is wire order.
 */
export type Options = Map<number, Uint8Array>;

/** RFC 2131 §2, figure 1. Field names are the RFC's own. */
export interface Message {
  /** {@link BOOTREQUEST} or {@link BOOTREPLY}. */
  op: number;
  htype: number;
  hops: number;
  xid: number;
  secs: number;
  flags: number;
  ciaddr: Ipv4;
  yiaddr: Ipv4;
  siaddr: Ipv4;
  giaddr: Ipv4;
  /** Client hardware address, `hlen` octets (0..16). */
  chaddr: Uint8Array;
  /** Server host name without its padding, 0..64 octets; empty when the field carried options. */
  sname: Uint8Array;
  /** Boot file name without its padding, 0..128 octets; empty when the field carried options. */
  file: Uint8Array;
  options: Options;
}

/** Option 53; undefined when it is absent or empty. */
export function messageTypeOf(message: Pick<Message, "options">): number | undefined {
  return message.options.get(53)?.[0];
}

/** Why a datagram is not a DHCP message. */
export interface DecodeError {
  readonly kind:
    /** The datagram ends inside the field. */
    | "truncated"
    /** RFC 2131 §3: the four octets before the options are not 99.130.83.99. */
    | "badCookie"
    /** A value no rule allows: `op` other than 1 or 2, `hlen` above 16, an overload other than 1..3. */
    | "badValue"
    /** A length that contradicts its option. */
    | "badLength"
    /** The cookie is absent altogether: a BOOTP message (RFC 951), or option 53 is. */
    | "bootp";
  /** The RFC's name of the field, or `option N`. */
  readonly field: string;
  /** Where in the datagram, in octets from its start. */
  readonly offset: number;
}

/** What decoding returns: malformed input is a value, never an exception. */
export type Decoded<T> = { readonly ok: true; readonly value: T } | {
  readonly ok: false;
  readonly error: DecodeError;
};
