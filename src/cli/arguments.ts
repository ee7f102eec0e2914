/**
 * The command line that node and relay share. Only parses: the caller acts, prints and exits.
 */

import { Command, CommanderError } from "commander";
import { VERSION_TEXT } from "./version.ts";

/** Exit codes of both programs. */
export const EXIT = {
  ok: 0,
  /** Something is wrong with the configuration or with the machine; standard error says what. */
  failure: 1,
  /** Something is wrong with the command line. */
  usage: 2,
  /** 128 + SIGINT, as shells count: the second Ctrl-C. */
  interrupted: 130,
} as const;

/** The parsed command line. */
type Invocation =
  /** Run with this file; `flags`: the given ones of the program's own. */
  | { readonly action: "run"; readonly config: string; readonly flags?: readonly string[] }
  /** Validate this file and exit. */
  | { readonly action: "check"; readonly config: string }
  /** Print and end: help, version, or what is wrong with the command line. */
  | { readonly action: "exit"; readonly code: number; readonly stdout: string; readonly stderr: string };

/** Name and description of a program. */
export interface Program {
  readonly name: string;
  readonly summary: string;
  /** Shown in the help, after the options. */
  readonly example: string;
  /** Options without a value that only this program has. */
  readonly flags?: readonly { readonly name: string; readonly description: string }[];
  /** Commands beside running, for the help. */
  readonly commands?: readonly string[];
}

/**
 * Reads the arguments. Never prints, never exits.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const program = { name: "dhcpcluster-node", summary: "…", example: "…" };
 * deepStrictEqual(parseArguments(["--config", "node.yaml"], program), { action: "run", config: "node.yaml" });
 * ```
 */
export function parseArguments(args: readonly string[], program: Program): Invocation {
  let stdout = "";
  let stderr = "";
  const command = new Command(program.name)
    .description(program.summary)
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--check", "check the configuration file and exit")
    .version(`${program.name} ${VERSION_TEXT}`, "-V, --version", "print the version and exit")
    .helpOption("-h, --help", "print this help and exit")
    .addHelpText("after", helpAfter(program))
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout += text,
      writeErr: (text) => stderr += text,
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  for (const { name, description } of program.flags ?? []) command.option(`--${name}`, description);
  try {
    command.parse([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { action: "exit", code: EXIT.ok, stdout, stderr };
    const reason = error.message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
    const line = `${program.name}: ${reason}; ${program.name} --help lists the options\n`;
    return { action: "exit", code: EXIT.usage, stdout, stderr: line };
  }
  const given = command.opts<{ config: string; check?: boolean } & Record<string, unknown>>();
  const { config, check } = given;
  if (check === true) return { action: "check", config };
  const flags = (program.flags ?? []).map(({ name }) => name).filter((name) => given[name] === true);
  return flags.length === 0 ? { action: "run", config } : { action: "run", config, flags };
}

function helpAfter({ name, example, commands = [] }: Program): string {
  const others = commands.length === 0
    ? ""
    : `\nOther commands:\n${commands.map((line) => `  ${name} ${line}`).join("\n")}\n`;
  return `${others}\nExample:\n  ${example}`;
}
