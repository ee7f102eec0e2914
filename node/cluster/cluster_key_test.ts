import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { keyCommand, KeyFileError, makeKeyFile, readKeyFile } from "./cluster_key.ts";

async function inDirectory(test: (file: (name: string) => string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "dhcpcluster-key-" });
  try {
    await test((name) => `${directory}/${name}`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function refuses(path: string, message: RegExp): Promise<void> {
  await rejects(readKeyFile(path), (error: unknown) => {
    if (!(error instanceof KeyFileError)) return false;
    match(error.message, message);
    strictEqual(error.message.includes("\n"), false);
    return true;
  });
}

const LINE = `${btoa(String.fromCharCode(...new Uint8Array(32).fill(5)))}\n`;

Deno.test("key: what makeKeyFile writes, readKeyFile reads, and only the owner can", async () => {
  await inDirectory(async (file) => {
    await makeKeyFile(file("a"));
    await makeKeyFile(file("b"));
    strictEqual(((await Deno.stat(file("a"))).mode ?? 0) & 0o777, 0o600);
    const [a, ...more] = await readKeyFile(file("a"));
    strictEqual(a.length, 32);
    deepStrictEqual(more, []);
    const text = await Deno.readTextFile(file("a"));
    strictEqual(text === await Deno.readTextFile(file("b")), false);
    await rejects(makeKeyFile(file("a")), /exists and is not overwritten/);
    strictEqual(await Deno.readTextFile(file("a")), text);
    await rejects(makeKeyFile(file("none/a")), /directory does not exist/);
  });
});

Deno.test("key: two keys, comments and empty lines", async () => {
  await inDirectory(async (file) => {
    await Deno.writeTextFile(file("k"), `# new\n\n${"A".repeat(43)}=\r\n# old\n${LINE}`, { mode: 0o600 });
    const [first, second] = await readKeyFile(file("k"));
    deepStrictEqual(first, new Uint8Array(32));
    deepStrictEqual(second, new Uint8Array(32).fill(5));
  });
});

Deno.test("key: files that are no key files or not private are refused in one line", async () => {
  await inDirectory(async (file) => {
    const write = (text: string, mode = 0o600) => Deno.writeTextFile(file("k"), text, { mode });
    await refuses(file("k"), /does not exist; make it with dhcpcluster-node key/);
    await write(LINE);
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      await Deno.chmod(file("k"), mode);
      await refuses(file("k"), /chmod 600/);
    }
    await Deno.chmod(file("k"), 0o400);
    strictEqual((await readKeyFile(file("k"))).length, 1);
    await Deno.chmod(file("k"), 0o600);
    if (Deno.uid() === 0) {
      await Deno.chown(file("k"), 65534, null);
      await refuses(file("k"), /belongs to user 65534/);
      await Deno.chown(file("k"), 0, null);
    }
    const bad: [string, RegExp][] = [
      ["", /has no key/],
      ["# nothing\n", /has no key/],
      ["AAAA\n", /Line 1 .* 32 octets in base64/],
      [`${LINE}${"A".repeat(42)}==\n`, /Line 2 /],
      [`${"!".repeat(43)}=\n`, /Line 1 /],
      [LINE.repeat(3), /has 3 keys/],
      ["#".repeat(5_000), /5000 octets/],
    ];
    for (const [text, message] of bad) {
      await write(text);
      await refuses(file("k"), message);
    }
    await Deno.mkdir(file("d"), { mode: 0o700 });
    await refuses(file("d"), /not a regular file/);
  });
});

Deno.test("key: the command makes a file or says how it is used", async () => {
  await inDirectory(async (file) => {
    const made = await keyCommand([file("k")]);
    strictEqual(made.code, 0);
    strictEqual((await readKeyFile(file("k"))).length, 1);
    strictEqual((await keyCommand([file("k")])).code, 1);
    for (const args of [[], ["--help"], ["a", "b"]]) strictEqual((await keyCommand(args)).code, 2);
  });
});
