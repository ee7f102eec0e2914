/**
 * A map whose entries expire: entries not used for a while are evicted, and earlier when the map is full. Two
 * generations replace a timestamp per entry: lookups cost as much as in a plain map, and half of all entries are
 * evicted at a time.
 */

import { assert } from "../assert.ts";

/** Lifetime and capacity. */
interface ExpiringMapOptions<Value> {
  /** Entries live between this and twice this after their last use, while there is room. */
  readonly ttlMs: number;
  readonly entriesMax: number;
  /** Called for each evicted entry. */
  readonly onEvict?: (value: Value) => void;
}

/**
 * The map; times are milliseconds of the caller's monotonic clock.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const map = new ExpiringMap<number>({ ttlMs: 1000, entriesMax: 100 });
 * map.set("a", 1, 0);
 * strictEqual(map.get("a", 900), 1);
 * strictEqual(map.get("a", 5000), undefined);
 * ```
 */
export class ExpiringMap<Value> {
  readonly #options: ExpiringMapOptions<Value>;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();
  #rotatedAtMs = 0;

  constructor(memory: ExpiringMapOptions<Value>) {
    assert(memory.entriesMax >= 2, "There are two generations");
    this.#options = memory;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Looks an entry up, which counts as use. */
  get(key: string, nowMs: number): Value | undefined {
    this.expire(nowMs);
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.#put(key, old, nowMs);
    return old;
  }

  set(key: string, value: Value, nowMs: number): void {
    this.expire(nowMs);
    this.#old.delete(key);
    this.#put(key, value, nowMs);
  }

  /** Removes one entry without calling {@link ExpiringMapOptions.onEvict}. */
  delete(key: string): void {
    if (!this.#young.delete(key)) this.#old.delete(key);
  }

  /** Evicts expired entries. `get` and `set` do so as well. */
  expire(nowMs: number): void {
    const elapsedMs = nowMs - this.#rotatedAtMs;
    if (elapsedMs < this.#options.ttlMs) return;
    this.#evictOld(nowMs);
    if (elapsedMs >= 2 * this.#options.ttlMs) this.#evictOld(nowMs);
  }

  #put(key: string, value: Value, nowMs: number): void {
    if (this.#young.size >= this.#options.entriesMax / 2 && !this.#young.has(key)) this.#evictOld(nowMs);
    this.#young.set(key, value);
  }

  #evictOld(nowMs: number): void {
    const { onEvict } = this.#options;
    if (onEvict !== undefined) { for (const value of this.#old.values()) onEvict(value); }
    this.#old = this.#young;
    this.#young = new Map();
    this.#rotatedAtMs = nowMs;
  }
}
