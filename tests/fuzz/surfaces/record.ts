/**
 * Records of the store: a row comes back as it was written, a sealed record with one changed octet is never taken, and
 * reading what has a seal throws nothing but the error for an unknown state.
 */

import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import type { LeaseRow } from "../../../src/lease/agreement/slot.ts";
import {
  HEADER_OCTETS,
  isSealed,
  readRecords,
  recordLength,
  RecordWriter,
  sealRecord,
} from "../../../node/store/record.ts";
import { anyRow, plain } from "../../../node/store/testing/any_row.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";

const octets = new Octets(8_192);
let corpus: Uint8Array[] = [];
let rows: LeaseRow[] = [];

/** Like the database: only a record that is whole and sealed is read. */
function check(input: Uint8Array): string {
  const record = input.slice(1);
  const view = new DataView(record.buffer);
  const length = record.length >= HEADER_OCTETS ? recordLength(view, 0) : Infinity;
  if (length !== record.length) return "of another length";
  if ((input[0] as number) % 2 === 0) {
    if (!isSealed(view, 0, length)) return "broken seal";
  } else sealRecord(view, 0, length);
  const read: LeaseRow[] = [];
  try {
    readRecords(record.buffer, (row) => read.push(row));
  } catch (error) {
    must(error instanceof RangeError && /^Slot state \d+ is unknown$/.test(error.message), String(error));
    return "unknown state";
  }
  must(read.length === 1, "a record is one row");
  const writer = new RecordWriter();
  try {
    writer.add(read[0] as LeaseRow);
  } catch (error) {
    // What this program never writes, such as an end record in a slot that has not ended.
    must(error instanceof RangeError && error.message.startsWith("Cannot store"), String(error));
    return "not writable";
  }
  const again: LeaseRow[] = [];
  readRecords(writer.buffer.slice(0, writer.length), (row) => again.push(row));
  if (record.length % 8 === 0) deepStrictEqual(again.map(plain), read.map(plain));
  return "the same";
}

export const record: Surface = {
  name: "record",
  weight: 4,
  quick: 80_000,
  labels: ["the same", "broken seal", "of another length", "unknown state", "not writable"],
  open() {
    if (corpus.length > 0) return Promise.resolve();
    rows = fc.sample(anyRow, { seed: 4711, numRuns: 200 });
    corpus = rows.map((row) => {
      const writer = new RecordWriter();
      writer.add(row);
      sealRecord(new DataView(writer.buffer), 0, writer.length);
      return new Uint8Array(writer.buffer.slice(0, writer.length));
    });
    return Promise.resolve();
  },
  compose(dice) {
    const base = dice.pick(corpus);
    octets.length = 0;
    octets.put(dice.roll(256)).append(base);
    for (let count = dice.roll(3); count > 0; count--) {
      if (dice.once(3)) octets.mutate(dice, dice.pick(corpus), 1);
      else octets.bytes[1 + dice.roll(octets.length - 1)] = dice.roll(256);
    }
    return octets.view();
  },
  check,
};
