/**
 * Relay agent information, the value of option 82 (RFC 3046 §2.0): sub-options that relays add for servers and for
 * themselves. `relay_agent.ts` finds, appends and removes the option in a datagram.
 */

import { toHex } from "../bytes/hex.ts";
import { assert } from "../assert.ts";
import { formatIpv4, type Ipv4 } from "../net/ipv4.ts";
import type { Decoded } from "./message.ts";
import { RELAY_AGENT_INFORMATION } from "./layout.ts";
import { type Codec, present } from "./options/codec.ts";
import { ipv4At, putIpv4 } from "./options/values/ipv4.ts";

/** Sub-option codes. */
export const SUB_OPTION = {
  /** RFC 3046 §3.1. */
  circuitId: 1,
  /** RFC 3046 §3.2. */
  remoteId: 2,
  /** RFC 3527 §3. */
  linkSelection: 5,
  /** RFC 3993 §3. */
  subscriberId: 6,
  /** RFC 4243 §3. */
  vendor: 9,
  /** RFC 5010 §3. */
  flags: 10,
  /** RFC 5107 §4. */
  serverIdentifierOverride: 11,
  /** RFC 6925 §5. */
  relayId: 12,
} as const;

/** RFC 5010 §3: the client's message reached the relay by unicast. */
export const RELAY_FLAG_UNICAST = 0x80;

/** The sub-options by name; a byte string is a view of what was decoded. */
export interface RelayAgentInformation {
  readonly circuitId?: Uint8Array;
  readonly remoteId?: Uint8Array;
  /** The subnet to choose an address from, when that is not giaddr's. */
  readonly linkSelection?: Ipv4;
  readonly subscriberId?: Uint8Array;
  /** Enterprise numbers with their data, as they came. */
  readonly vendor?: Uint8Array;
  readonly flags?: number;
  /** What the server puts into option 54, so that renewals come through the relay. */
  readonly serverIdentifierOverride?: Ipv4;
  readonly relayId?: Uint8Array;
  /** Sub-options that have no field here. */
  readonly others?: ReadonlyMap<number, Uint8Array>;
}

type Writable = { -readonly [K in keyof RelayAgentInformation]: RelayAgentInformation[K] };

/** How many octets a sub-option of a fixed size has; 0 for the others. */
function fixedBytes(code: number): number {
  switch (code) {
    case SUB_OPTION.linkSelection:
    case SUB_OPTION.serverIdentifierOverride:
      return 4;
    case SUB_OPTION.flags:
      return 1;
    default:
      return 0;
  }
}

function assign(information: Writable, others: Map<number, Uint8Array>, code: number, value: Uint8Array): void {
  switch (code) {
    case SUB_OPTION.circuitId:
      information.circuitId = value;
      break;
    case SUB_OPTION.remoteId:
      information.remoteId = value;
      break;
    case SUB_OPTION.linkSelection:
      information.linkSelection = ipv4At(value, 0);
      break;
    case SUB_OPTION.subscriberId:
      information.subscriberId = value;
      break;
    case SUB_OPTION.vendor:
      information.vendor = value;
      break;
    case SUB_OPTION.flags:
      information.flags = value[0] as number;
      break;
    case SUB_OPTION.serverIdentifierOverride:
      information.serverIdentifierOverride = ipv4At(value, 0);
      break;
    case SUB_OPTION.relayId:
      information.relayId = value;
      break;
    default:
      others.set(code, value);
  }
}

/** The value of a sub-option in the value of option 82, which {@link decodeRelayAgentInformation} took. */
export function subOption(bytes: Uint8Array, wanted: number): Uint8Array | undefined {
  for (let offset = 0; offset + 2 <= bytes.length;) {
    const end = offset + 2 + (bytes[offset + 1] as number);
    if (bytes[offset] === wanted) return bytes.subarray(offset + 2, end);
    offset = end;
  }
  return undefined;
}

/**
 * Decodes the value of option 82. Sub-options have neither pad nor end (RFC 3046 §2.0). Of a sub-option
 * that occurs twice the first one counts. Error offsets count from the start of the value.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const decoded = decodeRelayAgentInformation(Uint8Array.of(5, 4, 10, 77, 0, 0));
 * deepStrictEqual(decoded, { ok: true, value: { linkSelection: 0x0a4d0000 } });
 * ```
 */
