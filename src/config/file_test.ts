import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { readConfigFile } from "./file.ts";
import { loadConfigFile } from "./load.ts";
import { mapping } from "./field.ts";
import { port } from "./fields.ts";

const permissions: Deno.PermissionOptions = { read: true, write: true, env: true };

/** Runs with a directory of its own. */
async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "dhcpcluster-config-" });
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function failure(path: string, bytesMax?: number): Promise<string> {
  const read = await readConfigFile(path, bytesMax);
  return read.ok ? `read ${read.text.length} characters` : read.message;
}

Deno.test(
  { name: "readConfigFile() gives one line for every way a file can be wrong", permissions },
  () =>
    inDirectory(async (directory) => {
      const file = `${directory}/node.yaml`;
      match(await failure(file), /^does not exist; check the path/);
      match(await failure(directory), /^is a directory; name the file in it$/);
      await Deno.writeFile(file, Uint8Array.of(0x61, 0xff, 0xfe));
      match(await failure(file), /^is not UTF-8 text; save it as UTF-8/);
      await Deno.writeTextFile(file, "x".repeat(100));
      strictEqual(await failure(file, 99), "is larger than 99 bytes; is it the right file?");
      deepStrictEqual(await readConfigFile(file, 100), { ok: true, text: "x".repeat(100) });
      match(await failure("/dev/zero", 100_000), /^is larger than 100000 bytes/);
    }),
);

Deno.test({ name: "readConfigFile() tells a file it may not read", permissions: { read: false } }, async () => {
  strictEqual(
    await failure("/etc/hostname"),
    "is not readable: it is no regular file, or Deno was started without --allow-read for it",
  );
});

Deno.test(
  { name: "loadConfigFile() puts the file's name in front of every line", permissions },
  () =>
    inDirectory(async (directory) => {
      const file = `${directory}/node.yaml`;
      const schema = mapping({ a: port(), b: port() });
      const missing = await loadConfigFile(file, schema);
      ok(!missing.ok && missing.message.startsWith(`${file}: does not exist;`));
      await Deno.writeTextFile(file, "a: 0\nb: x\n");
      const wrong = await loadConfigFile(file, schema);
      ok(!wrong.ok);
      deepStrictEqual(wrong.message.split("\n").map((line) => line.slice(0, file.length + 8)), [
        `${file}:1:4: a:`,
        `${file}:2:4: b:`,
      ]);
      await Deno.writeTextFile(file, "a: 1\nb: 2\n");
      deepStrictEqual(await loadConfigFile(file, schema), { ok: true, value: { a: 1, b: 2 }, root: { a: 1, b: 2 } });
    }),
);
