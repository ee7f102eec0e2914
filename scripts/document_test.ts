import { strictEqual } from "node:assert/strict";
import { OPTIONS_FILE, optionsDocument } from "./document.ts";

/** The formatter aligns tables and wraps text; only the words count. */
function words(text: string): string {
  return text.replaceAll(/^[|\s-]+$/gm, "").split(/\s+/).join(" ").trim();
}

// deno run -A scripts/document.ts && deno fmt node/OPTIONS.md
Deno.test("node/OPTIONS.md is what the registry says: if not, run scripts/document.ts and deno fmt", async () => {
  strictEqual(words(await Deno.readTextFile(OPTIONS_FILE)), words(optionsDocument()));
});