export function decodeRelayAgentInformation(bytes: Uint8Array): Decoded<RelayAgentInformation> {
  const information: Writable = {};
  const others = new Map<number, Uint8Array>();
  // One bit per code seen; 256 codes in eight words.
  const seen = new Uint32Array(8);
  for (let offset = 0; offset < bytes.length;) {
    const code = bytes[offset] as number;
    if (offset + 2 > bytes.length) return fault("truncated", code, offset);
    const length = bytes[offset + 1] as number;
    const end = offset + 2 + length;
    if (end > bytes.length) return fault("truncated", code, offset);
    const wanted = fixedBytes(code);
    if (wanted !== 0 && length !== wanted) return fault("badLength", code, offset);
    const word = code >>> 5;
    const bit = 1 << (code & 31);
    if (((seen[word] as number) & bit) === 0) {
      seen[word] = (seen[word] as number) | bit;
      assign(information, others, code, bytes.subarray(offset + 2, end));
    }
    offset = end;
  }
  if (others.size > 0) information.others = others;
  return { ok: true, value: information };
}

function fault(kind: "truncated" | "badLength", code: number, offset: number): Decoded<never> {
  return { ok: false, error: { kind, field: `option 82 sub-option ${code}`, offset } };
}

function ipv4Bytes(address: Ipv4): Uint8Array {
  const bytes = new Uint8Array(4);
  putIpv4(bytes, 0, address);
  return bytes;
}

/** The sub-options as code and bytes, in the order of their codes; those without a field of their own come last. */
function partsOf(information: RelayAgentInformation): [code: number, value: Uint8Array][] {
  const { linkSelection, flags, serverIdentifierOverride } = information;
  const known: [number, Uint8Array | undefined][] = [
    [SUB_OPTION.circuitId, information.circuitId],
    [SUB_OPTION.remoteId, information.remoteId],
    [SUB_OPTION.linkSelection, linkSelection === undefined ? undefined : ipv4Bytes(linkSelection)],
    [SUB_OPTION.subscriberId, information.subscriberId],
    [SUB_OPTION.vendor, information.vendor],
    [SUB_OPTION.flags, flags === undefined ? undefined : Uint8Array.of(flags)],
    [
      SUB_OPTION.serverIdentifierOverride,
      serverIdentifierOverride === undefined ? undefined : ipv4Bytes(serverIdentifierOverride),
    ],
    [SUB_OPTION.relayId, information.relayId],
  ];
  const parts = known.filter((part): part is [number, Uint8Array] => part[1] !== undefined);
  return information.others === undefined ? parts : [...parts, ...information.others];
}

/**
 * The inverse of {@link decodeRelayAgentInformation}: the value of option 82, without its code and length. A sub-option
 * of more than 255 octets does not exist (its length is one octet) and throws.
 */
export function encodeRelayAgentInformation(information: RelayAgentInformation): Uint8Array<ArrayBuffer> {
  const parts = partsOf(information);
  const bytes = new Uint8Array(parts.reduce((sum, [, value]) => sum + 2 + value.length, 0));
  let offset = 0;
  for (const [code, value] of parts) {
    assert(value.length <= 255, `RFC 3046 §2.0: sub-option ${code} has at most 255 octets`);
    bytes[offset] = code;
    bytes[offset + 1] = value.length;
    bytes.set(value, offset + 2);
    offset += 2 + value.length;
  }
  return bytes;
}

const NAMES = new Map<number, string>(Object.entries(SUB_OPTION).map(([name, code]) => [code, name]));

/** The registry's view of option 82. */
export const relayAgentInformation: Codec<RelayAgentInformation> = {
  shape: "sub-options",
  wanted: "nothing: relays send it",
  decode(bytes, code) {
    const decoded = decodeRelayAgentInformation(bytes);
    if (decoded.ok) return present(decoded.value);
    return { kind: "malformed", error: { ...decoded.error, field: `option ${code}` } };
  },
  encode: encodeRelayAgentInformation,
  parse: (input) => ({ ok: false, found: input }),
  format: (information) =>
    partsOf(information).map(([code, value]) =>
      `${NAMES.get(code) ?? code} ${fixedBytes(code) === 4 ? formatIpv4(ipv4At(value, 0)) : `0x${toHex(value)}`}`
    ).join(", "),
};

assert(RELAY_AGENT_INFORMATION === 82, "RFC 3046 §2.0");
