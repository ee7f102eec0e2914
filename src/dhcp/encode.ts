/**
 * {@link Message} to datagram (RFC 2131 §2, RFC 2132 §9.3, RFC 3396 §7).
 *
 * Decides in which field each option goes when space is short; which options a message has, and their order, is the
 * caller's decision.
 */

import { assert } from "../assert.ts";
import {
  AT,
  BOOTP_BYTES_MIN,
  CLIENT_BYTES_MIN,
  END,
  FIELD_BYTES,
  MAGIC_COOKIE,
  OVERLOAD,
  OVERLOAD_FILE,
  OVERLOAD_SNAME,
  PART_BYTES_MAX,
  RELAY_AGENT_INFORMATION,
} from "./layout.ts";
import type { Message, Options } from "./message.ts";
import { putIpv4 } from "./options/values/ipv4.ts";

/** How large the datagram may become. */
interface EncodeOptions {
  /**
   * Octets the client accepts: option 57 less 28 for the IPv4 and UDP headers. Never below, and by default, the
   * {@link CLIENT_BYTES_MIN} that every client has to accept. Option 82 does not count: the relay removes it before
   * the client gets the message.
   */
  readonly bytesMax?: number;
  /** For a client without options of DHCP: {@link BOOTP_BYTES_MIN} are enough, and option 52 means nothing to it. */
  readonly bootp?: boolean;
}

/** An encoded message. */
interface Encoded {
  /** Never written again. A view into a block shared with other messages: copy what is kept for long. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Codes of the options for which there was no room; nearly always empty. */
  readonly omitted: readonly number[];
}

const NONE: readonly number[] = [];

/** A reply without these is none: message type, server identifier, lease time and the client id's echo (RFC 6842). */
const ESSENTIAL: readonly number[] = [53, 54, 51, 61];

/**
 * Writes a message. Options keep the order of the map, except that option 82 goes last (RFC 3046 §2.1); those longer
 * than 255 octets are split (RFC 3396). The result is padded to the 300 octets of BOOTP (RFC 1542 §2.1).
 *
 * When the options exceed `bytesMax`, `file` and `sname` take some of them if they are empty (RFC 2132 §9.3). Message
 * type, server identifier, lease time and client identifier are then placed first; each of the others, in order,
 * wherever there is room for it, so that a large one does not displace smaller ones after it. An option is
 * split only if it has more than 255 octets: clients older than RFC 3396 misread the others. The rest is `omitted`.
 *
 * Throws on a message that no datagram can express, such as a `chaddr` of 17 octets.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * import { BOOTREQUEST } from "./message.ts";
 * const none = new Uint8Array(0);
 * const { bytes } = encode({
 *   op: BOOTREQUEST, htype: 1, hops: 0, xid: 1, secs: 0, flags: 0, ciaddr: 0, yiaddr: 0, siaddr: 0, giaddr: 0,
 *   chaddr: Uint8Array.of(2, 0, 0, 0, 0, 1), sname: none, file: none, options: new Map([[53, Uint8Array.of(1)]]),
 * });
 * strictEqual(bytes.length, 300);
 * ```
 */
export function encode(message: Message, options: EncodeOptions = {}): Encoded {
  const { bootp = false } = options;
  const bytesMin = bootp ? BOOTP_BYTES_MIN : CLIENT_BYTES_MIN;
  const bytesMax = Math.max(options.bytesMax ?? bytesMin, bytesMin);
  const relayed = message.options.get(RELAY_AGENT_INFORMATION);
  const relayedBytes = relayed === undefined ? 0 : wireBytes(relayed.length);
  const clientBytes = optionsBytes(message.options);
  if (AT.options + clientBytes + 1 > bytesMax) return encodeTight(message, bytesMax, relayed, bootp);

  const bytes = allocate(Math.max(AT.options + clientBytes + relayedBytes + 1, BOOTP_BYTES_MIN));
  putHeader(bytes, message);
  putBytes(bytes, AT.sname, message.sname, 0, message.sname.length);
  putBytes(bytes, AT.file, message.file, 0, message.file.length);
  let offset: number = AT.options;
  for (const [code, value] of message.options) {
    if (code !== RELAY_AGENT_INFORMATION) offset = putOption(bytes, offset, code, value);
  }
  if (relayed !== undefined) offset = putOption(bytes, offset, RELAY_AGENT_INFORMATION, relayed);
  bytes[offset] = END;
  return { bytes, omitted: NONE };
}

