/**
 * Reusable buffers for relayed requests. A request is kept until it is answered. Larger typed arrays live outside the
 * JavaScript heap, and garbage collection lags behind at tens of thousands of them per second.
 */

import { FORWARD } from "./limits.ts";

/** A free list of buffers. */
export class BufferPool {
  readonly #free: Uint8Array[] = [];

  /** A buffer of {@link FORWARD.bufferBytes}; it may hold stale bytes. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(FORWARD.bufferBytes);
  }

  /** Returns a buffer to the pool; the caller must not use it afterwards. */
  release(buffer: Uint8Array): void {
    if (this.#free.length < FORWARD.buffersFreeMax) this.#free.push(buffer);
  }
}
