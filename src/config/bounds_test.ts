import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { findExcess, isTooDeep } from "./bounds.ts";
import { integer, list, mapping } from "./field.ts";
import { formatIssues } from "./issue.ts";
import { CONFIG_LIMITS } from "./limits.ts";
import { checkConfig, loadConfig } from "./load.ts";
import { serviceSchema } from "./service_schema.ts";
import { parseSource } from "./source.ts";

/** Longer than any of these takes on a busy machine, and far shorter than they took without limits. */
const HANG_MS = 20_000;

function inTime<T>(run: () => T): T {
  const startedMs = performance.now();
  const result = run();
  const tookMs = performance.now() - startedMs;
  ok(tookMs < HANG_MS, `took ${Math.round(tookMs)} ms`);
  return result;
}

function refusal(text: string): string {
  const { source, issues } = inTime(() => parseSource(text));
  strictEqual(source, undefined);
  strictEqual(issues.length, 1);
  return formatIssues("f.yaml", issues);
}

const { lexemesAtOnceMax, lexemesMax, scalarCharactersMax, depthMax, indentMax, aliasesMax, fileBytesMax, issuesMax } =
  CONFIG_LIMITS;

Deno.test("parseSource() refuses what is too large, with the place and what to do", () => {
  match(refusal(`a: [${"1, ".repeat(lexemesAtOnceMax)}]`), /^f\.yaml:1:\d+: the file has more than 1000000 words/);
  match(refusal(`a:\n${"- 1\n".repeat(lexemesMax / 3)}`), /^f\.yaml:\d+:\d+: the file has more than 4000000 words/);
  match(refusal(`a: 1\nb: "${"x".repeat(scalarCharactersMax)}"`), /^f\.yaml:2:4: this value has 16386 characters; sho/);
  match(refusal(`a: &a 1\nb: [${"*a, ".repeat(aliasesMax + 1)}]`), /^f\.yaml:2:\d+: more than 1000 aliases/);
  match(refusal(`a: ${"[".repeat(depthMax + 1)}`), /^f\.yaml:1:\d+: brackets are nested too deeply: more than 64/);
  match(
    refusal(`${"- ".repeat(indentMax)}1`),
    /^f\.yaml:1:\d+: it is nested too deeply: indent by 256 columns at most/,
  );
  match(refusal("a".repeat(fileBytesMax + 1)), /^f\.yaml:1:1: the text is longer than 16777216 characters/);
});

Deno.test("parseSource() takes what is within the limits", () => {
  const nested = `a: ${"[".repeat(depthMax)}${"]".repeat(depthMax)}`;
  for (const text of [nested, `a: "${"x".repeat(scalarCharactersMax - 2)}"`, `# ${"x".repeat(100_000)}\na: 1`]) {
    strictEqual(findExcess(text), undefined);
    deepStrictEqual(parseSource(text).issues, []);
  }
});

Deno.test("parseSource() takes long lists that may not be parsed at once, and tells mistakes without lines", () => {
  const text = `a: x\nb:\n${"- { c: 1, d: 2 }\n".repeat(lexemesAtOnceMax / 15)}`;
  ok(findExcess(text) !== undefined);
  const number = integer({ min: 1, max: 2 });
  const schema = mapping({ a: number, b: list(mapping({ c: number, d: number })) });
  const result = inTime(() => loadConfig(text, schema));
  match(result.ok ? "" : formatIssues("f", result.issues), /^f: a: is not a whole number/);
});

Deno.test("parseSource() takes a mapping of 100,000 keys in linear time, and finds the one that is repeated", () => {
  const keys = Array.from({ length: 100_000 }, (_, index) => `k${index}: 1`);
  const { source, issues } = inTime(() => parseSource([...keys, "k7: 2"].join("\n")));
  strictEqual(Object.keys(source?.value as object).length, 100_000);
  match(formatIssues("f", issues), /^f:100001:1: "k7" is given twice in one mapping; remove one of the two$/);
});

Deno.test("parseSource() never answers with the runtime's words about its stack", () => {
  for (const opener of ["[", "{", "- ", "? ", "{a: ", "[[{", "!!x [", "&a [", '"a": [']) {
    for (const count of [100, 5_000, 300_000]) {
      const { issues } = inTime(() => parseSource(opener.repeat(count)));
      ok(count === 100 || issues.length > 0);
      for (const { message } of issues) ok(!/call stack/i.test(message), message);
    }
  }
  const steps = Array.from({ length: 3_000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n");
  match(refusal(steps), /nested too deeply/);
});

Deno.test("loadConfig() tells a hundred problems of many, and that there are more", () => {
  const schema = mapping({ ids: list(integer({ min: 1, max: 9 })).default([]) });
  const unknown = Array.from({ length: 50_000 }, (_, index) => `k${index}: 1`).join("\n");
  for (const text of [unknown, `ids: [${"0, ".repeat(50_000)}]`, `a: 1\n${"a: 1\n".repeat(50_000)}`]) {
    const result = inTime(() => loadConfig(text, schema));
    ok(!result.ok);
    ok(result.issues.length >= issuesMax && result.issues.length <= 2 * issuesMax + 1, String(result.issues.length));
  }
  const first = loadConfig(unknown, schema);
  ok(!first.ok);
  match(formatIssues("f", first.issues), /^f: there are more than 100 problems; these were found first\nf:1:1: k0: /);
});

Deno.test("checkConfig() bounds the problems of options that don't exist", () => {
  const options = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`no-such-option-${index}`, 1]));
  const service = { revision: 1, options, subnets: [{ subnet: "10.0.0.0/8" }] };
  const result = inTime(() => checkConfig(service, serviceSchema));
  ok(!result.ok && result.issues.length === issuesMax + 1);
});

Deno.test("isTooDeep() counts levels without a stack of its own", () => {
  let value: unknown = 1;
  for (let depth = 0; depth < 200_000; depth++) value = [value];
  strictEqual(isTooDeep(value), true);
  strictEqual(isTooDeep([[1], { a: [2] }], 3), false);
  strictEqual(isTooDeep([[1], { a: [2] }], 2), true);
});
