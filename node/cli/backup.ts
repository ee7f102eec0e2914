/**
 * `backup` and `restore`: the database of a node as one file. A backup is consistent though the node runs; a restore
 * wants an empty state directory and makes another disk of it (lease agreement, "disks"): the other nodes notice an old
 * copy only if those that it meets have heard of a later state.
 */

import { backup as copyPages, DatabaseSync } from "node:sqlite";
import { EXIT } from "../../src/cli/arguments.ts";
import type { CommandSpec } from "../../src/cli/commands.ts";
import { exists } from "../../src/cli/files.ts";
import { MEMBERSHIP_FACTS } from "../../src/cluster/membership/membership.ts";
import { BLANK, FACT, newDiskId, nextGeneration } from "../../src/cluster/sync/disk_identity.ts";
import { DATABASE_FILE } from "../store/database.ts";
import { lockDirectory } from "../store/directory.ts";
import { giveToOwner } from "../store/files.ts";
import { HIGH_WATER_FILE } from "../store/high_water.ts";
import { APPLICATION_ID } from "../store/schema.ts";
import { auditOffline } from "../admin/audit.ts";
import { ADMIN_OPTIONS, configOf } from "./admin_client.ts";

const CONFIG = ADMIN_OPTIONS.slice(0, 1);

const backup: CommandSpec = {
  name: "backup",
  summary: "Copy the database of this machine's node into one file, running or not",
  words: ["<file>"],
  options: [...CONFIG],
  examples: ["backup /var/backups/dhcpcluster-$(date +%F).db"],
  run: async (call) => {
    const [target = ""] = call.words;
    const { config } = await configOf(call);
    const source = `${config.node.stateDir}/${DATABASE_FILE}`;
    if (exists(target)) throw new Error(`${target} exists and is not overwritten: name another file`);
    const leases = await copyDatabase(source, target);
    call.print(
      `${target}: ${leases} leases and what this node has to remember; the configuration and the key are not in it`,
    );
    return EXIT.ok;
  },
};

const restore: CommandSpec = {
  name: "restore",
  summary: "Restore a backup into the empty state directory of this machine's node, which must be stopped",
  words: ["<file>"],
  options: [...CONFIG, {
    flags: "--majority-lost",
    description: "keep the leases of the backup, because a majority of the cluster's disks is lost for good",
  }],
  examples: [
    "restore /var/backups/dhcpcluster-2026-11-27.db",
    "restore --majority-lost /var/backups/dhcpcluster-2026-11-27.db",
  ],
  run: async (call) => {
    const [source = ""] = call.words;
    const { config } = await configOf(call);
    const { stateDir } = config.node;
    const target = `${stateDir}/${DATABASE_FILE}`;
    if (!exists(source)) throw new Error(`${source} does not exist: name a file that \`backup\` made`);
    if (exists(target)) {
      throw new Error(
        `${target} exists: a restore goes into an empty state directory; stop the node and move the directory ` +
          "away first",
      );
    }
    const restored = await putInPlace(source, stateDir, {
      fileMembers: config.cluster.nodes.length,
      majorityLost: call.options["majorityLost"] === true,
    });
    await auditOffline(stateDir, "restore", { file: source, kind: restored.kind, leases: restored.leases });
    const { print, warn } = REPORTS[restored.kind];
    call.print(`${target}: ${print(restored.leases)}`);
    call.warn(warn);
    return EXIT.ok;
  },
};

export const BACKUP_COMMANDS: readonly CommandSpec[] = [backup, restore];

/**
 * What becomes of a restored disk. The other nodes may have promised leases since the backup, so it is a learner's disk
 * without leases, unless nothing can be learned from others: this node is alone, or a majority is lost.
 */
type RestoredKind = "learner" | "alone" | "majorityLost";

const UNKNOWN_LEASES =
  "Leases granted after the backup was made are unknown: their clients keep them and renew them, " +
  "but until then their addresses count as free.";

