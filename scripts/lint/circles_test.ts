import { deepStrictEqual } from "node:assert/strict";
import { findCircles, readImports } from "./imports.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

Deno.test("the imports of this repository have no circle, types included", async () => {
  const circles = findCircles(await readImports(ROOT, ["src", "node", "relay", "scripts", "tests"]));
  deepStrictEqual(circles.map((circle) => circle.join(" → ")), []);
});
