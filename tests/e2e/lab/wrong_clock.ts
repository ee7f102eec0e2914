/**
 * Clocks that are wrong for one process, through libfaketime: the kernel's time namespaces move only the clocks that
 * count from the boot.
 */

import { exists } from "../../../src/cli/files.ts";

const LIBRARIES = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
  .map((architecture) => `/usr/lib/${architecture}/faketime/libfaketimeMT.so.1`);

/** The wall clock of processes that are started with {@link WrongClock.env}. It is right until it is set. */
export class WrongClock {
  readonly #path: string;

  /** `folder` is the process's own. */
  constructor(folder: string) {
    this.#path = `${folder}/clock`;
    this.set(0);
  }

  /**
   * Sets the clock, of running processes too (within a second), to this many seconds before or after the right time.
   */
  set(offsetSeconds: number): void {
    this.drift(offsetSeconds, 1);
  }

  /**
   * Lets the clock run at this rate, from this many seconds before or after the right time; the monotonic clock stays
   * right. `runningSeconds`: since the start of the process, from where libfaketime counts.
   */
  drift(offsetSeconds: number, rate: number, runningSeconds = 0): void {
    const offset = offsetSeconds + (1 - rate) * runningSeconds;
    // Without a rate libfaketime keeps the one that it read before.
    this.#write(`${offset < 0 ? "-" : "+"}${Math.abs(offset).toFixed(3)} x${rate}`);
  }

  #write(text: string): void {
    // A process could read an empty file while it is being written.
    Deno.writeTextFileSync(`${this.#path}.new`, `${text}\n`);
    Deno.renameSync(`${this.#path}.new`, this.#path);
  }

  /**
   * The environment to start a process with whose clocks both run at half speed, as on a machine that is suspended half
   * of the time, from this many seconds before or after the right time.
   */
  slow(offsetSeconds: number): Record<string, string> {
    this.drift(offsetSeconds, 0.5);
    const { FAKETIME_DONT_FAKE_MONOTONIC: _, ...env } = this.env;
    return env;
  }

  /** The environment to start a process with. */
  get env(): Record<string, string> {
    const library = LIBRARIES.find((path) => exists(path));
    if (library === undefined) throw new Error("libfaketime is missing: apt-get install faketime");
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#path,
      // Seconds between two reads of the file.
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }
}
