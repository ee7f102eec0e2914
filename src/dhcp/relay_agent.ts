/**
 * Option 82 in a datagram: found, appended and removed with every other octet left as it came, since a relay may not
 * decode and encode again what is not its own (RFC 1542 §4.1.1, RFC 3046 §2.1). Whether to do any of it is the relay's
 * decision; what the sub-options say is `relay_agent_information.ts`'s business.
 *
 * Only the options field is changed: relays leave `file` and `sname` alone even when these carry options (RFC 3046
 * §2.1). No relay puts option 82 there, but a server reads it there, and joins it to the relay's own: a client could
 * add sub-options that way. A datagram that has it there counts as malformed.
 */

import { type Ipv4, UNSPECIFIED } from "../net/ipv4.ts";
import {
  AT,
  BOOTP_BYTES_MIN,
  END,
  FIELD_BYTES,
  MAGIC_COOKIE,
  OVERLOAD,
  PAD,
  PART_BYTES_MAX,
  RELAY_AGENT_INFORMATION,
} from "./layout.ts";
import type { DecodeError } from "./message.ts";
import type { OptionRead } from "./options/codec.ts";
import { ipv4At, putIpv4 } from "./options/values/ipv4.ts";
import { type RelayAgentInformation, relayAgentInformation } from "./relay_agent_information.ts";

/** Why a datagram was not patched. */
export type PatchFault =
  /** Not a DHCP message, an option runs past its end, or option 82 is in `file` or `sname`. */
  | "malformed"
  /** RFC 3046 §2.1: there is an option 82 already; no second one may join it. */
  | "alreadyPresent"
  /** RFC 3046 §2.1: with option 82 the message would exceed the limit; it goes without, or not at all. */
  | "tooLong";

/** What a relay writes into a request. */
interface RelayPatch {
  readonly giaddr: Ipv4;
  readonly hops: number;
  /** The value of option 82; without it only the header changes. */
  readonly information?: Uint8Array;
  /** Let it join an option 82 that is there already, as further parts of its value (RFC 3396); not RFC 3046's way. */
  readonly join?: boolean;
  /** Room for the result; a new array is made where it is left out or too small. */
  readonly into?: Uint8Array | undefined;
  /** Largest result; by default what an Ethernet frame carries after the IPv4 and UDP headers. */
  readonly bytesMax?: number;
}

const ETHERNET_BYTES_MAX = 1500 - 20 - 8;

/**
 * A copy of a request with `giaddr` and `hops` set and option 82 as the last option before End, in parts when it is
 * long (RFC 3396). Padding behind it gives way; a missing End is added.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(appendRelayAgentInformation(new Uint8Array(300), { giaddr: 1, hops: 1 }), "malformed");
 * ```
 */
export function appendRelayAgentInformation(
  datagram: Uint8Array,
  patch: RelayPatch,
  options: OptionScan = scanOptions(datagram),
): Uint8Array | PatchFault {
  const { information, join = false, into, bytesMax = ETHERNET_BYTES_MAX } = patch;
  if (!options.wellFormed) return "malformed";
  if (information !== undefined && options.informationEnd > 0 && !join) return "alreadyPresent";
  const optionBytes = information === undefined
    ? 0
    : information.length + 2 * Math.max(1, Math.ceil(information.length / PART_BYTES_MAX));
  const needed = information === undefined ? 0 : options.end + optionBytes + 1;
  const length = Math.max(datagram.length, needed);
  if (length > bytesMax) return "tooLong";

  const bytes = roomFor(length, into);
  bytes.set(datagram);
  // Room that was used before is not empty.
  bytes.fill(0, datagram.length);
  bytes[AT.hops] = patch.hops;
  putIpv4(bytes, AT.giaddr, patch.giaddr);
  if (information === undefined) return bytes;
  let offset = options.end;
  let start = 0;
  do {
    const part = information.subarray(start, start + PART_BYTES_MAX);
    bytes[offset] = RELAY_AGENT_INFORMATION;
    bytes[offset + 1] = part.length;
    bytes.set(part, offset + 2);
    offset += 2 + part.length;
    start += part.length;
  } while (start < information.length);
  bytes[offset] = END;
  return bytes;
}

function roomFor(length: number, into: Uint8Array | undefined): Uint8Array {
  return into !== undefined && length <= into.length ? into.subarray(0, length) : new Uint8Array(length);
}

/**
 * A copy of a reply without option 82, wherever in the options field it stands and in however many parts. What follows
 * moves up, and padding keeps the message at the 300 octets of BOOTP if it had them before (RFC 1542 §2.1). A reply
 * without option 82 comes back itself. `into`: room for the copy, as in {@link RelayPatch}.
 */
export function removeRelayAgentInformation(
  datagram: Uint8Array,
  into?: Uint8Array,
  options: OptionScan = scanOptions(datagram),
): Uint8Array | "malformed" {
  if (!options.wellFormed) return "malformed";
  if (options.informationEnd === 0) return datagram;
  const bytes = roomFor(datagram.length, into);
  let size = 0;
  /** Where what is kept, and not copied yet, starts. */
  let kept = 0;
  for (let offset = options.information; offset < options.informationEnd;) {
    const next = nextOption(datagram, offset);
    if (datagram[offset] === RELAY_AGENT_INFORMATION) {
      bytes.set(datagram.subarray(kept, offset), size);
      size += offset - kept;
      kept = next;
    }
    offset = next;
  }
  bytes.set(datagram.subarray(kept), size);
  size += datagram.length - kept;
  bytes.fill(0, size);
  return bytes.subarray(0, Math.max(size, Math.min(BOOTP_BYTES_MIN, datagram.length)));
}