/**
 * Datagrams are cut from blocks: a buffer of its own for each would double the cost of encoding, nearly all of it in
 * the garbage collector. No octet is handed out twice, so what is cut off is zero.
 */
const BLOCK_BYTES = 65536;
let block = new ArrayBuffer(0);
let blockUsed = 0;

function allocate(length: number): Uint8Array<ArrayBuffer> {
  if (length > BLOCK_BYTES) return new Uint8Array(length);
  if (blockUsed + length > block.byteLength) {
    block = new ArrayBuffer(BLOCK_BYTES);
    blockUsed = 0;
  }
  const bytes = new Uint8Array(block, blockUsed, length);
  blockUsed += length;
  return bytes;
}

/** Octets of an option on the wire: two more than its value for each part of up to 255. */
function wireBytes(valueBytes: number): number {
  return valueBytes <= PART_BYTES_MAX ? 2 + valueBytes : valueBytes + 2 * Math.ceil(valueBytes / PART_BYTES_MAX);
}

/** Octets of all the options but 82. */
function optionsBytes(options: Options): number {
  let size = 0;
  for (const [code, value] of options) {
    if (!(code > 0 && code < END) || code === OVERLOAD) throw new RangeError(`Option ${code} is the encoder's own`);
    if (code !== RELAY_AGENT_INFORMATION) size += wireBytes(value.length);
  }
  return size;
}

function putHeader(bytes: Uint8Array, message: Message): void {
  const { chaddr, sname, file } = message;
  if (chaddr.length > FIELD_BYTES.chaddr || sname.length > FIELD_BYTES.sname || file.length > FIELD_BYTES.file) {
    throw new RangeError("RFC 2131 §2: chaddr, sname and file hold at most 16, 64 and 128 octets");
  }
  bytes[AT.op] = message.op;
  bytes[AT.htype] = message.htype;
  bytes[AT.hlen] = chaddr.length;
  bytes[AT.hops] = message.hops;
  putIpv4(bytes, AT.xid, message.xid);
  bytes[AT.secs] = message.secs >>> 8;
  bytes[AT.secs + 1] = message.secs;
  bytes[AT.flags] = message.flags >>> 8;
  bytes[AT.flags + 1] = message.flags;
  putIpv4(bytes, AT.ciaddr, message.ciaddr);
  putIpv4(bytes, AT.yiaddr, message.yiaddr);
  putIpv4(bytes, AT.siaddr, message.siaddr);
  putIpv4(bytes, AT.giaddr, message.giaddr);
  putBytes(bytes, AT.chaddr, chaddr, 0, chaddr.length);
  putIpv4(bytes, AT.cookie, MAGIC_COOKIE);
}

// Most values have four octets, for which set() is slower than a loop.
function putBytes(bytes: Uint8Array, offset: number, from: Uint8Array, start: number, end: number): void {
  if (end - start > 48) {
    bytes.set(from.subarray(start, end), offset);
    return;
  }
  for (let index = start; index < end; index++) bytes[offset + index - start] = from[index] as number;
}

/** Writes an option, split if need be; returns where the next one goes. */
function putOption(bytes: Uint8Array, offset: number, code: number, value: Uint8Array): number {
  let start = 0;
  let at = offset;
  do {
    const length = Math.min(value.length - start, PART_BYTES_MAX);
    at = putPart(bytes, at, code, value, start, length);
    start += length;
  } while (start < value.length);
  return at;
}

function putPart(
  bytes: Uint8Array,
  offset: number,
  code: number,
  value: Uint8Array,
  start: number,
  length: number,
): number {
  bytes[offset] = code;
  bytes[offset + 1] = length;
  putBytes(bytes, offset + 2, value, start, start + length);
  return offset + 2 + length;
}

