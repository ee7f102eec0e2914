/** Durations: whole seconds, or text with units, such as `90s`, `1h30m`, `7d`. */

import { type Field, field } from "./field.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Option 51's value for a lease without end (RFC 2131 §3.3). */
export const INFINITE_SECONDS = 0xffffffff;

/** Times that fit in an option and are not {@link INFINITE_SECONDS}. */
const DURATION_SECONDS_MAX = 0xfffffffe;

/**
 * Reads text with units, largest first and each at most once, or undefined when it has another form.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(parseDurationMs("1h30m"), 5_400_000);
 * strictEqual(parseDurationMs("500ms"), 500);
 * strictEqual(parseDurationMs("30m1h"), undefined);
 * ```
 */
export function parseDurationMs(text: string): number | undefined {
  if (!/^(?:\d+(?:ms|[smhdw]))+$/.test(text)) return undefined;
  let total = 0;
  let lastUnit = Infinity;
  for (const [, digits, name] of text.matchAll(/(\d+)(ms|[smhdw])/g)) {
    const unit = UNIT_MS[name as string] as number;
    if (unit >= lastUnit) return undefined;
    lastUnit = unit;
    total += Number(digits) * unit;
  }
  return Number.isSafeInteger(total) ? total : undefined;
}

/**
 * Formats seconds the way a configuration file writes them.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(formatSeconds(5400), "1h30m");
 * strictEqual(formatSeconds(0xffffffff), "infinite");
 * ```
 */
export function formatSeconds(seconds: number): string {
  if (seconds === INFINITE_SECONDS) return "infinite";
  let text = "";
  let rest = seconds * 1000;
  for (const unit of ["d", "h", "m", "s"]) {
    const size = UNIT_MS[unit] as number;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === "" ? "0s" : text;
}

/** A duration in whole seconds, at least `min` of them; `infinite` reads as {@link INFINITE_SECONDS} if allowed. */
export function seconds(options: { min?: number; infinite?: boolean } = {}): Field<number> {
  const { min = 1, infinite = false } = options;
  const noun = infinite ? 'a duration or "infinite"' : "a duration";
  return field({ noun, example: "3600 (seconds), 90s or 1h30m" }, (input) => {
    if (infinite && input === "infinite") return { value: INFINITE_SECONDS };
    const ms = readMs(input);
    if (ms === undefined) return { problem: refuse(noun, input) };
    if (ms % 1000 !== 0) return { problem: "is not a whole number of seconds; round it" };
    if (ms < min * 1000) return { problem: `is too short; write at least ${formatSeconds(min)}` };
    if (ms > DURATION_SECONDS_MAX * 1000) {
      return {
        problem: `is too long; at most ${DURATION_SECONDS_MAX} seconds fit${infinite ? ', or "infinite"' : ""}`,
      };
    }
    return { value: ms / 1000 };
  });
}

/** A duration in milliseconds within bounds. A bare number still means seconds, as everywhere in the file. */
export function milliseconds(bounds: { min: number; max: number }): Field<number> {
  const limits = `write a duration from ${bounds.min}ms to ${bounds.max}ms`;
  return field({ noun: "a duration", example: "500ms or 1s" }, (input) => {
    const ms = readMs(input);
    if (ms === undefined) return { problem: refuse("a duration", input) };
    if (ms < bounds.min) return { problem: `is too short; ${limits}` };
    if (ms > bounds.max) return { problem: `is too long; ${limits} (a number without a unit means seconds)` };
    return { value: ms };
  });
}

function readMs(input: unknown): number | undefined {
  if (typeof input === "string") return parseDurationMs(input);
  return typeof input === "number" && Number.isInteger(input) && input >= 0 ? input * 1000 : undefined;
}

function refuse(noun: string, input: unknown): string {
  if (typeof input === "string" && /^\d+$/.test(input)) {
    return "is text without a unit; remove the quotes (seconds), or add a unit: s, m, h, d";
  }
  return `is not ${noun}; write one such as 3600 (seconds), 90s, 1h30m or 7d`;
}
