/** Doubly linked lists of slot indices that share two typed arrays: a slot is in at most one list at a time. */

import { assert } from "../../assert.ts";

const NONE = -1;

/** The links of all slots. */
export class ListLinks {
  next: Int32Array;
  previous: Int32Array;

  constructor(slots: number) {
    this.next = new Int32Array(slots).fill(NONE);
    this.previous = new Int32Array(slots).fill(NONE);
  }

  grow(slots: number): void {
    const size = this.next.length;
    const grown = new ListLinks(slots);
    grown.next.set(this.next);
    grown.previous.set(this.previous);
    assert(size <= slots, "Links only grow");
    this.next = grown.next;
    this.previous = grown.previous;
  }
}

/** One list. Every operation takes constant time. */
export class LinkedList {
  readonly #links: ListLinks;
  #head = NONE;
  #tail = NONE;
  #length = 0;

  constructor(links: ListLinks) {
    this.#links = links;
  }

  get length(): number {
    return this.#length;
  }

  /** The first index, or undefined when the list is empty. */
  get first(): number | undefined {
    return this.#head === NONE ? undefined : this.#head;
  }

  /** The last index, or undefined when the list is empty. */
  get last(): number | undefined {
    return this.#tail === NONE ? undefined : this.#tail;
  }

  /** The index behind one that is in this list; undefined behind the last one. */
  after(index: number): number | undefined {
    const next = this.#links.next[index] as number;
    return next === NONE ? undefined : next;
  }

  append(index: number): void {
    this.#links.previous[index] = this.#tail;
    this.#links.next[index] = NONE;
    if (this.#tail === NONE) this.#head = index;
    else this.#links.next[this.#tail] = index;
    this.#tail = index;
    this.#length += 1;
  }

  prepend(index: number): void {
    this.#links.next[index] = this.#head;
    this.#links.previous[index] = NONE;
    if (this.#head === NONE) this.#tail = index;
    else this.#links.previous[this.#head] = index;
    this.#head = index;
    this.#length += 1;
  }

  /** Removes an index that is in this list. */
  remove(index: number): void {
    const next = this.#links.next[index] as number;
    const previous = this.#links.previous[index] as number;
    if (previous === NONE) this.#head = next;
    else this.#links.next[previous] = next;
    if (next === NONE) this.#tail = previous;
    else this.#links.previous[next] = previous;
    this.#links.next[index] = NONE;
    this.#links.previous[index] = NONE;
    this.#length -= 1;
  }
}
