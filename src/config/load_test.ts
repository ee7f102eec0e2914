import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { z } from "zod";
import fc from "fast-check";
import { seconds } from "./duration.ts";
import { flag, integer, list, mapping, oneOf, readOnly, text } from "./field.ts";
import { ipv4, port } from "./fields.ts";
import { formatIssues } from "./issue.ts";
import { type Check, checkConfig, loadConfig } from "./load.ts";

const schema = mapping({
  name: text({ octetsMax: 20, example: "n1" }),
  http: mapping({ address: ipv4(), port: port().default(80) }),
  times: mapping({ renew: seconds(), rebind: seconds() }).optional(),
  mode: oneOf(["fast", "safe"]).default("safe"),
  on: flag().default(false),
  ids: list(integer({ min: 1, max: 9 })).default([]),
});

const renewBeforeRebind: Check = (root, report) => {
  const times = (root as { times?: { renew?: unknown; rebind?: unknown } } | null)?.times;
  const renew = readOnly(seconds(), times?.renew);
  const rebind = readOnly(seconds(), times?.rebind);
  if (renew !== undefined && rebind !== undefined && renew >= rebind) {
    report(["times", "renew"], `is not shorter than rebind (${rebind}); shorten it`);
  }
};

function load(yaml: string): string[] {
  const result = loadConfig(yaml, schema, renewBeforeRebind);
  return result.ok ? [] : formatIssues("f.yaml", result.issues).split("\n");
}

const GOOD = "name: a\nhttp: { address: 10.0.0.1 }\n";

Deno.test("loadConfig() reads a large file in pieces, and tells the places in it all the same", () => {
  const ids = (last: string) => `${GOOD}ids:\n${"- 7 # of many\n".repeat(40_000)}- ${last}\n`;
  const result = loadConfig(ids("8"), schema);
  ok(result.ok);
  deepStrictEqual([result.value.ids.length, result.value.ids.at(-1)], [40_001, 8]);
  match(load(ids("10")).join(), /^f\.yaml:40004:3: ids\[40000\]: 10 /);
  match(load(ids("[")).join(), /^f\.yaml:\d+:\d+: /);
});

Deno.test("loadConfig() returns the values with defaults filled in", () => {
  deepStrictEqual(loadConfig(GOOD, schema), {
    ok: true,
    value: { name: "a", http: { address: 0x0a000001, port: 80 }, mode: "safe", on: false, ids: [] },
    root: { name: "a", http: { address: "10.0.0.1" } },
  });
});

Deno.test("loadConfig() reports three mistakes with line and column each", () => {
  const yaml = [
    "name: a",
    "http:",
    "  address: 10.0.0.256",
    "  prot: 80",
    "times: { renew: 2h, rebind: 1h }",
  ].join("\n");
  deepStrictEqual(load(yaml), [
    'f.yaml:3:12: http.address: "10.0.0.256" is not an IPv4 address; write one such as 10.77.0.1',
    'f.yaml:4:3: http.prot: unknown key; did you mean "port"?',
    'f.yaml:5:17: times.renew: "2h" is not shorter than rebind (3600); shorten it',
  ]);
});

Deno.test("loadConfig() shows what is missing at its parent's key", () => {
  deepStrictEqual(load("name: a\nhttp:\n  port: 80\n"), [
    "f.yaml:2:1: http.address: is missing; give an IPv4 address such as 10.77.0.1",
  ]);
  deepStrictEqual(load("name: a\nhttp:\n"), ["f.yaml:2:1: http: has no value; give a mapping (key: value)"]);
  deepStrictEqual(load("mode: fast\n"), [
    'f.yaml:1:1: name: is missing; give text such as "n1"',
    "f.yaml:1:1: http: is missing; give a mapping (key: value)",
  ]);
});

Deno.test("loadConfig() says what to do about a value of the wrong YAML type", () => {
  const rows: [string, RegExp][] = [
    ["name: 12", /^f.yaml:1:7: name: 12 is read as a number; put it in quotes$/],
    ["name: true", /name: true is read as a boolean; put it in quotes$/],
    ["name: [a]", /name: a list is not text; write one such as "n1"$/],
    ["on: yes", /on: "yes" is text; write true without quotes$/],
    ["on: 0", /on: 0 is neither true nor false; write one of them$/],
    ['ids: ["3"]', /f.yaml:1:7: ids\[0\]: "3" is text; write the number without quotes$/],
    ["ids: [0x0a]", /ids\[0\]: 0x0a is too large; write a whole number from 1 to 9$/],
    ["ids: [1.5]", /ids\[0\]: 1.5 is not a whole number from 1 to 9; write one such as 1$/],
    ["ids: 3", /ids: 3 is not a list; start each entry with "- ", or put brackets around them/],
    ["ids: { a: 1 }", /ids: a mapping is not a list/],
    ["http: [10.0.0.1]", /http: a list is not a mapping \(key: value\); remove the "- " in front of its keys$/],
    ["http: 10.0.0.1", /http: "10.0.0.1" is not a mapping \(key: value\); write its keys on lines of their own/],
    ["mode: fst", /mode: "fst" is not one of fast, safe; write one of these$/],
  ];
  for (const [yaml, expected] of rows) {
    const key = yaml.split(":", 1)[0] as string;
    const line = load(yaml).find((one) => new RegExp(`: ${key}[^a-z]`).test(one));
    match(line ?? `no issue for ${yaml}`, expected);
  }
});

