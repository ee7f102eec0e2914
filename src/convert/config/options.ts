/**
 * DHCP options on their way from one configuration to the other: as octets. Each server's words become octets by the kind
 * of value they are; the octets become what our configuration writes by the registry.
 */

import { fromHex, toHex } from "../../bytes/hex.ts";
import { optionByKey, type OptionSpec, parseOptionValue } from "../../dhcp/options/mod.ts";
import { labelsOf, parseName, writeNames } from "../../dhcp/options/values/domain_names.ts";
import { formatIpv4, parseIpv4, parsePrefix, type Prefix } from "../../net/ipv4.ts";
import { latin1Bytes, type Place } from "../leases/lease.ts";
import type { DraftSettings } from "./draft.ts";
import type { Findings } from "./findings.ts";

/** Kinds of values that configuration files write as a list of words. */
export type ValueKind =
  | ("u8" | "u16" | "u32" | "i8" | "i16" | "i32" | "bool" | "address" | "pair" | "text" | "name" | "names" | "hex")
  | ("route" | "sip" | "slpAgents" | "slpScopes");

/** A value of one kind, or of several: one after the other (a record), or the last of them repeated (an array). */
export interface ValueType {
  readonly kinds: readonly ValueKind[];
  readonly array: boolean;
}

/** The type of an option that the registry knows. */
export function registryType(spec: OptionSpec): ValueType {
  const { shape } = spec.codec;
  const of = (kind: ValueKind, array = false): ValueType => ({ kinds: [kind], array });
  const integer = /^(signed )?integer(s)?, (8|16|32) bits/.exec(shape);
  if (integer !== null) {
    return of(`${integer[1] === undefined ? "u" : "i"}${integer[3]}` as ValueKind, integer[2] !== undefined);
  }
  if (shape === "IPv4 address") return of("address");
  if (shape === "IPv4 addresses") return of("address", true);
  if (shape.startsWith("pairs of IPv4 addresses")) return of("pair", true);
  if (shape === "boolean") return of("bool");
  if (shape === "text") return of("text");
  if (shape === "routes") return of("route", true);
  if (shape === "domain name") return of("name");
  if (shape === "domain names") return of("names");
  if (shape === "IPv4 addresses or domain names") return of("sip");
  if (shape.startsWith("mandatory or not")) return of(shape.endsWith("text") ? "slpScopes" : "slpAgents");
  return of("hex");
}

/** Octets, or a predicate that says what is wrong. */
export type Encoded = { readonly ok: true; readonly bytes: Uint8Array } | {
  readonly ok: false;
  readonly problem: string;
};

const wrong = (problem: string): Encoded => ({ ok: false, problem });

/** Encodes words as a value of a type. */
export function encodeWords(type: ValueType, words: readonly string[]): Encoded {
  const octets: number[] = [];
  let at = 0;
  const take = (kind: ValueKind): Encoded => {
    const width = kind === "pair" || kind === "route" ? 2 : REST.has(kind) ? words.length - at : 1;
    const slice = words.slice(at, at + width);
    if (slice.length < Math.max(1, width)) return wrong("has too few values");
    at += width;
    return encodeKind(kind, slice);
  };
  for (const kind of type.kinds) {
    const encoded = take(kind);
    if (!encoded.ok) return encoded;
    for (const octet of encoded.bytes) octets.push(octet);
  }
  const last = type.kinds.at(-1);
  while (type.array && last !== undefined && at < words.length) {
    const kinds = type.kinds.length > 1 ? type.kinds : [last];
    for (const kind of kinds) {
      const encoded = take(kind);
      if (!encoded.ok) return encoded;
      for (const octet of encoded.bytes) octets.push(octet);
    }
  }
  return at < words.length ? wrong("has more values than its type") : { ok: true, bytes: Uint8Array.from(octets) };
}

/** Kinds that take all words that are left. */
const REST: ReadonlySet<ValueKind> = new Set(["names", "sip", "slpAgents", "slpScopes"]);

const INTEGERS: Readonly<Record<string, { octets: number; signed: boolean }>> = {
  u8: { octets: 1, signed: false },
  u16: { octets: 2, signed: false },
  u32: { octets: 4, signed: false },
  i8: { octets: 1, signed: true },
  i16: { octets: 2, signed: true },
  i32: { octets: 4, signed: true },
};

