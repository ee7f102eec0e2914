import { deepStrictEqual } from "node:assert/strict";
import plugin from "./purity.ts";

function messages(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, file, source).map((diagnostic) => diagnostic.message);
}

Deno.test("purity: ambient time, chance and effects are reported in a pure folder", () => {
  const source = `
    import { readFileSync } from "node:fs";
    export const now = () => Date.now() + performance.now() + Math.random();
    setTimeout(now, 1);
    Deno.exit(readFileSync.length);
  `;
  deepStrictEqual(
    messages("/x/src/dhcp/y.ts", source).map((message) => message.split('"')[1]).sort(),
    ["Date", "Deno", "Math.random", "node:fs", "performance", "setTimeout"],
  );
});

Deno.test("purity: the same source is fine elsewhere, and in tests", () => {
  const source = "export const now = () => Date.now();";
  deepStrictEqual(messages("/x/node/y.ts", source), []);
  deepStrictEqual(messages("/x/src/dhcp/y_test.ts", source), []);
});

Deno.test("purity: a member that shares a banned name is no effect", () => {
  const source = "export const f = (o: { Date: number }) => o.Date;";
  deepStrictEqual(messages("/x/src/lease/y.ts", source), []);
});
