/** True time and the planned events: a queue that does not know what the events do. */

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Runs events in the order of their time, and events of one time in the order in which they were planned. */
export class EventQueue {
  #nowMs = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  /** True time since the start, ms. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Plans an event `delayMs` from now. */
  after(delayMs: number, run: () => void): void {
    this.#push({ atMs: this.#nowMs + Math.max(0, Math.round(delayMs)), order: this.#order++, run });
  }

  /** Runs all events up to a time. */
  runUntil(endMs: number): void {
    for (let next = this.#take(endMs); next !== undefined; next = this.#take(endMs)) {
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = endMs;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!before(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  /** Takes the first event if it is not after this time. */
  #take(endMs: number): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.atMs > endMs) return undefined;
    const last = heap.pop() as Event;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  /** Places an event from the root down. */
  #sink(last: Event): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (!before(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
