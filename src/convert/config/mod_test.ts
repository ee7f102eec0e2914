import { deepStrictEqual, doesNotMatch, match, ok } from "node:assert/strict";
import fc from "fast-check";
import { type ConfigFormat, convertConfig } from "./mod.ts";
import { DHCPD, DNSMASQ, KEA } from "./testing/samples.ts";

const SAMPLES: readonly (readonly [ConfigFormat, string])[] = [["kea", KEA], ["dhcpd", DHCPD], ["dnsmasq", DNSMASQ]];

for (const [format, sample] of SAMPLES) {
  const pieces = sample.split(/(?<=[\s;{},=:"])/);

  /** The sample with words dropped, doubled, exchanged or replaced by noise. */
  const mutated = fc.array(
    fc.tuple(
      fc.nat(pieces.length - 1),
      fc.constantFrom("drop", "double", "swap", "noise"),
      fc.nat(pieces.length - 1),
      fc.string({ maxLength: 6 }),
    ),
    { minLength: 1, maxLength: 6 },
  ).map((changes) => {
    const words = [...pieces];
    for (const [at, change, other, noise] of changes) {
      if (change === "drop") words[at] = "";
      else if (change === "double") words[at] = `${words[at]}${words[at]}`;
      else if (change === "swap") [words[at], words[other]] = [words[other] ?? "", words[at] ?? ""];
      else words[at] = noise;
    }
    return words.join("");
  });

  Deno.test(`${format}: whatever a file is like, it is refused with a line or becomes a section that is valid`, () => {
    let sections = 0;
    fc.assert(
      fc.property(fc.oneof({ weight: 5, arbitrary: mutated }, fc.string({ unit: "binary" })), (text) => {
        const result = convertConfig(format, text, "file");
        if (!result.ok) {
          ok(result.line >= 1 && result.message !== "");
          return;
        }
        for (const { advice } of result.findings) ok(advice !== "");
        // Subnets there must be, and not more addresses than a node can keep: only the operator can help that.
        const others = result.issues.filter(({ path, message }) =>
          path !== "service.subnets" && !message.includes("brings the pools to")
        );
        deepStrictEqual(others, [], result.yaml);
        if (result.issues.length === 0) sections += 1;
      }),
      { numRuns: 300 },
    );
    ok(sections > 10, `${sections} of the files became sections`);
  });
}

Deno.test("words that every object has are no settings", () => {
  for (const word of ["constructor", "valueOf", "__proto__", "toString"]) {
    for (const text of [word, `${word}=${word}`, `${word} ${word};`, `allow ${word};`, `{"Dhcp4":{"${word}":1}}`]) {
      for (const [format] of SAMPLES) convertConfig(format, text, "file");
    }
  }
});

const DEEP = 100_000;

/** A configuration of Kea with a class that has this test, and gives something. */
function keaTest(test: string): string {
  return JSON.stringify({ Dhcp4: { "client-classes": [{ name: "deep", test, "boot-file-name": "x" }] } });
}

function dhcpdTest(condition: string): string {
  return `class "deep" { match if ${condition}; filename "x"; }`;
}

const NESTED: readonly (readonly [ConfigFormat, what: string, text: string, said: RegExp])[] = [
  ["kea", "lists", "[".repeat(DEEP), /more than 100 brackets/],
  ["kea", "maps", '{"Dhcp4":'.repeat(DEEP), /more than 100 brackets/],
  ["kea", "brackets of a test", keaTest("(".repeat(DEEP)), /more than 50 levels/],
  ["kea", "negations of a test", keaTest(`${"not ".repeat(DEEP)}member('a')`), /more than 50 levels/],
  ["kea", "functions of a test", keaTest("substring(".repeat(DEEP)), /more than 50 levels/],
  ["dhcpd", "declarations", "group {".repeat(DEEP), /more than 100/],
  ["dhcpd", "brackets of a condition", dhcpdTest(`${"(".repeat(DEEP)}known`), /more than 50 levels/],
  ["dhcpd", "functions of a condition", dhcpdTest("substring(".repeat(DEEP)), /more than 50 levels/],
  ["dhcpd", "negations of a condition", dhcpdTest(`${"not ".repeat(DEEP)}known`), /more than 50 levels/],
];
for (const [format, what, text, expected] of NESTED) {
  Deno.test(`${format}: nested ${what} are refused in our words`, () => {
    const said = JSON.stringify(convertConfig(format, text, "file"));
    match(said, expected);
    doesNotMatch(said, /call stack/);
  });
}