/** Option 82 of a datagram, copied, its parts joined. A datagram that is no DHCP message is malformed as well. */
export function readRelayAgentInformation(
  datagram: Uint8Array,
  options: OptionScan = scanOptions(datagram),
): OptionRead<RelayAgentInformation> {
  const value = relayAgentInformationIn(datagram, options);
  return value.kind === "present" ? relayAgentInformation.decode(value.value, RELAY_AGENT_INFORMATION) : value;
}

/** The same without a look at the sub-options. */
export function relayAgentInformationIn(
  datagram: Uint8Array,
  options: OptionScan = scanOptions(datagram),
): OptionRead<Uint8Array> {
  if (!options.wellFormed) return { kind: "malformed", error: NOT_DHCP };
  if (options.informationEnd === 0) return { kind: "absent" };
  // No larger than all the options together, and filled part by part.
  const joined = new Uint8Array(options.informationEnd - options.information);
  let size = 0;
  for (let offset = options.information; offset < options.informationEnd; offset = nextOption(datagram, offset)) {
    if (datagram[offset] !== RELAY_AGENT_INFORMATION) continue;
    const part = datagram.subarray(offset + 2, nextOption(datagram, offset));
    joined.set(part, size);
    size += part.length;
  }
  return { kind: "present", value: joined.subarray(0, size) };
}

const NOT_DHCP: DecodeError = { kind: "badValue", field: "options", offset: AT.options };

/** RFC 2132 §9.1, §9.6, §9.7, §9.14. */
const REQUESTED_ADDRESS = 50;
const MESSAGE_TYPE = 53;
const SERVER_IDENTIFIER = 54;
const CLIENT_IDENTIFIER = 61;

/** Everything a relay needs of the options field, from one scan. */
export interface OptionScan {
  /**
   * False without the cookie, when an option runs past the end, or with option 82 in `file` or `sname`; then the others
   * hold what precedes the fault.
   */
  readonly wellFormed: boolean;
  /** Option 53; 0 without one (BOOTP). */
  readonly messageType: number;
  /** Options 54 and 50; {@link UNSPECIFIED} when absent. */
  readonly serverIdentifier: Ipv4;
  readonly requestedAddress: Ipv4;
  /** Offset of option 61; 0 without one. */
  readonly clientIdentifier: number;
  /** Offset of the first option 82, and the end of the last one; 0 without one. */
  readonly information: number;
  readonly informationEnd: number;
  /** Where the last option ends, pads behind it not counted: a new one goes there. */
  readonly end: number;
}

/**
 * Scans the options field once; the functions above take the result, so that a relayed datagram is not scanned again.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(scanOptions(new Uint8Array(300)).wellFormed, false);
 * ```
 */
export function scanOptions(datagram: Uint8Array): OptionScan {
  const size = datagram.length;
  let messageType = 0;
  let serverIdentifier = UNSPECIFIED;
  let requestedAddress = UNSPECIFIED;
  let clientIdentifier = 0;
  let information = 0;
  let informationEnd = 0;
  let end: number = AT.options;
  let overloaded = false;
  let wellFormed = size >= AT.options && ipv4At(datagram, AT.cookie) === MAGIC_COOKIE;
  for (let offset: number = AT.options; wellFormed && offset < size;) {
    const code = datagram[offset];
    if (code === END) break;
    const next = nextOption(datagram, offset);
    if (next > size) wellFormed = false;
    else if (code !== PAD) {
      end = next;
      if (code === MESSAGE_TYPE && next === offset + 3) messageType = datagram[offset + 2] as number;
      else if (code === SERVER_IDENTIFIER && next === offset + 6) serverIdentifier = ipv4At(datagram, offset + 2);
      else if (code === REQUESTED_ADDRESS && next === offset + 6) requestedAddress = ipv4At(datagram, offset + 2);
      else if (code === CLIENT_IDENTIFIER) clientIdentifier = offset;
      else if (code === RELAY_AGENT_INFORMATION) {
        if (informationEnd === 0) information = offset;
        informationEnd = next;
      } else if (code === OVERLOAD) overloaded = true;
    }
    offset = next;
  }
  if (overloaded && (hidesInformation(datagram, "file") || hidesInformation(datagram, "sname"))) wellFormed = false;
  return {
    wellFormed,
    messageType,
    serverIdentifier,
    requestedAddress,
    clientIdentifier,
    information,
    informationEnd,
    end,
  };
}

/** Whether a field that option 52 may make an options field (RFC 2132 §9.3) has option 82. */
function hidesInformation(datagram: Uint8Array, field: "file" | "sname"): boolean {
  const end = AT[field] + FIELD_BYTES[field];
  for (let offset: number = AT[field]; offset < end && datagram[offset] !== END;) {
    if (datagram[offset] === RELAY_AGENT_INFORMATION) return true;
    offset = nextOption(datagram, offset);
  }
  return false;
}

/** Where the option after the one at `offset` starts; past the end of the datagram when it is cut short. */
function nextOption(datagram: Uint8Array, offset: number): number {
  if (datagram[offset] === PAD) return offset + 1;
  return offset + 2 + (datagram[offset + 1] ?? datagram.length);
}
