/** Faults of a disk for one process, and for the files below one folder only: calls of libc that fail or hang. */

import { runSync } from "./process.ts";

const SOURCE = new URL("./faulty_disk.c", import.meta.url).pathname;
/** `errno`, by name. */
const ERRORS = { EIO: 5, EROFS: 30 } as const;

/** A fault of every fsync, or of every write. */
export interface DiskFault {
  readonly call: "sync" | "write";
  /** `hangs`: it returns when the fault is over. */
  readonly what: keyof typeof ERRORS | "hangs";
}

/** The disk of processes that are started with {@link FaultyDisk.env}. It works until it is told not to. */
export class FaultyDisk {
  readonly #folder: string;
  readonly #order: string;
  readonly #library: string;

  /** `folder`: where the faults are; `own`: an empty folder for this class, elsewhere. */
  constructor(folder: string, own: string) {
    this.#folder = folder;
    this.#order = `${own}/order`;
    this.#library = `${own}/faulty_disk.so`;
    runSync("gcc", ["-shared", "-fPIC", "-O1", "-nostdlib", "-o", this.#library, SOURCE]);
    Deno.statSync(this.#library);
    this.works();
  }

  /** From now on. */
  has({ call, what }: DiskFault): void {
    this.#write(`${call === "sync" ? "s" : "w"}${what === "hangs" ? "h" : ERRORS[what]}`);
  }

  works(): void {
    this.#write("");
  }

  /** The environment to start a process with. */
  get env(): Record<string, string> {
    return { LD_PRELOAD: this.#library, FAULTY_DISK_FOLDER: this.#folder, FAULTY_DISK_ORDER: this.#order };
  }

  #write(text: string): void {
    // A process could read an empty file while it is being written.
    Deno.writeTextFileSync(`${this.#order}.new`, text);
    Deno.renameSync(`${this.#order}.new`, this.#order);
  }
}
