/** An input that is being made: octets in a buffer that is used again, and the mutations that any octets can have. */

import type { Dice } from "./dice.ts";

/** Octets with a meaning somewhere: option codes, CBOR heads, lengths around a limit. */
const TELLING = [
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 18, 23, 24, 25, 26, 27, 31, 32, 52, 53, 61, 63, 64, 68, 82, 96, 97, 119, 120],
  ...[121, 122, 127, 128, 129, 130, 152, 153, 155, 159, 192, 244, 245, 246, 251, 253, 254, 255],
];
const WORDS = [0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x0a4d0001, 0x63825363, 236, 240, 576, 65_535];

/** The buffer. What {@link view} returns is valid until the next change. */
export class Octets {
  readonly bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(readonly max = 4_096) {
    this.bytes = new Uint8Array(max);
  }

  view(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }

  /** Starts with these octets; what does not fit is cut. */
  set(from: Uint8Array): this {
    this.length = 0;
    return this.append(from);
  }

  append(from: Uint8Array): this {
    const part = from.length > this.max - this.length ? from.subarray(0, this.max - this.length) : from;
    this.bytes.set(part, this.length);
    this.length += part.length;
    return this;
  }

  put(octet: number): this {
    if (this.length < this.max) this.bytes[this.length++] = octet;
    return this;
  }

  put32(value: number): this {
    return this.put(value >>> 24).put(value >>> 16).put(value >>> 8).put(value);
  }

  /** Replaces `cut` octets at an offset by others. */
  splice(at: number, cut: number, insert: Uint8Array): void {
    const from = Math.min(at, this.length);
    const tail = this.bytes.slice(Math.min(from + cut, this.length), this.length);
    this.length = from;
    this.append(insert).append(tail);
  }

  /** Random octets, half of them telling ones. */
  randomise(dice: Dice, count: number): this {
    for (let index = 0; index < count; index++) this.put(dice.once(2) ? dice.pick(TELLING) : dice.roll(256));
    return this;
  }

  /** One mutation; `other` is what parts may be taken from. `from`: the octets before it are seldom changed. */
  mutate(dice: Dice, other: Uint8Array, from = 0): void {
    const { bytes, length } = this;
    const first = from < length && !dice.once(4) ? from : 0;
    const at = first + dice.roll(Math.max(1, length - first));
    switch (dice.roll(12)) {
      case 0:
        bytes[at] = dice.roll(256);
        break;
      case 1:
        bytes[at] = dice.pick(TELLING);
        break;
      case 2:
        bytes[at] = (bytes[at] as number) ^ (1 << dice.roll(8));
        break;
      case 3:
        // A length that lies a little.
        bytes[at] = (bytes[at] as number) + dice.roll(7) - 3;
        break;
      case 4: {
        const word = dice.pick(WORDS);
        for (let index = 0; index < 4 && at + index < length; index++) bytes[at + index] = word >>> (24 - 8 * index);
        break;
      }
      case 5:
        this.length = Math.min(length, at);
        break;
      case 6:
        this.splice(at, 0, new Uint8Array(dice.size(64)));
        break;
      case 7:
        this.splice(at, dice.size(64), NOTHING);
        break;
      case 8: {
        // Twice the same.
        const part = bytes.slice(at, Math.min(length, at + 1 + dice.size(80)));
        this.splice(dice.once(2) ? at : dice.roll(length + 1), 0, part);
        break;
      }
      case 9: {
        const start = dice.roll(Math.max(1, other.length));
        this.splice(at, dice.once(2) ? 0 : dice.size(32), other.subarray(start, start + 1 + dice.size(120)));
        break;
      }
      case 10: {
        const start = dice.roll(Math.max(1, other.length));
        bytes.set(other.subarray(start, start + Math.min(1 + dice.size(40), length - at)), at);
        break;
      }
      default:
        for (let index = dice.size(16); index >= 0 && at + index < length; index--) bytes[at + index] = dice.roll(256);
    }
  }
}

const NOTHING = new Uint8Array();
