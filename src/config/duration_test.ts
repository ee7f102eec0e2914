import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { formatSeconds, milliseconds, parseDurationMs, seconds } from "./duration.ts";
import type { Field } from "./field.ts";

function read(field: Field<number>, input: unknown): number | string {
  const result = field.safeParse(input);
  return result.success ? result.data : result.error.issues[0]?.message ?? "";
}

Deno.test("seconds() reads numbers as seconds and text by its units", () => {
  const rows: [unknown, number][] = [[90, 90], ["90s", 90], ["1h", 3600], ["1h30m", 5400], ["7d", 604_800], [
    "2w",
    1_209_600,
  ], ["2000ms", 2]];
  for (const [input, expected] of rows) strictEqual(read(seconds(), input), expected);
});

Deno.test("seconds() says what is wrong with anything else", () => {
  const wanted = "is not a duration; write one such as 3600 (seconds), 90s, 1h30m or 7d";
  for (const input of ["", "h", "1.5h", "-1h", "1h 30m", "30m1h", "1h1h", "1y", -1, 1.5, NaN, true, [], {}]) {
    strictEqual(read(seconds(), input), wanted, String(input));
  }
  strictEqual(
    read(seconds(), "3600"),
    "is text without a unit; remove the quotes (seconds), or add a unit: s, m, h, d",
  );
  strictEqual(read(seconds(), 0), "is too short; write at least 1s");
  strictEqual(read(seconds(), "1500ms"), "is not a whole number of seconds; round it");
  strictEqual(read(seconds(), 0xffffffff), "is too long; at most 4294967294 seconds fit");
  strictEqual(read(seconds(), "99999999999999999999w"), wanted);
});

Deno.test("seconds() takes infinite where a lease may be", () => {
  strictEqual(read(seconds({ infinite: true }), "infinite"), 0xffffffff);
  strictEqual(read(seconds(), "infinite"), "is not a duration; write one such as 3600 (seconds), 90s, 1h30m or 7d");
});

Deno.test("milliseconds() has bounds and keeps a bare number in seconds", () => {
  const field = milliseconds({ min: 10, max: 60_000 });
  deepStrictEqual([read(field, "500ms"), read(field, 1), read(field, "1m")], [500, 1000, 60_000]);
  strictEqual(read(field, "1ms"), "is too short; write a duration from 10ms to 60000ms");
  strictEqual(
    read(field, 500),
    "is too long; write a duration from 10ms to 60000ms (a number without a unit means seconds)",
  );
});

Deno.test("parseDurationMs() reads what formatSeconds() writes", () => {
  fc.assert(
    fc.property(fc.nat(0xfffffffe), (value) => strictEqual(parseDurationMs(formatSeconds(value)), value * 1000)),
  );
});
