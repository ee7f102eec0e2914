// deno-lint-ignore-file no-console -- a command line speaks on the console
/**
 * Makes the single executables `dist/dhcpcluster-node` and `dist/dhcpcluster-relay` with `deno compile`, with the
 * permissions of the tasks `node` and `relay` baked in.
 *
 * Deno puts each program behind a runtime stub that it downloads once. Where that download is not possible, DENORT_BIN
 * names a stub that is there, and DENO_COMPILE a `deno` of the same version to compile with.
 *
 * usage: deno task compile
 */

import denoJson from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url).pathname;
const DIST = "dist";

/** Modules that nothing imports by name: workers. */
const INCLUDED = { node: ["node/store/worker.ts"], relay: [] } as const;

/** `deno run PERMISSIONS ENTRY` as a task has it. */
function commandOf(program: "node" | "relay"): { permissions: string[]; entry: string } {
  const words = denoJson.tasks[program].command.split(/\s+/).slice(2);
  return { permissions: words.slice(0, -1), entry: words.at(-1) ?? "" };
}

async function compile(program: "node" | "relay"): Promise<{ ok: boolean; output: string; path: string }> {
  const { permissions, entry } = commandOf(program);
  const path = `${DIST}/dhcpcluster-${program}`;
  const include = INCLUDED[program].flatMap((file) => ["--include", file]);
  const { success, stderr } = await new Deno.Command(Deno.env.get("DENO_COMPILE") ?? Deno.execPath(), {
    args: ["compile", "--no-check", "--quiet", ...permissions, ...include, "--output", path, entry],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return { ok: success, output: new TextDecoder().decode(stderr), path };
}

async function main(): Promise<number> {
  await Deno.mkdir(`${ROOT}${DIST}`, { recursive: true });
  for (const program of ["node", "relay"] as const) {
    const { ok, output, path } = await compile(program);
    if (!ok) {
      const stubless = /denort|download|error sending request|client error/i.test(output);
      console.error(
        stubless
          ? "compile: Deno can't download its runtime stub (denort): connect to the internet once, or set DENORT_BIN to a " +
            "stub and DENO_COMPILE to a deno of the same version"
          : `compile: ${program} failed:\n${output.trim()}`,
      );
      return 1;
    }
    const { size } = await Deno.stat(`${ROOT}${path}`);
    console.log(`${path}  ${(size / 2 ** 20).toFixed(1)} MiB`);
  }
  return 0;
}

if (import.meta.main) Deno.exit(await main());
