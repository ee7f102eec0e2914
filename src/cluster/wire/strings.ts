/**
 * The byte strings and texts of many records as one byte string, with their lengths among the records' numbers. A
 * general CBOR encoder spends more time on forty small byte strings than on the rest of a batch.
 */

import { textOf } from "../../bytes/text.ts";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import { clientKeyOf } from "../../lease/agreement/client_key.ts";
import type { Fields } from "./fields.ts";

const EMPTY = new Uint8Array();
const FIRST_OCTETS = 64 * 1024;
const utf8Encoder = new TextEncoder();

/** Collects strings; every `add` returns how many octets the string takes. */
export class StringWriter {
  #bytes = new Uint8Array(FIRST_OCTETS);
  #length = 0;

  /** Starts over; what {@link bytes} returned before is written over. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** All that was added. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  addClient(client: ClientKey): number {
    this.#reserve(client.length);
    const bytes = this.#bytes;
    const start = this.#length;
    for (let index = 0; index < client.length; index++) bytes[start + index] = client.charCodeAt(index);
    this.#length = start + client.length;
    return client.length;
  }

  addBytes(field: Uint8Array): number {
    this.#reserve(field.length);
    const bytes = this.#bytes;
    const start = this.#length;
    for (let index = 0; index < field.length; index++) bytes[start + index] = field[index] as number;
    this.#length = start + field.length;
    return field.length;
  }

  /** Adds as many whole characters as fit in `max` octets. */
  addText(text: string, max: number): number {
    this.#reserve(max);
    const bytes = this.#bytes;
    const start = this.#length;
    if (text.length > max) return this.#addUtf8(text, max);
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code >= 0x80) return this.#addUtf8(text, max);
      bytes[start + index] = code;
    }
    this.#length = start + text.length;
    return text.length;
  }

  #addUtf8(text: string, max: number): number {
    const { written } = utf8Encoder.encodeInto(text, this.#bytes.subarray(this.#length, this.#length + max));
    this.#length += written;
    return written;
  }

  #reserve(octets: number): void {
    const needed = this.#length + octets;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(2 * needed);
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}

/** Hands the strings out again, in the same order. What is wrong is told to the message's `Fields`. */
export class StringReader {
  readonly #bytes: Uint8Array;
  readonly #fields: Fields;
  #at = 0;

  constructor(bytes: Uint8Array, fields: Fields) {
    this.#bytes = bytes;
    this.#fields = fields;
  }

  /** The client whose length comes next. */
  client(field: string, min: number, max: number): ClientKey {
    const length = this.#fields.uint(field, max);
    if (length < min) this.#fields.fail(field);
    const start = this.#at;
    return clientKeyOf(this.#bytes.subarray(start, this.#skip(field, length)));
  }

  /** The byte string whose length comes next, as a view. */
  bytes(field: string, max: number): Uint8Array {
    const length = this.#fields.uint(field, max);
    if (length === 0) return EMPTY;
    const start = this.#at;
    return this.#bytes.subarray(start, this.#skip(field, length));
  }

  /** The text whose length in octets comes next. */
  text(field: string, max: number): string {
    const length = this.#fields.uint(field, max);
    if (length === 0) return "";
    const start = this.#at;
    return textOf(this.#bytes.subarray(start, this.#skip(field, length)));
  }

  /** Nothing may be left. */
  end(field: string): void {
    if (this.#at !== this.#bytes.length) this.#fields.fail(field);
  }

  #skip(field: string, length: number): number {
    if (length > this.#bytes.length - this.#at) this.#fields.fail(field);
    else this.#at += length;
    return this.#at;
  }
}
