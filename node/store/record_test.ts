import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { toHex } from "../../src/bytes/hex.ts";
import type { ClientKey } from "../../src/lease/agreement/client_key.ts";
import { FREE_SLOT, type LeaseRow, NO_DETAIL } from "../../src/lease/agreement/slot.ts";
import { NO_VERSION } from "../../src/lease/agreement/version.ts";
import { HEADER_OCTETS, isSealed, LAYOUT, readRecords, recordLength, RecordWriter, sealRecord } from "./record.ts";
import { anyRow, plain } from "./testing/any_row.ts";
import { sampleRow } from "./testing/rows.ts";

function encode(rows: readonly LeaseRow[], writer = new RecordWriter()): Uint8Array<ArrayBuffer> {
  for (const row of rows) writer.add(row);
  return new Uint8Array(writer.buffer.slice(0, writer.length));
}

function decode(bytes: Uint8Array<ArrayBuffer>): LeaseRow[] {
  const rows: LeaseRow[] = [];
  readRecords(bytes.buffer, (row) => rows.push(row));
  return rows;
}

Deno.test("layout: the fixed fields are the header, without gap or overlap", () => {
  const fields = Object.values(LAYOUT).toSorted((a, b) => a.at - b.at);
  let end = 0;
  for (const { at, octets } of fields) {
    strictEqual(at, end);
    end += octets;
  }
  strictEqual(end, HEADER_OCTETS);
});

Deno.test("layout: these octets are on disks already", () => {
  const bytes = encode([sampleRow(0x0a000102, 1)]);
  sealRecord(new DataView(bytes.buffer), 0, bytes.length);
  const expected = [
    "9feee8c9 0a000102 01 01 03 03 fedcba98", // checksum, address, state, sole, both nodes, version's incarnation
    "0006831141b00407 0006831141b00407", // clocks of version and cv
    "000001a0c4875a81 000001a0c4506c00 000001a0c4875a80", // hold, lastSeen, expires
    "fedcba98 0a000001 01", // cv's incarnation, giaddr, htype
    "06 000c 0008 0004 0000", // lengths
    "0000000000000000 00000000 00", // what the end of an ended slot replaces: clock, incarnation, node
    "0000000000000000", // when it ended
    "0a000000 01 0102010a000102", // client: subnet, tag, bytes
    "02010a000102", // chaddr
    "686f73742d323538 6c616e30", // hostname, circuitId
  ];
  strictEqual(toHex(bytes), expected.join("").replaceAll(" ", ""));
});

Deno.test("readRecords() gives back what add() took, row after row, in a buffer that had to grow", () => {
  fc.assert(fc.property(fc.array(anyRow, { maxLength: 8 }), (rows) => {
    const back = decode(encode(rows, new RecordWriter(new ArrayBuffer(16))));
    deepStrictEqual(back.map(plain), rows.map(plain));
  }));
});

Deno.test("recordLength() walks from record to record", () => {
  fc.assert(fc.property(fc.array(anyRow, { maxLength: 8 }), (rows) => {
    const bytes = encode(rows);
    const view = new DataView(bytes.buffer);
    let count = 0;
    for (let at = 0; at < bytes.length; at += recordLength(view, at)) count++;
    strictEqual(count, rows.length);
  }));
});

Deno.test("the checksum notices any flipped bit", () => {
  fc.assert(fc.property(anyRow, fc.nat(), (row, place) => {
    const bytes = encode([row]);
    const view = new DataView(bytes.buffer);
    sealRecord(view, 0, bytes.length);
    ok(isSealed(view, 0, bytes.length));
    const bit = place % (8 * bytes.length);
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    ok(!isSealed(view, 0, bytes.length));
  }));
});

Deno.test("add() throws on what would not come back, and keeps nothing of it", () => {
  const row = { address: 1, slot: FREE_SLOT, detail: NO_DETAIL };
  const bad: LeaseRow[] = [
    { ...row, address: -1 },
    { ...row, address: 2 ** 32 },
    { ...row, slot: { ...FREE_SLOT, lockedUntil: 1.5 } },
    { ...row, slot: { ...FREE_SLOT, lockedUntil: -1 } },
    { ...row, slot: { ...FREE_SLOT, lockedUntil: Number.NaN } },
    { ...row, slot: { ...FREE_SLOT, version: { clock: 2 ** 53, node: 1, incarnation: 1 } } },
    { ...row, slot: { ...FREE_SLOT, committedVersion: { clock: 1, node: 256, incarnation: 1 } } },
    { ...row, slot: { ...sampleRow(1).slot, state: "released" } },
    { ...row, slot: { ...sampleRow(1).slot, ended: { replaces: NO_VERSION, committedVersion: NO_VERSION, at: 0 } } },
    {
      ...row,
      slot: {
        ...sampleRow(1).slot,
        state: "released",
        ended: { replaces: NO_VERSION, committedVersion: NO_VERSION, at: 0 },
      },
    },
    { ...row, slot: { ...FREE_SLOT, client: "" as ClientKey } },
    { ...row, detail: { ...NO_DETAIL, chaddr: new Uint8Array(256) } },
    { ...row, detail: { ...NO_DETAIL, circuitId: new Uint8Array(65_536) } },
  ];
  for (const one of bad) {
    const writer = new RecordWriter();
    throws(() => writer.add(one), RangeError);
    strictEqual(writer.length, 0);
  }
});
