/**
 * Lists of domain names in the encoding of RFC 1035 §3.1, compressed (§4.1.4) where the option allows it. Pointers
 * count from the start of the option's value, its parts joined (RFC 3397 §2).
 *
 * A name is text without the final dot; the root is `.`. A dot or backslash inside a label is written `\.` or `\\`,
 * any other octet outside printable ASCII as `\ddd` (RFC 1035 §5.1).
 */

import { assert } from "../../../assert.ts";
import { type Codec, malformed, parseItems, present } from "../codec.ts";

const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
const POINTER = 0xc0;
const POINTER_TARGET_MAX = 0x3fff;

const DOT = 46;
const BACKSLASH = 92;

/** What options allow. */
interface DomainNamesRules {
  /** Whether the encoder compresses. */
  readonly compress: boolean;
  /** How many names the option may carry. */
  readonly max?: number;
}

function showLabel(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let index = start; index < end; index++) {
    const octet = bytes[index] as number;
    if (octet === DOT || octet === BACKSLASH) text += `\\${String.fromCharCode(octet)}`;
    else if (octet > 32 && octet < 127) text += String.fromCharCode(octet);
    else text += `\\${octet.toString().padStart(3, "0")}`;
  }
  return text;
}

/** A name and where the next one starts; or what is wrong and where. */
type NameRead =
  | { readonly ok: true; readonly name: string; readonly next: number }
  | { readonly ok: false; readonly kind: "badLength" | "badValue"; readonly offset: number };

/** Reads the name that starts at `start`. */
export function readName(bytes: Uint8Array, start: number): NameRead {
  let name = "";
  let octets = 1;
  let offset = start;
  let next = -1;
  // Every jump must go further back than the one before it: so there is an end, and no name contains itself.
  let limit = start;
  for (;;) {
    if (offset >= bytes.length) return { ok: false, kind: "badLength", offset };
    const length = bytes[offset] as number;
    if (length === 0) return { ok: true, name: name === "" ? "." : name, next: next < 0 ? offset + 1 : next };
    if (length >= POINTER) {
      if (offset + 1 >= bytes.length) return { ok: false, kind: "badLength", offset };
      const target = (length - POINTER) * 256 + (bytes[offset + 1] as number);
      if (target >= limit) return { ok: false, kind: "badValue", offset };
      if (next < 0) next = offset + 2;
      offset = target;
      limit = target;
      continue;
    }
    if (length > LABEL_BYTES_MAX) return { ok: false, kind: "badValue", offset };
    if (offset + 1 + length > bytes.length) return { ok: false, kind: "badLength", offset };
    octets += 1 + length;
    if (octets > NAME_BYTES_MAX) return { ok: false, kind: "badValue", offset };
    if (name !== "") name += ".";
    name += showLabel(bytes, offset + 1, offset + 1 + length);
    offset += 1 + length;
  }
}

/** The labels of a name, each as its octets; undefined when the text is not a name. */
export function labelsOf(name: string): Uint8Array[] | undefined {
  if (name === ".") return [];
  const labels: number[][] = [[]];
  for (let index = 0; index < name.length; index++) {
    let octet = name.charCodeAt(index);
    if (octet === DOT) {
      labels.push([]);
      continue;
    }
    if (octet === BACKSLASH) {
      const decimal = /^\d{3}/.exec(name.slice(index + 1))?.[0];
      octet = decimal === undefined ? name.charCodeAt(index + 1) : Number(decimal);
      index += decimal === undefined ? 1 : 3;
    }
    if (!(octet <= 255)) return undefined;
    labels.at(-1)?.push(octet);
  }
  let octets = 1;
  for (const label of labels) {
    if (label.length === 0 || label.length > LABEL_BYTES_MAX) return undefined;
    octets += 1 + label.length;
  }
  return octets > NAME_BYTES_MAX ? undefined : labels.map((label) => Uint8Array.from(label));
}

/** Encodes names one after the other. */
export function writeNames(names: readonly string[], compress: boolean): Uint8Array {
  const octets: number[] = [];
  const suffixes = new Map<string, number>();
  for (const name of names) {
    const labels = labelsOf(name);
    assert(labels !== undefined, `RFC 1035 §2.3.4: ${JSON.stringify(name)} is no domain name`);
    const texts = labels.map((label) => showLabel(label, 0, label.length));
    let pointer: number | undefined;
    for (const [index, label] of labels.entries()) {
      const suffix = texts.slice(index).join(".");
      pointer = compress ? suffixes.get(suffix) : undefined;
      if (pointer !== undefined) break;
      if (octets.length <= POINTER_TARGET_MAX) suffixes.set(suffix, octets.length);
      octets.push(label.length, ...label);
    }
    if (pointer === undefined) octets.push(0);
    else octets.push(POINTER | (pointer >>> 8), pointer & 255);
  }
  return Uint8Array.from(octets);
}

const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** Reads a configured name; stricter than the wire, since a typing error is likelier than an unusual label. */
export function parseName(input: unknown): string | undefined {
  if (typeof input !== "string") return undefined;
  const name = input.endsWith(".") ? input.slice(0, -1) : input;
  return name.length <= NAME_BYTES_MAX - 2 && name.split(".").every((label) => HOST_LABEL.test(label))
    ? name
    : undefined;
}

/** One or more names. */
export function domainNames(rules: DomainNamesRules): Codec<string[]> {
  const { compress, max = Infinity } = rules;
  return {
    shape: max === 1 ? "domain name" : "domain names",
    wanted: (max === 1 ? "a domain name, such as example.net" : "domain names, such as [example.net, example.org]") +
      " (international ones in their xn-- form)",
    decode(bytes, code) {
      if (bytes.length === 0) return malformed(code, "badLength");
      const names: string[] = [];
      for (let offset = 0; offset < bytes.length;) {
        const read = readName(bytes, offset);
        if (!read.ok) return malformed(code, read.kind, read.offset);
        if (names.push(read.name) > max) return malformed(code, "badLength", offset);
        offset = read.next;
      }
      return present(names);
    },
    encode(names) {
      assert(names.length > 0 && names.length <= max, `Between 1 and ${max} names are needed, not ${names.length}`);
      return writeNames(names, compress);
    },
    parse(input) {
      const names = parseItems(input, parseName);
      return names.ok && names.value.length > max ? { ok: false, found: input } : names;
    },
    format: (names) => names.join(", "),
  };
}