function encodeKind(kind: ValueKind, words: readonly string[]): Encoded {
  const [word = "", second = ""] = words;
  switch (kind) {
    case "bool":
      if (/^(?:true|on|yes|1)$/i.test(word)) return bytesOf([1]);
      return /^(?:false|off|no|0|ignore)$/i.test(word)
        ? bytesOf([0])
        : wrong(`has "${word}" where true or false belongs`);
    case "address":
      return addresses(words);
    case "pair":
      return addresses(words);
    case "text":
      return { ok: true, bytes: latin1Bytes(word) };
    case "hex": {
      const bytes = fromHex(word.replaceAll(" ", ""));
      return bytes === undefined ? wrong(`has "${word}" where octets in hexadecimal belong`) : { ok: true, bytes };
    }
    case "name":
    case "names": {
      const names = words.map(parseName);
      const bad = names.findIndex((name) => name === undefined || labelsOf(name) === undefined);
      if (bad >= 0) return wrong(`has "${words[bad]}" where a domain name belongs`);
      return { ok: true, bytes: writeNames(names.filter((name) => name !== undefined), kind === "names") };
    }
    case "route": {
      const destination = parsePrefix(word.includes("/") ? word : `${word}/32`);
      const router = parseIpv4(second);
      if (destination === undefined || router === undefined) {
        return wrong(`has "${word} ${second}" where a route belongs`);
      }
      return bytesOf(routeOctets(destination, router));
    }
    case "sip": {
      const numeric = addresses(words);
      if (numeric.ok) return bytesOf([1, ...numeric.bytes]);
      const named = encodeKind("names", words);
      // RFC 3361 §3.1: uncompressed, as not everybody counts pointers from the same octet.
      return named.ok ? bytesOf([0, ...writeNames(words.map((name) => parseName(name) ?? ""), false)]) : named;
    }
    case "slpAgents":
    case "slpScopes": {
      const mandatory = encodeKind("bool", [word]);
      if (!mandatory.ok) return mandatory;
      const rest = kind === "slpAgents" ? addresses(words.slice(1)) : encodeKind("text", [words.slice(1).join(",")]);
      return rest.ok ? bytesOf([...mandatory.bytes, ...rest.bytes]) : rest;
    }
    default: {
      const { octets, signed } = INTEGERS[kind] as { octets: number; signed: boolean };
      const span = 2 ** (8 * octets);
      const value = /^-?(?:\d+|0x[0-9a-f]+)$/i.test(word) ? Number(word) : NaN;
      const [min, max] = signed ? [-span / 2, span / 2 - 1] : [0, span - 1];
      if (!(value >= min && value <= max)) {
        return wrong(`has "${word}" where a whole number from ${min} to ${max} belongs`);
      }
      return bytesOf(integerOctets(value < 0 ? value + span : value, octets));
    }
  }
}

/** A whole number, the most significant octet first. */
export function integerOctets(value: number, octets: number): number[] {
  return Array.from({ length: octets }, (_, index) => Math.floor(value / 256 ** (octets - 1 - index)) % 256);
}

function bytesOf(octets: readonly number[]): Encoded {
  return { ok: true, bytes: Uint8Array.from(octets) };
}

function addresses(words: readonly string[]): Encoded {
  const octets: number[] = [];
  for (const word of words) {
    const address = parseIpv4(word);
    if (address === undefined) return wrong(`has "${word}" where an IPv4 address belongs; write the address itself`);
    octets.push(...integerOctets(address, 4));
  }
  return octets.length === 0 ? wrong("has no address") : bytesOf(octets);
}

function routeOctets({ address, prefixLength }: Prefix, router: number): number[] {
  return [
    prefixLength,
    ...integerOctets(address, 4).slice(0, (prefixLength + 7) >>> 3),
    ...integerOctets(router, 4),
  ];
}

/** Sub-options one after the other (RFC 2132 §8.4); undefined when one is too long for its length octet. */
export function encapsulateOptions(options: ReadonlyMap<number, Uint8Array>): Uint8Array<ArrayBuffer> | undefined {
  const octets: number[] = [];
  for (const [code, value] of options) {
    if (value.length > 255) return undefined;
    octets.push(code, value.length, ...value);
  }
  return Uint8Array.from(octets);
}

