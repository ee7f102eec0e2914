import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { oneLineError } from "./program.ts";

/** A program small enough to see what is the shared part's doing. */
const SOURCE = (root: string) => `
import { runProgram } from "${root}src/cli/program.ts";
import { onSignals } from "${root}src/cli/signals.ts";
import { mapping } from "${root}src/config/field.ts";
import { port } from "${root}src/config/fields.ts";
const code = await runProgram(Deno.args, {
  name: "demo", summary: "Demo.", example: "demo -c x",
  schema: mapping({ port: port() }),
  start: async (config, { early }) => {
    if (config.port === 1) throw new Error("port 1 is\\n taken; choose another");
    console.log("starting");
    if (config.port === 2) await new Promise((resolve) => setTimeout(resolve, 500));
    const alive = setInterval(() => {}, 1000);
    onSignals({
      stop: async (signal) => { clearInterval(alive); console.log("stopping on " + signal); },
      reload: async () => console.log("reloading"),
      failed: (message) => console.error(message),
      early,
    });
    console.log("serving");
  },
});
if (code !== undefined) Deno.exit(code);
`;

const permissions: Deno.PermissionOptions = { run: true, read: true, write: true, env: true };

/** Runs the body with a directory that holds the program and its configuration. */
async function withProgram(body: (run: (...args: string[]) => Deno.Command, directory: string) => Promise<void>) {
  const directory = await Deno.makeTempDir({ prefix: "dhcpcluster-cli-" });
  const root = new URL("../../", import.meta.url);
  try {
    await Deno.writeTextFile(`${directory}/demo.ts`, SOURCE(root.href));
    const config = `--config=${new URL("deno.json", root).pathname}`;
    const run = (...args: string[]) =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", config, "--allow-read", `${directory}/demo.ts`, ...args],
        stdout: "piped",
        stderr: "piped",
      });
    await body(run, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test(
  { name: "a program checks its file, and says in single lines what is wrong", permissions },
  () =>
    withProgram(async (run, directory) => {
      const file = `${directory}/demo.yaml`;
      const outcome = async (...args: string[]) => {
        const { code, stdout, stderr } = await run(...args).output();
        return [code, text(stdout), text(stderr)];
      };
      await Deno.writeTextFile(file, "port: 67\n");
      deepStrictEqual(await outcome("-c", file, "--check"), [0, `${file}: the configuration is valid\n`, ""]);
      await Deno.writeTextFile(file, "port: x\n");
      const wanted = 'port: "x" is not a whole number from 1 to 65535; write one such as 67';
      deepStrictEqual(await outcome("-c", file, "--check"), [1, "", `${file}:1:7: ${wanted}\n`]);
      deepStrictEqual(await outcome("-c", file), [1, "", `${file}:1:7: ${wanted}\n`]);
      await Deno.writeTextFile(file, "port: 1\n");
      deepStrictEqual(await outcome("-c", file), [1, "", "demo: port 1 is taken; choose another\n"]);
      strictEqual((await outcome("--nonsense"))[0], 2);
    }),
);

/** A running program; returns once it has printed a word. */
function started(child: Deno.ChildProcess) {
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  return {
    until: async (word: string) => {
      while (!seen.includes(word)) {
        const { value, done } = await output.read();
        ok(!done, `ended without "${word}": ${seen}`);
        seen += value;
      }
    },
    /** Exit code, and what it wrote to standard error. */
    end: async () => {
      const { code } = await child.status;
      await output.cancel();
      return [code, text(await new Response(child.stderr).bytes())];
    },
  };
}

Deno.test(
  { name: "a program reloads on SIGHUP and stops on SIGTERM with exit 0", permissions },
  () =>
    withProgram(async (run, directory) => {
      await Deno.writeTextFile(`${directory}/demo.yaml`, "port: 67\n");
      const child = run("-c", `${directory}/demo.yaml`).spawn();
      const { until, end } = started(child);
      await until("serving");
      child.kill("SIGHUP");
      await until("reloading");
      child.kill("SIGTERM");
      await until("stopping on SIGTERM");
      deepStrictEqual(await end(), [0, ""]);
    }),
);

Deno.test(
  { name: "a SIGHUP while a program starts does not end it: it reloads once it runs", permissions },
  () =>
    withProgram(async (run, directory) => {
      await Deno.writeTextFile(`${directory}/demo.yaml`, "port: 2\n");
      const child = run("-c", `${directory}/demo.yaml`).spawn();
      const { until, end } = started(child);
      await until("starting");
      child.kill("SIGHUP");
      await until("reloading");
      child.kill("SIGTERM");
      await until("stopping on SIGTERM");
      deepStrictEqual(await end(), [0, ""]);
    }),
);

Deno.test("oneLineError() keeps the stack of our own mistakes only", () => {
  strictEqual(oneLineError(new Error("a\n  b")), "a b");
  strictEqual(oneLineError("text"), "text");
  match(oneLineError(new TypeError("x is undefined")), /x is undefined\n +at /);
});
