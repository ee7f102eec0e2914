/**
 * Reads decoded values by position and checks each one: type, range, length. Nothing throws: the name of the first bad
 * field is kept, and later values are ignored.
 */

const EMPTY = new Uint8Array();

/** The values of one message, read from the first to the last. */
export class Fields {
  #values: readonly unknown[];
  #at = 0;
  #failed: string | undefined;

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  /** The first field that was not as it must be. */
  get failed(): string | undefined {
    return this.#failed;
  }

  /** Remembers a field as bad. */
  fail(field: string): void {
    this.#failed ??= field;
  }

  /** The next value as it is. */
  any(): unknown {
    return this.#values[this.#at++];
  }

  /** Whether the next value is null; then it counts as read. */
  isNull(): boolean {
    if (this.#values[this.#at] !== null) return false;
    this.#at++;
    return true;
  }

  /** Whether the next value is a number. */
  isNumber(): boolean {
    return typeof this.#values[this.#at] === "number";
  }

  /** Whether the next value is a list. */
  isList(): boolean {
    return Array.isArray(this.#values[this.#at]);
  }

  /** A whole number from 0 to `max`. */
  uint(field: string, max: number): number {
    const value = this.#values[this.#at++];
    if (typeof value === "number" && value >= 0 && value <= max && Math.floor(value) === value) return value + 0;
    this.fail(field);
    return 0;
  }

  /** A whole number from 1 to `max`. */
  positive(field: string, max: number): number {
    const value = this.uint(field, max);
    if (value === 0) this.fail(field);
    return value;
  }

  /** A whole number that was written as its distance from `base`. */
  near(field: string, base: number, max: number): number {
    const distance = this.#values[this.#at++];
    if (typeof distance === "number") {
      const value = base + distance;
      if (value >= 0 && value <= max && Math.floor(distance) === distance) return value + 0;
    }
    this.fail(field);
    return 0;
  }

  boolean(field: string): boolean {
    const value = this.#values[this.#at++];
    if (typeof value !== "boolean") this.fail(field);
    return value === true;
  }

  bytes(field: string, max: number): Uint8Array {
    const value = this.#values[this.#at++];
    if (value instanceof Uint8Array && value.length <= max) return value.length === 0 ? EMPTY : value;
    this.fail(field);
    return EMPTY;
  }

  /** Text of at most `max` UTF-16 units. */
  text(field: string, max: number): string {
    const value = this.#values[this.#at++];
    if (typeof value === "string" && value.length <= max) return value;
    this.fail(field);
    return "";
  }

  /** One of `choices`, written as its index. */
  choice<T>(field: string, choices: readonly T[]): T {
    return choices[this.uint(field, choices.length - 1)] as T;
  }

  /** A list of at most `max` items that are lists themselves, each read by `read` and read whole. */
  each<T>(field: string, max: number, read: (fields: Fields) => T): T[] {
    const list = this.#list(field, max);
    const values = this.#values;
    const at = this.#at;
    const items: T[] = [];
    for (const item of list) {
      if (!Array.isArray(item)) {
        this.fail(field);
        break;
      }
      this.#values = item;
      this.#at = 0;
      items.push(read(this));
      this.end(field);
      // A list with many bad items costs no more than one with a single one.
      if (this.#failed !== undefined) break;
    }
    this.#values = values;
    this.#at = at;
    return items;
  }

  /** A list of at most `max` items with `width` values each, one after the other, each item read by `read`. */
  flat<T>(field: string, max: number, width: number, read: (fields: Fields) => T): T[] {
    const list = this.#list(field, max * width);
    if (list.length % width !== 0) {
      this.fail(field);
      return [];
    }
    const values = this.#values;
    const at = this.#at;
    const items: T[] = [];
    this.#values = list;
    this.#at = 0;
    while (this.#at < list.length && this.#failed === undefined) items.push(read(this));
    this.#values = values;
    this.#at = at;
    return items;
  }

  /** A list of lists, each as {@link flat} reads it; `items` bounds those of all lists together. */
  lists<T>(
    field: string,
    max: { readonly lists: number; readonly items: number; readonly width: number },
    read: (fields: Fields) => T,
  ): T[][] {
    const list = this.#list(field, max.lists);
    const values = this.#values;
    const at = this.#at;
    const result: T[][] = [];
    let left = max.items;
    this.#values = list;
    this.#at = 0;
    while (this.#at < list.length && this.#failed === undefined) {
      const items = this.flat(field, left, max.width, read);
      left -= items.length;
      result.push(items);
    }
    this.#values = values;
    this.#at = at;
    return result;
  }

  /** Nothing may be left. */
  end(field: string): void {
    if (this.#at !== this.#values.length) this.fail(field);
  }

  #list(field: string, max: number): readonly unknown[] {
    const value = this.#values[this.#at++];
    if (Array.isArray(value) && value.length <= max) return value;
    this.fail(field);
    return [];
  }
}
