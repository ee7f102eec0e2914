/**
 * Whether a file that is open is still the one at its path: one that was deleted or replaced can be written as before,
 * and is gone with the process.
 */

import { statOrNothing } from "./files.ts";

/** What happened to a file. `cut`: it is shorter than it was. */
export type FileChange = "deleted" | "replaced" | "cut";

/** A file that this process has open. */
export class WatchedFile {
  readonly path: string;
  readonly #dev: number;
  readonly #ino: number | null;
  readonly #keptOctets: number;
  #octets: number;

  /** A file that was just opened. `keptOctets`: this process may itself cut it to this length. */
  constructor(path: string, keptOctets = 0) {
    const { dev, ino, size } = Deno.statSync(path);
    this.path = path;
    this.#dev = dev;
    this.#ino = ino;
    this.#keptOctets = keptOctets;
    this.#octets = Math.min(size, keptOctets);
  }

  /** What others did to it since it was opened, or since this process wrote to it. */
  change(): FileChange | undefined {
    const now = this.#look();
    return typeof now === "object" && now.size < this.#octets ? "cut" : changeOf(now);
  }

  /** The same right after this process wrote to it. */
  changeAfterWrite(): FileChange | undefined {
    const now = this.#look();
    if (typeof now === "object") this.#octets = Math.min(now.size, this.#keptOctets);
    return changeOf(now);
  }

  /** The file, what became of it, or undefined when this process may not look. */
  #look(): Deno.FileInfo | FileChange | undefined {
    try {
      const now = statOrNothing(this.path);
      if (now === undefined) return "deleted";
      return now.dev === this.#dev && now.ino === this.#ino ? now : "replaced";
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) return undefined;
      throw error;
    }
  }
}

function changeOf(now: Deno.FileInfo | FileChange | undefined): FileChange | undefined {
  return typeof now === "object" ? undefined : now;
}
