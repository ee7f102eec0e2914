/**
 * The database of one node: opens it or throws the reason, commits batches, reads everything back, and notices when it
 * can't be trusted any more. Synchronous; it lives in the worker, and the tests use it directly.
 *
 * Never replaces a file that it cannot read: only a state directory without a database gets a new one, and one that had
 * leases only if the caller allows it.
 *
 * Operators may read the file while the node runs (`sqlite3 -readonly leases.db`), hence no `locking_mode=EXCLUSIVE`; a
 * second node is refused by a lock on the directory.
 *
 * After an error that leaves open what is on the disk, and when its files are no longer at their paths, nothing is
 * reported as durable before {@link LeaseDatabase.recover} has opened and checked the database anew.
 */

import { Connection } from "./connection.ts";
import { createDatabase, databaseExists, openDatabase, WAL_LIMIT_OCTETS } from "./database_file.ts";
import { LOCK_FILE, lockDirectory, prepareDirectory } from "./directory.ts";
import { leavesDoubt, StoreError, storeError } from "./errors.ts";
import { type FileChange, WatchedFile } from "./file_watch.ts";
import { HIGH_WATER_FILE, HighWater, readHighWater } from "./high_water.ts";
import type { Behind, Meta } from "./protocol.ts";
import { type Migration, MIGRATIONS } from "./schema.ts";

/** Name of the database in the state directory. */
export const DATABASE_FILE = "leases.db";

/** Rows between two checkpoints: about 20 MB of WAL. Fewer make more stalls, more make longer ones. */
const CHECKPOINT_ROWS = 8_000;

/** How a database is opened. */
interface OpenOptions {
  readonly migrations?: readonly Migration[];
  /** A missing database is made anew even if the state directory had one with leases. */
  readonly mayStartBlank?: boolean;
}

/** An open database. */
export class LeaseDatabase {
  /** Everything in table `meta` when it was opened. */
  readonly metas: readonly Meta[];
  /** It lacks transactions that were reported as durable: it, or its WAL, was lost, cut or replaced by an older one. */
  readonly behind: Behind | undefined;
  readonly #stateDir: string;
  readonly #path: string;
  readonly #migrations: readonly Migration[];
  #lock: { close(): void };
  #lockFile: WatchedFile;
  #highWater: HighWater;
  #highWaterFile: WatchedFile;
  /** Undefined after it was closed for a recovery that failed. */
  #connection: Connection | undefined;
  #file: WatchedFile;
  #wal: WatchedFile;
  /** Why it can't be trusted now. */
  #doubt: StoreError | undefined;
  /** The last transaction that was reported as durable. */
  #acknowledged: number;
  /** Whether there is something to lose, now or before it was lost. */
  #hadRows: boolean;
  #uncheckpointedRows = 0;

  private constructor(
    stateDir: string,
    migrations: readonly Migration[],
    parts: { readonly lock: { close(): void }; readonly connection: Connection; readonly highWater: HighWater },
  ) {
    const { lock, connection, highWater } = parts;
    this.#stateDir = stateDir;
    this.#path = `${stateDir}/${DATABASE_FILE}`;
    this.#migrations = migrations;
    this.#lock = lock;
    this.#lockFile = new WatchedFile(`${stateDir}/${LOCK_FILE}`);
    this.#highWater = highWater;
    this.#highWaterFile = new WatchedFile(`${stateDir}/${HIGH_WATER_FILE}`);
    this.#connection = connection;
    this.#file = new WatchedFile(this.#path);
    this.#wal = new WatchedFile(`${this.#path}-wal`, WAL_LIMIT_OCTETS);
    this.metas = connection.metas;
    this.#acknowledged = connection.transaction;
    this.#hadRows = highWater.found > 0 || connection.hasRows;
    const isBehind = connection.transaction < highWater.found;
    this.behind = isBehind ? { found: connection.transaction, acknowledged: highWater.found } : undefined;
  }

