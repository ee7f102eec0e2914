/** dhcpd's options (dhcp-options(5)): definitions of its own and the octets of what a statement sets. */

import { fromHex } from "../../../bytes/hex.ts";
import { optionByName } from "../../../dhcp/options/mod.ts";
import { colonOctets, type Token } from "../../isc/lexer.ts";
import { isMark } from "../../isc/statements.ts";
import { latin1Bytes } from "../../leases/lease.ts";
import { type Encoded, encodeWords, registryType, type ValueKind, type ValueType } from "../options.ts";
import { own } from "../../own.ts";
import { readConstant } from "./condition.ts";

/** An option of the universe `dhcp`, or of a vendor's. */
interface DhcpdOption {
  /** `dhcp`, or what stands before the dot. */
  readonly space: string;
  readonly code: number;
  readonly type: ValueType;
  /** The space whose options make up its value. */
  readonly encapsulate: string | undefined;
}

/** Where dhcpd's names differ from the registry's. */
const ALIASES: Readonly<Record<string, string>> = {
  "nisplus-domain": "nisplus-domain-name",
  "ipv6-only-preferred": "v6-only-preferred",
  "pxe-system-type": "client-system",
};

/** The options that statements can name. */
export class DhcpdOptions {
  readonly #defined = new Map<string, DhcpdOption>();

  /** Takes `option name code N = type`; the problem when it can't be read. */
  define(words: readonly Token[]): string | undefined {
    const [, name, , code, equals, ...rest] = words;
    const number = /^\d{1,3}$/.test(code?.text ?? "") ? Number(code?.text) : NaN;
    if (name === undefined || !isMark(equals, "=")) return "it can't be read";
    // A vendor's space may use every code.
    const [min, max] = name.text.includes(".") ? [0, 255] : [1, 254];
    if (!(number >= min && number <= max)) return `its code is not from ${min} to ${max}`;
    const encapsulate = rest[0]?.text === "encapsulate" ? rest[1]?.text ?? "" : undefined;
    const type = encapsulate === undefined ? readType(rest) : { kinds: ["hex" as const], array: false };
    if (type === undefined) return "its type has no counterpart; set the option's octets in hexadecimal";
    const { space } = splitName(name.text);
    this.#defined.set(name.text, { space, code: number, type, encapsulate });
    return undefined;
  }

  /** Finds an option that the file defines, or a standard one. */
  find(name: string): DhcpdOption | undefined {
    const defined = this.#defined.get(name);
    if (defined !== undefined) return defined;
    const { space, option } = splitName(name);
    if (space !== "dhcp") return undefined;
    const unknown = /^(?:unknown-|option-)(\d{1,3})$/.exec(option)?.[1];
    if (unknown !== undefined) {
      return { space, code: Number(unknown), type: { kinds: ["hex"], array: false }, encapsulate: undefined };
    }
    const spec = optionByName(own(ALIASES, option) ?? option);
    return spec && { space, code: spec.code, type: registryType(spec), encapsulate: undefined };
  }

  /** The option that carries the options of a vendor's space. */
  encapsulating(space: string): DhcpdOption | undefined {
    return [...this.#defined.values()].find((option) => option.encapsulate === space && option.space === "dhcp");
  }
}

function splitName(name: string): { space: string; option: string } {
  const dot = name.indexOf(".");
  return dot < 0 ? { space: "dhcp", option: name } : { space: name.slice(0, dot), option: name.slice(dot + 1) };
}

/** `unsigned integer 16`, `array of ip-address`, `{ integer 8, text }` and the like. */
function readType(words: readonly Token[]): ValueType | undefined {
  if (words[0]?.text === "array" && words[1]?.text === "of") {
    const inner = readType(words.slice(2));
    return inner && { ...inner, array: true };
  }
  if (isMark(words[0], "{")) {
    const kinds: ValueKind[] = [];
    for (const part of split(words.slice(1, -1))) {
      const kind = readKind(part.map((word) => word.text));
      if (kind === undefined) return undefined;
      kinds.push(kind);
    }
    return kinds.length === 0 ? undefined : { kinds, array: false };
  }
  const kind = readKind(words.map((word) => word.text));
  return kind && { kinds: [kind], array: false };
}

function readKind(words: readonly string[]): ValueKind | undefined {
  const text = words.filter((word) => word !== "compressed").join(" ");
  const integer = /^(?:(signed|unsigned) )?integer (8|16|32)$/.exec(text);
  // dhcpd writes the same octets for numbers with and without a sign.
  if (integer !== null) return `${integer[1] === "unsigned" ? "u" : "i"}${integer[2]}` as ValueKind;
  switch (text) {
    case "boolean":
      return "bool";
    case "ip-address":
      return "address";
    case "text":
      return "text";
    case "string":
      return "hex";
    case "domain-name":
      return "name";
    case "domain-list":
      return "names";
    default:
      return undefined;
  }
}

/** Words between commas. */
function split(words: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]];
  for (const word of words) {
    if (isMark(word, ",")) parts.push([]);
    else parts.at(-1)?.push(word);
  }
  return parts.filter((part) => part.length > 0);
}

const COMPUTED: Encoded = {
  ok: false,
  problem: "is computed by an expression; give each client or class its own value",
};

/** Encodes the words after the option's name, an `=` included. */
export function encodeStatement(option: DhcpdOption, words: readonly Token[]): Encoded {
  if (isMark(words[0], "=")) {
    const constant = readConstant(words.slice(1));
    return constant === undefined ? COMPUTED : { ok: true, bytes: constant };
  }
  const values = words;
  const [kind] = option.type.kinds;
  const flat = split(values).flat();
  if (flat.some((word) => word.kind === "mark")) {
    return COMPUTED;
  }
  if (option.type.kinds.length === 1 && (kind === "hex" || kind === "text")) return encodeOctets(flat, kind);
  const texts = flat.map((word, index) => {
    const own = option.type.kinds[Math.min(index, option.type.kinds.length - 1)];
    return own === "hex" && word.kind === "string"
      ? [...latin1Bytes(word.text)].map(hexOctet).join("")
      : wordText(word, own);
  });
  return encodeWords(option.type, texts);
}

function hexOctet(octet: number): string {
  return octet.toString(16).padStart(2, "0");
}

/** dhcpd accepts negative numbers for unsigned ones, and the reverse. */
function wordText(word: Token, kind: ValueKind | undefined): string {
  const bits = /^i(8|16|32)$/.exec(kind ?? "")?.[1];
  const value = Number(word.text);
  if (bits === undefined || !Number.isInteger(value) || value < 2 ** (Number(bits) - 1)) return word.text;
  return value < 2 ** Number(bits) ? String(value - 2 ** Number(bits)) : word.text;
}

function encodeOctets(words: readonly Token[], kind: "hex" | "text"): Encoded {
  const [word, ...more] = words;
  if (word === undefined) return { ok: true, bytes: new Uint8Array() };
  if (more.length > 0) return { ok: false, problem: "has more than one value" };
  if (word.kind === "string") return { ok: true, bytes: latin1Bytes(word.text) };
  // dhcpd takes a word for text.
  if (kind === "text" && /^[A-Za-z][\w-]*$/.test(word.text)) return { ok: true, bytes: latin1Bytes(word.text) };
  const bytes = colonOctets(word.text) ?? (kind === "hex" ? fromHex(word.text) : undefined);
  return bytes === undefined
    ? { ok: false, problem: `has "${word.text}" where text in quotes or octets with colons belong` }
    : { ok: true, bytes };
}
