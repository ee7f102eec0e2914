import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parseArguments } from "./arguments.ts";
import { VERSION_TEXT } from "./version.ts";

const PROGRAM = { name: "dhcpcluster-node", summary: "A node.", example: "dhcpcluster-node --config node.yaml" };

function exit(...args: string[]): { code: number; stdout: string; stderr: string } {
  const invocation = parseArguments(args, PROGRAM);
  ok(invocation.action === "exit", JSON.stringify(invocation));
  return invocation;
}

Deno.test("parseArguments() reads --config and --check", () => {
  deepStrictEqual(parseArguments(["--config", "a.yaml"], PROGRAM), { action: "run", config: "a.yaml" });
  deepStrictEqual(parseArguments(["-c", "a.yaml", "--check"], PROGRAM), { action: "check", config: "a.yaml" });
  deepStrictEqual(parseArguments(["--check", "--config=a.yaml"], PROGRAM), { action: "check", config: "a.yaml" });
});

Deno.test("--version and --help print to standard output and exit 0", () => {
  deepStrictEqual(exit("--version"), {
    action: "exit",
    code: 0,
    stdout: `dhcpcluster-node ${VERSION_TEXT}\n`,
    stderr: "",
  } as unknown as ReturnType<typeof exit>);
  const help = exit("--help");
  strictEqual(help.code, 0);
  for (const word of ["Usage: dhcpcluster-node", "--config <file>", "--check", "--version", "Example:"]) {
    ok(help.stdout.includes(word), word);
  }
});

Deno.test("mistakes on the command line are one line on standard error, exit 2", () => {
  const rows: [string[], RegExp][] = [
    [[], /required option '-c, --config <file>' not specified/],
    [["--config"], /option '-c, --config <file>' argument missing/],
    [["--config", "a", "--chekc"], /unknown option '--chekc' \(Did you mean --check\?\)/],
    [["--config", "a", "b"], /too many arguments/],
  ];
  for (const [args, expected] of rows) {
    const { code, stdout, stderr } = exit(...args);
    deepStrictEqual([code, stdout], [2, ""]);
    match(stderr, expected);
    match(stderr, /^dhcpcluster-node: [^\n]+; dhcpcluster-node --help lists the options\n$/);
  }
});

Deno.test("VERSION is a semantic version", () => {
  match(VERSION_TEXT, /^\d+\.\d+\.\d+/);
});
