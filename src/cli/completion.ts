/** Shell completions out of a table of commands. */

import { EXIT } from "./arguments.ts";
import type { CommandSpec } from "./commands.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = typeof SHELLS[number];

/** What can follow what: the words after the program, or after a group such as `config`. */
function tree(commands: readonly CommandSpec[]) {
  const first = [...new Set(commands.map(({ name }) => name.split(" ")[0] as string))];
  const second = new Map<string, string[]>();
  for (const { name } of commands) {
    const [group = "", word] = name.split(" ");
    if (word !== undefined) second.set(group, [...(second.get(group) ?? []), word]);
  }
  return { first, second };
}

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

function bash({ name, commands, running }: Parameters<typeof completion>[1]): string {
  const { first, second } = tree(commands);
  const cases = commands.map((spec) => {
    const choices = (spec.options ?? []).flatMap(({ choices = [] }) => choices);
    return `    ${JSON.stringify(spec.name)}) words=${JSON.stringify([...optionsOf(spec), ...choices].join(" "))} ;;`;
  });
  const groups = [...second].map(([group, words]) => `    ${group}) words=${JSON.stringify(words.join(" "))} ;;`);
  return [
    `${functionName(name)}() {`,
    '  local current="${COMP_WORDS[COMP_CWORD]}" command="" words="" i',
    "  for ((i = 1; i < COMP_CWORD; i++)); do",
    '    case "${COMP_WORDS[i]}" in -*) ;; *) command="${command:+$command }${COMP_WORDS[i]}" ;; esac',
    "  done",
    '  case "$command" in',
    `    "") words=${JSON.stringify([...first, ...running].join(" "))} ;;`,
    ...groups,
    ...cases,
    "    *)",
    '      case "${command%% *}" in',
    ...first.map((word) => {
      const own = commands.filter((spec) => spec.name.split(" ")[0] === word).flatMap(optionsOf);
      return `        ${word}) words=${JSON.stringify([...new Set(own)].join(" "))} ;;`;
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
  const { first, second } = tree(commands);
  const none = `not __fish_seen_subcommand_from ${first.join(" ")}`;
  const lines = [...second].flatMap(([group, words]) => [
    `complete -c ${name} -n ${quote(none)} -a ${group}`,
    ...words.map((word) => {
      const summary = commands.find((spec) => spec.name === `${group} ${word}`)?.summary ?? "";
      return `complete -c ${name} -n ${quote(`__fish_seen_subcommand_from ${group}`)} -a ${word} -d ${quote(summary)}`;
    }),
  ]);
  const single = commands.filter((spec) => !spec.name.includes(" ")).map((spec) =>
    `complete -c ${name} -n ${quote(none)} -a ${spec.name} -d ${quote(spec.summary)}`
  );
  const options = commands.flatMap((spec) =>
    optionsOf(spec).map((option) =>
      `complete -c ${name} -n ${quote(`__fish_seen_subcommand_from ${spec.name.split(" ")[0]}`)} -l ${option.slice(2)}`
    )
  );
  return [
    ...running.map((option) => `complete -c ${name} -n ${quote(none)} -l ${option.slice(2)}`),
    ...lines,
    ...single,
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
