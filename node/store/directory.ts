/**
 * The state directory of one node: made when it is missing, and locked for one process.
 *
 * The lock is an exclusive one of SQLite on the file `lock`, which ends with the process. Nothing else in this process
 * may open that file, or the database: closing a descriptor drops the process's POSIX locks on it.
 */

import { DatabaseSync } from "node:sqlite";
import { StoreError, storeError } from "./errors.ts";
import { giveToOwner } from "./files.ts";
import { lastProcess } from "./high_water.ts";

/** Name of the lock file in the state directory. */
export const LOCK_FILE = "lock";

/** Makes the directory when it is missing. Throws {@link StoreError} when it can't be written. */
export function prepareDirectory(stateDir: string): void {
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

/** Locks the directory until the result is closed. Throws {@link StoreError} when another process uses it. */
export function lockDirectory(stateDir: string): { close(): void } {
  const path = `${stateDir}/${LOCK_FILE}`;
  const lock = new DatabaseSync(path);
  try {
    lock.exec("PRAGMA journal_mode = MEMORY");
    lock.prepare("BEGIN EXCLUSIVE").run();
    giveToOwner(path, stateDir);
    return lock;
  } catch (error) {
    lock.close();
    const { code } = storeError(stateDir, error);
    if (code !== "locked") throw storeError(path, error);
    const pid = lastProcess(stateDir);
    throw new StoreError(
      "locked",
      `Cannot use the state directory ${stateDir}: another process uses it` +
        `${pid === undefined ? "" : ` (pid ${pid})`}: stop that one (fuser ${path} names it), ` +
        "or give this node a node.stateDir of its own",
    );
  }
}
