/** Encapsulated vendor-specific information (RFC 2132 §8.4): sub-options whose meaning is the vendor's. */

import { fromHex } from "../../../bytes/hex.ts";
import { type Codec, isMapping } from "../codec.ts";
import { bytes, parseHex } from "./bytes.ts";

const opaque = bytes();

/**
 * Bytes on the wire, since a vendor may use a format of its own; in configuration either those, or sub-options by code.
 */
export const encapsulated: Codec<Uint8Array> = {
  ...opaque,
  shape: "bytes or sub-options",
  wanted: 'bytes in hex, such as "0x010400000000ff", or sub-options by code, such as { 6: "0x08" }',
  parse(input) {
    if (!isMapping(input)) return opaque.parse(input);
    const octets: number[] = [];
    for (const [key, content] of Object.entries(input)) {
      const code = /^\d{1,3}$/.test(key) ? Number(key) : 0;
      const value = content === "" ? fromHex("") : parseHex(content);
      if (code < 1 || code > 254 || value === undefined || value.length > 255) {
        return { ok: false, found: { [key]: content } };
      }
      octets.push(code, value.length, ...value);
    }
    return octets.length === 0 ? { ok: false, found: input } : { ok: true, value: Uint8Array.from(octets) };
  },
};
