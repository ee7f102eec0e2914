/**
 * Shell completions from a table of commands: static scripts for bash, zsh and fish, which need neither the program nor
 * the bash-completion package.
 *
 * Not `@bomb.sh/tab` 0.0.22: its bash script starts the program at every TAB and passes the words on the command line
 * through `eval`, so that TAB after `$(command)` runs the command, as root for those who operate a node. It also calls
 * `_get_comp_words_by_ref` of bash-completion.
 */

import { EXIT } from "./arguments.ts";
import type { CommandSpec } from "./commands.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = typeof SHELLS[number];

function optionsOf(spec: CommandSpec): string[] {
  return ["--help", ...(spec.options ?? []).flatMap(({ flags }) => flags.match(/--[\w-]+/g) ?? [])];
}

/** A script that completes a program's commands and options. `running`: options of the program without a command. */
export function completion(
  shell: Shell,
  program: { readonly name: string; readonly commands: readonly CommandSpec[]; readonly running: readonly string[] },
): string {
  switch (shell) {
    case "bash":
      return bash(program);
    case "zsh":
      return `#compdef ${program.name}\nautoload -U +X bashcompinit && bashcompinit\n${bash(program)}`;
    case "fish":
      return fish(program);
  }
}

function functionName(name: string): string {
  return `_${name.replaceAll("-", "_")}`;
}

/**
 * What can follow the words that were given: a group's own options and its second words together, since `members` is a
 * command and the beginning of `members add`.
 */
function completionsByCommand(commands: readonly CommandSpec[], running: readonly string[]): Map<string, Set<string>> {
  const byCommand = new Map<string, Set<string>>([["", new Set(running)]]);
  const add = (command: string, words: readonly string[]) => {
    byCommand.set(command, new Set([...(byCommand.get(command) ?? []), ...words]));
  };
  for (const spec of commands) {
    const [first = "", second] = spec.name.split(" ");
    add("", [first]);
    if (second !== undefined) add(first, [second]);
    add(spec.name, [...optionsOf(spec), ...(spec.options ?? []).flatMap(({ choices = [] }) => choices)]);
  }
  return byCommand;
}

function bash({ name, commands, running }: Parameters<typeof completion>[1]): string {
  const byCommand = completionsByCommand(commands, running);
  const quoted = (words: Iterable<string>) => JSON.stringify([...words].join(" "));
  const firsts = new Set(commands.map((spec) => spec.name.split(" ")[0] as string));
  return [
    `${functionName(name)}() {`,
    '  local current="${COMP_WORDS[COMP_CWORD]}" command="" words="" i',
    "  for ((i = 1; i < COMP_CWORD; i++)); do",
    '    case "${COMP_WORDS[i]}" in -*) ;; *) command="${command:+$command }${COMP_WORDS[i]}" ;; esac',
    "  done",
    '  case "$command" in',
    ...[...byCommand].map(([command, words]) => `    ${JSON.stringify(command)}) words=${quoted(words)} ;;`),
    "    *)",
    '      case "${command%% *}" in',
    ...[...firsts].map((first) => {
      const own = commands.filter((spec) => spec.name.split(" ")[0] === first).flatMap(optionsOf);
      return `        ${JSON.stringify(first)}) words=${quoted(new Set(own))} ;;`;
    }),
    "      esac ;;",
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '  case "$current" in -*) ;; *) [ -n "$command" ] && COMPREPLY+=($(compgen -f -- "$current")) ;; esac',
    "}",
    `complete -o filenames -F ${functionName(name)} ${name}`,
    "",
  ].join("\n");
}

function fish({ name, commands, running }: Parameters<typeof completion>[1]): string {
  const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const firsts = new Set(commands.map((spec) => spec.name.split(" ")[0] as string));
  const none = `not __fish_seen_subcommand_from ${[...firsts].join(" ")}`;
  const describe = (command: string) => {
    const summary = commands.find((spec) => spec.name === command)?.summary;
    return summary === undefined ? "" : ` -d ${quote(summary)}`;
  };
  const first = [...firsts].map((word) => `complete -c ${name} -n ${quote(none)} -a ${word}${describe(word)}`);
  const second = commands.flatMap((spec) => {
    const [group, word] = spec.name.split(" ");
    if (word === undefined) return [];
    const condition = quote(`__fish_seen_subcommand_from ${group}`);
    return [`complete -c ${name} -n ${condition} -a ${word}${describe(spec.name)}`];
  });
  const options = commands.flatMap((spec) =>
    optionsOf(spec).map((option) =>
      `complete -c ${name} -n ${quote(`__fish_seen_subcommand_from ${spec.name.split(" ")[0]}`)} -l ${option.slice(2)}`
    )
  );
  return [
    ...running.map((option) => `complete -c ${name} -n ${quote(none)} -l ${option.slice(2)}`),
    ...first,
    ...second,
    ...new Set(options),
    "",
  ].join("\n");
}

/** The command `completion` of a program. `commands` are all of its commands, this one too. */
export function completionCommand(
  program: {
    readonly name: string;
    readonly running: readonly string[];
    readonly commands: () => readonly CommandSpec[];
  },
): CommandSpec {
  return {
    name: "completion",
    summary: "Print a script that completes commands and options in a shell",
    words: ["<shell>"],
    examples: [`completion bash > /etc/bash_completion.d/${program.name}`],
    run: ({ words: [given = ""], print }) => {
      const shell = SHELLS.find((known) => known === given);
      if (shell === undefined) throw new Error(`"${given}" is not one of ${SHELLS.join(", ")}`);
      print(completion(shell, { ...program, commands: program.commands() }).trimEnd());
      return EXIT.ok;
    },
  };
}
