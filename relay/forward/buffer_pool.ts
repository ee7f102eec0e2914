/**
 * Memory for datagrams that go up, used again and again. They are kept until they have been answered, and every array of
 * more than a few octets is memory outside of the heap, whose collection lags far behind tens of thousands a second.
 */

import { FORWARD } from "./limits.ts";

/** Hands rooms out and takes them back. */
export class BufferPool {
  readonly #free: Uint8Array[] = [];

  /** A room of {@link FORWARD.roomBytes}, with anything in it. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(FORWARD.bufferBytes);
  }

  /** The room may be used again; nothing may refer to it. */
  release(room: Uint8Array): void {
    if (this.#free.length < FORWARD.buffersFreeMax) this.#free.push(room);
  }
}
