import { deepStrictEqual, ok } from "node:assert/strict";
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
