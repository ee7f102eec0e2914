/**
 * The database file: made complete before it gets its name, and opened only after every page was checked. Never
 * replaces a file that it cannot read.
 */

import { DatabaseSync } from "node:sqlite";
import { RESTORE, StoreError } from "./errors.ts";
import { statOrNothing, syncDirectory } from "./files.ts";
import { ABANDONED_SCHEMA, APPLICATION_ID, LEASES_VIEW, type Migration } from "./schema.ts";

/** Measured on random renewals: 2 KiB halve what a commit writes against 4 KiB; 1 KiB wastes a tenth of the file. */
const PAGE_OCTETS = 2048;
/** Other processes only read, and readers do not block a writer in WAL mode. */
const BUSY_MS = 250;
/** Size to which the WAL file is truncated after a reader let it grow. */
export const WAL_LIMIT_OCTETS = 64 * 2 ** 20;

/** Whether there is a database. Throws when leases would be lost by making a new one. */
export function databaseExists(path: string): boolean {
  const database = statOrNothing(path);
  if (database === undefined) {
    if ((statOrNothing(`${path}-wal`)?.size ?? 0) === 0) return false;
    throw new StoreError(
      "corrupt",
      `Cannot use the lease database ${path}: it is missing, but its -wal file is there: ${RESTORE}`,
    );
  }
  if (!database.isFile) {
    throw new StoreError(
      "notAFile",
      `Cannot use the lease database ${path}: it is not a file: move it away, or name another node.stateDir`,
    );
  }
  if (database.size === 0) {
    throw new StoreError("corrupt", `Cannot use the lease database ${path}: it is empty: ${RESTORE}`);
  }
  // SQLite would silently open it read-only.
  Deno.openSync(path, { read: true, write: true }).close();
  return true;
}

/** Makes a complete database, empty but for what `fill` writes, and then renames it into place. */
export function createDatabase(
  stateDir: string,
  path: string,
  migrations: readonly Migration[],
  fill: (database: DatabaseSync) => void = () => {},
): void {
  const temporary = `${path}.new`;
  for (const left of [temporary, `${temporary}-journal`]) {
    if (statOrNothing(left) !== undefined) Deno.removeSync(left);
  }
  const database = new DatabaseSync(temporary);
  try {
    database.exec(`PRAGMA page_size = ${PAGE_OCTETS}; PRAGMA synchronous = FULL`);
    database.prepare(`PRAGMA application_id = ${APPLICATION_ID}`).run();
    checkAndMigrate(temporary, database, 0, migrations);
    fill(database);
  } finally {
    database.close();
  }
  Deno.chmodSync(temporary, 0o640);
  // Of another file: SQLite would take them for this one's.
  for (const foreign of [`${path}-wal`, `${path}-shm`]) {
    if (statOrNothing(foreign) !== undefined) Deno.removeSync(foreign);
  }
  Deno.renameSync(temporary, path);
  syncDirectory(stateDir);
}

/**
 * Opens and checks the database.
 *
 * The whole WAL is moved into the database first. What a failed fsync has left in the page cache may be read as if it
 * were on the disk, and a later fsync does not write it: only writing it again does.
 */
export function openDatabase(path: string, migrations: readonly Migration[]): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    if (pragma(database, "application_id") !== APPLICATION_ID) {
      throw new StoreError(
        "foreign",
        `Cannot use the lease database ${path}: another program made it: move it away, or name another node.stateDir`,
      );
    }
    const version = Number(pragma(database, "user_version"));
    const newest = ABANDONED_SCHEMA + migrations.length;
    if (version <= ABANDONED_SCHEMA) {
      throw new StoreError(
        "olderSchema",
        `Cannot use the lease database ${path}: its schema ${version} is older than the first release: ` +
          "move it away with its -wal file to start blank and have the cluster sync this node",
      );
    }
    if (version > newest) {
      throw new StoreError(
        "newerSchema",
        `Cannot use the lease database ${path}: its schema ${version} is newer than this program's ` +
          `${newest}: install the dhcpcluster that wrote it, or a newer one`,
      );
    }
    database.prepare("PRAGMA journal_mode = WAL").get();
    database.exec(`PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
      PRAGMA journal_size_limit = ${WAL_LIMIT_OCTETS}; PRAGMA cache_size = -8000`);
    checkAndMigrate(path, database, version - ABANDONED_SCHEMA, migrations);
    database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Checks every page and, after the first `from` migrations, brings the schema up to date in one transaction. Writes in
 * any case, so that an unwritable disk shows at the start.
 *
 * Drops the view before the check and makes it again afterwards: for a view, which has no root page, SQLite 3.40 to
 * 3.53 check single tables only, and then miss damaged free pages and pages that are used twice.
 */
function checkAndMigrate(path: string, database: DatabaseSync, from: number, migrations: readonly Migration[]): void {
  database.prepare("BEGIN IMMEDIATE").run();
  database.prepare("DROP VIEW IF EXISTS leases").run();
  const check = pragma(database, "quick_check(1)");
  if (check !== "ok") {
    throw new StoreError(
      "corrupt",
      `Cannot use the lease database ${path}: corrupt (${String(check).replaceAll(/\s+/g, " ")}): ${RESTORE}`,
    );
  }
  for (const migration of migrations.slice(from)) {
    if (typeof migration === "string") database.exec(migration);
    else migration(database);
  }
  database.prepare(LEASES_VIEW).run();
  database.prepare(`PRAGMA user_version = ${ABANDONED_SCHEMA + migrations.length}`).run();
  database.prepare("COMMIT").run();
}

/** The single value of a pragma. */
function pragma(database: DatabaseSync, name: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}
