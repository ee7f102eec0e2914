/**
 * Finds the slots of a client: a hash table with open addressing over slot indices, four octets per entry. It stores no
 * keys: the caller compares each candidate with the key. A client may have several slots. The hash leaves out the
 * subnet: the numbers of subnets change, and what a client sends does not.
 */

import { SUBNET_OCTETS } from "../agreement/client_key.ts";

const EMPTY = -1;
const REMOVED = -2;

/** A multiplicative hash over the key's octets. The multiplier is secret, so that clients cannot prepare collisions. */
function hash(key: string, multiplier: number): number {
  let value = 0x811c9dc5;
  for (let index = SUBNET_OCTETS; index < key.length; index++) {
    value = Math.imul(value ^ key.charCodeAt(index), multiplier);
    value ^= value >>> 15;
  }
  return value >>> 0;
}

/** Slot indices by client. */
export class ClientIndex {
  #entries: Int32Array;
  #used = 0;
  #live = 0;
  readonly #keyOf: (slot: number) => string;
  readonly #multiplier: number;

  /**
   * `keyOf` returns the key that a slot was added with, for growing; `seed` is random where clients choose the keys.
   */
  constructor(expected: number, options: { keyOf: (slot: number) => string; seed: number }) {
    let size = 1024;
    while (size < 2 * expected) size *= 2;
    this.#entries = new Int32Array(size).fill(EMPTY);
    this.#keyOf = options.keyOf;
    // Odd, with bits in all positions: 2^32 divided by the golden ratio, changed by the seed.
    this.#multiplier = (0x9e3779b1 ^ (options.seed << 1)) | 1;
  }

  /**
   * Calls `each` with every slot that may have the key, or one with another subnet. Collisions are included: the callee
   * compares.
   */
  candidates(key: string, each: (slot: number) => void): void {
    const mask = this.#entries.length - 1;
    for (let at = hash(key, this.#multiplier) & mask;; at = (at + 1) & mask) {
      const slot = this.#entries[at] as number;
      if (slot === EMPTY) return;
      if (slot !== REMOVED) each(slot);
    }
  }

  /** The hash of a key, below 2^32; clients cannot foresee it. */
  hashOf(key: string): number {
    return hash(key, this.#multiplier);
  }

  /** Adds a slot that is not in the index. */
  add(key: string, slot: number): void {
    if (2 * (this.#used + 1) > this.#entries.length) this.#rebuild();
    this.#insert(key, slot);
    this.#live += 1;
  }

  /** Removes a slot by the key that it was added with. */
  remove(key: string, slot: number): void {
    const mask = this.#entries.length - 1;
    for (let at = hash(key, this.#multiplier) & mask;; at = (at + 1) & mask) {
      const entry = this.#entries[at] as number;
      if (entry === EMPTY) return;
      if (entry !== slot) continue;
      this.#entries[at] = REMOVED;
      this.#live -= 1;
      return;
    }
  }

  #insert(key: string, slot: number): void {
    const mask = this.#entries.length - 1;
    let at = hash(key, this.#multiplier) & mask;
    while ((this.#entries[at] as number) >= 0) at = (at + 1) & mask;
    if (this.#entries[at] === EMPTY) this.#used += 1;
    this.#entries[at] = slot;
  }

  #rebuild(): void {
    const slots = this.#entries.filter((slot) => slot >= 0);
    let size = this.#entries.length;
    while (4 * (this.#live + 1) > size) size *= 2;
    this.#entries = new Int32Array(size).fill(EMPTY);
    this.#used = 0;
    for (const slot of slots) this.#insert(this.#keyOf(slot), slot);
  }
}