/** What to do about it. */
export const TOO_LONG = "a sub-option is longer than 255 octets; shorten it";

/** Options that our configuration says by a key of its own, in seconds. */
const TIME_OPTIONS = { 51: "leaseTime", 58: "renewTime", 59: "rebindTime" } as const;

/** Sets an option of a level, or reports why not. A later statement replaces an earlier one. */
export function setOption(
  settings: DraftSettings,
  code: number,
  bytes: Uint8Array,
  from: { readonly place: Place; readonly statement: string; readonly findings: Findings },
): void {
  const { place, statement, findings } = from;
  const spec = optionByKey(String(code));
  if (spec === undefined) return findings.lost(place, statement, `there is no option ${code}; codes go from 1 to 254`);
  const time = TIME_OPTIONS[code as keyof typeof TIME_OPTIONS];
  if (time !== undefined && bytes.length === 4) {
    const value = bytes.reduce((sum, octet) => sum * 256 + octet, 0);
    if (value > 0) settings[time] = { value, place };
    return;
  }
  if (spec.reserved !== undefined) {
    return findings.lost(place, statement, `option ${code} (${spec.name}) can't be configured: ${spec.reserved}`);
  }
  const value = configuredValue(spec, bytes);
  if (value === undefined) {
    const advice = `its value does not fit option ${code} (${spec.name}), which is ${spec.codec.wanted}`;
    return findings.lost(place, statement, bytes.length === 0 ? `option ${code} (${spec.name}) has no value` : advice);
  }
  settings.options.set(code, { value: bytes, place });
}

/** The key of an option in our configuration. */
export function optionKey(code: number): string {
  return optionByKey(String(code))?.name ?? String(code);
}

/**
 * What to write for an option so that reading it gives exactly these octets; in hexadecimal when no other form does.
 * Undefined when the octets are no value of the option's type.
 */
export function configuredValue(spec: OptionSpec, bytes: Uint8Array): unknown {
  const hex = `0x${toHex(bytes)}`;
  for (const candidate of [plainValue(spec, bytes), hex]) {
    if (candidate === undefined) continue;
    const parsed = parseOptionValue(spec, candidate);
    if (parsed.ok && toHex(parsed.bytes) === toHex(bytes)) return candidate;
  }
  return undefined;
}

/** The form that people write, as far as the octets have one; whether it says the same is the caller's to check. */
function plainValue(spec: OptionSpec, bytes: Uint8Array): unknown {
  const { shape } = spec.codec;
  const read = spec.codec.decode(bytes, spec.code);
  if (read.kind !== "present") return undefined;
  const { value } = read;
  if (shape === "IPv4 address") return formatIpv4(value as number);
  if (shape === "IPv4 addresses") return (value as number[]).map(formatIpv4);
  if (shape.startsWith("pairs of IPv4 addresses")) {
    const [first = "", second = ""] = /\((\w+), (\w+)\)/.exec(shape)?.slice(1) ?? [];
    return (value as [number, number][]).map(([left, right]) => ({
      [first]: formatIpv4(left),
      [second]: formatIpv4(right),
    }));
  }
  if (shape === "routes") {
    return (value as { destination: Prefix; router: number }[]).map(({ destination, router }) => ({
      destination: `${formatIpv4(destination.address)}/${destination.prefixLength}`,
      router: formatIpv4(router),
    }));
  }
  if (shape === "IPv4 addresses or domain names") {
    const servers = value as { kind: "names"; names: string[] } | { kind: "addresses"; addresses: number[] };
    return servers.kind === "names" ? servers.names : servers.addresses.map(formatIpv4);
  }
  if (shape === "IPv4 addresses or domain names") {
    const servers = value as { kind: "names"; names: string[] } | { kind: "addresses"; addresses: number[] };
    return servers.kind === "names" ? servers.names : servers.addresses.map(formatIpv4);
  }
  if (shape === "domain name") return (value as string[])[0];
  const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean" ||
    (Array.isArray(value) && value.every((item) => typeof item === "string" || typeof item === "number"));
  return plain ? value : undefined;
}
