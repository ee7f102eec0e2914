/**
 * Why the store cannot be used, as one line for the operator: maps errors of SQLite and the system to a cause and a
 * remedy. The caller prints it and exits.
 */

/** Kinds of {@link StoreError}. */
export type StoreErrorCode =
  | "locked"
  | "corrupt"
  | "foreign"
  | "newerSchema"
  | "olderSchema"
  | "readOnly"
  | "notAFile"
  | "notADirectory"
  | "diskFull"
  | "io"
  /** A database that was here is missing. */
  | "missing"
  /** Another process touched the files of the open database. */
  | "moved"
  /** Transactions that were reported as durable are not on the disk. */
  | "lost"
  | "worker";

/** A store that can't be opened, read or closed in order. The message is one line and says what to do. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Remedy for a damaged database: nothing is replaced silently. */
export const RESTORE =
  "restore it from a backup with dhcpcluster-node restore, or move it away with its -wal file to start blank and " +
  "have the cluster sync this node";

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const SQLITE = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  notADatabase: 26,
} as const;

/** `SQLITE_IOERR_SHMSIZE`: the index of the WAL could not grow, which is how a full disk shows at the start. */
const SQLITE_SHM_SIZE = 4874;

/** Maps an error of SQLite, the file system or Deno's permissions. */
export function classify(error: unknown): { code: StoreErrorCode; what: string; remedy: string } {
  if (error instanceof StoreError) return { code: error.code, what: error.message, remedy: "" };
  const text = (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, " ");
  const extended = errorNumber(error);
  const primary = extended & 0xff;
  if (primary === SQLITE.full || extended === SQLITE_SHM_SIZE || /os error 28\b|disk is full/.test(text)) {
    return { code: "diskFull", what: "disk full", remedy: "free some space on its file system" };
  }
  if (primary === SQLITE.busy || primary === SQLITE.locked || /database is locked/.test(text)) {
    return { code: "locked", what: "another process holds a lock on it", remedy: "stop that process (fuser names it)" };
  }
  if (primary === SQLITE.corrupt || primary === SQLITE.notADatabase) {
    return { code: "corrupt", what: `corrupt (${text})`, remedy: RESTORE };
  }
  if (error instanceof Deno.errors.NotCapable) {
    return {
      code: "readOnly",
      what: "not writable for this program",
      remedy: "name another directory as node.stateDir",
    };
  }
  if (
    error instanceof Deno.errors.PermissionDenied || primary === SQLITE.readOnly ||
    /os error 30\b|readonly database/.test(text)
  ) {
    return { code: "readOnly", what: `not writable (${text})`, remedy: "give this user read and write access to it" };
  }
  if (error instanceof Deno.errors.NotADirectory) {
    return { code: "notADirectory", what: `not a directory (${text})`, remedy: "name a directory as node.stateDir" };
  }
  const remedy = primary === SQLITE.io ? "check the disk and the kernel log" : "check the path and the disk";
  return { code: "io", what: text, remedy };
}

/**
 * Whether an error leaves open what is on the disk. After a failed fsync the page cache may hold what the disk does not
 * have; a full, read-only or locked disk has just not changed.
 */
export function leavesDoubt(error: unknown): boolean {
  if (error instanceof StoreError) return error.code === "moved" || error.code === "corrupt" || error.code === "lost";
  const extended = errorNumber(error);
  const primary = extended & 0xff;
  if (extended === SQLITE_SHM_SIZE) return false;
  return primary === SQLITE.io || primary === SQLITE.corrupt || primary === SQLITE.notADatabase;
}

/** The error for a path that can't be used. */
export function storeError(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { code, what, remedy } = classify(error);
  return new StoreError(code, `Cannot use the lease database ${path}: ${what}: ${remedy}`);
}

/** The result code that `node:sqlite` puts on its errors, 0 when there is none. */
function errorNumber(error: unknown): number {
  const code = (error as { errcode?: unknown } | null | undefined)?.errcode;
  return typeof code === "number" ? code : 0;
}
