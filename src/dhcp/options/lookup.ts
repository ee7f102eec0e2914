/** Finding a row of the registry: by code for logs, by name for configuration. */

import { assert } from "../../assert.ts";
import { bytes } from "./values/bytes.ts";
import { OPTIONS, type OptionSpec } from "./registry.ts";

/** Every row, in the order of the codes. */
export const ALL_OPTIONS: readonly OptionSpec[] = Object.values<OptionSpec>(OPTIONS)
  .sort((left, right) => left.code - right.code);

const BY_CODE = new Map<number, OptionSpec>();
const BY_NAME = new Map<string, OptionSpec>();

for (const spec of ALL_OPTIONS) {
  assert(spec.code >= 1 && spec.code <= 254, `${spec.name}: RFC 2132 §2 gives 0 and 255 to pad and end`);
  assert(!BY_CODE.has(spec.code), `Option ${spec.code} has one row`);
  BY_CODE.set(spec.code, spec);
  for (const name of [spec.name, ...(spec.aliases ?? [])]) {
    assert(/^[a-z][a-z0-9-]*$/.test(name), `${name} must be in kebab-case, so that it is never taken for a code`);
    assert(!BY_NAME.has(name), `${name} names one option`);
    BY_NAME.set(name, spec);
  }
}

/** The row of a code; undefined when the registry has none. */
export function optionByCode(code: number): OptionSpec | undefined {
  return BY_CODE.get(code);
}

/** The row of a name or alias. */
export function optionByName(name: string): OptionSpec | undefined {
  return BY_NAME.get(name);
}

/**
 * The row of a configuration key: a name, an alias, or a code from 1 to 254. A code the registry does not know gets a
 * row of its own, whose values are bytes. Undefined for anything else.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(optionByKey("boot-file-name")?.code, 67);
 * strictEqual(optionByKey("67")?.name, "bootfile-name");
 * strictEqual(optionByKey("224")?.codec.shape, "bytes");
 * strictEqual(optionByKey("256"), undefined);
 * ```
 */
export function optionByKey(key: string): OptionSpec | undefined {
  if (!/^[1-9]\d{0,2}$/.test(key)) return optionByName(key);
  const code = Number(key);
  if (code > 254) return undefined;
  return optionByCode(code) ?? { name: key, code, rfc: "", codec: bytes({ min: 0 }) };
}

/** The name that a mistyped one is nearest to; undefined when none is near. For "did you mean …?". */
export function nearestOptionName(key: string): string | undefined {
  if (key.length > SLIP_CHARACTERS_MAX) return undefined;
  let best: string | undefined;
  let bestDistance = Math.min(4, Math.floor(key.length / 2) + 1);
  for (const name of BY_NAME.keys()) {
    const distance = editDistance(key.toLowerCase(), name);
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** A longer key is no slip of a name. */
const SLIP_CHARACTERS_MAX = 64;

/** Insertions, deletions and replacements that turn one text into the other. */
function editDistance(left: string, right: string): number {
  let above = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[right.length] ?? 0;
}
