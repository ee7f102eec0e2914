/**
 * The `options` mapping: DHCP options by registry name, or by code. Names, the form of values and the options that
 * can't be configured are in the registry (`src/dhcp/options`).
 */

import { z } from "zod";
import type { Options } from "../dhcp/message.ts";
import { nearestOptionName, optionByKey, parseOptionValue } from "../dhcp/options/mod.ts";
import { ABOUT, type Field, list, textField } from "./field.ts";
import { type Problem, quote } from "./issue.ts";

/** Reads an `options` mapping into encoded values by code. */
export function optionsField(): Field<Options> {
  return z.record(z.string(), z.unknown()).transform((given, context): Options => {
    const options: Options = new Map();
    const keyOf = new Map<number, string>();
    for (const [key, input] of Object.entries(given).slice(0, ENTRIES_MAX)) {
      let reading = readOption(key, input);
      if ("bytes" in reading) {
        const earlier = keyOf.get(reading.code);
        if (earlier === undefined) {
          keyOf.set(reading.code, key);
          options.set(reading.code, reading.bytes);
          continue;
        }
        reading = { problem: `the same option as ${quote(earlier)}; remove one of the two`, about: "key" };
      }
      const { problem: message, about } = reading;
      context.addIssue({ code: "custom", path: [key], message, params: { [ABOUT]: about } });
    }
    return options;
  });
}

/** Reads names and codes of options into codes. */
export function optionNames(): Field<number[]> {
  return list(textField({ noun: "the name or code of an option", example: "domain-search" }, (key) => {
    const spec = optionByKey(key);
    return spec === undefined || spec.reserved !== undefined ? undefined : spec.code;
  }));
}

/** Codes go from 1 to 254: an entry more is unknown, or the same option as another. */
const ENTRIES_MAX = 255;

type OptionReading =
  | { readonly code: number; readonly bytes: Uint8Array }
  | { readonly problem: string; readonly about: Problem["about"] };

function readOption(key: string, input: unknown): OptionReading {
  const spec = optionByKey(key);
  if (spec === undefined) {
    const near = nearestOptionName(key);
    const hint = near === undefined ? "write a name from the operator's guide, or a code" : `did you mean "${near}"?`;
    return { problem: `no option from 1 to 254 has this name or code; ${hint}`, about: "key" };
  }
  if (spec.reserved !== undefined) return { problem: `can't be set here: ${spec.reserved}`, about: "key" };
  if (input === null) return { problem: `give ${spec.codec.wanted}; or remove the key`, about: "place" };
  const parsed = parseOptionValue(spec, input);
  return parsed.ok ? { code: spec.code, bytes: parsed.bytes } : { problem: parsed.message, about: "place" };
}
