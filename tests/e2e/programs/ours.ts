/**
 * Our own programs: from source with exactly the permissions of `deno task node` and `deno task relay`, or the compiled
 * executables when the environment variable DHCPCLUSTER_DIST names their folder.
 */

import { stringify } from "yaml";
import type { Namespace } from "../lab/lab.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/wait.ts";
import { type NodeConfig, type Programs, READY_MS, type RelayConfig } from "./programs.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

/** A folder, absolute or in the repository; empty means unset. */
const DIST = Deno.env.get("DHCPCLUSTER_DIST") || undefined;

class OurPrograms implements Programs {
  readonly name = DIST === undefined ? "from source" : `compiled in ${DIST}`;

  startNode(namespace: Namespace, config: NodeConfig): Promise<Process> {
    return start("node", namespace, config);
  }

  startRelay(namespace: Namespace, config: RelayConfig): Promise<Process> {
    return start("relay", namespace, config);
  }
}

export const ours: Programs = new OurPrograms();

/** An answer of a program's HTTP port. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Gets a URL from inside a namespace; undefined without an answer. */
export async function httpGet(namespace: Namespace, url: string): Promise<HttpAnswer | undefined> {
  const command = ["curl", "--silent", "--max-time", "2", "--write-out", "\n%{http_code}", url];
  const output = await namespace.exec(command, { mayFail: true });
  const lines = output.split("\n");
  const status = Number(lines.pop());
  return status === 0 ? undefined : { status, body: lines.join("\n") };
}

/** How a node is started. */
interface NodeSpawn {
  readonly env?: Readonly<Record<string, string>>;
  /** Folder of the executables, if not the tests' own. */
  readonly dist?: string | undefined;
}

/** Starts a node and does not wait until it serves: one of several may need the others for that. */
export async function spawnNode(namespace: Namespace, config: NodeConfig, how: NodeSpawn = {}): Promise<Process> {
  return spawn("node", namespace, await writeConfig("node", namespace, config), how);
}

/** Runs a command of the node program, such as `members`, to its end; throws with the error output when it fails. */
export function runNode(namespace: Namespace, args: readonly string[]): Promise<string> {
  return runProgram("node", namespace, args);
}

/** The same for either program. */
export function runProgram(
  program: "node" | "relay",
  namespace: Namespace,
  args: readonly string[],
): Promise<string> {
  return namespace.exec([...commandOf(program), ...args], { cwd: ROOT });
}

/** Writes the file that the program reads at its start and on SIGHUP; returns its path. */
export async function writeConfig(
  program: "node" | "relay",
  namespace: Namespace,
  config: NodeConfig | RelayConfig,
): Promise<string> {
  const path = `${namespace.folder("config")}/${program}.yaml`;
  await Deno.writeTextFile(path, stringify(config));
  return path;
}

function spawn(
  program: "node" | "relay",
  namespace: Namespace,
  path: string,
  { env = {}, dist = DIST }: NodeSpawn = {},
): Process {
  return namespace.spawn([...commandOf(program, dist), "--config", path], {
    label: `${program} in ${namespace.name}`,
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
  });
}

async function start(
  program: "node" | "relay",
  namespace: Namespace,
  config: NodeConfig | RelayConfig,
): Promise<Process> {
  const process = spawn(program, namespace, await writeConfig(program, namespace, config));
  const url = `http://${config.http.address}:${config.http.port}/readyz`;
  let last: HttpAnswer | undefined;
  await until(`${process.label} to be ready`, READY_MS, async () => {
    process.mustRun();
    last = await httpGet(namespace, url);
    return last?.status === 200;
  }).catch((error) => {
    throw new Error(`${error.message}; ${url} last said ${last?.status ?? "nothing"} ${last?.body ?? ""}`);
  });
  return process;
}

function commandOf(program: "node" | "relay", dist = DIST): string[] {
  if (dist !== undefined) return [`${dist.startsWith("/") ? dist : `${ROOT}${dist}`}/dhcpcluster-${program}`];
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)) as {
    tasks: Record<string, string | { command: string }>;
  };
  const task = tasks[program];
  const command = typeof task === "string" ? task : task?.command;
  if (command === undefined || !command.startsWith("deno run ")) {
    throw new Error(`The task "${program}" in deno.json must be one "deno run …" command: is ${command ?? "absent"}`);
  }
  return command.split(/\s+/).map((word, index) => index === 0 ? Deno.execPath() : word);
}
