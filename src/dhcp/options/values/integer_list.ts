/** Lists of octets and of 16-bit numbers. */

import { assert } from "../../../assert.ts";
import { type Codec, malformed, parseItems, present } from "../codec.ts";

const asInteger = (input: unknown, min: number, max: number): number | undefined =>
  typeof input === "number" && Number.isInteger(input) && input >= min && input <= max ? input : undefined;

/** One octet each; the value is the bytes themselves. */
export const u8List: Codec<Uint8Array> = {
  shape: "integers, 8 bits each",
  wanted: "whole numbers from 0 to 255, such as [1, 3, 6]",
  decode: (bytes, code) => bytes.length === 0 ? malformed(code, "badLength") : present(bytes),
  encode: (value) => value,
  parse(input) {
    const items = parseItems(input, (item) => asInteger(item, 0, 255));
    return items.ok ? { ok: true, value: Uint8Array.from(items.value) } : items;
  },
  format: (value) => value.join(", "),
};

/** Two octets each, most significant first; `min` is what the option's definition says. */
export function u16List(min = 0): Codec<number[]> {
  return {
    shape: "integers, 16 bits each",
    wanted: `whole numbers from ${min} to 65535, such as [${Math.max(min, 6)}, 1500]`,
    decode(bytes, code) {
      if (bytes.length === 0 || bytes.length % 2 !== 0) return malformed(code, "badLength");
      const values: number[] = [];
      for (let index = 0; index < bytes.length; index += 2) {
        const value = (bytes[index] as number) * 256 + (bytes[index + 1] as number);
        if (value < min) return malformed(code, "badValue", index);
        values.push(value);
      }
      return present(values);
    },
    encode(values) {
      const bytes = new Uint8Array(2 * values.length);
      for (const [index, value] of values.entries()) {
        assert(asInteger(value, min, 65535) !== undefined, `${value} must be a whole number ${min}..65535`);
        bytes[2 * index] = value >>> 8;
        bytes[2 * index + 1] = value & 255;
      }
      return bytes;
    },
    parse: (input) => parseItems(input, (item) => asInteger(item, min, 65535)),
    format: (values) => values.join(", "),
  };
}
