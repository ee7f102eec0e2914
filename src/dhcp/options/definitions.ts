/**
 * Options that a configuration defines beside those of the registry: a name, a code and the type of the values, in the
 * words of Kea; and spaces of sub-options. A space `vendor-N` is that of enterprise N in option 125 (RFC 3925 §4), any
 * other is one of option 43 (RFC 2132 §8.4). Keys of `options` name a sub-option as `SPACE.NAME` or `SPACE.CODE`.
 */

import { assert } from "../../assert.ts";
import { joinBytes } from "../../bytes/join.ts";
import { type Codec, itemsOf, malformed, type Parsed, present } from "./codec.ts";
import { optionByKey } from "./lookup.ts";
import { OPTIONS, type OptionSpec } from "./registry.ts";
import { bool, flag } from "./values/bool.ts";
import { bytes } from "./values/bytes.ts";
import { domainNames } from "./values/domain_names.ts";
import { i16, i32, i8, u16, u32, u8 } from "./values/integer.ts";
import { ipv4 } from "./values/ipv4.ts";
import { text } from "./values/text.ts";

/** How a value is written; `octets`: undefined for one that takes what is left. */
interface ValueType {
  readonly octets: number | undefined;
  // deno-lint-ignore no-explicit-any -- each codec has its own type of value
  readonly codec: Codec<any>;
}

/** Of single values, by the names that Kea gives them. */
const VALUE_TYPES = {
  binary: { octets: undefined, codec: bytes() },
  boolean: { octets: 1, codec: bool },
  empty: { octets: 0, codec: flag },
  fqdn: { octets: undefined, codec: domainNames({ compress: false, max: 1 }) },
  int8: { octets: 1, codec: i8() },
  int16: { octets: 2, codec: i16() },
  int32: { octets: 4, codec: i32() },
  "ipv4-address": { octets: 4, codec: ipv4 },
  string: { octets: undefined, codec: text },
  uint8: { octets: 1, codec: u8() },
  uint16: { octets: 2, codec: u16() },
  uint32: { octets: 4, codec: u32() },
} as const satisfies Record<string, ValueType>;

type ValueTypeName = keyof typeof VALUE_TYPES;

/** What the fields of a record may be. */
export const FIELD_TYPES = Object.keys(VALUE_TYPES) as [ValueTypeName, ...ValueTypeName[]];

/** What a definition may be. */
export const DEFINED_TYPES = [...FIELD_TYPES, "record"] as const;

/** One of `optionDefinitions`. */
export interface OptionDefinition {
  readonly name: string;
  readonly code: number;
  /** Undefined: an option of its own. */
  readonly space?: string;
  readonly type: (typeof DEFINED_TYPES)[number];
  /** Several values; of a record, several of its last field. */
  readonly array: boolean;
  readonly recordTypes?: readonly ValueTypeName[];
}

/** A sub-option as configured. */
export interface SubOption {
  /** The option that it is part of. */
  readonly option: number;
  /** Empty: given by code, in whichever space the others are. */
  readonly space: string;
  readonly code: number;
  readonly bytes: Uint8Array;
}

/** Where a value belongs: an option of its own, or a sub-option. */
export interface OptionPlace {
  readonly spec: OptionSpec;
  readonly within?: Pick<SubOption, "option" | "space">;
}

/** RFC 3925 §3: 32 bits. */
const ENTERPRISE_MAX = 0xffff_ffff;
const VENDOR_SPACE = /^vendor-([1-9]\d{0,9})$/;

/** The enterprise number of a space; undefined: it is one of option 43. */
export function enterpriseOf(space: string): number | undefined {
  const number = Number(VENDOR_SPACE.exec(space)?.[1]);
  return number <= ENTERPRISE_MAX ? number : undefined;
}

/** The options of a configuration by their keys. */
export class DefinedOptions {
  readonly #byName = new Map<string, OptionSpec>();
  readonly #spaces = new Set<string>();

  constructor(definitions: readonly OptionDefinition[] = []) {
    for (const definition of definitions) {
      const { name, code, space } = definition;
      const spec = { name, code, rfc: "", codec: codecOf(definition) };
      if (space !== undefined) this.#spaces.add(space);
      for (const key of [name, String(code)]) {
        const place = space === undefined ? key : `${space}.${key}`;
        if (space !== undefined || key === name) this.#byName.set(place, spec);
      }
    }
  }

  /** What a key of `options` names; undefined: nothing that is known. */
  find(key: string): OptionPlace | undefined {
    const dot = key.indexOf(".");
    if (dot < 0) {
      const spec = this.#byName.get(key) ?? optionByKey(key);
      return spec && { spec };
    }
    const [space, name] = [key.slice(0, dot), key.slice(dot + 1)];
    const option = enterpriseOf(space) === undefined ? OPTIONS.vendorEncapsulatedOptions : OPTIONS.vivsoSuboptions;
    const isSpace = this.#spaces.has(space) || option === OPTIONS.vivsoSuboptions;
    const spec = this.#byName.get(key) ?? (isSpace ? byCode(name) : undefined);
    return spec && { spec, within: { option: option.code, space } };
  }
}

/** A sub-option without a definition. */
export function byCode(key: string): OptionSpec | undefined {
  const code = /^[1-9]\d{0,2}$/.test(key) ? Number(key) : 0;
  return code < 1 || code > 254 ? undefined : { name: key, code, rfc: "", codec: bytes({ min: 0 }) };
}

