/**
 * Options in configuration: definitions, and the `options` mapping by name or code. Names, the form of values and the
 * options that can't be configured are in the registry (`src/dhcp/options`); a section may define more.
 */

import { z } from "zod";
import type { Options } from "../dhcp/message.ts";
import {
  byCode,
  DEFINED_TYPES,
  DefinedOptions,
  FIELD_TYPES,
  nearestOptionName,
  type OptionDefinition,
  OPTIONS,
  type OptionSpec,
  parseOptionValue,
  type SubOption,
  subOptionOctetsMax,
} from "../dhcp/options/mod.ts";
import { ABOUT, type Field, flag, integer, list, mapping, oneOf, textField } from "./field.ts";
import { type Problem, quote } from "./issue.ts";
import { asList, isMapping } from "./plain.ts";

/** What an `options` mapping comes to: options as encoded, by code, and sub-options, which add up over levels. */
export interface ConfiguredOptions {
  readonly options: Options;
  readonly subOptions?: readonly SubOption[];
}

/** A name of letters and digits, so that it is never taken for a code; a dot separates it from its space. */
function optionName(noun: string, example: string): Field<string> {
  return textField({ noun, example }, (name) => /^[a-z][\w-]{0,63}$/i.test(name) ? name : undefined);
}

/** One of `optionDefinitions`. */
export const OPTION_DEFINITION = mapping({
  name: optionName("a name of letters, digits and hyphens", "tftp-servers").describe("its key in `options`"),
  code: integer({ min: 1, max: 254, example: 224 }).describe("its code, from 1 to 254"),
  space: optionName("the name of a space", "unifi").describe(
    "the space of a sub-option, whose key is `SPACE.NAME`: `vendor-N` is enterprise N of option 125, others: option 43",
  ).exactOptional(),
  type: oneOf([...DEFINED_TYPES]).describe("type of its value, as in Kea; `record`: several in a list"),
  array: flag().describe("several values; of a record, of its last field").prefault(false),
  recordTypes: list(oneOf([...FIELD_TYPES]), { min: 1 }).describe("the types of a record's fields").exactOptional(),
});

/** The options that a section knows while it is read: its schema is the same for all. */
let defined = new DefinedOptions();

/** Runs something that reads options, such as a schema, with those that `optionDefinitions` of a section defines. */
export function withDefinitions<T>(definitions: unknown, run: () => T): T {
  const before = defined;
  defined = new DefinedOptions(readDefinitions(definitions));
  try {
    return run();
  } finally {
    defined = before;
  }
}

/** The definitions that are right by themselves. */
export function readDefinitions(definitions: unknown): OptionDefinition[] {
  return asList(definitions).flatMap((input) => {
    const result = OPTION_DEFINITION.safeParse(input);
    const isComplete = result.success && (result.data.type === "record") === (result.data.recordTypes !== undefined);
    return isComplete ? [result.data] : [];
  });
}

/** Reads an `options` mapping. */
export function optionsField(): Field<ConfiguredOptions> {
  return z.record(z.string(), z.unknown()).transform((given, context): ConfiguredOptions => {
    const options: Options = new Map();
    const subOptions: SubOption[] = [];
    const keyOf = new Map<string, string>();
    const entries = Object.entries(given);
    if (entries.length > ENTRIES_MAX) {
      const message = `has ${entries.length} entries; at most ${ENTRIES_MAX} are possible`;
      context.addIssue({ code: "custom", message, params: { [ABOUT]: "place" } });
    }
    for (const [key, input] of entries.slice(0, ENTRIES_MAX)) {
      for (const reading of readEntry(key, input)) {
        if ("problem" in reading) {
          const { problem: message, about } = reading;
          context.addIssue({ code: "custom", path: [key], message, params: { [ABOUT]: about } });
          continue;
        }
        const identity = "space" in reading ? `${reading.option} ${reading.space} ${reading.code}` : `${reading.code}`;
        const earlier = keyOf.get(identity);
        if (earlier !== undefined) {
          const message = `the same option as ${quote(earlier)}; remove one of the two`;
          context.addIssue({ code: "custom", path: [key], message, params: { [ABOUT]: "key" } });
          continue;
        }
        keyOf.set(identity, key);
        if ("space" in reading) subOptions.push(reading);
        else options.set(reading.code, reading.bytes);
      }
    }
    return subOptions.length === 0 ? { options } : { options, subOptions };
  });
}

/** Reads names and codes of options into codes. */
export function optionNames(): Field<number[]> {
  return list(textField({ noun: "the name or code of an option", example: "domain-search" }, (key) => {
    const found = defined.find(key);
    return found === undefined || found.spec.reserved !== undefined
      ? undefined
      : found.within?.option ?? found.spec.code;
  }));
}

/** More than there are codes: sub-options of some spaces beside them. */
const ENTRIES_MAX = 1_024;

type OptionReading =
  | { readonly code: number; readonly bytes: Uint8Array }
  | SubOption
  | { readonly problem: string; readonly about: Problem["about"] };

function readEntry(key: string, input: unknown): OptionReading[] {
  const found = defined.find(key);
  if (found === undefined) {
    const near = nearestOptionName(key);
    const hint = near === undefined ? "write a name from the operator's guide, or a code" : `did you mean "${near}"?`;
    return [{ problem: `no option from 1 to 254 has this name or code; ${hint}`, about: "key" }];
  }
  const { spec, within } = found;
  if (spec.reserved !== undefined) return [{ problem: `can't be set here: ${spec.reserved}`, about: "key" }];
  if (input === null) return [{ problem: `give ${spec.codec.wanted}; or remove the key`, about: "place" }];
  // Sub-options by code, without a space.
  const isByCode = within === undefined && isMapping(input) && Object.keys(input).length > 0;
  if (isByCode && spec.code === OPTIONS.vendorEncapsulatedOptions.code) {
    const { code: option } = spec;
    return Object.entries(input).map(([code, value]) => {
      const sub = byCode(code);
      if (sub === undefined) {
        return { problem: `has a sub-option "${code}"; write codes from 1 to 254`, about: "place" };
      }
      return readValue(sub, value === "" ? "0x" : value, { option, space: "" });
    });
  }
  return [readValue(spec, input, within)];
}

function readValue(
  spec: OptionSpec,
  input: unknown,
  within: Pick<SubOption, "option" | "space"> | undefined,
): OptionReading {
  const parsed = parseOptionValue(spec, input);
  if (!parsed.ok) return { problem: parsed.message, about: "place" };
  if (within === undefined) return { code: spec.code, bytes: parsed.bytes };
  const octetsMax = subOptionOctetsMax(within.option);
  if (parsed.bytes.length > octetsMax) {
    return { problem: `has ${parsed.bytes.length} octets; at most ${octetsMax} fit into a sub-option`, about: "place" };
  }
  return { ...within, code: spec.code, bytes: parsed.bytes };
}
