/**
 * Building blocks of schemas: a field reads one value, or says what it wants. Messages are predicates; `source.ts` puts
 * the value found in front of them ("10.0.0.256" is not an IPv4 address; …).
 */

import { z } from "zod";
import { describe, type Problem, quote } from "./issue.ts";
import { CONFIG_LIMITS } from "./limits.ts";
import { valueAt } from "./plain.ts";
import { suggestion } from "./suggest.ts";

/** What a field wants: `noun` with its article, and an example of it. */
interface Wanted {
  readonly noun: string;
  readonly example: string;
}

/**
 * A schema of one value; its input is whatever YAML gave. What operators read of a key stands with it in the schema:
 * `.describe("one line")`, and `.prefault(default as a file writes it)`. A default that depends on something else is
 * shown as `.meta({ fallback })`; `.meta({ short })` is the JSON type that may stand for the whole. The guides' tables
 * and the JSON Schemas are made of them (`scripts/generate.ts`).
 */
export type Field<T> = z.ZodType<T>;

/** What a schema makes of a file; it is not changed afterwards. */
export type Config<Schema extends z.ZodType> = Immutable<z.output<Schema>>;

type Immutable<T> = T extends object
  ? T extends Uint8Array | ReadonlyMap<unknown, unknown> ? T : { readonly [Key in keyof T]: Immutable<T[Key]> }
  : T;

/** What a reader returns: the value, or a predicate that says what is wrong and what to do. */
type Reading<T> = { readonly value: T } | { readonly problem: string };

/** Key under which a custom zod issue carries {@link Problem.about}. */
export const ABOUT = "about";

/** A field with its own reader, called for every value that is neither missing nor empty. */
export function field<T>(wanted: Wanted, read: (input: unknown) => Reading<T>): Field<T> {
  return z.unknown().transform((input, context): T => {
    const reading = input === undefined || input === null ? { problem: give(wanted) } : read(input);
    if ("value" in reading) return reading.value;
    context.addIssue({ code: "custom", message: reading.problem });
    return z.NEVER;
  });
}

/** A field that is text in the file; `read` returns undefined for text that is not what is wanted. */
export function textField<T>(wanted: Wanted, read: (text: string) => T | undefined): Field<T> {
  return field(wanted, (input) => {
    if (typeof input === "number" || typeof input === "boolean") {
      return { problem: `is read as a ${typeof input}; put it in quotes, and let it be ${sample(wanted)}` };
    }
    const value = typeof input === "string" ? read(input) : undefined;
    return value === undefined ? { problem: refuse(wanted) } : { value };
  }).meta({ type: "string" });
}

/** A whole number within bounds, both included. */
export function integer(bounds: { min: number; max: number; example?: number }): Field<number> {
  const { min, max } = bounds;
  const wanted = { noun: `a whole number from ${min} to ${max}`, example: String(bounds.example ?? min) };
  return field(wanted, (input) => {
    if (typeof input === "string" && /^[-+]?\d+$/.test(input)) {
      return { problem: "is text; write the number without quotes" };
    }
    if (typeof input !== "number" || !Number.isInteger(input)) return { problem: refuse(wanted) };
    if (input < min) return { problem: `is too small; write ${wanted.noun}` };
    if (input > max) return { problem: `is too large; write ${wanted.noun}` };
    return { value: input };
  }).meta({ type: "integer", minimum: min, maximum: max });
}

/** true or false; YAML 1.2 takes no other words for them. */
export function flag(): Field<boolean> {
  return field({ noun: "true or false", example: "true" }, (input) => {
    if (typeof input === "boolean") return { value: input };
    const word = typeof input === "string" ? input.toLowerCase() : "";
    if (/^(?:yes|on|y|true)$/.test(word)) return { problem: "is text; write true without quotes" };
    if (/^(?:no|off|n|false)$/.test(word)) return { problem: "is text; write false without quotes" };
    return { problem: "is neither true nor false; write one of them" };
  }).meta({ type: "boolean" });
}

/** One of a few words. */
export function oneOf<const Word extends string>(words: readonly Word[]): Field<Word> {
  const wanted = { noun: `one of ${words.join(", ")}`, example: words[0] ?? "" };
  return textField(wanted, (text) => words.find((word) => word === text)).meta({ enum: words });
}

/** Text of at most so many octets of UTF-8, without control characters and not empty; `longer` says what else to do. */
export function text(
  limits: { octetsMax: number; noun?: string; example: string; longer?: string },
): Field<string> {
  const wanted = { noun: limits.noun ?? "text", example: quote(limits.example) };
  return field(wanted, (input) => {
    if (typeof input === "number" || typeof input === "boolean") {
      return { problem: `is read as a ${typeof input}; put it in quotes` };
    }
    if (typeof input !== "string") return { problem: refuse(wanted) };
    if (isPlainText(input, limits.octetsMax)) return { value: input };
    if (input === "") return { problem: `is empty; write ${wanted.noun} such as ${wanted.example}, or remove the key` };
    if (/\p{Cc}/u.test(input)) return { problem: "has control characters; remove them" };
    const octets = new TextEncoder().encode(input).length;
    if (octets > limits.octetsMax) {
      return { problem: `has ${octets} octets; ${limits.longer ?? "shorten it"} as at most ${limits.octetsMax} fit` };
    }
    return { value: input };
  }).meta({ type: "string" });
}

