/** Values that may occur once in a file: remembers the first place of each. */

import { formatPath, type Path, type Report } from "./issue.ts";

/** A set of values that must differ. */
export class Unique<Key> {
  readonly #first = new Map<Key, Path>();
  readonly #report: Report;
  readonly #remedy: string;

  /** `remedy` completes "… stands at nodes[0].id already; ". */
  constructor(report: Report, remedy: string) {
    this.#report = report;
    this.#remedy = remedy;
  }

  /** Reports the place if the value occurred before. Undefined is skipped. */
  add(key: Key | undefined, path: Path): void {
    if (key === undefined) return;
    const earlier = this.#first.get(key);
    if (earlier === undefined) this.#first.set(key, path);
    else this.#report(path, `stands at ${formatPath(earlier)} already; ${this.#remedy}`);
  }

  has(key: Key): boolean {
    return this.#first.has(key);
  }
}
