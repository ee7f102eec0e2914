/**
 * `backup` and `restore`: the database of a node as one file. A backup is consistent though the node runs; a restore
 * wants an empty state directory.
 */

import { backup as copyPages, DatabaseSync } from "node:sqlite";
import { EXIT } from "../../src/cli/arguments.ts";
import type { CommandSpec } from "../../src/cli/commands.ts";
import { exists, giveTo } from "../../src/cli/files.ts";
import { DATABASE_FILE } from "../store/database.ts";
import { APPLICATION_ID } from "../store/schema.ts";
import { ADMIN_OPTIONS, configOf } from "./admin_client.ts";

const CONFIG = ADMIN_OPTIONS.slice(0, 1);

const backup: CommandSpec = {
  name: "backup",
  summary: "Copy the leases of this machine's node into one file, while it runs or not",
  words: ["<file>"],
  options: [...CONFIG],
  examples: ["backup /var/backups/dhcpcluster-$(date +%F).db"],
  run: async (call) => {
    const [target = ""] = call.words;
    const { config } = await configOf(call);
    const source = `${config.node.stateDir}/${DATABASE_FILE}`;
    if (exists(target)) throw new Error(`${target} exists, and is not written over: name another file`);
    const leases = await copyDatabase(source, target);
    call.print(
      `${target}: ${leases} leases and what this node has to remember; the configuration and the key are not in it`,
    );
    return EXIT.ok;
  },
};

const restore: CommandSpec = {
  name: "restore",
  summary: "Put a backup into the empty state directory of this machine's node, which must not run",
  words: ["<file>"],
  options: [...CONFIG],
  examples: ["restore /var/backups/dhcpcluster-2026-11-27.db"],
  run: async (call) => {
    const [source = ""] = call.words;
    const { config } = await configOf(call);
    const { stateDir } = config.node;
    const target = `${stateDir}/${DATABASE_FILE}`;
    if (!exists(source)) throw new Error(`${source} does not exist: name a file that \`backup\` made`);
    if (exists(target)) {
      throw new Error(
        `${target} exists: a restore goes into an empty state directory; stop the node and move the directory away first`,
      );
    }
    const leases = await putInPlace(source, stateDir);
    call.print(`${target}: ${leases} leases; start the node`);
    if (config.cluster.nodes.length > 1) {
      call.warn(
        "In a cluster that goes on, the other nodes know of a later state of this one: it takes all leases from them anew " +
          "before it serves, as with an empty state directory. A backup is needed only when a majority is lost for good.",
      );
    }
    return EXIT.ok;
  },
};

export const BACKUP_COMMANDS: readonly CommandSpec[] = [backup, restore];

/** Whatever happens on the way, the database is there whole, or not at all. */
async function putInPlace(source: string, stateDir: string): Promise<number> {
  const target = `${stateDir}/${DATABASE_FILE}`;
  const halfway = `${target}.restoring`;
  await Deno.mkdir(stateDir, { recursive: true, mode: 0o700 });
  if (exists(halfway)) await Deno.remove(halfway);
  const leases = await copyDatabase(source, halfway);
  const file = await Deno.open(halfway, { read: true, write: true });
  await file.sync();
  file.close();
  await Deno.rename(halfway, target);
  for (const rest of ["-shm", "-wal"]) if (exists(`${halfway}${rest}`)) await Deno.remove(`${halfway}${rest}`);
  await giveToOwner(target, stateDir);
  return leases;
}

/** What root puts into the directory of a service has to be the service's. */
async function giveToOwner(path: string, directory: string): Promise<void> {
  const { uid, gid } = await Deno.stat(directory);
  if (uid === null || gid === null || (await Deno.stat(path)).uid === uid) return;
  await giveTo(path, { uid, gid });
}

/** More pages than a database has: in one step nothing can change on the way. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * Copies one consistent state and returns the number of leases in it. Readers don't hold up a node. Not by VACUUM INTO,
 * which attaches a database: Deno allows that only to programs that may read and write everything.
 */
async function copyDatabase(source: string, target: string): Promise<number> {
  if (!exists(source)) throw new Error(`${source} does not exist: has the node ever run with this node.stateDir?`);
  const database = new DatabaseSync(source, { readOnly: true });
  try {
    const { application_id: id } = database.prepare("PRAGMA application_id").get() as { application_id: number };
    if (id !== APPLICATION_ID) throw new Error(`${source} is not a database of dhcpcluster`);
    const [check] = database.prepare("PRAGMA quick_check(1)").all() as { quick_check: string }[];
    if (check?.quick_check !== "ok") throw new Error(`${source} is damaged: ${check?.quick_check}`);
    await copyPages(database, target, { rate: ALL_PAGES });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(message.includes(source) ? message : `Cannot copy ${source} to ${target}: ${message}`);
  } finally {
    database.close();
  }
  await Deno.chmod(target, 0o600);
  const copy = new DatabaseSync(target, { readOnly: true });
  const { leases } = copy.prepare("SELECT count(*) AS leases FROM lease").get() as { leases: number };
  copy.close();
  return leases;
}
