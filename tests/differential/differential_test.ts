/** The converter against the servers it converts from: see `main.ts`, which this runs on the cases of each server. */

import { match, ok } from "node:assert/strict";
import { CONFIG_FORMATS } from "../../src/convert/config/mod.ts";
import { obstacle } from "./obstacle.ts";

const PROGRAM = new URL("./main.ts", import.meta.url).pathname;

/** Generated files of each server in a run of the tests, and where their numbers begin. */
const FILES = 12;
const SEED = 1;

async function main(...args: readonly string[]): Promise<{ readonly success: boolean; readonly output: string }> {
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", PROGRAM, ...args], stdout: "piped" });
  const { success, stdout } = await command.output();
  return { success, output: new TextDecoder().decode(stdout) };
}

for (const format of CONFIG_FORMATS) {
  const folder = new URL(`./cases/${format}/`, import.meta.url).pathname;
  const reason = obstacle();
  const ignore = reason !== undefined;
  const skipped = ignore ? ` (skipped: ${reason})` : "";

  Deno.test({
    name: `${format}: every case is what the real server answers, or is listed${skipped}`,
    ignore,
    fn: async () => {
      const files = (await Array.fromAsync(Deno.readDir(folder), ({ name }) => `${folder}${name}`)).sort();
      ok(files.length >= 20, "the cases are there");
      const { success, output } = await main(...files);
      ok(success, output);
      match(output, new RegExp(`^${files.length} files`, "m"));
    },
  });

  Deno.test({
    name: `${format}: generated files are what the real server answers, or are listed${skipped}`,
    ignore,
    fn: async () => {
      const { success, output } = await main("--files", String(FILES), "--seed", String(SEED), "--format", format);
      ok(success, output);
      match(output, new RegExp(`^${FILES} files`, "m"));
    },
  });
}
