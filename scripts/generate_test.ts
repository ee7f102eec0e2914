import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { z } from "zod";
import { integer, list, mapping } from "../src/config/field.ts";
import { ALL_OPTIONS } from "../src/dhcp/options/mod.ts";
import { generated, jsonSchemaOf, keysOf } from "./generate.ts";

Deno.test("generated files are up to date: deno run -A scripts/generate.ts", async () => {
  for (const [file, text] of await generated()) {
    strictEqual(await Deno.readTextFile(new URL(`../${file}`, import.meta.url)), text, file);
  }
});

const NUMBER = integer({ min: 1, max: 9 });

Deno.test("keysOf() lists keys with their defaults, and shared ones once", () => {
  const SHARED = NUMBER.describe("shared");
  const schema = mapping({
    a: NUMBER.describe("an a"),
    b: mapping({ c: NUMBER.describe("a c").prefault(3) }).prefault({}),
    time: SHARED.prefault(1),
    list: list(z.preprocess((input) => input, mapping({ time: SHARED.exactOptional(), d: NUMBER.describe("a d") })))
      .describe("a list").prefault([]),
    e: NUMBER.meta({ description: "an e", fallback: "see below" }).exactOptional(),
    f: mapping({ g: NUMBER.describe("a g").exactOptional() }).describe("an f").prefault({ g: 2 }),
  }).transform((all) => all);
  deepStrictEqual(keysOf(schema).map(({ path, fallback, description }) => [path, fallback, description]), [
    ["a", "required", "an a"],
    ["b.c", "3", "a c"],
    ["time", "1", "shared"],
    ["list", "[]", "a list"],
    ["list[].d", "required", "a d"],
    ["e", "see below", "an e"],
    ["f", "{ g: 2 }", "an f"],
    ["f.g", "none", "a g"],
  ]);
});

Deno.test("keysOf() throws on keys without a description", () => {
  throws(() => keysOf(mapping({ a: mapping({ b: NUMBER }), c: list(NUMBER) })), /in the schema: a\.b, c$/);
});

Deno.test("jsonSchemaOf() allows the short form of a pool, and has no words of its own", () => {
  const text = JSON.stringify(jsonSchemaOf("node"));
  match(text, /"pools":.*"anyOf":\[\{"type":"string"\}/);
  strictEqual(/"(?:short|fallback)":/.test(text + JSON.stringify(jsonSchemaOf("relay"))), false);
});

Deno.test("node/OPTIONS.md has a row of five cells for every option", async () => {
  const rows = (await generated()).get("node/OPTIONS.md")?.split("\n").filter((line) => line.startsWith("|")) ?? [];
  strictEqual(rows.length, ALL_OPTIONS.length + 2);
  for (const row of rows) strictEqual(row.replaceAll("\\|", "").split("|").length, 7, row);
  const words = rows.map((row) => row.replaceAll(/ +/g, " "));
  ok(
    words.includes(
      "| 3 | `routers` | IPv4 addresses | IPv4 addresses, such as [192.0.2.1, 192.0.2.2] | RFC 2132 §3.5 |",
    ),
  );
  ok(words.some((row) => row.startsWith("| 51 | `dhcp-lease-time` ") && row.includes("use the key leaseTime")));
});
