/**
 * Commands that end by themselves, as a table: what each is called, takes and does. Help, suggestions and completions
 * come from the table. A command gets its words and options, and says what to print and with which code to end.
 */

import { Command, CommanderError, Option } from "commander";
import { EXIT } from "./arguments.ts";

/** One option of a command. */
export interface CommandOption {
  /** As commander has it: `-c, --config <file>`. */
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
  /** Words that are taken. */
  readonly choices?: readonly string[];
}

/** What a command is run with. */
export interface CommandCall {
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  /** Prints a line, or several, on standard output. */
  print(text: string): void;
  /** The same on standard error. */
  warn(text: string): void;
}

/** A command. */
export interface CommandSpec {
  /** One word, or two: `config show`. */
  readonly name: string;
  readonly summary: string;
  /** As commander has it: `<file>`, `[words...]`. */
  readonly words?: readonly string[];
  readonly options?: readonly CommandOption[];
  /** Without the program's name. */
  readonly examples: readonly string[];
  /** The code to end with. Rejects with one line that says what is wrong. */
  readonly run: (call: CommandCall) => Promise<number> | number;
}

/** Whether arguments are one of the commands, and not how the program itself is started. */
export function isCommand(args: readonly string[]): boolean {
  const [first = ""] = args;
  return first !== "" && !first.startsWith("-");
}

/** Runs the command that arguments name; the code to end with. */
export async function runCommand(
  args: readonly string[],
  program: { readonly name: string; readonly summary: string; readonly commands: readonly CommandSpec[] },
): Promise<number> {
  let code: number = EXIT.ok;
  const root = buildCommands(program, async (spec, call) => {
    try {
      code = await spec.run(call);
    } catch (error) {
      call.warn(`${program.name}: ${messageOf(error)}`);
      code = EXIT.failure;
    }
  });
  try {
    await root.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  return code;
}

/** Of what Deno does not allow only what it was: its advice is for whoever compiles the program. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof Deno.errors.NotCapable
    ? `this program may not do that: ${error.message.split(", ", 1)[0]}`
    : error.message;
}

/** The tree that commander works with. */
export function buildCommands(
  { name, summary, commands }: {
    readonly name: string;
    readonly summary: string;
    readonly commands: readonly CommandSpec[];
  },
  run: (spec: CommandSpec, call: CommandCall) => Promise<void>,
): Command {
  // A group may do something by itself: its options are those before the second word.
  const configure = (command: Command) =>
    command.exitOverride().enablePositionalOptions().showSuggestionAfterError().helpOption(
      "-h, --help",
      "print this help and exit",
    )
      .helpCommand(false)
      .showHelpAfterError(`(${command.name() === name ? name : `${name} ${command.name()}`} --help tells more)`)
      .configureOutput({ getOutHasColors: () => false, getErrHasColors: () => false });
  const root = configure(new Command(name)).description(summary);
  const groups = new Map<string, Command>();
  for (const spec of commands) {
    const [first = "", second] = spec.name.split(" ");
    let parent = root;
    if (second !== undefined) {
      parent = groups.get(first) ?? configure(root.command(first)).description(groupSummary(first, commands));
      groups.set(first, parent);
    }
    const own = groups.get(spec.name);
    const command = own ?? configure(parent.command(second ?? first));
    if (second === undefined) groups.set(first, command);
    command.description(spec.summary);
    for (const word of spec.words ?? []) command.argument(word);
    for (const { flags, description, default: value, choices } of spec.options ?? []) {
      const option = new Option(flags, description);
      if (value !== undefined) option.default(value);
      if (choices !== undefined) option.choices([...choices]);
      command.addOption(option);
    }
    const examples = spec.examples.map((example) => `  ${name} ${example}`).join("\n");
    command.addHelpText("after", `\nExamples:\n${examples}`);
    command.action(async (...given: unknown[]) => {
      const [options, , ...words] = [given.at(-2), given.at(-1), ...given.slice(0, -2)];
      await run(spec, {
        words: words.flat().filter((word): word is string => typeof word === "string"),
        options: options as CommandCall["options"],
        print: (text) => write(Deno.stdout, `${text}\n`),
        warn: (text) => write(Deno.stderr, `${text}\n`),
      });
    });
  }
  return root;
}

function groupSummary(group: string, commands: readonly CommandSpec[]): string {
  const names = commands.flatMap(({ name }) => name.startsWith(`${group} `) ? [name.slice(group.length + 1)] : []);
  return `${group}: ${names.join(", ")}`;
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
  } catch (error) {
    // Whoever read it has seen enough, such as `head`; a full disk is something else.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
