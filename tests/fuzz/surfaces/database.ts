/**
 * Files that may be a lease database: after a crash, from a bad disk, or a backup that is restored. Opening and reading
 * gives whole records or a `StoreError`, whatever the file; a copy is whole or refused.
 */

import { deepStrictEqual } from "node:assert/strict";
import { DATABASE_FILE, LeaseDatabase } from "../../../node/store/database.ts";
import { StoreError } from "../../../node/store/errors.ts";
import { readRecords, RecordWriter } from "../../../node/store/record.ts";
import { sampleRow } from "../../../node/store/testing/rows.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";

const PAGE_OCTETS = 2_048;
const octets = new Octets(128 * 1_024);
let folder = "";
let original = new Uint8Array();
let stored = new Map<number, unknown>();

function readAll(database: LeaseDatabase): Map<number, unknown> {
  const rows = new Map<number, unknown>();
  for (let after = -1;;) {
    const { records, last } = database.chunkAfter(after);
    if (records.length === 0) return rows;
    readRecords(records.slice().buffer, (row) => rows.set(row.address, row));
    must(last > after, "reading must go on");
    after = last;
  }
}

function check(input: Uint8Array): string {
  const directory = `${folder}/state`;
  Deno.mkdirSync(directory);
  try {
    Deno.writeFileSync(`${directory}/${DATABASE_FILE}`, input);
    let database: LeaseDatabase | undefined;
    try {
      database = LeaseDatabase.open(directory);
      const rows = readAll(database);
      for (const [address, row] of rows) deepStrictEqual(row, stored.get(address), "a record must be what was written");
      return rows.size === stored.size ? "whole" : "fewer records";
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      must(!error.message.includes("\n"), "a refusal must be one line");
      return error.code;
    } finally {
      database?.close();
    }
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

export const database: Surface = {
  name: "database",
  weight: 2,
  quick: 600,
  labels: ["whole", "corrupt", "foreign"],
  async open() {
    // Where there is memory as a disk, as flushing is not what is tested.
    const memory = "/dev/shm";
    const dir = await Deno.stat(memory).then(() => memory, () => undefined);
    folder = await Deno.makeTempDir({ prefix: "dhcpcluster-fuzz-db-", ...(dir === undefined ? {} : { dir }) });
    const rows = Array.from({ length: 60 }, (_, index) => sampleRow(0x0a4d0100 + index, index));
    const database = LeaseDatabase.open(folder);
    const writer = new RecordWriter();
    writer.addAll(rows);
    database.commit(new Uint8Array(writer.buffer, 0, writer.length), [["diskId", "0123456789abcdef"]]);
    stored = readAll(database);
    database.close();
    original = await Deno.readFile(`${folder}/${DATABASE_FILE}`);
    must(stored.size === rows.length && original.length < octets.max, "the corpus must be whole");
  },
  compose(dice) {
    octets.set(original);
    for (let count = dice.roll(4); count > 0; count--) {
      switch (dice.roll(4)) {
        case 0:
          octets.mutate(dice, original);
          break;
        case 1:
          // The header, and the heads of pages, say how all else is read.
          octets.bytes[
            dice.once(2) ? dice.roll(100) : PAGE_OCTETS * dice.roll(original.length / PAGE_OCTETS) + dice.roll(12)
          ] = dice.roll(256);
          break;
        case 2:
          octets.bytes[dice.roll(octets.length || 1)] = dice.roll(256);
          break;
        default: {
          // A page that was not written, or at another's place.
          const to = PAGE_OCTETS * dice.roll(original.length / PAGE_OCTETS);
          const from = PAGE_OCTETS * dice.roll(original.length / PAGE_OCTETS);
          octets.bytes.set(
            dice.once(2) ? new Uint8Array(PAGE_OCTETS) : original.subarray(from, from + PAGE_OCTETS),
            to,
          );
        }
      }
    }
    return octets.view();
  },
  check,
  async close() {
    await Deno.remove(folder, { recursive: true });
  },
};
