/**
 * Client identifiers (option 61, RFC 2132 §9.14, RFC 4361) as text, and their validation. Leases compare
 * identifiers as they are on the wire: opaque bytes.
 */

import { toHex } from "../bytes/hex.ts";
import { ipv4At } from "./options/values/ipv4.ts";

/** RFC 2132 §9.14: a type octet and at least one more. */
export const CLIENT_IDENTIFIER_BYTES_MIN = 2;

/** RFC 4361 §6.1: the type octet of an identifier made of IAID and DUID. */
const TYPE_IAID_DUID = 255;
const IAID_BYTES = 4;

/** The parts of a DUID (RFC 8415 §11, RFC 6355 §4). */
export type Duid =
  | { readonly kind: "llt"; readonly htype: number; readonly seconds: number; readonly address: Uint8Array }
  | { readonly kind: "en"; readonly enterprise: number; readonly identifier: Uint8Array }
  | { readonly kind: "ll"; readonly htype: number; readonly address: Uint8Array }
  | { readonly kind: "uuid"; readonly uuid: Uint8Array }
  | { readonly kind: "other"; readonly bytes: Uint8Array };

/** The parts of a client identifier. */
export type ClientIdentifier =
  /** A hardware address with its type, as in `htype` and `chaddr`. */
  | { readonly kind: "hardware"; readonly htype: number; readonly address: Uint8Array }
  /** RFC 4361: one of possibly several interfaces of a client. */
  | { readonly kind: "duid"; readonly iaid: number; readonly duid: Duid }
  /** Anything else, text with type 0 above all. */
  | { readonly kind: "opaque"; readonly type: number; readonly bytes: Uint8Array };

function parseDuid(bytes: Uint8Array): Duid {
  const type = bytes.length < 2 ? 0 : ((bytes[0] as number) << 8) | (bytes[1] as number);
  const u16At2 = () => ((bytes[2] as number) << 8) | (bytes[3] as number);
  if (type === 1 && bytes.length > 8) {
    return { kind: "llt", htype: u16At2(), seconds: ipv4At(bytes, 4), address: bytes.subarray(8) };
  }
  if (type === 2 && bytes.length > 6) {
    return { kind: "en", enterprise: ipv4At(bytes, 2), identifier: bytes.subarray(6) };
  }
  if (type === 3 && bytes.length > 4) return { kind: "ll", htype: u16At2(), address: bytes.subarray(4) };
  if (type === 4 && bytes.length === 18) return { kind: "uuid", uuid: bytes.subarray(2) };
  return { kind: "other", bytes };
}

/** Whether the bytes may be a client identifier at all. */
export function isClientIdentifier(bytes: Uint8Array): boolean {
  return bytes.length >= CLIENT_IDENTIFIER_BYTES_MIN;
}

/**
 * Parses an identifier; undefined when it is too short to be one. Byte strings in the result are views.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual(parseClientIdentifier(Uint8Array.of(1, 2, 0, 0, 0, 0, 9)), {
 *   kind: "hardware",
 *   htype: 1,
 *   address: Uint8Array.of(2, 0, 0, 0, 0, 9),
 * });
 * ```
 */
export function parseClientIdentifier(bytes: Uint8Array): ClientIdentifier | undefined {
  if (!isClientIdentifier(bytes)) return undefined;
  const type = bytes[0] as number;
  if (type === TYPE_IAID_DUID && bytes.length > 1 + IAID_BYTES + 2) {
    return { kind: "duid", iaid: ipv4At(bytes, 1), duid: parseDuid(bytes.subarray(1 + IAID_BYTES)) };
  }
  // RFC 2132 §9.14: other types are those of `htype`; only Ethernet's length is beyond doubt.
  if (type === 1 && bytes.length === 7) return { kind: "hardware", htype: type, address: bytes.subarray(1) };
  return { kind: "opaque", type, bytes: bytes.subarray(1) };
}

function formatDuid(duid: Duid): string {
  switch (duid.kind) {
    case "llt":
      return `llt ${toHex(duid.address, ":")} ${duid.seconds}`;
    case "en":
      return `en ${duid.enterprise} ${toHex(duid.identifier)}`;
    case "ll":
      return `ll ${toHex(duid.address, ":")}`;
    case "uuid":
      return `uuid ${toHex(duid.uuid).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")}`;
    case "other":
      return `0x${toHex(duid.bytes)}`;
  }
}

/** Printable ASCII without quotes and backslashes, which need no escapes. */
function isPlainText(bytes: Uint8Array): boolean {
  return bytes.every((octet) => octet >= 32 && octet < 127 && octet !== 34 && octet !== 92);
}

/**
 * An identifier as text for operators. Configuration takes its bytes in hex (`clientId`).
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(formatClientIdentifier(Uint8Array.of(1, 2, 0, 0, 0, 0, 9)), "02:00:00:00:00:09");
 * strictEqual(formatClientIdentifier(Uint8Array.of(0, 99, 111, 110, 102)), '"conf"');
 * strictEqual(formatClientIdentifier(Uint8Array.of(9, 1, 2)), "0x090102");
 * ```
 */
export function formatClientIdentifier(bytes: Uint8Array): string {
  const identifier = parseClientIdentifier(bytes);
  if (identifier?.kind === "hardware") return toHex(identifier.address, ":");
  if (identifier?.kind === "duid") {
    return `iaid 0x${identifier.iaid.toString(16).padStart(8, "0")} duid ${formatDuid(identifier.duid)}`;
  }
  if (identifier?.kind === "opaque" && identifier.type === 0 && isPlainText(identifier.bytes)) {
    return `"${String.fromCharCode(...identifier.bytes)}"`;
  }
  return `0x${toHex(bytes)}`;
}