/** A field that takes options, and how far it is filled; one octet is kept for its End. */
interface Space {
  readonly overload: number;
  offset: number;
  readonly end: number;
}

const roomIn = (space: Space): number => space.end - 1 - space.offset;

/** How many octets of a long option's value fit into a field, split into parts of at most 255. */
function valueRoom(space: Space): number {
  const whole = Math.floor(roomIn(space) / (PART_BYTES_MAX + 2));
  const rest = roomIn(space) - whole * (PART_BYTES_MAX + 2) - 2;
  return whole * PART_BYTES_MAX + Math.max(0, rest);
}

function encodeTight(
  message: Message,
  bytesMax: number,
  relayed: Uint8Array | undefined,
  bootp: boolean,
): Encoded {
  const relayedBytes = relayed === undefined ? 0 : wireBytes(relayed.length);
  const bytes = allocate(bytesMax + relayedBytes);
  putHeader(bytes, message);
  const field: Space = { overload: 0, offset: AT.options, end: bytesMax };
  const spaces = [field];
  // RFC 3396 §5: the order in which a receiver joins the parts.
  if (message.file.length === 0 && !bootp) {
    spaces.push({ overload: OVERLOAD_FILE, offset: AT.file, end: AT.file + FIELD_BYTES.file });
  } else putBytes(bytes, AT.file, message.file, 0, message.file.length);
  if (message.sname.length === 0 && !bootp) {
    spaces.push({ overload: OVERLOAD_SNAME, offset: AT.sname, end: AT.sname + FIELD_BYTES.sname });
  } else putBytes(bytes, AT.sname, message.sname, 0, message.sname.length);

  // Option 52 comes first, so that a receiver knows at once; its value follows when it is known.
  const overloadAt = field.offset + 2;
  if (spaces.length > 1) field.offset += 3;

  const omitted: number[] = [];
  for (const code of placementOrder(message.options)) {
    const value = message.options.get(code);
    if (value !== undefined && !place(bytes, spaces, code, value)) omitted.push(code);
  }
  let overload = 0;
  for (const space of spaces) {
    if (space.overload === 0 || space.offset === (space.overload === OVERLOAD_FILE ? AT.file : AT.sname)) continue;
    overload |= space.overload;
    bytes[space.offset] = END;
  }
  if (overload !== 0) bytes.set([OVERLOAD, 1, overload], overloadAt - 2);
  if (relayed !== undefined) field.offset = putOption(bytes, field.offset, RELAY_AGENT_INFORMATION, relayed);
  bytes[field.offset] = END;
  const length = Math.max(field.offset + 1, BOOTP_BYTES_MIN);
  assert(length <= bytes.length, "What was placed fits");
  return { bytes: bytes.subarray(0, length), omitted };
}

/** Essential options in front, the others in the map's order; 82 has a place of its own. */
function placementOrder(options: Options): number[] {
  const others = [...options.keys()].filter((code) => !ESSENTIAL.includes(code) && code !== RELAY_AGENT_INFORMATION);
  return [...ESSENTIAL, ...others];
}

/** Writes an option where it fits, or nowhere. */
function place(bytes: Uint8Array, spaces: readonly Space[], code: number, value: Uint8Array): boolean {
  const size = wireBytes(value.length);
  for (const space of spaces) {
    if (size <= roomIn(space)) {
      space.offset = putOption(bytes, space.offset, code, value);
      return true;
    }
  }
  if (value.length <= PART_BYTES_MAX) return false;
  let room = 0;
  for (const space of spaces) room += valueRoom(space);
  if (room < value.length) return false;
  let start = 0;
  for (const space of spaces) {
    let fitting = Math.min(valueRoom(space), value.length - start);
    while (fitting > 0) {
      const length = Math.min(fitting, PART_BYTES_MAX);
      space.offset = putPart(bytes, space.offset, code, value, start, length);
      start += length;
      fitting -= length;
    }
  }
  return true;
}