/** Values as the bytes they come to. */
function codecOf({ type, array, recordTypes = [] }: OptionDefinition): Codec<Uint8Array> {
  const fields: readonly ValueType[] = type === "record"
    ? recordTypes.map((name) => VALUE_TYPES[name])
    : [VALUE_TYPES[type]];
  const [single] = fields;
  assert(single !== undefined, "A record has fields");
  const isList = type === "record" || array;
  const wanted = isList ? `${array ? "values" : "a list of"} ${describe(type, recordTypes)}` : single.codec.wanted;
  return {
    shape: describe(type, recordTypes),
    wanted,
    decode: (value, code) => isMadeOf(fields, array, value) ? present(value) : malformed(code, "badLength"),
    encode: (value) => value,
    parse: (input) => parseFields(fields, array, isList ? itemsOf(input) : [input], input),
    format: (value) => bytes({ min: 0 }).format(value),
  };
}

function describe(type: OptionDefinition["type"], recordTypes: readonly string[]): string {
  return type === "record" ? `(${recordTypes.join(", ")})` : `of type ${type}`;
}

/** The field that a value at a place of the list is for; the last one repeats in an array. */
function fieldAt(fields: readonly ValueType[], array: boolean, place: number): ValueType | undefined {
  return fields[place] ?? (array ? fields.at(-1) : undefined);
}

function parseFields(
  fields: readonly ValueType[],
  array: boolean,
  items: readonly unknown[],
  input: unknown,
): Parsed<Uint8Array> {
  if (items.length < fields.length) return { ok: false, found: input };
  const parts: Uint8Array[] = [];
  for (const [place, item] of items.entries()) {
    const field = fieldAt(fields, array, place);
    // Texts with commas between hold numbers as text.
    const number = typeof item === "string" && typeof input === "string" && /^-?\d+$/.test(item) ? Number(item) : item;
    const parsed = field?.codec.parse(field.codec === text ? item : number);
    if (field === undefined || parsed?.ok !== true) return { ok: false, found: item };
    parts.push(field.codec.encode(parsed.value));
  }
  return { ok: true, value: joinBytes(parts) };
}

/** Whether bytes may be a value of these fields; what has no fixed length is the last, and takes the rest. */
function isMadeOf(fields: readonly ValueType[], array: boolean, value: Uint8Array): boolean {
  let at = 0;
  for (let place = 0; place < fields.length || at < value.length; place++) {
    const field = fieldAt(fields, array, place);
    if (field === undefined || (place >= fields.length && field.octets === 0)) return false;
    const end = field.octets === undefined ? value.length : at + field.octets;
    if (end > value.length || field.codec.decode(value.subarray(at, end), 0).kind !== "present") return false;
    at = end;
  }
  return true;
}

/** Whether values of a type may be followed by more: only those of a fixed length. */
export function mayBeFollowed(type: ValueTypeName): boolean {
  const { octets }: ValueType = VALUE_TYPES[type];
  return octets !== undefined && octets > 0;
}

/** RFC 2132 §8.4, RFC 3925 §4: an octet says how long a sub-option is, and how long all those of an enterprise are. */
const LENGTH_MAX = 255;

/** Octets of a sub-option's value. */
export function subOptionOctetsMax(option: number): number {
  return option === OPTIONS.vivsoSuboptions.code ? LENGTH_MAX - 2 : LENGTH_MAX;
}

/**
 * Option 43 or 125 of the sub-options that apply, from the least specific level to the most specific. Those of one
 * space add up, and of two with one code the later counts. In option 43 a later space replaces an earlier one, as the
 * client reads one only.
 */
export function encodeSubOptions(option: number, all: readonly SubOption[]): Uint8Array {
  const isVendor = option === OPTIONS.vivsoSuboptions.code;
  const spaces = new Map<string, Map<number, Uint8Array>>();
  let current = "";
  for (const { space, code, bytes } of all) {
    if (!isVendor && space !== "" && current !== "" && space !== current) spaces.clear();
    if (space !== "") current = space;
    const group = isVendor ? space : "";
    const known = spaces.get(group) ?? new Map<number, Uint8Array>();
    spaces.set(group, known.set(code, bytes));
  }
  const parts: Uint8Array[] = [];
  for (const [space, known] of spaces) {
    const encoded = [...known].map(([code, value]) => Uint8Array.of(code, value.length, ...value));
    if (isVendor) parts.push(...ofEnterprise(enterpriseOf(space) ?? 0, encoded));
    else parts.push(...encoded);
  }
  return joinBytes(parts);
}

/** As many blocks of an enterprise as its sub-options need. */
function ofEnterprise(enterprise: number, encoded: readonly Uint8Array[]): Uint8Array[] {
  const blocks: Uint8Array[][] = [[]];
  let octets = 0;
  for (const each of encoded) {
    octets += each.length;
    if (octets > LENGTH_MAX) {
      blocks.push([]);
      octets = each.length;
    }
    blocks.at(-1)?.push(each);
  }
  return blocks.map((block) => {
    const data = joinBytes(block);
    return joinBytes([u32().encode(enterprise), Uint8Array.of(data.length), data]);
  });
}
