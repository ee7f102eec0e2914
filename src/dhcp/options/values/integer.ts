/** Whole numbers of one, two or four octets, most significant first. */

import { assert } from "../../../assert.ts";
import { type Codec, malformed, present } from "../codec.ts";

/** Bounds that an option's own definition sets. */
interface IntegerBounds {
  readonly min?: number;
  readonly max?: number;
}

function integer(octets: 1 | 2 | 4, signed: boolean, bounds: IntegerBounds): Codec<number> {
  const span = 2 ** (8 * octets);
  const min = bounds.min ?? (signed ? -span / 2 : 0);
  const max = bounds.max ?? (signed ? span / 2 - 1 : span - 1);
  return {
    shape: `${signed ? "signed " : ""}integer, ${8 * octets} bits`,
    wanted: `a whole number from ${min} to ${max}`,
    decode(bytes, code) {
      if (bytes.length !== octets) return malformed(code, "badLength");
      let value = bytes[0] as number;
      for (let index = 1; index < octets; index++) value = value * 256 + (bytes[index] as number);
      if (signed && value >= span / 2) value -= span;
      return value < min || value > max ? malformed(code, "badValue") : present(value);
    },
    encode(value) {
      assert(Number.isInteger(value) && value >= min && value <= max, `${value} must be a whole number ${min}..${max}`);
      const bytes = new Uint8Array(octets);
      let rest = value;
      for (let index = octets - 1; index >= 0; index--) {
        bytes[index] = rest & 255;
        rest = Math.floor(rest / 256);
      }
      return bytes;
    },
    parse(input) {
      const fits = typeof input === "number" && Number.isInteger(input) && input >= min && input <= max;
      return fits ? { ok: true, value: input } : { ok: false, found: input };
    },
    format: String,
  };
}

/** An unsigned octet. */
export const u8 = (bounds: IntegerBounds = {}): Codec<number> => integer(1, false, bounds);
/** Two octets, unsigned. */
export const u16 = (bounds: IntegerBounds = {}): Codec<number> => integer(2, false, bounds);
/** Four octets, unsigned. */
export const u32 = (bounds: IntegerBounds = {}): Codec<number> => integer(4, false, bounds);
/** An octet, two's complement. */
export const i8 = (bounds: IntegerBounds = {}): Codec<number> => integer(1, true, bounds);
/** Two octets, two's complement. */
export const i16 = (bounds: IntegerBounds = {}): Codec<number> => integer(2, true, bounds);
/** Four octets, two's complement. */
export const i32 = (bounds: IntegerBounds = {}): Codec<number> => integer(4, true, bounds);
