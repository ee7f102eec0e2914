/** User classes (RFC 3004): a list of byte strings, each with its length in front. */

import { assert } from "../../../assert.ts";
import { type Codec, malformed, parseItems, present } from "../codec.ts";
import { parseHex } from "./bytes.ts";
import { decodeText, encodeText, quote } from "./text.ts";

/** RFC 3004 §4: its length is one octet. */
const CLASS_BYTES_MAX = 255;

/**
 * The classes a client says it belongs to. iPXE, Windows and others send one bare text without the length octet: a
 * value that does not come out even as a list is one class.
 */
export const userClass: Codec<Uint8Array[]> = {
  shape: "user classes",
  wanted: "class names, such as [accounting, laptops]",
  decode(bytes, code) {
    if (bytes.length === 0) return malformed(code, "badLength");
    const classes: Uint8Array[] = [];
    for (let offset = 0; offset < bytes.length;) {
      const length = bytes[offset] as number;
      // RFC 3004 §4: no class is empty.
      if (length === 0 || offset + 1 + length > bytes.length) {
        return bytes.length <= CLASS_BYTES_MAX ? present([bytes]) : malformed(code, "badLength", offset);
      }
      classes.push(bytes.subarray(offset + 1, offset + 1 + length));
      offset += 1 + length;
    }
    return present(classes);
  },
  encode(classes) {
    assert(classes.length > 0, "At least one user class is needed");
    const octets: number[] = [];
    for (const bytes of classes) {
      assert(bytes.length > 0 && bytes.length <= CLASS_BYTES_MAX, "RFC 3004 §4: a user class has 1 to 255 octets");
      octets.push(bytes.length, ...bytes);
    }
    return Uint8Array.from(octets);
  },
  parse: (input) =>
    parseItems(input, (item) => {
      const bytes = parseHex(item) ?? (typeof item === "string" ? encodeText(item) : undefined);
      return bytes !== undefined && bytes.length > 0 && bytes.length <= CLASS_BYTES_MAX ? bytes : undefined;
    }),
  format: (classes) => classes.map((bytes) => quote(decodeText(bytes))).join(", "),
};
