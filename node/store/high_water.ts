/**
 * The number of the last transaction that was reported as durable, in a small file beside the database: it shows that a
 * state directory had leases, and how many transactions its database must have. A node that is alone has no other
 * member that remembers its disk.
 *
 * It is written after each transaction and not synced, as its job is to outlive the database and not the power: after a
 * power failure it may be behind, which is harmless, and never ahead. It also names the process that wrote it.
 */

import { giveToOwner, statOrNothing, syncDirectory } from "./files.ts";

/** Name of the file in the state directory. */
export const HIGH_WATER_FILE = "highwater";

/** Of a fixed length, so that it is overwritten in place: that needs no space on a full disk. */
const DIGITS = 16;
const PATTERN = /^(\d{16}) pid +(\d+)\n$/;

/** The open file. */
export class HighWater {
  /** What it said when it was opened; 0: there was none, or nothing to remember yet. */
  readonly found: number;
  readonly #file: Deno.FsFile;

  private constructor(file: Deno.FsFile, found: number) {
    this.#file = file;
    this.found = found;
  }

  /** Opens the file of a locked state directory, and makes it when it is missing. */
  static open(stateDir: string, known = readHighWater(stateDir)): HighWater {
    const path = `${stateDir}/${HIGH_WATER_FILE}`;
    const isNew = statOrNothing(path) === undefined;
    const file = Deno.openSync(path, { write: true, create: true, mode: 0o640 });
    const highWater = new HighWater(file, known);
    try {
      highWater.#write(known);
      if (isNew) {
        giveToOwner(path, stateDir);
        file.syncSync();
        syncDirectory(stateDir);
      }
      return highWater;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Notes that a transaction is on stable storage. */
  note(transaction: number): void {
    try {
      this.#write(transaction);
    } catch {
      // The transaction is durable all the same, and the next one is noted again.
    }
  }

  close(): void {
    this.#file.close();
  }

  #write(transaction: number): void {
    const text = `${String(transaction).padStart(DIGITS, "0")} pid ${String(Deno.pid).padStart(10)}\n`;
    this.#file.seekSync(0, Deno.SeekMode.Start);
    this.#file.writeSync(new TextEncoder().encode(text));
  }
}

/** What the file of a state directory says; 0 without one. */
export function readHighWater(stateDir: string): number {
  const text = readText(stateDir);
  if (text === undefined || text === "") return 0;
  const [, transaction] = PATTERN.exec(text) ?? [];
  // A damaged one still shows that there was a database.
  return transaction === undefined ? 1 : Number(transaction);
}

/** The process that opened the directory last, if that can be read. */
export function lastProcess(stateDir: string): number | undefined {
  try {
    const [, , pid] = PATTERN.exec(readText(stateDir) ?? "") ?? [];
    return pid === undefined ? undefined : Number(pid);
  } catch {
    return undefined;
  }
}

function readText(stateDir: string): string | undefined {
  try {
    return Deno.readTextFileSync(`${stateDir}/${HIGH_WATER_FILE}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
