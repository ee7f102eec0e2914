/** How large what comes over the wire may be, and how these limits relate. */

import { assert } from "../../assert.ts";
import { TICKS_PER_MS } from "../../lease/agreement/version.ts";

/** 2200-01-01: no right clock of any machine that runs this is past it. */
const LATEST_WALL_MS = 7_258_118_400_000;

export const WIRE_LIMITS = {
  /** Octets of an encoded message, over TCP. */
  messageBytesMax: 16 * 1024 * 1024,
  /** Octets of an encoded message in a datagram, whatever the sender thought of the MTU. */
  datagramBytesMax: 65_535,
  /** Records of a batch, answers of an acknowledgement. */
  recordsMax: 1_024,
  rangesMax: 65_536,
  committedMax: 4_096,
  membersMax: 255,
  poolsMax: 8_192,
  /** Subnets with a flood that a message names. */
  floodsMax: 256,
  /** Rows of a sync chunk. */
  rowsMax: 16_384,
  /** Subnet, tag, and a client identifier as long as a DHCP message (RFC 3396 lets option 61 be that long). */
  clientOctetsMax: 2_048,
  chaddrOctetsMax: 16,
  stringOctetsMax: 255,
  configTextMax: 16 * 1024 * 1024,
  /** What members of the release before read (wire version 3). */
  configTextMaxBefore: 4 * 1024 * 1024 - 64 * 1024,
  /** Reasons against a configuration, and how long each is told. */
  problemsMax: 256,
  problemTextMax: 4_096,
  /** A version beyond this would leave the hybrid clock no higher ones. */
  clockMax: LATEST_WALL_MS * TICKS_PER_MS,
} as const;

assert(WIRE_LIMITS.clockMax + 2 ** 40 < Number.MAX_SAFE_INTEGER, "There are always versions above the highest one");
assert(WIRE_LIMITS.poolsMax * 5 < WIRE_LIMITS.datagramBytesMax, "A heartbeat has the free addresses of every pool");
assert(WIRE_LIMITS.rowsMax * 150 < WIRE_LIMITS.messageBytesMax, "A full chunk of ordinary rows fits in a message");