  /** Opens the database of a state directory, creating either when it is missing. Throws {@link StoreError}. */
  static open(
    stateDir: string,
    { migrations = MIGRATIONS, mayStartBlank = false }: OpenOptions = {},
  ): LeaseDatabase {
    const path = `${stateDir}/${DATABASE_FILE}`;
    prepareDirectory(stateDir);
    const lock = lockDirectory(stateDir);
    let connection: Connection | undefined;
    let highWater: HighWater | undefined;
    try {
      if (!databaseExists(path)) {
        if (readHighWater(stateDir) > 0 && !mayStartBlank) throw missing(stateDir, path);
        createDatabase(stateDir, path, migrations);
      }
      connection = new Connection(path, openDatabase(path, migrations));
      highWater = HighWater.open(stateDir);
      return new LeaseDatabase(stateDir, migrations, { lock, connection, highWater });
    } catch (error) {
      connection?.close();
      highWater?.close();
      lock.close();
      throw storeError(path, error);
    }
  }

  /** Why it can't be trusted now, and what to do; undefined while it can. */
  get doubt(): StoreError | undefined {
    return this.#doubt;
  }

  /**
   * Commits records and facts in one transaction and returns the number of records once they are on stable storage.
   * When it throws, nothing of them may be reported as durable.
   */
  commit(records: Uint8Array<ArrayBuffer>, metas: readonly Meta[]): number {
    if (this.#connection === undefined || this.#doubt !== undefined) {
      throw this.#doubt ?? new Error("The database was not recovered");
    }
    let rows: number;
    try {
      // A WAL that was cut would grow again unnoticed.
      const change = this.#wal.change();
      if (change !== undefined) throw moved(this.#wal.path, change);
      rows = this.#connection.commit(records, metas);
      this.#mustBeInPlace((file) => file.changeAfterWrite());
    } catch (error) {
      this.#note(error);
      throw error;
    }
    this.#acknowledged = this.#connection.transaction;
    this.#hadRows ||= rows > 0;
    if (this.#hadRows) this.#highWater.note(this.#acknowledged);
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
      this.#connection?.checkpoint("PASSIVE");
    } catch (error) {
      // On a full disk the next commit fails too, and reports it.
      this.#note(error);
    }
  }

  /** The sealed records of the next addresses above `after`, in order; none at the end. Throws {@link StoreError}. */
  chunkAfter(after: number): { records: Uint8Array<ArrayBuffer>; last: number } {
    if (this.#connection === undefined) throw this.#doubt ?? new Error("The database is closed");
    return this.#connection.chunkAfter(after);
  }

  /** Looks whether its files are still at their paths; see {@link doubt}. */
  inspect(): void {
    if (this.#doubt !== undefined) return;
    try {
      this.#mustBeInPlace((file) => file.change());
    } catch (error) {
      this.#note(error);
    }
  }

  /**
   * Ends a doubt: puts files that were deleted back from the open ones, opens the database anew, checks every page, and
   * that it has every transaction that was reported as durable. Returns what it did, for the operator. Throws
   * {@link StoreError} while it can't; with the code `lost` it never will.
   */
  recover(): string {
    try {
      const done = this.#recover();
      this.#doubt = undefined;
      return done;
    } catch (error) {
      this.#doubt = storeError(this.#path, error);
      throw this.#doubt;
    }
  }

  /** Moves the WAL into the database and unlocks the directory. */
  close(): void {
    try {
      this.#connection?.checkpoint("TRUNCATE");
    } catch {
      // Nothing is lost: the next start reads the WAL.
    }
    this.#connection?.close();
    this.#highWater.close();
    this.#lock.close();
  }

  #note(error: unknown): void {
    if (leavesDoubt(error)) this.#doubt = storeError(this.#path, error);
  }

  #mustBeInPlace(look: (file: WatchedFile) => FileChange | undefined): void {
    for (const file of [this.#file, this.#wal, this.#lockFile, this.#highWaterFile]) {
      const change = look(file);
      if (change !== undefined) throw moved(file.path, change);
    }
  }

  #recover(): string {
    this.#relock();
    const change = this.#file.change();
    const walChange = this.#wal.change();
    if (change === "replaced") throw moved(this.#path, change);
    if (change === "deleted") {
      this.#putBack();
      this.#reopen();
      return `${this.#path} was deleted while the node used it: written anew, nothing is lost; stop a node before ` +
        "you remove its files";
    }
    if (walChange === "replaced") throw moved(this.#wal.path, walChange);
    // What is in the deleted file can still be read here, and by no other process.
    if (walChange === "deleted") this.#connection?.checkpoint("TRUNCATE");
    this.#reopen();
    return "The lease database was opened and checked anew: nothing that was acknowledged is lost";
  }

  /** Takes the lock again if its file was deleted or replaced: another process could hold the one at its path. */
  #relock(): void {
    if (this.#lockFile.change() !== undefined) {
      prepareDirectory(this.#stateDir);
      const lock = lockDirectory(this.#stateDir);
      this.#lock.close();
      this.#lock = lock;
      this.#lockFile = new WatchedFile(`${this.#stateDir}/${LOCK_FILE}`);
    }
    if (this.#highWaterFile.change() !== undefined) {
      const highWater = HighWater.open(this.#stateDir, this.#hadRows ? this.#acknowledged : 0);
      this.#highWater.close();
      this.#highWater = highWater;
      this.#highWaterFile = new WatchedFile(`${this.#stateDir}/${HIGH_WATER_FILE}`);
    }
  }

  /** Writes the deleted database anew, from the connection that has it open. */
  #putBack(): void {
    const connection = this.#connection;
    if (connection === undefined) throw lost(this.#path, { found: 0, acknowledged: this.#acknowledged });
    createDatabase(this.#stateDir, this.#path, this.#migrations, (target) => connection.copyTo(target));
  }

  #reopen(): void {
    this.#connection?.close();
    this.#connection = undefined;
    if (!databaseExists(this.#path)) throw lost(this.#path, { found: 0, acknowledged: this.#acknowledged });
    const connection = new Connection(this.#path, openDatabase(this.#path, this.#migrations));
    if (connection.transaction < this.#acknowledged) {
      connection.close();
      throw lost(this.#path, { found: connection.transaction, acknowledged: this.#acknowledged });
    }
    this.#connection = connection;
    this.#file = new WatchedFile(this.#path);
    this.#wal = new WatchedFile(`${this.#path}-wal`, WAL_LIMIT_OCTETS);
    this.#uncheckpointedRows = 0;
  }
}

/** In words, for messages: "has transaction 3, and 7 was acknowledged". */
export function describeBehind({ found, acknowledged }: Behind): string {
  return `it has transaction ${found}, and ${acknowledged} was acknowledged`;
}

function missing(stateDir: string, path: string): StoreError {
  return new StoreError(
    "missing",
    `Cannot use the lease database ${path}: it is missing, and ${stateDir}/${HIGH_WATER_FILE} shows that it had ` +
      "leases: put it back, restore a backup with dhcpcluster-node restore, or forget all leases by starting once " +
      "with --bootstrap",
  );
}

const CHANGED: Readonly<Record<FileChange, string>> = {
  deleted: "it was deleted while the node uses it: restart the node if this message stays",
  replaced: "another file was put in its place while the node uses it: move that one away, and the node goes on; or " +
    "restart the node to use it",
  cut: "it was cut while the node uses it: restart the node if this message stays",
};

function moved(path: string, change: FileChange): StoreError {
  return new StoreError("moved", `Cannot use ${path}: ${CHANGED[change]}`);
}

function lost(path: string, behind: Behind): StoreError {
  return new StoreError(
    "lost",
    `Cannot use the lease database ${path}: acknowledged leases are no longer in it (${describeBehind(behind)}): the ` +
      "node ends, and its next start says what to do",
  );
}
