/** Kea's options: what `option-def` says of them, and the octets of `option-data`. */

import { fromHex } from "../../../bytes/hex.ts";
import { optionByKey, optionByName } from "../../../dhcp/options/mod.ts";
import { latin1Bytes } from "../../leases/lease.ts";
import {
  encapsulateOptions,
  type Encoded,
  encodeWords,
  integerOctets,
  registryType,
  type ValueKind,
  type ValueType,
} from "../options.ts";
import { own } from "../../own.ts";

/** An option of a space: of a client's own (`dhcp4`), or of a vendor's. */
export interface Definition {
  readonly name: string;
  readonly code: number;
  readonly space: string;
  /** Undefined: octets. */
  readonly type: ValueType | undefined;
  /** The space of its sub-options. */
  readonly encapsulate: string;
}

const TYPES: Readonly<Record<string, ValueKind>> = {
  uint8: "u8",
  uint16: "u16",
  uint32: "u32",
  int8: "i8",
  int16: "i16",
  int32: "i32",
  boolean: "bool",
  "ipv4-address": "address",
  string: "text",
  fqdn: "names",
};

/** The type that `type`, `record-types` and `array` name; undefined when no type here corresponds. */
export function keaType(type: string, recordTypes: string, array: boolean): ValueType | undefined {
  const names = type === "record" ? recordTypes.split(",").map((name) => name.trim()) : [type];
  const kinds = names.map((name) => own(TYPES, name));
  return kinds.every((kind) => kind !== undefined) ? { kinds: kinds as ValueKind[], array } : undefined;
}

/** Options that Kea defines and the registry does not, or as octets only. */
const MORE: readonly Definition[] = [
  { name: "netinfo-server-address", code: 112, type: { kinds: ["address"], array: true } },
  { name: "netinfo-server-tag", code: 113, type: { kinds: ["text"], array: false } },
  { name: "vivco-suboptions", code: 124, type: { kinds: ["u32", "hex"], array: false } },
  // The enterprise number; the sub-options stand in the space `vendor-` with that number.
  { name: "vivso-suboptions", code: 125, type: { kinds: ["u32"], array: false } },
].map((definition) => ({ ...definition, space: "dhcp4", encapsulate: "" }) as Definition);

/** CableLabs' options (DOCSIS 3.0), the one vendor space that Kea knows by itself. */
const DOCSIS: readonly Definition[] = [
  { name: "oro", code: 1, type: { kinds: ["u8"], array: true } },
  { name: "tftp-servers", code: 2, type: { kinds: ["address"], array: true } },
].map((definition) => ({ ...definition, space: "vendor-4491", encapsulate: "" }) as Definition);

/** The options of a space that need no definition. */
export function knownDefinition(space: string, key: string | number): Definition | undefined {
  if (space === "vendor-4491") return DOCSIS.find(({ name, code }) => name === key || code === key);
  return space === "dhcp4" ? standardDefinition(key) : undefined;
}

function standardDefinition(key: string | number): Definition | undefined {
  const more = MORE.find(({ name, code }) => name === key || code === key);
  if (more !== undefined) return more;
  const spec = typeof key === "number" ? optionByKey(String(key)) : optionByName(key);
  if (spec === undefined) return undefined;
  const type = spec.rfc === "" ? undefined : registryType(spec);
  const encapsulate = spec.code === 43 ? "vendor-encapsulated-options-space" : "";
  return { name: spec.name, code: spec.code, space: "dhcp4", type, encapsulate };
}

/**
 * The octets of `data`. With `csv` they are values separated by commas, `\,` being a comma within one; else hexadecimal
 * digits, or text in single quotes.
 */
export function encodeData(data: string, csv: boolean, type: ValueType | undefined): Encoded {
  if (!csv || type === undefined || type.kinds[0] === "hex") return encodeHex(data);
  const words = data.split(/(?<!\\),/).map((word) => word.trim().replaceAll("\\,", ","));
  // Since 2.5, routes are written `10.0.0.0/8 - 192.0.2.1`.
  if (type.kinds[0] === "route") return encodeWords(type, words.flatMap((word) => word.split(/\s+-\s+/)));
  return encodeWords(type, words);
}

function encodeHex(data: string): Encoded {
  const quoted = /^\s*'(.*)'\s*$/.exec(data);
  if (quoted !== null) return { ok: true, bytes: latin1Bytes(quoted[1] as string) };
  const digits = data.trim().replace(/^0x/i, "").replaceAll(/[\s:]+/g, "");
  const bytes = fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
  return bytes === undefined
    ? { ok: false, problem: `has "${data}" where hexadecimal digits belong` }
    : { ok: true, bytes };
}

/** RFC 3925 §4: an enterprise number and its sub-options; undefined when they are too long. */
export function vendorOptions(
  enterprise: number,
  options: ReadonlyMap<number, Uint8Array>,
): Uint8Array<ArrayBuffer> | undefined {
  const inner = encapsulateOptions(options);
  if (inner === undefined || inner.length > 255) return undefined;
  return Uint8Array.from([...integerOctets(enterprise, 4), inner.length, ...inner]);
}