const REPORTS: Readonly<Record<RestoredKind, { print: (leases: number) => string; warn: string }>> = {
  learner: {
    print: () => "what this node has to remember; start the node: it takes all leases from the others before it serves",
    warn:
      "The leases of the backup were left out, because the other nodes have later ones. They are needed only when " +
      "a majority of the disks is lost for good: then restore with --majority-lost, on one node.",
  },
  alone: {
    print: (leases) => `${leases} leases; start the node`,
    warn:
      `${UNKNOWN_LEASES} This node is alone, so it serves at once. Where you can, keep new clients out for half a ` +
      "leaseTime: by then all others have renewed.",
  },
  majorityLost: {
    print: (leases) => `${leases} leases`,
    warn:
      `${UNKNOWN_LEASES} It does not start before \`dhcpcluster-node members reset --yes\`. Give that on exactly one ` +
      "node: this one, or a survivor with later leases. All other nodes come back with an empty state directory; " +
      "disks that were thought lost must never come back.",
  },
};

/** Atomic: after a failure the database is either complete or missing. */
async function putInPlace(
  source: string,
  stateDir: string,
  options: { readonly fileMembers: number; readonly majorityLost: boolean },
): Promise<{ readonly kind: RestoredKind; readonly leases: number }> {
  await Deno.mkdir(stateDir, { recursive: true, mode: 0o700 });
  // A node whose database was deleted may still run.
  const lock = lockDirectory(stateDir);
  try {
    return await putLockedInPlace(source, stateDir, options);
  } finally {
    lock.close();
  }
}

async function putLockedInPlace(
  source: string,
  stateDir: string,
  options: { readonly fileMembers: number; readonly majorityLost: boolean },
): Promise<{ readonly kind: RestoredKind; readonly leases: number }> {
  const target = `${stateDir}/${DATABASE_FILE}`;
  const halfway = `${target}.restoring`;
  if (exists(halfway)) await Deno.remove(halfway);
  const leases = await copyDatabase(source, halfway);
  let kind: RestoredKind;
  try {
    kind = makeAnotherDisk(halfway, options);
  } catch (error) {
    await Deno.remove(halfway);
    throw error;
  }
  const file = await Deno.open(halfway, { read: true, write: true });
  await file.sync();
  file.close();
  // It tells of the database that was here before.
  const highWater = `${stateDir}/${HIGH_WATER_FILE}`;
  if (exists(highWater)) await Deno.remove(highWater);
  await Deno.rename(halfway, target);
  for (const rest of ["-shm", "-wal"]) if (exists(`${halfway}${rest}`)) await Deno.remove(`${halfway}${rest}`);
  giveToOwner(target, stateDir);
  return { kind, leases };
}

interface StoredMembership {
  readonly epoch?: number;
  readonly members?: readonly unknown[];
}

/**
 * A restored copy is another disk with an id of its own: of the former one the others may have heard a later state.
 */
function makeAnotherDisk(
  path: string,
  { fileMembers, majorityLost }: { readonly fileMembers: number; readonly majorityLost: boolean },
): RestoredKind {
  const database = new DatabaseSync(path);
  try {
    // Everything is in one file then.
    database.exec("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
    const read = (key: string) =>
      database.prepare("SELECT value FROM meta WHERE key = ?").get(key)?.["value"] as string | undefined;
    const write = (key: string, value: string) =>
      database.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)").run(key, value);
    const isComplete = read(FACT.blank) === BLANK.no;
    const { epoch = 1, members } = JSON.parse(read(MEMBERSHIP_FACTS.membership) ?? "{}") as StoredMembership;
    // A learner follows the file until it has heard of a change.
    const isAlone = isComplete && (members?.length ?? fileMembers) <= 1 && (epoch > 1 || fileMembers <= 1);
    if (majorityLost && !isComplete) {
      throw new Error("the backup was made before that node had all leases: use the backup of another node");
    }
    write(FACT.diskId, newDiskId(Math.random));
    if (isAlone || majorityLost) {
      // Later than any disk of this node that others may remember.
      const generation = nextGeneration(Number(read(FACT.diskGeneration) ?? 0), Date.now());
      write(FACT.diskGeneration, String(generation));
      if (!isAlone) write(FACT.resetFirst, "yes");
    } else {
      write(FACT.blank, BLANK.fenced);
      write(FACT.diskGeneration, "0");
      database.exec("DELETE FROM lease");
    }
    database.exec("COMMIT");
    return isAlone ? "alone" : majorityLost ? "majorityLost" : "learner";
  } finally {
    database.close();
  }
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
