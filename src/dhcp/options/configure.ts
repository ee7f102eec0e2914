/** Option values in configuration and in logs. */

import { toHex } from "../../bytes/hex.ts";
import { parseHex } from "./values/bytes.ts";
import type { OptionSpec } from "./registry.ts";

/** What a configured value comes to. */
export type ParsedOption =
  | { readonly ok: true; readonly bytes: Uint8Array }
  /** Completes the sentence that begins with the option's path in the file. */
  | { readonly ok: false; readonly message: string };

const SHOWN_CHARACTERS_MAX = 60;

function show(found: unknown): string {
  if (found === undefined) return "missing";
  const text = JSON.stringify(found) ?? String(found);
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX - 1)}…`;
}

/**
 * Reads a configured value as YAML gives it, in the option's own form or, for every option, as bytes in hex
 * (`"0x…"`). Bytes that are no value of the option's type are refused like any other mistake.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { OPTIONS } from "./registry.ts";
 * deepStrictEqual(parseOptionValue(OPTIONS.ntpServers, ["10.77.0.123"]), {
 *   ok: true,
 *   bytes: Uint8Array.of(10, 77, 0, 123),
 * });
 * deepStrictEqual(parseOptionValue(OPTIONS.interfaceMtu, 60), {
 *   ok: false,
 *   message: "must be a whole number from 68 to 65535: is 60",
 * });
 * deepStrictEqual(parseOptionValue(OPTIONS.addressLeaseTime, 3600), {
 *   ok: false,
 *   message: "can't be set here: use the key leaseTime",
 * });
 * ```
 */
export function parseOptionValue(spec: OptionSpec, input: unknown): ParsedOption {
  if (spec.reserved !== undefined) return { ok: false, message: `can't be set here: ${spec.reserved}` };
  const bytes = parseHex(input);
  if (bytes === undefined && typeof input === "string" && input.startsWith("0x")) {
    return { ok: false, message: `must have pairs of hex digits after 0x: is ${show(input)}` };
  }
  if (bytes !== undefined && spec.codec.decode(bytes, spec.code).kind === "present") return { ok: true, bytes };
  const parsed = bytes === undefined ? spec.codec.parse(input) : { ok: false as const, found: input };
  return parsed.ok
    ? { ok: true, bytes: spec.codec.encode(parsed.value) }
    : { ok: false, message: `must be ${spec.codec.wanted}: is ${show(parsed.found)}` };
}

/**
 * An option's value as text, on one line, without control characters. Bytes that are no value of the
 * option's type, and options without a row, come out in hex.
 */
export function formatOption(spec: OptionSpec | undefined, bytes: Uint8Array): string {
  const read = spec?.codec.decode(bytes, spec.code);
  return spec !== undefined && read?.kind === "present" ? spec.codec.format(read.value) : `0x${toHex(bytes)}`;
}
