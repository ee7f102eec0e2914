/** The node program: command line, configuration, signals. What a node does is in `node.ts`. */

import { onSignals } from "../src/cli/signals.ts";
import { oneLineError, runProgram } from "../src/cli/program.ts";
import type { Report } from "../src/config/issue.ts";
import { loadConfigFile } from "../src/config/load.ts";
import { asList, asMapping } from "../src/config/plain.ts";
import { configureLog, logger } from "../src/log/configure.ts";
import { checkNode, type NodeConfig, nodeSchema } from "./config.ts";
import { Node } from "./node.ts";

/** Sections that a reload can't change: sockets, identity and files are opened at the start. */
const FIXED_SECTIONS = ["node", "dhcp", "cluster", "http"] as const;

/** What this version can't do yet, said as any other mistake of the file. */
function check(root: unknown, report: Report): void {
  checkNode(root, report);
  if (asList(asMapping(asMapping(root).cluster).nodes).length <= 1) return;
  report(["cluster", "nodes"], "has several entries: in this version a node serves alone; leave only this node there");
}

async function start(config: NodeConfig, file: string): Promise<void> {
  configureLog(config.log);
  const log = logger("node");
  const node = await Node.start(config);
  onSignals({
    stop: (signal) => {
      log.info("{signal}: stopping", { signal });
      return node.stop();
    },
    reload: async () => {
      const loaded = await loadConfigFile(file, nodeSchema, check);
      if (!loaded.ok) {
        log.error("Kept the running configuration, as {file} has errors:", { file });
        for (const line of loaded.message.split("\n")) log.error(line);
        return;
      }
      const changed = FIXED_SECTIONS.filter((section) => differs(loaded.value[section], config[section]));
      if (changed.length > 0) {
        log.warn("Changes of {sections} take effect at the next start", { sections: changed.join(", ") });
      }
      configureLog(loaded.value.log);
      node.reload(loaded.value.service);
    },
    failed: (message) => log.error(message),
  });
}

function differs(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

if (import.meta.main) {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    logger("node").fatal("Broken invariant: {error}", { error: oneLineError(event.reason) });
    Deno.exit(1);
  });
  const code = await runProgram(Deno.args, {
    name: "dhcpcluster-node",
    summary: "A DHCPv4 server node.",
    example: "dhcpcluster-node --config /etc/dhcpcluster/node.yaml",
    schema: nodeSchema,
    check,
    start,
  });
  if (code !== undefined) Deno.exit(code);
}
