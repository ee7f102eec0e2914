/**
 * Memory to receive into, carved from big blocks: a datagram takes what it is long, so that room for the longest
 * possible one costs nothing, and no byte is ever written again. A block lives until the last view of it is gone.
 */

import { addressOf, fixedMemory } from "./libc.ts";

/** Nothing that comes in is longer: the length fields of UDP and IPv4 have 16 bits; 14 octets of Ethernet header. */
export const DATAGRAM_BYTES_MAX = 65536;

const BLOCK_BYTES = 262144;
/** So that headers are read at aligned addresses. */
const ALIGNMENT = 8;

/** Hands out room for one datagram after the other. */
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

  /** Uses the block from its start again: what was taken before is written over. */
  rewind(): void {
    this.#used = 0;
  }

  /** The `length` octets that were written into the room; they are the caller's for good, or until `rewind`. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#used;
    this.#used = (start + length + ALIGNMENT - 1) & -ALIGNMENT;
    return new Uint8Array(this.#block, start, length);
  }
}
