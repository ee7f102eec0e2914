/**
 * A map that forgets: what was not touched for a while goes, and under pressure the oldest go earlier. Two generations
 * instead of a clock per entry: a look costs no more than in a map, and an end is put to half of all at a time.
 */

import { assert } from "../../src/assert.ts";

/** How long and how many. */
export interface ExpiringMapOptions<Value> {
  /** Entries live for at least this after they were last touched, and at most twice as long, while there is room. */
  readonly rememberMs: number;
  readonly entriesMax: number;
  /** Hears of each entry that is forgotten. */
  readonly forgotten?: (value: Value) => void;
}

/**
 * The map.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const map = new ExpiringMap<number>({ rememberMs: 1000, entriesMax: 100 });
 * map.set("a", 1, 0);
 * strictEqual(map.get("a", 900), 1);
 * strictEqual(map.get("a", 5000), undefined);
 * ```
 */
export class ExpiringMap<Value> {
  readonly #memory: ExpiringMapOptions<Value>;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();
  #turnedAtMs = 0;

  constructor(memory: ExpiringMapOptions<Value>) {
    assert(memory.entriesMax >= 2, "There are two generations");
    this.#memory = memory;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Looks an entry up, and so touches it. */
  get(key: string, nowMs: number): Value | undefined {
    this.turn(nowMs);
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.#put(key, old, nowMs);
    return old;
  }

  set(key: string, value: Value, nowMs: number): void {
    this.turn(nowMs);
    this.#old.delete(key);
    this.#put(key, value, nowMs);
  }

  /** Forgets one entry, without a word to {@link ExpiringMapOptions.forgotten}. */
  delete(key: string): void {
    if (!this.#young.delete(key)) this.#old.delete(key);
  }

  /** Forgets what is due. Every other call does so as well. */
  turn(nowMs: number): void {
    const elapsedMs = nowMs - this.#turnedAtMs;
    if (elapsedMs < this.#memory.rememberMs) return;
    this.#forgetOld(nowMs);
    if (elapsedMs >= 2 * this.#memory.rememberMs) this.#forgetOld(nowMs);
  }

  #put(key: string, value: Value, nowMs: number): void {
    if (this.#young.size >= this.#memory.entriesMax / 2 && !this.#young.has(key)) this.#forgetOld(nowMs);
    this.#young.set(key, value);
  }

  #forgetOld(nowMs: number): void {
    const { forgotten } = this.#memory;
    if (forgotten !== undefined) { for (const value of this.#old.values()) forgotten(value); }
    this.#old = this.#young;
    this.#young = new Map();
    this.#turnedAtMs = nowMs;
  }
}
