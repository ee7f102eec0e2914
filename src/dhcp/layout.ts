/**
 * Where the fields of a DHCP message lie (RFC 2131 §2, figure 1). Decoder, encoder and relay patches take their
 * offsets from here; `message.ts` says what the fields mean.
 */

import { assert } from "../assert.ts";

/** Octets of each fixed field, in wire order. */
export const FIELD_BYTES = {
  op: 1,
  htype: 1,
  hlen: 1,
  hops: 1,
  xid: 4,
  secs: 2,
  flags: 2,
  ciaddr: 4,
  yiaddr: 4,
  siaddr: 4,
  giaddr: 4,
  chaddr: 16,
  sname: 64,
  file: 128,
} as const;

/** Offset of each fixed field from the start of the datagram. */
export const AT = {
  op: 0,
  htype: 1,
  hlen: 2,
  hops: 3,
  xid: 4,
  secs: 8,
  flags: 10,
  ciaddr: 12,
  yiaddr: 16,
  siaddr: 20,
  giaddr: 24,
  chaddr: 28,
  sname: 44,
  file: 108,
  cookie: 236,
  options: 240,
} as const;

/** 99.130.83.99, the first four octets of the options field (RFC 2131 §3). */
export const MAGIC_COOKIE = 0x63825363;

/** RFC 2132 §3.1 and §3.2: the two options that are a single octet, without length or value. */
export const PAD = 0;
export const END = 255;

/** RFC 2132 §9.3: `file`, `sname` or both carry options. */
export const OVERLOAD = 52;
export const OVERLOAD_FILE = 1;
export const OVERLOAD_SNAME = 2;

/** RFC 3046 §2.0. */
export const RELAY_AGENT_INFORMATION = 82;

/** One length octet: a longer value takes several options (RFC 3396 §5). */
export const PART_BYTES_MAX = 255;

/** RFC 1542 §2.1: relays may drop a message below the 300 octets of a BOOTP message (RFC 951 §3). */
export const BOOTP_BYTES_MIN = 300;

/**
 * RFC 2131 §2: every client accepts an options field of 312 octets, which makes a message of 548 octets and an IP
 * datagram of 576. More only if the client says so (option 57).
 */
export const CLIENT_BYTES_MIN = 548;

let offset = 0;
for (const [name, bytes] of Object.entries(FIELD_BYTES)) {
  assert(AT[name as keyof typeof FIELD_BYTES] === offset, `RFC 2131 §2: ${name} starts at octet ${offset}`);
  offset += bytes;
}
assert(offset === 236, "RFC 2131 §2: the fixed fields are 236 octets");
assert(AT.cookie === offset, "RFC 2131 §3: the cookie follows the fixed fields");
assert(AT.options === AT.cookie + 4, "RFC 2131 §3: the cookie is four octets");
assert(AT.cookie + 312 === CLIENT_BYTES_MIN, "RFC 2131 §2: an options field of at least 312 octets");
assert(CLIENT_BYTES_MIN === 576 - 20 - 8, "RFC 2132 §9.10: 576 counts the IPv4 and UDP headers");
assert(AT.cookie + 64 === BOOTP_BYTES_MIN, "RFC 951 §3: vend is 64 octets");
