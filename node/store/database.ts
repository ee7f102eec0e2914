/**
 * The database file of one node: opens it or throws the reason, commits batches, reads everything back. Synchronous; it
 * lives in the worker, and the tests use it directly.
 *
 * Never replaces a file that it cannot read: only a state directory without a database gets a new one, which gets its
 * name only when it is complete.
 *
 * Operators may read the file while the node runs (`sqlite3 -readonly leases.db`), hence no `locking_mode=EXCLUSIVE`; a
 * second node is refused by an exclusive lock on the file `lock` beside it, which ends with the process. Nothing else
 * in this process may open either file: closing a descriptor drops the process's POSIX locks on it.
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { RESTORE, StoreError, storeError } from "./errors.ts";
import type { Meta } from "./protocol.ts";
import { HEADER_OCTETS, isSealed, LAYOUT, recordLength, sealRecord } from "./record.ts";
import { ABANDONED_SCHEMA, APPLICATION_ID, LEASES_VIEW, type Migration, MIGRATIONS } from "./schema.ts";

/** Name of the database in the state directory. */
export const DATABASE_FILE = "leases.db";
const LOCK_FILE = "lock";

/** Measured on random renewals: 2 KiB halve what a commit writes against 4 KiB; 1 KiB wastes a tenth of the file. */
const PAGE_OCTETS = 2048;
/** Other processes only read, and readers do not block a writer in WAL mode. */
const BUSY_MS = 250;
/** Rows between two checkpoints: about 20 MB of WAL. Fewer make more stalls, more make longer ones. */
const CHECKPOINT_ROWS = 8_000;
/** Size to which the WAL file is truncated after a reader let it grow. */
const WAL_LIMIT_OCTETS = 64 * 2 ** 20;
/** About 512 KiB per chunk. */
const CHUNK_ROWS = 4_000;

/** An open database. */
export class LeaseDatabase {
  /** Everything in table `meta` when it was opened. */
  readonly metas: readonly Meta[];
  readonly #path: string;
  readonly #lock: DatabaseSync;
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #putLease: StatementSync;
  readonly #putMeta: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #checkpoint: StatementSync;
  readonly #chunk: StatementSync;
  #uncheckpointedRows = 0;

  private constructor(path: string, lock: DatabaseSync, database: DatabaseSync) {
    this.#path = path;
    this.#lock = lock;
    this.#database = database;
    // Through statements and not exec(), whose errors carry no result code.
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#putLease = database.prepare("INSERT OR REPLACE INTO lease VALUES (?, ?)");
    this.#putMeta = database.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
    this.#commit = database.prepare("COMMIT");
    this.#rollback = database.prepare("ROLLBACK");
    this.#checkpoint = database.prepare("PRAGMA wal_checkpoint(PASSIVE)");
    // One value per chunk: crossing from SQLite to JavaScript once per row takes twice as long.
    this.#chunk = database.prepare(
      `SELECT count(*) AS rows, max(address) AS last, CAST(group_concat(record, '') AS BLOB) AS records
       FROM (SELECT address, record FROM lease WHERE address > ? ORDER BY address LIMIT ${CHUNK_ROWS})`,
    );
    // As octets, because node:sqlite ends a text at its first NUL.
    this.metas = database.prepare("SELECT CAST(key AS BLOB) AS key, CAST(value AS BLOB) AS value FROM meta").all()
      .map((row) => [utf8(row["key"]), utf8(row["value"])]);
  }

  /** Opens the database of a state directory, creating either when it is missing. Throws {@link StoreError}. */
  static open(stateDir: string, migrations: readonly Migration[] = MIGRATIONS): LeaseDatabase {
    const path = `${stateDir}/${DATABASE_FILE}`;
    prepareDirectory(stateDir);
    const lock = lockDirectory(stateDir);
    let database: DatabaseSync | undefined;
    try {
      if (!databaseExists(path)) createDatabase(stateDir, path, migrations);
      database = openDatabase(path, migrations);
      return new LeaseDatabase(path, lock, database);
    } catch (error) {
      database?.close();
      lock.close();
      throw storeError(path, error);
    }
  }

  /**
   * Commits records and facts in one transaction and returns the number of records once they are on stable storage.
   * When it throws, nothing of them was kept.
   */
  commit(records: Uint8Array<ArrayBuffer>, metas: readonly Meta[]): number {
    const { buffer, byteOffset } = records;
    const view = new DataView(buffer, byteOffset, records.length);
    let rows = 0;
    this.#begin.run();
    try {
      for (let at = 0; at < records.length; rows++) {
        const length = recordLength(view, at);
        sealRecord(view, at, length);
        const record = new Uint8Array(buffer, byteOffset + at, length);
        this.#putLease.run(view.getUint32(at + LAYOUT.address.at), record);
        at += length;
      }
      for (const [key, value] of metas) this.#putMeta.run(key, value);
      this.#commit.run();
    } catch (error) {
      this.#tryRollback();
      throw error;
    }
    this.#uncheckpointedRows += rows;
    return rows;
  }

  /**
   * Moves the WAL into the database when it is long enough: after the answer to a commit, so that only the next one
   * waits. A checkpoint that fails loses nothing: the next one repeats it.
   */
  checkpointWhenDue(): void {
    if (this.#uncheckpointedRows < CHECKPOINT_ROWS) return;
    this.#uncheckpointedRows = 0;
    try {
      this.#checkpoint.get();
    } catch {
      // A full or failing disk: the next commit fails too, and reports it.
    }
  }

  /** The sealed records of the next addresses above `after`, in order; none at the end. Throws {@link StoreError}. */
  chunkAfter(after: number): { records: Uint8Array<ArrayBuffer>; last: number } {
    try {
      const row = this.#chunk.get(after);
      const records = row?.["records"];
      if (!(records instanceof Uint8Array)) return { records: new Uint8Array(), last: after };
      const last = Number(row?.["last"]);
      this.#assertChunk(records, Number(row?.["rows"]), after, last);
      return { records: records as Uint8Array<ArrayBuffer>, last };
    } catch (error) {
      throw storeError(this.#path, error);
    }
  }

  #assertChunk(records: Uint8Array, rows: number, after: number, last: number): void {
    const view = new DataView(records.buffer, records.byteOffset, records.length);
    let at = 0;
    let address = after;
    for (let row = 0; row < rows; row++) {
      const length = at + HEADER_OCTETS <= records.length ? recordLength(view, at) : Infinity;
      if (at + length > records.length || !isSealed(view, at, length)) throw this.#damaged(address);
      const next = view.getUint32(at + LAYOUT.address.at);
      if (next <= address) throw this.#damaged(address);
      address = next;
      at += length;
    }
    if (at !== records.length || address !== last) throw this.#damaged(address);
  }

  #damaged(address: number): StoreError {
    return new StoreError(
      "corrupt",
      `Cannot use the lease database ${this.#path}: corrupt (the record after address ${address} is damaged): ` +
        RESTORE,
    );
  }

  /** Moves the WAL into the database and unlocks the directory. */
  close(): void {
    try {
      this.#database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    } catch {
      // Nothing is lost: the next start reads the WAL.
    }
    this.#database.close();
    this.#lock.close();
  }

  #tryRollback(): void {
    try {
      this.#rollback.run();
    } catch {
      // SQLite has rolled back by itself, as it does on a full disk.
    }
  }
}

