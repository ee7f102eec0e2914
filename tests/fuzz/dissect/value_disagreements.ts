/**
 * Where our codec of an option and tshark's dissector of it disagree about a value, by the shape of the value. Every
 * disagreement must fit a row, and every row must occur.
 */

import type { OptionSpec } from "../../../src/dhcp/options/mod.ts";
import type { Dissected } from "./tshark.ts";

interface ValueDisagreement {
  /** Beginning of the codec's shape. */
  readonly shape: string;
  /** What ours does; tshark does the contrary: it fails or has something to say, or shows the value without a word. */
  readonly ours: "takes" | "refuses";
  readonly reason: string;
}

const LENGTH = "of a length that the option's RFC does not have; tshark shows what there is";
const OPAQUE = "taken as octets: nothing here looks into it, and what a client wants is for the client to read";

export const VALUE_DISAGREEMENTS: readonly ValueDisagreement[] = [
  { shape: "16 bytes", ours: "refuses", reason: LENGTH },
  { shape: "3 bytes", ours: "refuses", reason: LENGTH },
  { shape: "4 bytes", ours: "refuses", reason: LENGTH },
  { shape: "bytes", ours: "refuses", reason: LENGTH },
  { shape: "empty", ours: "refuses", reason: LENGTH },
  { shape: "integer", ours: "refuses", reason: LENGTH },
  { shape: "IPv4 address", ours: "refuses", reason: `${LENGTH}; a list has one address at least` },
  { shape: "pairs of IPv4 addresses", ours: "refuses", reason: LENGTH },
  { shape: "boolean", ours: "refuses", reason: "neither 0 nor 1; tshark shows any other as true" },
  {
    shape: "text",
    ours: "refuses",
    reason: "RFC 2132 §2: text has one character at least, NULs at its end not counted",
  },
  { shape: "domain name", ours: "refuses", reason: "not in the encoding of RFC 1035 §3.1; tshark shows what it can" },
  { shape: "client FQDN", ours: "refuses", reason: "RFC 4702 §2.3.1: said to be encoded, but no domain name" },
  {
    shape: "mandatory or not",
    ours: "refuses",
    reason: "RFC 2610 §3, §4: the first octet is 0 or 1, and a list follows",
  },
  { shape: "bytes", ours: "takes", reason: OPAQUE },
  {
    shape: "integers",
    ours: "takes",
    reason: "RFC 2937 §2 lists numbers; which of them exist is for the client to know",
  },
  { shape: "text", ours: "takes", reason: "a NUL within it; RFC 2132 §2 only has receivers delete those at the end" },
  { shape: "client FQDN", ours: "takes", reason: "a NUL within a name in ASCII: it is escaped wherever it is shown" },
  { shape: "user classes", ours: "takes", reason: "iPXE and Windows send one bare text, without RFC 3004's lengths" },
];

/** The row that explains a disagreement about a value; undefined when there is none, or no row. */
export function judgeValue(
  spec: OptionSpec,
  value: Uint8Array,
  theirs: Dissected,
): { readonly ours: "takes" | "refuses"; readonly row: ValueDisagreement | undefined } | undefined {
  const taken = spec.codec.decode(value, spec.code).kind === "present";
  if (taken === (!theirs.isMalformed && theirs.notes.length === 0)) return undefined;
  const ours = taken ? "takes" : "refuses";
  return { ours, row: VALUE_DISAGREEMENTS.find((row) => row.ours === ours && spec.codec.shape.startsWith(row.shape)) };
}
