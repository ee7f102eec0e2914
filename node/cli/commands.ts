/** All commands of `dhcpcluster-node` beside running it. */

import { EXIT } from "../../src/cli/arguments.ts";
import { completion, type Shell, SHELLS } from "../../src/cli/completion.ts";
import type { CommandSpec } from "../../src/cli/commands.ts";
import { keyCommand } from "../key.ts";
import { COPYING } from "./copying.ts";
import { INIT } from "./init.ts";
import { SWITCHING } from "../switch/commands.ts";
import { LOOKING } from "./looking.ts";
import { OPERATING } from "./operating.ts";

export const PROGRAM = {
  name: "dhcpcluster-node",
  summary: "A DHCPv4 server node. Without a command: run it with --config FILE.",
} as const;

/** Options of the program itself. */
const RUNNING = ["--config", "--check", "--bootstrap", "--version", "--help"];

const key: CommandSpec = {
  name: "key",
  summary: "Make a cluster key: the same file on every node",
  words: ["<file>"],
  examples: ["key /etc/dhcpcluster/cluster.key"],
  run: async (call) => {
    const { code, message } = await keyCommand(call.words);
    (code === 0 ? call.print : call.warn)(message);
    return code;
  },
};

const completions: CommandSpec = {
  name: "completion",
  summary: "Print a script that completes commands and options in a shell",
  words: ["<shell>"],
  examples: ["completion bash > /etc/bash_completion.d/dhcpcluster-node"],
  run: (call) => {
    const [shell = ""] = call.words;
    if (!SHELLS.includes(shell as Shell)) throw new Error(`"${shell}" is not one of ${SHELLS.join(", ")}`);
    call.print(completion(shell as Shell, { ...PROGRAM, commands: COMMANDS, running: RUNNING }).trimEnd());
    return EXIT.ok;
  },
};

export const COMMANDS: readonly CommandSpec[] = [
  INIT,
  key,
  ...LOOKING,
  ...OPERATING,
  ...COPYING,
  ...SWITCHING,
  completions,
];
