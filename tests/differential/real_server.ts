/** The servers that people switch from, on one file: how they are started, and when they listen. */

import type { ConfigFormat } from "../../src/convert/config/mod.ts";
import { INTERFACE, type Network, run } from "./network.ts";

const READY_MS = 10_000;
const POLL_MS = 20;

interface Program {
  /** What the file needs so that the server answers at once, and keeps nothing. */
  prepared(text: string): string;
  command(file: string, folder: string): readonly string[];
}

const dhcpd: Program = {
  // An echo request before the offer takes a second, and a failover peer that is not there answers nothing.
  prepared: (text) => `ping-check false;\n${text.replaceAll(/failover peer "\w+"(?: \{[^}]*\}|;)/g, "")}`,
  command: (file, folder) => [
    ...["dhcpd", "-4", "-f", "-d", "--no-pid", "-cf", file, "-lf", `${folder}/dhcpd.leases`, INTERFACE],
  ],
};

const kea: Program = {
  prepared: (text) => text,
  command: (file, folder) => [
    ...["env", `KEA_PIDFILE_DIR=${folder}`, `KEA_LOCKFILE_DIR=${folder}`, "kea-dhcp4", "-c", file],
  ],
};

const dnsmasq: Program = {
  prepared: (text) => text,
  command: (file, folder) => [
    ...["dnsmasq", "--keep-in-foreground", `--conf-file=${file}`, "--user=root", "--log-facility=-", "--pid-file="],
    ...["--no-ping", `--dhcp-leasefile=${folder}/dnsmasq.leases`],
  ],
};

const PROGRAMS: Readonly<Record<ConfigFormat, Program>> = { dhcpd, kea, dnsmasq };

/** A server that runs. */
export interface RealServer {
  stop(): Promise<void>;
}

/** The server does not start with the file. */
export class Refused extends Error {}

/** Starts a server with a file and waits until it listens. */
export async function startServer(format: ConfigFormat, text: string, network: Network): Promise<RealServer> {
  const program = PROGRAMS[format];
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-differential-" });
  const file = `${folder}/file`;
  await Deno.writeTextFile(file, program.prepared(text));
  await Deno.writeTextFile(`${folder}/dhcpd.leases`, "");
  const log = await Deno.create(`${folder}/log`);
  const [command = "", ...args] = network.within([
    "sh",
    "-c",
    'exec "$@" > "$0" 2>&1',
    `${folder}/log`,
    ...program.command(file, folder),
  ]);
  log.close();
  const child = new Deno.Command(command, { args, stdin: "null" }).spawn();
  let ended = false;
  const status = child.status.then(() => ended = true);
  const stop = async () => {
    if (!ended) child.kill("SIGKILL");
    await status;
    await Deno.remove(folder, { recursive: true });
  };
  const deadline = Date.now() + READY_MS;
  while (!await listens(format, network, folder)) {
    if (ended || Date.now() > deadline) {
      const output = await Deno.readTextFile(`${folder}/log`);
      await stop();
      throw new Refused(`${format} does not start:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { stop };
}

async function listens(format: ConfigFormat, network: Network, folder: string): Promise<boolean> {
  // dhcpd's socket is bound before it has read the file.
  if (format === "dhcpd") return (await Deno.readTextFile(`${folder}/log`)).includes("Server starting service");
  if (format === "kea") return (await Deno.readTextFile(`${folder}/log`)).includes("DHCP4_STARTED");
  return (await run(...network.within(["ss", "-Hlun", "sport", "=", ":67"]))).trim() !== "";
}
