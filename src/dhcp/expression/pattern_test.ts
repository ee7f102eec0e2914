import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { Pattern, PatternError } from "./pattern.ts";

Deno.test("Pattern finds what a regular expression finds", () => {
  const cases: readonly [pattern: string, text: string, found: boolean][] = [
    ["Phone", "Cisco IP Phone 7962", true],
    ["^Phone", "Cisco IP Phone 7962", false],
    ["^Cisco.*(AP|Phone) [0-9]+$", "Cisco IP Phone 7962", true],
    ["^Cisco.*(AP|Phone) [0-9]+$", "Cisco IP Phone 7962 ", false],
    ["^(?:a|b)?c{2,3}$", "acc", true],
    ["^(?:a|b)?c{2,3}$", "acccc", false],
    ["^a{0}$", "", true],
    ["^[^a-c\\]]\\x41\\.$", "dA.", true],
    ["^\\w+\\s\\D$", "ab1_ x", true],
    ["a|^$", "", true],
    ["(^a|b$)", "xb", true],
    ["a^b", "a^b", false],
    ["", "", true],
  ];
  for (const [pattern, text, found] of cases) strictEqual(new Pattern(pattern).test(text), found, `${pattern} ${text}`);
});

Deno.test("Pattern agrees with V8 on generated patterns", () => {
  const leaf = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\d", "\\W", "^", "$", "1");
  const pattern = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.tuple(tie("node"), tie("node")).map(([a, b]) => `${a}${b}`),
      fc.tuple(tie("node"), tie("node")).map(([a, b]) => `(?:${a}|${b})`),
      fc.tuple(tie("node"), fc.constantFrom("*", "+", "?", "{2}", "{0,2}", "{1,}")).map(([a, n]) => `(?:${a})${n}`),
    ),
  })).node;
  const text = fc.string({ unit: fc.constantFrom("a", "b", "1", " "), maxLength: 8 });
  fc.assert(fc.property(pattern, fc.array(text, { minLength: 3, maxLength: 6 }), (source, texts) => {
    const own = new Pattern(source);
    for (const each of texts) strictEqual(own.test(each), new RegExp(source).test(each), `/${source}/ on "${each}"`);
  }));
});

Deno.test("Pattern passes a text once, whatever the pattern: the states it remembers are bounded", () => {
  // V8 needs 2^255 steps for the first, and the second has 2^20 sets of states.
  strictEqual(new Pattern(`^${"(".repeat(12)}${"){100}".repeat(12)}$`).test(""), true);
  strictEqual(new Pattern("^(a+)+(a*)*b$").test("a".repeat(255)), false);
  const explosive = new Pattern("a.{20}b");
  const texts = fc.sample(fc.string({ unit: fc.constantFrom("a", "b"), minLength: 255, maxLength: 255 }), 20);
  for (const text of texts) strictEqual(explosive.test(text), /a.{20}b/.test(text));
});

Deno.test("Pattern says what is wrong, and where", () => {
  const wrong = [
    "(a",
    "a)",
    "*a",
    "a**",
    "[b-a]",
    "[a",
    "\\1",
    "(?=a)",
    "a{200}",
    "a{3,2}",
    "((a{50}){50}){50}",
    "\\",
    "é€",
  ];
  const errors = wrong.map((text) => {
    try {
      new Pattern(text);
      return "none";
    } catch (error) {
      return error instanceof PatternError ? `${error.at}: ${error.message}` : "another";
    }
  });
  deepStrictEqual(errors.filter((error) => error === "none" || error === "another"), []);
  strictEqual(errors[0], '2: lacks a ")"');
  throws(() => new Pattern("(".repeat(300)), PatternError);
});
