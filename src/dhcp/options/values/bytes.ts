/** Values kept as bytes: opaque to this server, or in a vendor's format. */

import { fromHex, toHex } from "../../../bytes/hex.ts";
import { type Codec, malformed, present } from "../codec.ts";

/** How long the option's definition lets it be. */
interface BytesBounds {
  readonly min?: number;
  readonly max?: number;
}

/** Reads `"0x0102ff"`; octets may be separated with `:`. Undefined for anything else. */
export function parseHex(input: unknown): Uint8Array | undefined {
  return typeof input === "string" && /^0x/i.test(input) ? fromHex(input) : undefined;
}

/** A byte string. */
export function bytes(bounds: BytesBounds = {}): Codec<Uint8Array> {
  const { min = 1, max = Infinity } = bounds;
  const fits = (value: Uint8Array) => value.length >= min && value.length <= max;
  const size = min === max ? `${min} bytes` : max === Infinity ? "bytes" : `${min} to ${max} bytes`;
  return {
    shape: size,
    wanted: `${size} in hex, such as "0x${"01".repeat(Math.max(1, Math.min(min, 4)))}${min > 4 ? "…" : ""}"`,
    decode: (value, code) => fits(value) ? present(value) : malformed(code, "badLength"),
    encode: (value) => value,
    parse(input) {
      const value = parseHex(input);
      return value !== undefined && fits(value) ? { ok: true, value } : { ok: false, found: input };
    },
    format: (value) => `0x${toHex(value)}`,
  };
}
