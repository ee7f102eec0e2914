/**
 * Memory to receive into, cut from large blocks: a datagram takes only its own length, so that room for the longest
 * possible one costs nothing, and no byte is written twice. A block is freed with the last view of it.
 */

import { addressOf, fixedMemory } from "./libc.ts";

/** The longest input: the length fields of UDP and IPv4 have 16 bits, and the Ethernet header has 14 octets. */
export const DATAGRAM_BYTES_MAX = 65536;

const BLOCK_BYTES = 262144;
/** Headers are read at aligned addresses. */
const ALIGNMENT = 8;

/** Provides room for one datagram after the other. */
export class ReceiveMemory {
  #block: ArrayBuffer = fixedMemory(BLOCK_BYTES);
  #address = addressOf(this.#block);
  #used = 0;

  /** Where the next datagram may be written: {@link DATAGRAM_BYTES_MAX} octets. The same until `take`. */
  room(): number {
    if (this.#used + DATAGRAM_BYTES_MAX > BLOCK_BYTES) {
      this.#block = fixedMemory(BLOCK_BYTES);
      this.#address = addressOf(this.#block);
      this.#used = 0;
    }
    return this.#address + this.#used;
  }

  /** Starts the block again: what was taken before is overwritten. */
  rewind(): void {
    this.#used = 0;
  }

  /** The `length` octets that were written into the room. They belong to the caller, until `rewind` if it is called. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#used;
    this.#used = (start + length + ALIGNMENT - 1) & -ALIGNMENT;
    return new Uint8Array(this.#block, start, length);
  }
}
