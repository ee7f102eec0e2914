/** `deno task compile` with a stand-in for `deno compile`, which costs 100 MB and a runtime stub per program. */

import { deepStrictEqual, doesNotMatch, match, ok, strictEqual } from "node:assert/strict";

const SCRIPT = new URL("./compile.ts", import.meta.url).pathname;

/** Tells a version, or writes the bundle where the executable belongs. */
const COPY = `#!/bin/sh
if [ "$1" = --version ]; then printf 'deno 9.8.7 (test)\\nv8 6.5.4\\n'; exit; fi
while [ $# -gt 1 ]; do if [ "$1" = --output ]; then out=$2; fi; shift; done
cp "$1" "$out"
`;
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
async function compileWith(denoCompile: string, ...args: string[]): Promise<Compiled> {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-compile-test-" });
  try {
    await Deno.writeTextFile(`${folder}/deno`, denoCompile, { mode: 0o755 });
    const output = `${folder}/output`;
    await Deno.mkdir(output);
    for (const name of ["SHA256SUMS", "dhcpcluster-relay"]) await Deno.writeTextFile(`${output}/${name}`, "earlier");
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", SCRIPT, "--output", output, ...args],
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
  deepStrictEqual(Object.keys(files), [
    "SHA256SUMS",
    "THIRD_PARTY_NOTICES.txt",
    "dhcpcluster-node",
    "dhcpcluster-relay",
    "dhcpcluster.cdx.json",
  ]);
  const summed = [...(files["SHA256SUMS"] ?? "").matchAll(/^[0-9a-f]{64} {2}(.+)$/gm)].map(([, name]) => name);
  deepStrictEqual(summed, ["dhcpcluster-node", "dhcpcluster-relay", "THIRD_PARTY_NOTICES.txt", "dhcpcluster.cdx.json"]);
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

Deno.test("compile: two builds are the same, wherever they are made", async () => {
  const [first, second] = [await compileWith(COPY), await compileWith(COPY)];
  deepStrictEqual(first.files, second.files);
  for (const name of ["dhcpcluster-node", "dhcpcluster-relay"]) {
    doesNotMatch(first.files[name] ?? "", /registry\.npmjs\.org\/|\.making-/, "no path of this machine");
  }
});

Deno.test("compile: licences and bill of materials name all that is inside, and nothing else", async () => {
  const { files } = await compileWith(COPY);
  const bundles = ["dhcpcluster-node", "dhcpcluster-relay"].map((name) => files[name] ?? "").join("\n");
  const inside = new Set([...bundles.matchAll(/npm\/((?:@[\w.-]+\/)?[\w.-]+@\d[\w.+-]*)\//g)].map(([, name]) => name));
  ok(inside.has("hono@4.13.19") && !inside.has("fast-check@4.10.2"), [...inside].join());
  const { components } = JSON.parse(files["dhcpcluster.cdx.json"] ?? "");
  const listed = components.map(({ group, name, version }: Record<string, string>) =>
    `${group === undefined ? "" : `${group}/`}${name}@${version}`
  );
  deepStrictEqual(listed, ["deno@9.8.7", "v8@6.5.4", ...[...inside].toSorted()]);
  const notices = files["THIRD_PARTY_NOTICES.txt"] ?? "";
  for (const each of inside) ok(notices.includes(`${each?.replace(/@(?=\d)/, " ")} (`), each);
  ok(bundles.includes("Copyright 2018-2026 the Deno authors"), "the executables print the notices");
});

Deno.test("compile: --sign signs the sums, and a wrong key leaves nothing", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-compile-test-" });
  try {
    const keygen = async (...args: string[]) => {
      const { success, stderr } = await new Deno.Command("ssh-keygen", { args, stdin: "null" }).output();
      ok(success, new TextDecoder().decode(stderr));
    };
    await keygen("-q", "-t", "ed25519", "-N", "", "-f", `${folder}/key`);
    const { code, files, stderr } = await compileWith(COPY, "--sign", `${folder}/key`);
    strictEqual(code, 0, stderr);
    for (const name of ["SHA256SUMS", "SHA256SUMS.sig"]) {
      await Deno.writeTextFile(`${folder}/${name}`, files[name] ?? "");
    }
    const signer = await Deno.readTextFile(`${folder}/key.pub`);
    await Deno.writeTextFile(`${folder}/signers`, `releases@example.org ${signer}`);
    const verify =
      `ssh-keygen -Y verify -f signers -I releases@example.org -n dhcpcluster -s SHA256SUMS.sig < SHA256SUMS`;
    const shell = (command: string) => new Deno.Command("sh", { args: ["-c", command], cwd: folder }).output();
    ok((await shell(verify)).success);
    ok(!(await shell(`echo >> SHA256SUMS; ${verify}`)).success, "a changed file is noticed");
    const wrong = await compileWith(COPY, "--sign", `${folder}/missing`);
    deepStrictEqual([wrong.code, wrong.stdout, wrong.files], [1, "", {}]);
    match(wrong.stderr, /the sums could not be signed by .*missing/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
