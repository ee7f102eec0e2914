/** `deno task compile` with a stand-in for `deno compile`, which costs 100 MB and a runtime stub per program. */

import { deepStrictEqual, doesNotMatch, match, strictEqual } from "node:assert/strict";

const SCRIPT = new URL("./compile.ts", import.meta.url).pathname;

/** Writes the bundle where the executable belongs. */
const COPY = '#!/bin/sh\nwhile [ $# -gt 1 ]; do if [ "$1" = --output ]; then out=$2; fi; shift; done\ncp "$1" "$out"\n';
const COPY_BUT_RELAY = `${COPY}case "$out" in *-relay) echo "stack overflow" >&2; exit 134;; esac\n`;

/** What the command left behind. */
interface Compiled {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Content by name. */
  readonly files: Readonly<Record<string, string>>;
}

/** Runs the command in a folder with the sums and an executable of an earlier run. */
async function compileWith(denoCompile: string): Promise<Compiled> {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-compile-test-" });
  try {
    await Deno.writeTextFile(`${folder}/deno`, denoCompile, { mode: 0o755 });
    const output = `${folder}/output`;
    await Deno.mkdir(output);
    for (const name of ["SHA256SUMS", "dhcpcluster-relay"]) await Deno.writeTextFile(`${output}/${name}`, "earlier");
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", SCRIPT, "--output", output],
      env: { NO_COLOR: "1", DENO_COMPILE: `${folder}/deno` },
      stdin: "null",
    }).output();
    const names = (await Array.fromAsync(Deno.readDir(output))).map(({ name }) => name).toSorted();
    const files = Object.fromEntries(names.map((name) => [name, Deno.readTextFileSync(`${output}/${name}`)]));
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr), files };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("compile: each program is one bundle without npm packages beside it", async () => {
  const { code, stdout, stderr, files } = await compileWith(COPY);
  strictEqual(code, 0, stderr);
  deepStrictEqual(Object.keys(files), ["SHA256SUMS", "dhcpcluster-node", "dhcpcluster-relay"]);
  match(files["SHA256SUMS"] ?? "", /^[0-9a-f]{64} {2}dhcpcluster-node\n[0-9a-f]{64} {2}dhcpcluster-relay\n$/);
  match(stdout, /^version \S+, commit .*SHA256SUMS$/m);
  for (const name of ["dhcpcluster-node", "dhcpcluster-relay"]) {
    doesNotMatch(files[name] ?? "", /^import .* from "(?!node:)/m);
  }
  match(files["dhcpcluster-node"] ?? "", /new Worker\(new URL\("\.\/worker\.js", import\.meta\.url\)/);
});

Deno.test("compile: a failure prints neither version nor sums, leaves no file, and exits with 1", async () => {
  const { code, stdout, stderr, files } = await compileWith(COPY_BUT_RELAY);
  strictEqual(code, 1);
  strictEqual(stdout, "");
  match(stderr, /compile: relay for \S+ failed:\nstack overflow/);
  deepStrictEqual(files, {});
});
