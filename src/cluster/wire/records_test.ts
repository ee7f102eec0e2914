import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { CLIENT_TAG, clientKey } from "../../lease/agreement/client_key.ts";
import { type LeaseRow, NO_DETAIL, type Slot } from "../../lease/agreement/slot.ts";
import { NO_VERSION } from "../../lease/agreement/version.ts";
import { Fields } from "./fields.ts";
import { readRow, writeRow } from "./records.ts";
import { StringReader, StringWriter } from "./strings.ts";

const SENDER = { from: 3, incarnation: 0xfedcba98, epoch: 1, membershipHash: 0, wireVersion: 2 } as const;
const BASE = { sender: SENDER, ms: 1_790_000_000_000 };
const CLIENT = clientKey({ subnet: 0x0a000000, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, 2) });

function own(ticks: number) {
  return { clock: BASE.ms * 1024 + ticks, node: 3, incarnation: 0xfedcba98 };
}

function row(slot: Partial<Slot>): LeaseRow {
  const bound: Slot = {
    state: "bound",
    client: CLIENT,
    version: own(7),
    lockedUntil: BASE.ms + 5_000,
    committedVersion: own(2),
    singleVersion: true,
  };
  return { address: 0x0a000102, slot: { ...bound, ...slot }, detail: NO_DETAIL };
}

const BOUND = row({});
const ENDED = row({
  state: "released",
  lockedUntil: 0,
  committedVersion: NO_VERSION,
  singleVersion: false,
  ended: { replaces: own(5), committedVersion: own(2), at: 1_790_000_000_000 },
});

/** What reads back from a row whose values were changed; the field that is wrong if there is one. */
function readBack(of: LeaseRow, change: (values: unknown[]) => unknown[] = (values) => values): LeaseRow | string {
  const strings = new StringWriter();
  const fields = new Fields([[change(writeRow(of, BASE, strings))]]);
  const reader = new StringReader(strings.bytes, fields);
  const [back] = fields.each("rows", 1, (item) => readRow(item, BASE, reader));
  return fields.failed ?? back as LeaseRow;
}

Deno.test("row: an ended slot, and no other, has the version that its end replaces", () => {
  deepStrictEqual(readBack(BOUND), BOUND);
  deepStrictEqual(readBack(ENDED), ENDED);
  strictEqual(readBack(ENDED, (values) => values.slice(0, -2)), "replaces");
  strictEqual(readBack(ENDED, (values) => values.slice(0, -1)), "at");
  strictEqual(readBack(ENDED, (values) => [...values, null]), "rows");
  strictEqual(readBack(BOUND, (values) => [...values, 5]), "rows");
  strictEqual(readBack(BOUND, ([, ...values]) => [2 * 2, ...values]), "replaces");
  strictEqual(readBack(ENDED, ([, ...values]) => [2 * 1, ...values]), "rows");
});

Deno.test("row: only a free or blocked slot has no client", () => {
  const blocked = row({ state: "blocked", client: undefined });
  deepStrictEqual(readBack(blocked), blocked);
  strictEqual(readBack(row({ client: undefined })), "client");
  strictEqual(readBack({ ...ENDED, slot: { ...ENDED.slot, client: undefined } }), "client");
});
