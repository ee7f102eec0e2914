/** The node program: command line, configuration, signals. What a node does is in `node.ts`, its HTTP in `admin/`. */

import { confine } from "../src/cli/confine.ts";
import { ServiceManager } from "../src/cli/systemd.ts";
import { onSignals } from "../src/cli/signals.ts";
import type { Logger } from "@logtape/logtape";
import { isCommand, runCommand } from "../src/cli/commands.ts";
import { type Given, oneLineError, runProgram } from "../src/cli/program.ts";
import { readConfigFile } from "../src/config/file.ts";
import { trimmedRoutes } from "../src/config/trimmed_routes.ts";
import { readTokens, tokenFilesOf } from "../src/http/access/load.ts";
import { usedInPools } from "../src/config/used_addresses.ts";
import { findInterface } from "../src/net/interfaces.ts";
import type { Ipv4 } from "../src/net/ipv4.ts";
import { configureLog, logger } from "../src/log/configure.ts";
import { checkNode, nodeSchema, type NodeSettings } from "./config.ts";
import type { FileReading, NodeFile } from "./reader/protocol.ts";
import { ConfigReader } from "./reader/reader.ts";
import { COMMANDS, PROGRAM } from "./cli/commands.ts";
import { readTls, tlsFilesOf } from "../src/http/tls.ts";
import { readKeyFile } from "./cluster/cluster_key.ts";
import { RunningNode } from "./running_node.ts";

/** Sections that a reload can't change, `dhcp.relays` aside: sockets, identity and files are opened at the start. */
const FIXED_SECTIONS = ["node", "dhcp", "cluster", "http"] as const;

async function start(from: NodeFile, { file, flags, early }: Given): Promise<void> {
  const { config } = from;
  configureLog(config.log);
  const log = logger("node");
  const manager = ServiceManager.ofThisProcess(log);
  const running = await RunningNode.start({ file: from, bootstrap: flags.includes("bootstrap") });
  running.node.onStoreLost = (reason) => {
    // Nothing more can be written, so there is nothing to end in order; the service manager starts it again.
    log.fatal("The node ends, as its store can be used only by another start: {reason}", { reason });
    Deno.exit(1);
  };
  confineTo(config, file, log);
  manager.ready(() => running.node.alive);
  onSignals({
    stop: (signal) => {
      log.info("{signal}: stopping", { signal });
      manager.stopping();
      return running.stop();
    },
    reload: () => manager.reloading(reload),
    failed: (message) => log.error(message),
    early,
  });

  async function reload(): Promise<void> {
    const loaded = await readNodeFile(file, running.node.reader);
    if (!loaded.ok) {
      log.error("Kept the running configuration, as {file} has errors:", { file });
      for (const line of loaded.problems) log.error(line);
      return;
    }
    const { relays } = loaded.config.dhcp;
    const before = { ...config, dhcp: { ...config.dhcp, relays } };
    const changed = FIXED_SECTIONS.filter((section) => differs(loaded.config[section], before[section]));
    if (changed.length > 0) {
      log.warn("Changes of {sections} take effect at the next start", { sections: changed.join(", ") });
    }
    configureLog(loaded.config.log);
    await running.reload(loaded);
  }
}

/** Everything is open: what is opened again are the configuration, the key, the tokens and a database that failed. */
function confineTo({ node, cluster, http }: NodeSettings, file: string, log: Logger): void {
  const keys = cluster.keyFile === undefined ? [] : [cluster.keyFile];
  const { outside, writes } = confine([file, ...keys, ...tokenFilesOf(http), ...tlsFilesOf(http)], node.stateDir);
  if (outside.length === 0) return;
  log.info("This process may read {writes}any file, as {files} not in /etc/dhcpcluster or /var/lib/dhcpcluster", {
    writes: writes ? "and write " : "",
    files: `${outside.join(" and ")} ${outside.length === 1 ? "is" : "are"}`,
  });
}

function differs(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

async function run(args: readonly string[]): Promise<number | undefined> {
  if (isCommand(args)) return await runCommand(args, { ...PROGRAM, commands: COMMANDS });
  return await runProgram(args, {
    ...PROGRAM,
    example: "dhcpcluster-node --config /etc/dhcpcluster/node.yaml",
    flags: [{
      name: "bootstrap",
      description: "form a new cluster though a minority of its members is missing (once, on each of a majority)",
    }],
    commands: COMMANDS.map(({ name, words = [], summary }) => `${[name, ...words].join(" ").padEnd(28)} ${summary}`),
    schema: nodeSchema,
    check: checkNode,
    readFiles: async ({ cluster, http }) => {
      if (cluster.keyFile !== undefined) await readKeyFile(cluster.keyFile);
      await readTokens(http);
      if (http.tls !== undefined) await readTls(http.tls);
    },
    warnings: ({ dhcp, service }, root) => [...trimmedRoutes(root), ...usedInPools(service, interfaceAddresses(dhcp))],
    load,
    start,
  });
}

/** The addresses of interfaces with clients, as far as this machine has them. */
function interfaceAddresses({ interfaces }: NodeSettings["dhcp"]): [Ipv4, string][] {
  return interfaces.flatMap(({ name }) =>
    findInterface(name)?.addresses.map(({ address }): [Ipv4, string] => [address, `dhcp.interfaces (${name})`]) ?? []
  );
}

/** In a worker that ends with it, as its memory does not come back otherwise. */
async function load(file: string) {
  const reader = new ConfigReader();
  try {
    const value = await readNodeFile(file, reader);
    return value.ok ? { ok: true, value } as const : { ok: false, message: value.problems.join("\n") } as const;
  } finally {
    reader.close();
  }
}

/** Reads and checks node.yaml; the problems are one line each. */
async function readNodeFile(file: string, reader: ConfigReader): Promise<FileReading> {
  const given = await readConfigFile(file);
  if (!given.ok) return { ok: false, problems: [`${file}: ${given.message}`] };
  return await reader.read("file", { text: given.text, file });
}

if (import.meta.main) {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    logger("node").fatal("Broken invariant: {error}", { error: oneLineError(event.reason) });
    Deno.exit(1);
  });
  const code = await run(Deno.args);
  if (code !== undefined) Deno.exit(code);
}
