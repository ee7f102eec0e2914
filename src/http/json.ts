/** JSON of values with long lists, made in slices: see `slices.ts`. */

import { Slices } from "./slices.ts";

/** Entries that are written between two looks at the clock. */
const STEP = 16;

/** A list whose entries are made when it is written. */
class LazyList<Entry> {
  readonly #entries: () => Iterable<Entry>;

  constructor(entries: () => Iterable<Entry>) {
    this.#entries = entries;
  }

  [Symbol.iterator](): Iterator<Entry> {
    return this.#entries()[Symbol.iterator]();
  }

  /** For `JSON.stringify`. */
  toJSON(): Entry[] {
    return [...this];
  }
}

/** A list for {@link jsonInSlices}: to its readers, and to `JSON.stringify`, it is an array. */
export function lazyList<Entry>(entries: () => Iterable<Entry>): readonly Entry[] {
  return new LazyList(entries) as unknown as readonly Entry[];
}

/** What `JSON.stringify` returns, in parts whose lists are written in slices. */
export async function jsonInSlices(value: unknown): Promise<Uint8Array<ArrayBuffer>> {
  const parts: string[] = [];
  await write(value, parts, new Slices());
  return new TextEncoder().encode(parts.join(""));
}

async function write(value: unknown, parts: string[], slices: Slices): Promise<void> {
  if (value instanceof LazyList) {
    let step = 0;
    let separator = "[";
    for (const entry of value) {
      parts.push(separator, JSON.stringify(entry) ?? "null");
      separator = ",";
      if (++step % STEP === 0 && slices.isOver) await slices.next();
    }
    parts.push(separator === "[" ? "[]" : "]");
  } else if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    let separator = "{";
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      parts.push(separator, JSON.stringify(key), ":");
      separator = ",";
      await write(member, parts, slices);
    }
    parts.push(separator === "{" ? "{}" : "}");
  } else parts.push(JSON.stringify(value) ?? "null");
}
