import { strictEqual } from "node:assert/strict";
import { embed, EMBEDDED } from "./embed.ts";

Deno.test("the embedded dashboards are those in the files: deno run -A scripts/embed.ts", async () => {
  for (const [module, files] of Object.entries(EMBEDDED)) {
    strictEqual(await Deno.readTextFile(new URL(`../${module}`, import.meta.url)), await embed(files), module);
  }
});