/** Text of printable ASCII characters, which needs no further look. */
export function isPlainText(input: string, octetsMax: number): boolean {
  return input.length <= octetsMax && /^[\x20-\x7e]+$/.test(input);
}

/**
 * A mapping with these keys and no others. An unknown key is reported with the nearest known one.
 */
export function mapping<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    // One message serves all unknown keys of a mapping, so it has one line for each.
    error: (issue) =>
      issue.code === "unrecognized_keys" ? told(issue.keys).map((key) => suggestion(key, known)).join("\n") : undefined,
  });
}

/** Of many unknown keys, those that are told; one more shows that there are more. */
function told(keys: readonly string[]): readonly string[] {
  return keys.slice(0, CONFIG_LIMITS.issuesMax + 1);
}

/** A list of these, with at least `min` entries. */
export function list<T>(entry: Field<T>, limits: { min?: number; max?: number } = {}): Field<T[]> {
  const { min = 0, max = Infinity } = limits;
  return z.array(entry).superRefine((entries, context) => {
    if (entries.length < min) {
      const message = `has ${entries.length} entries; give at least ${min}`;
      context.addIssue({ code: "custom", message, params: { [ABOUT]: "place" } });
    }
    if (entries.length > max) {
      const message = `has ${entries.length} entries; at most ${max} are possible`;
      context.addIssue({ code: "custom", message, params: { [ABOUT]: "place" } });
    }
  });
}

/**
 * The same schema with a shortcut: `read` returns what the schema makes of a common input, or undefined when it is to
 * be asked. A schema takes some 20 µs for a mapping of a dozen keys, which ten thousand of them cannot afford.
 */
export function withShortcut<Schema extends z.ZodType>(
  schema: Schema,
  read: (input: unknown) => z.output<Schema> | undefined,
): Schema {
  const { run } = schema._zod;
  schema._zod.run = (payload, context) => {
    const value = read(payload.value);
    if (value === undefined) return run(payload, context);
    payload.value = value;
    return payload;
  };
  return schema;
}

/** Reads one value on its own: undefined when it is absent or wrong. For checks that relate values to each other. */
export function readOnly<T>(field: Field<T>, input: unknown): T | undefined {
  if (input === undefined) return undefined;
  const result = field.safeParse(input);
  return result.success ? result.data : undefined;
}

/** An object without the keys whose value is undefined: YAML does not know the difference. */
function defined<T extends object>(object: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof defined<T>
  >;
}

/** zod's findings as problems; `root` is the value that was checked. */
export function explainIssues(issues: readonly z.core.$ZodIssue[], root: unknown): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const path = issue.path.map((step) => typeof step === "number" ? step : String(step));
    if (issue.code === "unrecognized_keys") {
      const hints = issue.message.split("\n");
      return told(issue.keys).map((key, index) => (
        { path: [...path, key], message: `unknown key; ${hints[index] ?? "remove it"}`, about: "key" }
      ));
    }
    const found = valueAt(root, path);
    const wanted = issue.code === "invalid_type" ? nounOf(issue.expected) : undefined;
    if (found === undefined) {
      return [{ path, message: `is missing; ${wanted ? `give ${wanted}` : issue.message}`, about: "place" }];
    }
    if (found === null && (issue.code !== "custom" || aboutOf(issue) !== "key")) {
      return [{ path, message: `has no value; ${wanted ? `give ${wanted}` : issue.message}`, about: "place" }];
    }
    if (wanted !== undefined) {
      return [{ path, message: `is not ${wanted}; ${reshape(wanted, found)}`, about: "value" }];
    }
    if (issue.code !== "custom") return [{ path, message: `is wrong: ${issue.message}`, about: "value" }];
    return [{ path, message: issue.message, about: aboutOf(issue) }];
  });
}

function aboutOf(issue: z.core.$ZodIssueCustom): Problem["about"] {
  const about: unknown = issue.params?.[ABOUT];
  return about === "place" || about === "key" ? about : "value";
}

const MAPPING = "a mapping (key: value)";
const LIST = "a list";

function nounOf(expected: string): string {
  if (expected === "object" || expected === "record") return MAPPING;
  return expected === "array" ? LIST : `a ${expected}`;
}

function reshape(wanted: string, found: unknown): string {
  if (wanted === LIST) return 'start each entry with "- ", or put brackets around them: [ … ]';
  if (wanted === MAPPING && Array.isArray(found)) return 'remove the "- " in front of its keys';
  if (wanted === MAPPING) return "write its keys on lines of their own, indented below it";
  return `${describe(found)} cannot be used here`;
}

function sample(wanted: Wanted): string {
  return wanted.noun.startsWith("one of ") ? wanted.noun : `${wanted.noun} such as ${wanted.example}`;
}

function give(wanted: Wanted): string {
  return `give ${sample(wanted)}`;
}

function refuse(wanted: Wanted): string {
  if (wanted.noun.startsWith("one of ")) return `is not ${wanted.noun}; write one of these`;
  return `is not ${wanted.noun}; write one such as ${wanted.example}`;
}