Deno.test("loadConfig() reports mistakes of the YAML itself with their position", () => {
  const rows: [string, RegExp][] = [
    ["name: a\n\thttp: 1\n", /^f.yaml:2:1: a tab indents this line; YAML wants spaces$/],
    ["name: [a\nhttp: 1\n", /^f.yaml:2:1: .*check the indentation/],
    ["name: a: b\n", /^f.yaml:1:7: Nested mappings .*check the indentation and the colons/],
    ["name: !secret a\n", /^f.yaml:1:7: the tag "!secret" means nothing here/],
    ["name: a\n---\nname: b\n", /^f.yaml:2:1: a second document starts here; remove the "---" line$/],
    ["name: *a\n", /^f.yaml:1:7: Unresolved alias .*: a; define the anchor/],
    ["", /^f.yaml:1:1: the file is empty; start from the example file$/],
    ["# nothing\n", /^f.yaml:1:1: the file is empty/],
  ];
  for (const [yaml, expected] of rows) {
    const lines = load(yaml);
    strictEqual(lines.length, 1, `${yaml}: ${lines}`);
    match(lines[0] as string, expected);
  }
});

Deno.test("loadConfig() reports a key given twice together with everything else", () => {
  deepStrictEqual(load("name: a\nhttp: { address: 10.0.0.1 }\nname: b\non: 3\n"), [
    'f.yaml:3:1: "name" is given twice in one mapping; remove one of the two',
    "f.yaml:4:5: on: 3 is neither true nor false; write one of them",
  ]);
});

Deno.test("loadConfig() follows aliases, and refuses those that multiply", () => {
  deepStrictEqual(load("name: &n x\nhttp: &h { address: *n }\ntimes: { renew: *n, rebind: 1h }\n"), [
    'f.yaml:2:21: http.address: "x" is not an IPv4 address; write one such as 10.77.0.1',
    'f.yaml:3:17: times.renew: "x" is not a duration; write one such as 3600 (seconds), 90s, 1h30m or 7d',
  ]);
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (const [from, to] of ["ab", "bc", "cd", "de", "ef", "fg"]) {
    bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(",")}]`);
  }
  const lines = load(bomb.join("\n"));
  strictEqual(lines.length, 1);
  match(lines[0] as string, /^f.yaml:2:8: aliases repeat values more than 100 times; write the values out$/);
  ok(load("name: &a [*a]\nhttp: 1").length > 0);
});

Deno.test("loadConfig() keeps the names of Object's own properties apart from keys", () => {
  deepStrictEqual(load(`${GOOD}__proto__: { on: true }\nconstructor: 1\n`), [
    "f.yaml:3:1: __proto__: unknown key; known here: name, http, times, mode, on, ids",
    "f.yaml:4:1: constructor: unknown key; known here: name, http, times, mode, on, ids",
  ]);
});

Deno.test("loadConfig() keeps control characters out of its messages", () => {
  const [line = ""] = load(`${GOOD}mode: "a\\e[31m\\nb"\n`);
  match(line, /mode: "a\\u001b\[31m\\nb" is not one of/);
});

Deno.test("loadConfig() never throws", () => {
  const word = fc.constantFrom(
    "name",
    "http",
    "ids",
    ":",
    " ",
    "\n",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "&a",
    "*a",
    "'",
    '"',
    "|",
    "\t",
    "? ",
    "!!x",
    "~",
    "1",
    "%YAML 1.1\n",
    "---\n",
    "<<: ",
    "#",
  );
  const yaml = fc.oneof(
    fc.array(word, { maxLength: 30 }).map((words) => words.join("")),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(yaml, (text) => {
      const result = loadConfig(text, schema, renewBeforeRebind);
      if (result.ok) return;
      ok(result.issues.length > 0);
      for (const issue of result.issues) ok(issue.line >= 0 && !/\n/.test(issue.message));
    }),
    { numRuns: 2000 },
  );
  match(load("[".repeat(200_000))[0] ?? "", /^f\.yaml/);
});

Deno.test("checkConfig() checks values that have no file", () => {
  const result = checkConfig({ name: "a", http: { address: "10.0.0.1", port: 0 } }, schema);
  deepStrictEqual(result, {
    ok: false,
    issues: [{
      path: "http.port",
      line: 0,
      column: 0,
      message: "0 is too small; write a whole number from 1 to 65535",
    }],
  });
  strictEqual(checkConfig({ a: 1 }, z.object({ a: z.number() })).ok, true);
});
