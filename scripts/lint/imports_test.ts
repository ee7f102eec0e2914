import { deepStrictEqual } from "node:assert/strict";
import { findCircles, importsOf, readImports } from "./imports.ts";

Deno.test("importsOf() finds every kind of import, resolved, and neither packages nor text", () => {
  const source = `import { a } from "../a.ts";
import type {
  B,
} from "./b.ts";
import "./side_effect.ts";
export * from "./c/d.ts";
export type { E } from "./e.ts";
import { strictEqual } from "node:assert/strict";
import { z } from "zod";
export const from = "./text.ts";
const text = \`
  import { t } from "./text.ts";
\`;
export type F = import("./f.ts").F;
const g = await import("../g.ts");
`;
  deepStrictEqual(importsOf("src/x/y.ts", source), [
    "src/a.ts",
    "src/x/b.ts",
    "src/x/side_effect.ts",
    "src/x/c/d.ts",
    "src/x/e.ts",
    "src/x/f.ts",
    "src/g.ts",
  ]);
});

Deno.test("findCircles() finds each circle once, a file that imports itself included", () => {
  const graph = new Map([
    ["d", ["b"]],
    ["c", ["a", "e"]],
    ["b", ["c"]],
    ["a", ["b"]],
    ["e", ["e"]],
    ["x", ["y"]],
    ["y", ["x", "a"]],
  ]);
  deepStrictEqual(findCircles(graph), [["a", "b", "c"], ["e"], ["x", "y"]]);
});

Deno.test("findCircles() finds none where imports only go down, by several ways", () => {
  deepStrictEqual(findCircles(new Map([["a", ["b", "c"]], ["b", ["d"]], ["c", ["d"]], ["d", []]])), []);
});

Deno.test("readImports() reads the files of all folders, and a circle through types", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/src/net`, { recursive: true });
    await Deno.mkdir(`${root}/node`);
    await Deno.writeTextFile(`${root}/src/net/a.ts`, 'import type { B } from "../b.ts";\n');
    await Deno.writeTextFile(`${root}/src/b.ts`, 'import { a } from "./net/a.ts";\n');
    await Deno.writeTextFile(`${root}/src/data.json`, "{}");
    await Deno.writeTextFile(`${root}/node/main.ts`, 'import { b } from "../src/b.ts";\n');
    const graph = await readImports(`${root}/`, ["src", "node"]);
    deepStrictEqual([...graph.keys()].toSorted(), ["node/main.ts", "src/b.ts", "src/net/a.ts"]);
    deepStrictEqual(findCircles(graph), [["src/b.ts", "src/net/a.ts"]]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
