/** What the main modules of both programs share: arguments, configuration, --check, exit codes. */

import type { z } from "zod";
import type { Check } from "../config/load.ts";
import { loadConfigFile } from "../config/load.ts";
import { EarlyReloads } from "./signals.ts";
import { EXIT, parseArguments, type Program } from "./arguments.ts";

/** What a program is started with, beside its configuration. */
export interface Given {
  readonly file: string;
  /** The program's own flags that were given. */
  readonly flags: readonly string[];
  /** SIGHUPs since before the file was read. */
  readonly early: EarlyReloads;
}

/** A program: how to read its configuration and how to start it. */
interface ProgramDefinition<Config, Started> extends Program {
  readonly schema: z.ZodType<Config>;
  readonly check?: Check;
  /** Reads the files that a configuration names, for --check; rejects with one line when one is unusable. */
  readonly readFiles?: (config: Config) => Promise<void>;
  /** What is allowed and probably not meant, one line each, for --check. */
  readonly warnings?: (config: Config) => readonly string[];
  /** Reads the file for a start; when it fails, `message` is what to print. */
  load(file: string): Promise<Loaded<Started>>;
  /** Starts and returns once it serves. Afterwards its sockets keep the process alive. */
  start(loaded: Started, given: Given): Promise<void>;
}

/** What a program starts from, or why there is nothing. */
type Loaded<Started> = { readonly ok: true; readonly value: Started } | {
  readonly ok: false;
  readonly message: string;
};

/**
 * Runs a program to the point where it serves, and returns undefined; or returns the code to exit with. Every failure
 * is one line on standard error for each thing that is wrong.
 */
export async function runProgram<Config, Started = Config>(
  args: readonly string[],
  program: Omit<ProgramDefinition<Config, Started>, "load"> & Partial<ProgramDefinition<Config, Started>>,
): Promise<number | undefined> {
  const invocation = parseArguments(args, program);
  if (invocation.action === "exit") {
    write(Deno.stdout, invocation.stdout);
    write(Deno.stderr, invocation.stderr);
    return invocation.code;
  }
  if (invocation.action === "check") return await check(invocation.config, program);
  const load = program.load ??
    ((file) => loadConfigFile(file, program.schema, program.check) as Promise<Loaded<Started>>);
  const early = new EarlyReloads();
  try {
    const { config: file, flags = [] } = invocation;
    const loaded = await load(file);
    if (!loaded.ok) {
      write(Deno.stderr, `${loaded.message}\n`);
      return EXIT.failure;
    }
    await program.start(loaded.value, { file, flags, early });
    return undefined;
  } catch (error) {
    write(Deno.stderr, `${program.name}: ${oneLineError(error)}\n`);
    return EXIT.failure;
  }
}

async function check<Config>(
  file: string,
  program: Pick<ProgramDefinition<Config, unknown>, "schema" | "check" | "readFiles" | "warnings">,
): Promise<number> {
  const loaded = await loadConfigFile(file, program.schema, program.check);
  if (!loaded.ok) {
    write(Deno.stderr, `${loaded.message}\n`);
    return EXIT.failure;
  }
  try {
    await program.readFiles?.(loaded.value);
  } catch (error) {
    write(Deno.stderr, `${file}: the configuration is valid, but: ${oneLineError(error)}\n`);
    return EXIT.failure;
  }
  for (const warning of program.warnings?.(loaded.value) ?? []) write(Deno.stderr, `${file}: warning: ${warning}\n`);
  write(Deno.stdout, `${file}: the configuration is valid\n`);
  return EXIT.ok;
}

/** An error as one line; programming errors keep their stack, which is needed to find them. */
export function oneLineError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const programming = error instanceof TypeError || error instanceof ReferenceError ||
    error.message.startsWith("Broken invariant");
  return programming ? error.stack ?? error.message : error.message.replaceAll(/\s*\n\s*/g, " ");
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}
