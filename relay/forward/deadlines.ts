/**
 * A timer wheel: deadlines rounded up to a grid. Made for many deadlines a few hundred milliseconds ahead, most of
 * which are no longer needed when they expire.
 */

/**
 * A queue of deadlines.
 *
 * @example
 * ```ts
 * import { deepStrictEqual, strictEqual } from "node:assert/strict";
 * const deadlines = new Deadlines<string>(5);
 * deadlines.add("hedge", 12);
 * strictEqual(deadlines.nextMs, 15);
 * deepStrictEqual(deadlines.takeDue(14), []);
 * deepStrictEqual(deadlines.takeDue(15), ["hedge"]);
 * ```
 */
export class Deadlines<Item> {
  readonly #gridMs: number;
  readonly #slots = new Map<number, Item[]>();
  /** All slots before this one are empty. */
  #first = Infinity;

  constructor(gridMs: number) {
    this.#gridMs = gridMs;
  }

  add(item: Item, atMs: number): void {
    const slot = Math.ceil(atMs / this.#gridMs);
    const items = this.#slots.get(slot);
    if (items === undefined) this.#slots.set(slot, [item]);
    else items.push(item);
    if (slot < this.#first) this.#first = slot;
  }

  /** The earliest deadline; undefined when there is none. */
  get nextMs(): number | undefined {
    if (this.#slots.size === 0) return undefined;
    while (!this.#slots.has(this.#first)) this.#first++;
    return this.#first * this.#gridMs;
  }

  /** Removes and returns the items that are due, earliest first. */
  takeDue(nowMs: number): Item[] {
    const due: Item[] = [];
    for (let nextMs = this.nextMs; nextMs !== undefined && nextMs <= nowMs; nextMs = this.nextMs) {
      for (const item of this.#slots.get(this.#first) as Item[]) due.push(item);
      this.#slots.delete(this.#first);
    }
    if (this.#slots.size === 0) this.#first = Infinity;
    return due;
  }

  /** Moves all deadlines back by `byMs`. */
  postpone(byMs: number): void {
    const slots = [...this.#slots];
    this.#slots.clear();
    this.#first = Infinity;
    for (const [slot, items] of slots) for (const item of items) this.add(item, slot * this.#gridMs + byMs);
  }
}
