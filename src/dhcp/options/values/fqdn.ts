/** Client FQDN (RFC 4702): who updates the DNS, and the client's name. */

import { assert } from "../../../assert.ts";
import { type Codec, malformed, present } from "../codec.ts";
import { labelsOf, readName } from "./domain_names.ts";
import { decodeText, encodeText, quote } from "./text.ts";

/** RFC 4702 §2.1. */
const FQDN_FLAG = {
  /** S: the server should do the A record update. */
  serverUpdates: 1,
  /** O: the server overrode the client's S. */
  overridden: 2,
  /** E: the name is in the encoding of RFC 1035 §3.1 rather than ASCII. */
  encoded: 4,
  /** N: the server should do no update. */
  noUpdates: 8,
} as const;

/** The option's fields. */
export interface Fqdn {
  /** Bits of {@link FQDN_FLAG}; the others are kept as they came. */
  readonly flags: number;
  /** RCODE1 and RCODE2: deprecated, 255 from servers, ignored by receivers (§2.2). */
  readonly rcode1: number;
  readonly rcode2: number;
  /** Empty when the client leaves the name to the server. */
  readonly name: string;
  /** Whether an encoded name ends in the root label: a complete name rather than a host's own part (§2.3). */
  readonly complete: boolean;
}

function encodedName(name: string, complete: boolean): number[] {
  if (name === "") return [];
  const labels = labelsOf(name);
  assert(labels !== undefined, `RFC 1035 §2.3.4: ${JSON.stringify(name)} is no domain name`);
  const octets: number[] = [];
  for (const label of labels) octets.push(label.length, ...label);
  if (complete) octets.push(0);
  return octets;
}

/** A name with or without its root label; undefined when it is neither. */
function decodedName(bytes: Uint8Array): { name: string; complete: boolean } | undefined {
  if (bytes.length === 0) return { name: "", complete: false };
  const whole = readName(bytes, 0);
  if (whole.ok) return whole.next === bytes.length ? { name: whole.name, complete: true } : undefined;
  // A partial name is the same without the final zero (§2.3.1).
  const terminated = new Uint8Array(bytes.length + 1);
  terminated.set(bytes);
  const partial = readName(terminated, 0);
  return partial.ok && partial.next === terminated.length ? { name: partial.name, complete: false } : undefined;
}

/** The whole option. */
export const fqdn: Codec<Fqdn> = {
  shape: "client FQDN",
  wanted: "nothing: clients send it",
  decode(bytes, code) {
    if (bytes.length < 3) return malformed(code, "badLength");
    const [flags = 0, rcode1 = 0, rcode2 = 0] = bytes;
    const rest = bytes.subarray(3);
    if ((flags & FQDN_FLAG.encoded) === 0) {
      return present({ flags, rcode1, rcode2, name: decodeText(rest), complete: false });
    }
    const decoded = decodedName(rest);
    return decoded === undefined ? malformed(code, "badValue", 3) : present({ flags, rcode1, rcode2, ...decoded });
  },
  encode({ flags, rcode1, rcode2, name, complete }) {
    const rest = (flags & FQDN_FLAG.encoded) === 0 ? encodeText(name) : encodedName(name, complete);
    return Uint8Array.of(flags, rcode1, rcode2, ...rest);
  },
  parse: (input) => ({ ok: false, found: input }),
  format: ({ flags, name }) => `${quote(name)} flags ${flags}`,
};
