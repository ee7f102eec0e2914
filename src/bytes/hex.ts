/** Bytes as hexadecimal text, as in configuration files, logs and databases. */

const DIGITS = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

/**
 * Formats bytes as lower-case hexadecimal digits.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(toHex(Uint8Array.of(1, 171)), "01ab");
 * strictEqual(toHex(Uint8Array.of(2, 0, 9), ":"), "02:00:09");
 * ```
 */
export function toHex(bytes: Uint8Array, separator = ""): string {
  let text = "";
  for (let index = 0; index < bytes.length; index++) {
    if (index > 0) text += separator;
    text += DIGITS[bytes[index] as number];
  }
  return text;
}

/**
 * Reads hexadecimal digits in either case, with an optional `0x` in front and optional `:` or `-` between octets.
 * Returns undefined for anything else, an odd number of digits included.
 *
 * @example
 * ```ts
 * import { deepStrictEqual, strictEqual } from "node:assert/strict";
 * deepStrictEqual(fromHex("0x01AB"), Uint8Array.of(1, 171));
 * deepStrictEqual(fromHex("02:00:09"), Uint8Array.of(2, 0, 9));
 * strictEqual(fromHex("123"), undefined);
 * ```
 */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  const digits = text.replace(/^0x/i, "");
  if (!/^(?:[0-9a-f]{2}(?:[:-]?[0-9a-f]{2})*)?$/i.test(digits)) return undefined;
  const compact = digits.replaceAll(/[:-]/g, "");
  const bytes = new Uint8Array(compact.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(compact.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}
