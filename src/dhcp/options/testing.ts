/** Helpers for the tests of value shapes. */

import { deepStrictEqual, fail, strictEqual } from "node:assert/strict";
import { fromHex, toHex } from "../../bytes/hex.ts";
import type { Codec } from "./codec.ts";

/** Any code: shapes don't depend on it. */
const CODE = 200;

/** Bytes from hex; spaces allowed. */
export function octets(hex: string): Uint8Array {
  return fromHex(hex.replaceAll(" ", "")) ?? fail(`"${hex}" must be hex`);
}

/** Value and bytes translate into each other. */
export function same<T>(codec: Codec<T>, value: T, hex: string): void {
  deepStrictEqual(codec.decode(octets(hex), CODE), { kind: "present", value });
  strictEqual(toHex(codec.encode(value)), hex.replaceAll(" ", ""));
}

/** The bytes decode to the value, which would be written in another way. */
export function reads<T>(codec: Codec<T>, hex: string, value: T): void {
  deepStrictEqual(codec.decode(octets(hex), CODE), { kind: "present", value });
}

/** The bytes are malformed at `offset`. */
export function refuses(codec: Codec<unknown>, hex: string, kind: "badLength" | "badValue", offset = 0): void {
  deepStrictEqual(codec.decode(octets(hex), CODE), {
    kind: "malformed",
    error: { kind, field: `option ${CODE}`, offset },
  });
}

/** The configured input comes to these bytes. */
export function configures<T>(codec: Codec<T>, input: unknown, hex: string): void {
  const parsed = codec.parse(input);
  if (!parsed.ok) fail(`${JSON.stringify(input)} must be accepted`);
  strictEqual(toHex(codec.encode(parsed.value)), hex.replaceAll(" ", ""));
}

/** The configured input is refused, and `found` is what is wrong with it. */
export function complains(codec: Codec<unknown>, input: unknown, found: unknown = input): void {
  deepStrictEqual(codec.parse(input), { ok: false, found });
}
