/**
 * One connection to the open database: commits batches and reads everything back. Each transaction has a number, which
 * is in the database, too: it shows whether a database has everything that was reported as durable.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { RESTORE, StoreError, storeError } from "./errors.ts";
import type { Meta } from "./protocol.ts";
import { HEADER_OCTETS, isSealed, LAYOUT, recordLength, sealRecord } from "./record.ts";

/** About 512 KiB per chunk. */
const CHUNK_ROWS = 4_000;
/** Key in table `meta` of the number of the last transaction. Not one of the node's facts. */
const TRANSACTION_KEY = "store:transaction";

/** A connection that nothing else uses. */
export class Connection {
  /** The node's facts when it was opened. */
  readonly metas: readonly Meta[];
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #putLease: StatementSync;
  readonly #putMeta: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #chunk: StatementSync;
  #transaction: number;

  /** `path`: for messages. */
  constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
    // Through statements and not exec(), whose errors carry no result code.
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#putLease = database.prepare("INSERT OR REPLACE INTO lease VALUES (?, ?)");
    this.#putMeta = database.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
    this.#commit = database.prepare("COMMIT");
    this.#rollback = database.prepare("ROLLBACK");
    // One value per chunk: crossing from SQLite to JavaScript once per row takes twice as long.
    this.#chunk = database.prepare(
      `SELECT count(*) AS rows, max(address) AS last, CAST(group_concat(record, '') AS BLOB) AS records
       FROM (SELECT address, record FROM lease WHERE address > ? ORDER BY address LIMIT ${CHUNK_ROWS})`,
    );
    const metas = readMetas(database);
    this.metas = metas.filter(([key]) => key !== TRANSACTION_KEY);
    this.#transaction = transactionOf(new Map(metas));
  }

  /** The number of the last transaction. */
  get transaction(): number {
    return this.#transaction;
  }

  /** Whether there is any lease slot. */
  get hasRows(): boolean {
    return this.#database.prepare("SELECT 1 FROM lease LIMIT 1").get() !== undefined;
  }

  /** See `LeaseDatabase.commit`. */
  commit(records: Uint8Array<ArrayBuffer>, metas: readonly Meta[]): number {
    const { buffer, byteOffset } = records;
    const view = new DataView(buffer, byteOffset, records.length);
    const transaction = this.#transaction + 1;
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
      this.#putMeta.run(TRANSACTION_KEY, String(transaction));
      this.#commit.run();
    } catch (error) {
      this.#tryRollback();
      throw error;
    }
    this.#transaction = transaction;
    return rows;
  }

  /** Moves the WAL, or what readers let go of it, into the database. */
  checkpoint(how: "PASSIVE" | "TRUNCATE"): void {
    this.#database.prepare(`PRAGMA wal_checkpoint(${how})`).get();
  }

  /** See `LeaseDatabase.chunkAfter`. */
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

  /** Writes all that it has into an empty database. */
  copyTo(target: DatabaseSync): void {
    target.prepare("BEGIN IMMEDIATE").run();
    const putLease = target.prepare("INSERT INTO lease VALUES (?, ?)");
    for (const row of this.#database.prepare("SELECT address, record FROM lease ORDER BY address").iterate()) {
      putLease.run(row["address"] as number, row["record"] as Uint8Array);
    }
    const putMeta = target.prepare("INSERT INTO meta VALUES (?, ?)");
    for (const [key, value] of readMetas(this.#database)) putMeta.run(key, value);
    target.prepare("COMMIT").run();
  }

  /** Moves the WAL into the database, unless its file is no longer at its path, and closes both. */
  close(): void {
    this.#database.close();
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

  #tryRollback(): void {
    try {
      this.#rollback.run();
    } catch {
      // SQLite has rolled back by itself, as it does on a full disk.
    }
  }
}

/** The number of the last transaction, by everything in table `meta`; 0: none, or only by an earlier release. */
export function transactionOf(metas: ReadonlyMap<string, string>): number {
  return Number(metas.get(TRANSACTION_KEY) ?? 0);
}

/** As octets, because node:sqlite ends a text at its first NUL. */
function readMetas(database: DatabaseSync): Meta[] {
  return database.prepare("SELECT CAST(key AS BLOB) AS key, CAST(value AS BLOB) AS value FROM meta").all()
    .map((row) => [utf8(row["key"]), utf8(row["value"])]);
}

function utf8(octets: unknown): string {
  return new TextDecoder().decode(octets as Uint8Array);
}
