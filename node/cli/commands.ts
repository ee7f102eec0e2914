/** All commands of `dhcpcluster-node` beside running it. */

import { completionCommand } from "../../src/cli/completion.ts";
import type { CommandSpec } from "../../src/cli/commands.ts";
import { LICENCES } from "../../src/cli/licences.ts";
import { keyCommand } from "../cluster/cluster_key.ts";
import { BACKUP_COMMANDS } from "./backup.ts";
import { INIT } from "./init.ts";
import { MIGRATE_COMMANDS } from "../migrate/commands.ts";
import { SHOW_COMMANDS } from "./show.ts";
import { MANAGE_COMMANDS } from "./manage.ts";

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

export const COMMANDS: readonly CommandSpec[] = [
  INIT,
  key,
  ...SHOW_COMMANDS,
  ...MANAGE_COMMANDS,
  ...BACKUP_COMMANDS,
  ...MIGRATE_COMMANDS,
  LICENCES,
  completionCommand({ ...PROGRAM, running: RUNNING, commands: () => COMMANDS }),
];