function prepareDirectory(stateDir: string): void {
  try {
    Deno.mkdirSync(stateDir, { recursive: true, mode: 0o750 });
    // Checked here, because SQLite silently opens read-only what it cannot write.
    Deno.removeSync(Deno.makeTempFileSync({ dir: stateDir, prefix: "writable-" }));
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.NotADirectory) {
      throw new StoreError(
        "notADirectory",
        `Cannot use the state directory ${stateDir}: it is not a directory: name another one as node.stateDir`,
      );
    }
    const { code, message } = storeError(stateDir, error);
    throw new StoreError(code, message.replace("the lease database", "the state directory"));
  }
}

function lockDirectory(stateDir: string): DatabaseSync {
  const lock = new DatabaseSync(`${stateDir}/${LOCK_FILE}`);
  try {
    lock.exec("PRAGMA journal_mode = MEMORY");
    lock.prepare("BEGIN EXCLUSIVE").run();
    return lock;
  } catch (error) {
    lock.close();
    const { code } = storeError(stateDir, error);
    if (code !== "locked") throw storeError(`${stateDir}/${LOCK_FILE}`, error);
    throw new StoreError(
      "locked",
      `Cannot use the state directory ${stateDir}: another process uses it: stop that one ` +
        `(fuser ${stateDir}/${LOCK_FILE} names it), or give this node a node.stateDir of its own`,
    );
  }
}

/** Whether there is a database. Throws when leases would be lost by making a new one. */
function databaseExists(path: string): boolean {
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

function statOrNothing(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Makes a complete, empty database and then renames it into place. */
function createDatabase(stateDir: string, path: string, migrations: readonly Migration[]): void {
  const temporary = `${path}.new`;
  for (const left of [temporary, `${temporary}-journal`]) {
    if (statOrNothing(left) !== undefined) Deno.removeSync(left);
  }
  const database = new DatabaseSync(temporary);
  try {
    database.exec(`PRAGMA page_size = ${PAGE_OCTETS}; PRAGMA synchronous = FULL`);
    database.prepare(`PRAGMA application_id = ${APPLICATION_ID}`).run();
    checkAndMigrate(temporary, database, 0, migrations);
  } finally {
    database.close();
  }
  Deno.chmodSync(temporary, 0o640);
  Deno.renameSync(temporary, path);
  const directory = Deno.openSync(stateDir);
  try {
    directory.syncSync();
  } finally {
    directory.close();
  }
}

function openDatabase(path: string, migrations: readonly Migration[]): DatabaseSync {
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

function utf8(octets: unknown): string {
  return new TextDecoder().decode(octets as Uint8Array);
}
