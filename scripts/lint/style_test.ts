import { deepStrictEqual, strictEqual } from "node:assert/strict";
import plugin, { brokenWall, WALLS } from "./style.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** `rule: what it found`, the rule without the plugin's name. */
function found(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, `${ROOT}${file}`, source).map(({ id, range }) => {
    const rule = id.slice("style/".length);
    return rule === "banned-words" ? `${rule}: ${source.slice(...range)}` : rule;
  });
}

// In pieces, as this file is checked too.
const BODY = "body";
const THERE = "there";

Deno.test("banned-words: a riddle in a comment, a string or a template is reported where it stands", () => {
  const source = `
    // é Some${BODY} waits.
    /** Lets ${"time pass"}. */
    export const text = "no${BODY} answers";
    export const other = \`who${"ever"} \${text} while a node is ${THERE}\`;
  `;
  deepStrictEqual(found("src/x.ts", source), [
    `banned-words: Some${BODY}`,
    `banned-words: Lets ${"time pass"}`,
    `banned-words: no${BODY}`,
    `banned-words: who${"ever"}`,
    `banned-words: node is ${THERE}`,
  ]);
});

Deno.test("banned-words: plain words, names and existence are fine", () => {
  const source = `
    // No node answers; there is a file, and where none is there, one is made.
    export const nobodys = "the leader steps down";
  `;
  deepStrictEqual(found("src/x.ts", source), []);
});

Deno.test("line-length: more than 120 columns are reported, in code, comments and strings", () => {
  const words = "word ".repeat(24);
  strictEqual(`// ${words}`.trimEnd().length, 122);
  deepStrictEqual(found("src/x.ts", `// ${words.trimEnd()}\n`), ["line-length"]);
  deepStrictEqual(found("src/x.ts", `export const x = "${words}";\n`), ["line-length"]);
});

Deno.test("line-length: 120 columns are fine, and so is what has no place to break, and a file of data", () => {
  const long = "x".repeat(150);
  deepStrictEqual(found("src/x.ts", `// ${"é".repeat(58)} ${"𝒳".repeat(58)}\n`), []);
  deepStrictEqual(found("src/x.ts", `/**\n * https://example.org/${long}\n */\n`), []);
  deepStrictEqual(found("src/x.ts", `export const x =\n  "${long}";\n`), []);
  deepStrictEqual(found("src/x.ts", `// deno-fmt-ignore-file\nexport const x = "a ${long}";\n`), []);
});

Deno.test("file-name: snake_case as in Deno's std", () => {
  for (const name of ["leaseTable.ts", "lease-table.ts", "LeaseTable_test.ts"]) {
    deepStrictEqual(found(`src/${name}`, ""), ["file-name"], name);
  }
  for (const name of ["lease_table.ts", "lease_table_test.ts", "udp_bench.ts", "ipv4.d.ts", "page.js"]) {
    deepStrictEqual(found(`src/${name}`, ""), [], name);
  }
});

Deno.test("walls: imports, exports and types from behind a wall are reported", () => {
  const source = `
    import type { Member } from "../../cluster/member.ts";
    export * from "../../cluster/limits.ts";
    export { step } from "../server/step.ts";
    export type Status = import("../../cluster/status.ts").Status;
    export const main = () => import("../../../node/main.ts");
  `;
  deepStrictEqual(found("src/dhcp/options/x.ts", source), ["walls", "walls", "walls", "walls", "walls"]);
});

Deno.test("walls: imports on the same side, packages and data are fine", () => {
  const source = `
    import { parse } from "yaml";
    import { strictEqual } from "node:assert/strict";
    import { assert } from "../../assert.ts";
    import { decode } from "../decode.ts";
    import metadata from "../../../deno.json" with { type: "json" };
  `;
  deepStrictEqual(found("src/dhcp/options/x.ts", source), []);
});

Deno.test("walls: each one of the table stands, and lets through what is beside it", () => {
  const cases: readonly [from: string, broken: string, allowed: string][] = [
    ["src/lease/agreement/rule.ts", "src/lease/table/table.ts", "src/net/ipv4.ts"],
    ["src/lease/table/table.ts", "src/dhcp/server/policy.ts", "src/lease/agreement/rule.ts"],
    ["src/dhcp/decode.ts", "src/dhcp/server/policy.ts", "src/dhcp/options/text.ts"],
    ["src/dhcp/server/policy.ts", "src/cluster/limits.ts", "src/dhcp/decode.ts"],
    ["src/cluster/sync/pull.ts", "src/cluster/leadership/election.ts", "src/cluster/wire/codec.ts"],
    ["src/net/udp.ts", "relay/main.ts", "src/assert.ts"],
    ["node/main.ts", "relay/main.ts", "src/net/udp.ts"],
    ["relay/main.ts", "node/main.ts", "src/net/udp.ts"],
  ];
  deepStrictEqual(cases.map(([from, broken]) => WALLS.findIndex((wall) => wall === brokenWall(from, broken))), [
    ...WALLS.keys(),
  ]);
  for (const [from, , allowed] of cases) strictEqual(brokenWall(from, allowed), undefined, `${from}: ${allowed}`);
});
