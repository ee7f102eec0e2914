/** Switches: an octet that is 0 or 1, and an option whose mere presence is the message. */

import { type Codec, malformed, present } from "../codec.ts";

/** One octet, 0 or 1 (RFC 2132 §4.1 and others). */
export const bool: Codec<boolean> = {
  shape: "boolean",
  wanted: "true or false",
  decode(bytes, code) {
    if (bytes.length !== 1) return malformed(code, "badLength");
    const octet = bytes[0] as number;
    return octet > 1 ? malformed(code, "badValue") : present(octet === 1);
  },
  encode: (value) => Uint8Array.of(value ? 1 : 0),
  parse: (input) => typeof input === "boolean" ? { ok: true, value: input } : { ok: false, found: input },
  format: String,
};

/** No value at all (RFC 4039 §3): its presence means `true`. */
export const flag: Codec<true> = {
  shape: "empty",
  wanted: "true (leave the option out to say no)",
  decode: (bytes, code) => bytes.length === 0 ? present(true) : malformed(code, "badLength"),
  encode: () => new Uint8Array(0),
  parse: (input) => input === true ? { ok: true, value: true } : { ok: false, found: input },
  format: String,
};
