/**
 * Byte strings for a million slots without an object each: one growing block with a record per slot. A new record
 * replaces the old one in place if it fits. Unused octets are reclaimed once they are more than the used ones.
 */

import { assert } from "../../assert.ts";

/** Octets before a record: capacity and length, 16 bits each. */
const HEADER_OCTETS = 4;
const RECORD_OCTETS_MAX = 0xffff;
const COMPACT_ABOVE_OCTETS = 1 << 20;

/** Byte strings by slot index. */
export class Arena {
  #bytes: Uint8Array;
  /** Start of a slot's record plus one; 0: none. */
  #offsets: Uint32Array;
  #end = 0;
  #garbage = 0;

  constructor(slots: number, octetsPerSlot = 48) {
    this.#offsets = new Uint32Array(slots);
    this.#bytes = new Uint8Array(Math.max(1024, Math.min(slots * octetsPerSlot, 1 << 22)));
  }

  /** The record of a slot as a view that is valid until the next `write`; empty when there is none. */
  read(index: number): Uint8Array {
    const offset = this.#offsets[index] as number;
    if (offset === 0) return this.#bytes.subarray(0, 0);
    const start = offset - 1 + HEADER_OCTETS;
    return this.#bytes.subarray(start, start + this.#length(offset - 1));
  }

  /** The result of `look` at the record of a slot, without making a view of it; false when there is none. */
  test(index: number, look: (bytes: Uint8Array, start: number, end: number) => boolean): boolean {
    const offset = this.#offsets[index] as number;
    if (offset === 0) return false;
    const start = offset - 1 + HEADER_OCTETS;
    return look(this.#bytes, start, start + this.#length(offset - 1));
  }

  /** Stores a copy of `record` (at most 65,535 octets) for a slot. */
  write(index: number, record: Uint8Array): void {
    assert(record.length <= RECORD_OCTETS_MAX, "An arena record has a 16-bit length");
    const offset = this.#offsets[index] as number;
    if (offset !== 0 && record.length <= this.#capacity(offset - 1)) {
      this.#put(offset - 1, record);
      return;
    }
    if (offset !== 0) this.#garbage += HEADER_OCTETS + this.#capacity(offset - 1);
    this.#offsets[index] = 0;
    const capacity = (record.length + 3) & ~3;
    this.#reserve(HEADER_OCTETS + capacity);
    const start = this.#end;
    this.#end += HEADER_OCTETS + capacity;
    this.#bytes[start] = capacity & 255;
    this.#bytes[start + 1] = capacity >>> 8;
    this.#put(start, record);
    this.#offsets[index] = start + 1;
  }

  /** Makes room for more slots. */
  grow(slots: number): void {
    const offsets = new Uint32Array(slots);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
  }

  /** Octets allocated. */
  get octets(): number {
    return this.#bytes.length + 4 * this.#offsets.length;
  }

  #capacity(start: number): number {
    return (this.#bytes[start] as number) | ((this.#bytes[start + 1] as number) << 8);
  }

  #length(start: number): number {
    return (this.#bytes[start + 2] as number) | ((this.#bytes[start + 3] as number) << 8);
  }

  #put(start: number, record: Uint8Array): void {
    this.#bytes[start + 2] = record.length & 255;
    this.#bytes[start + 3] = record.length >>> 8;
    this.#bytes.set(record, start + HEADER_OCTETS);
  }

  #reserve(octets: number): void {
    if (this.#end + octets <= this.#bytes.length) return;
    const used = this.#end - this.#garbage;
    const compact = this.#garbage > used && this.#garbage > COMPACT_ABOVE_OCTETS;
    const wanted = (compact ? used : this.#end) + octets;
    const bytes = new Uint8Array(Math.max(wanted, Math.ceil(wanted * 1.25)));
    if (!compact) {
      bytes.set(this.#bytes.subarray(0, this.#end));
      this.#bytes = bytes;
      return;
    }
    let end = 0;
    for (let index = 0; index < this.#offsets.length; index++) {
      const offset = this.#offsets[index] as number;
      if (offset === 0) continue;
      const size = HEADER_OCTETS + this.#capacity(offset - 1);
      bytes.set(this.#bytes.subarray(offset - 1, offset - 1 + size), end);
      this.#offsets[index] = end + 1;
      end += size;
    }
    this.#bytes = bytes;
    this.#end = end;
    this.#garbage = 0;
  }
}
