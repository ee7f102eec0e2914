import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { FREE_SLOT, type LeaseRow, NO_DETAIL, type Writes } from "../../lease/agreement/slot.ts";
import { testContext } from "../testing/context.ts";
import { DiskLog } from "./disk_log.ts";

const ROWS: LeaseRow[] = [1, 2].map((address) => ({ address, slot: FREE_SLOT, detail: NO_DETAIL }));
const NOW = { wallMs: 0, monotonicMs: 0 };

function log(found: number) {
  const written: { writes: Writes; durable: () => void }[] = [];
  const { effects } = testContext({
    self: 1,
    effects: { persist: (writes, durable) => written.push({ writes, durable: () => durable(NOW) }) },
  });
  const log = new DiskLog(found);
  return { log, written, effects: log.counting(effects) };
}

Deno.test("lsn: each transaction on slots counts, in the same transaction; facts alone do not", () => {
  const { log: disk, written, effects } = log(7);
  disk.anchored = true;
  effects.persist({ rows: ROWS, facts: [["blank", "no"]] }, () => {});
  effects.persist({ facts: [["term", "5"]] }, () => {});
  effects.persist({ rows: ROWS }, () => {});
  effects.persist({}, () => {});
  deepStrictEqual(written.map(({ writes }) => writes.facts), [
    [["blank", "no"], ["lsn", "8"]],
    [["term", "5"]],
    [["lsn", "9"]],
    undefined,
  ]);
});

Deno.test("lsn: only a durable one is said: the power may fail before the others are", () => {
  const { log: disk, written, effects } = log(7);
  disk.anchored = true;
  effects.persist({ rows: ROWS }, () => {});
  effects.persist({ rows: ROWS }, () => strictEqual(disk.lsn, 9));
  strictEqual(disk.lsn, 7);
  written[0]?.durable();
  strictEqual(disk.lsn, 8);
  written[1]?.durable();
});

Deno.test("lsn: what is written before the first anchor does not count", () => {
  const { log: disk, written, effects } = log(7);
  effects.persist({ rows: ROWS }, () => {});
  written[0]?.durable();
  deepStrictEqual([written[0]?.writes.facts, disk.lsn], [undefined, 7]);
});
