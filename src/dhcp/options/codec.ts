/**
 * What the registry asks of a value type: one codec per shape translates between the bytes of an option, a typed value,
 * configuration and log text. The shapes themselves are in `values/`.
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import type { DecodeError } from "../message.ts";

/** The value of an option that is present: well formed, or not. */
export type OptionValue<T> =
  | { readonly kind: "present"; readonly value: T }
  /** `error.offset` counts from the start of the option's value, whose parts may lie anywhere in the datagram. */
  | { readonly kind: "malformed"; readonly error: DecodeError };

/** What reading an option gives: absent is not malformed. */
export type OptionRead<T> = { readonly kind: "absent" } | OptionValue<T>;

/** What reading a configured value gives; `found` is the part of the input that is wrong. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly found: unknown };

/** One shape of option value. */
export interface Codec<T> {
  /** The shape in two or three words, for tables. */
  readonly shape: string;
  /** What to write in configuration, with an example; completes the sentence "must be …". */
  readonly wanted: string;
  /** Reads the whole value of option `code`. Never throws. A returned byte string is a view. */
  decode(bytes: Uint8Array, code: number): OptionValue<T>;
  /** Writes a value; one that no rule allows is the caller's mistake and throws. */
  encode(value: T): Uint8Array;
  /** Reads a configured value as YAML gives it. Never throws. */
  parse(input: unknown): Parsed<T>;
  /** As text: safe in a log line, whatever the bytes. */
  format(value: T): string;
  /** Addresses of hosts in a value. Without it no value has any. */
  hosts?(value: T): readonly Ipv4[];
}

/** A well-formed value. */
export function present<T>(value: T): OptionValue<T> {
  return { kind: "present", value };
}

/** A value that contradicts its shape. */
export function malformed(code: number, kind: "badLength" | "badValue", offset = 0): OptionValue<never> {
  return { kind: "malformed", error: { kind, field: `option ${code}`, offset } };
}

/** The items of a configured list: a list, one item, or several in one text with commas between, as in dhcpd.conf. */
export function itemsOf(input: unknown): readonly unknown[] {
  if (Array.isArray(input)) return input;
  if (typeof input === "string" && input.includes(",")) return input.split(",").map((item) => item.trim());
  return [input];
}

/** Reads every item, or reports the first that is wrong; an empty list is wrong as well. */
export function parseItems<T>(input: unknown, parseItem: (item: unknown) => T | undefined): Parsed<T[]> {
  const values: T[] = [];
  for (const item of itemsOf(input)) {
    const value = parseItem(item);
    if (value === undefined) return { ok: false, found: item };
    values.push(value);
  }
  return values.length === 0 ? { ok: false, found: input } : { ok: true, value: values };
}

/** Whether YAML made a mapping of it. */
export function isMapping(input: unknown): input is Readonly<Record<string, unknown>> {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}
