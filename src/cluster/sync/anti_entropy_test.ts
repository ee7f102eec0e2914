import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { AGREEMENT_RULES, end } from "../../lease/agreement/rule.ts";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import { A, B } from "../../lease/agreement/testing/records.ts";
import { FREE_SLOT, type LeaseRow, NO_DETAIL, type Slot } from "../../lease/agreement/slot.ts";
import { NO_VERSION, type Version } from "../../lease/agreement/version.ts";
import { AntiEntropy, mergeSlot } from "./anti_entropy.ts";

const NOW = 1_000_000_000;
const TIME = { latest: NOW, now: NOW, earliest: NOW };
const at = (ms: number) => ({ wallMs: NOW + ms, monotonicMs: ms });

function version(clock: number): Version {
  return { clock, node: 1, incarnation: 7 };
}

function bound(of: ClientKey, clock: number, committedVersion: Version = NO_VERSION): Slot {
  return {
    state: "bound",
    client: of,
    version: version(clock),
    lockedUntil: NOW + 60_000,
    committedVersion,
    singleVersion: true,
  };
}

Deno.test("anti-entropy: an uncommitted lock is not taken (case 21)", () => {
  strictEqual(mergeSlot(FREE_SLOT, bound(A, 5), TIME, AGREEMENT_RULES), undefined);
  const taken = mergeSlot(FREE_SLOT, bound(A, 5, version(5)), TIME, AGREEMENT_RULES);
  deepStrictEqual(taken, { ...bound(A, 5, version(5)), singleVersion: false });
});

Deno.test("anti-entropy: a committed lease replaces a lower phantom, not a higher lock (cases 2 and 22)", () => {
  strictEqual(mergeSlot(bound(B, 4), bound(A, 6, version(6)), TIME, AGREEMENT_RULES)?.client, A);
  strictEqual(mergeSlot(bound(B, 7), bound(A, 6, version(6)), TIME, AGREEMENT_RULES), undefined);
});

Deno.test("anti-entropy: the own client's older version tells only what is committed", () => {
  const mine = bound(A, 8);
  deepStrictEqual(mergeSlot(mine, bound(A, 6, version(6)), TIME, AGREEMENT_RULES), {
    ...mine,
    committedVersion: version(6),
  });
  strictEqual(mergeSlot(bound(A, 8, version(7)), bound(A, 6, version(6)), TIME, AGREEMENT_RULES), undefined);
});

Deno.test("anti-entropy: an end is handed on as it was, and ends what it would have ended then (case 6)", () => {
  const release = {
    kind: "released",
    client: A,
    version: version(9),
    replaces: version(6),
    committedVersion: version(6),
    at: 0,
    until: 0,
  } as const;
  const theirs = end(bound(A, 6), release, TIME, true) as Slot;
  deepStrictEqual(mergeSlot(bound(A, 5), theirs, TIME, AGREEMENT_RULES), theirs, "known to be committed");
  deepStrictEqual(mergeSlot(FREE_SLOT, theirs, TIME, AGREEMENT_RULES), theirs, "no lock");
  strictEqual(mergeSlot(bound(A, 8), theirs, TIME, AGREEMENT_RULES), undefined, "a later request of the client");
  strictEqual(mergeSlot(bound(B, 5), theirs, TIME, AGREEMENT_RULES), undefined, "another client's lock");
  strictEqual(mergeSlot(theirs, theirs, TIME, AGREEMENT_RULES), undefined);
});

Deno.test("anti-entropy: an abort ends only its own lock (case 1), a decline keeps its end", () => {
  const abort = {
    kind: "aborted",
    client: A,
    version: version(9),
    replaces: version(6),
    committedVersion: version(6),
    at: 0,
    until: 0,
  } as const;
  const aborted = end(bound(A, 6), abort, TIME, false) as Slot;
  deepStrictEqual(mergeSlot(bound(A, 6), aborted, TIME, AGREEMENT_RULES), aborted);
  strictEqual(mergeSlot({ ...bound(A, 6), singleVersion: false }, aborted, TIME, AGREEMENT_RULES), undefined);
  strictEqual(mergeSlot(bound(A, 5), aborted, TIME, AGREEMENT_RULES), undefined);

  const declined = end(bound(A, 6), { ...abort, kind: "declined", until: NOW + 90_000 }, TIME, true) as Slot;
  strictEqual(mergeSlot(bound(A, 6), declined, TIME, AGREEMENT_RULES)?.lockedUntil, NOW + 90_000);
});

Deno.test("anti-entropy: walks through one voter after the other, page by page; a silent one is passed over", () => {
  const antiEntropy = new AntiEntropy();
  const row = (address: number): LeaseRow => ({ address, slot: bound(A, 5), detail: NO_DETAIL });
  const asked = (ms: number) => {
    const output = antiEntropy.tick(at(ms), [2, 3]);
    return output && [output.to, output.page.after];
  };
  deepStrictEqual(asked(0), [2, -1]);
  strictEqual(asked(1_500), undefined);
  strictEqual(antiEntropy.receive(3, { type: "syncChunk", rows: [row(9)], more: false }, [2, 3]), undefined);
  const rows = [row(5), row(9)];
  deepStrictEqual(antiEntropy.receive(2, { type: "syncChunk", rows, more: true }, [2, 3]), {
    rows,
    after: -1,
    last: 9,
  });
  deepStrictEqual(asked(1_600), [2, 9]);
  const rest = antiEntropy.receive(2, { type: "syncChunk", rows: [], more: false }, [2, 3]);
  deepStrictEqual(rest, { rows: [], after: 9, last: Infinity });
  deepStrictEqual(asked(2_600), [3, -1]);
  deepStrictEqual(asked(4_600), [2, -1]);
});

Deno.test("anti-entropy: after a loss, each other voter is merged soon, whenever it appears", () => {
  const antiEntropy = new AntiEntropy();
  const asked = (ms: number, voters: number[]) => {
    const output = antiEntropy.tick(at(ms), voters);
    return output && [output.to, output.page.after];
  };
  const answer = (from: number, voters: number[]) =>
    antiEntropy.receive(from, { type: "syncChunk", rows: [], more: false }, voters);
  strictEqual(antiEntropy.merged, Infinity);
  deepStrictEqual(asked(0, [2]), [2, -1]);
  antiEntropy.expedite();
  strictEqual(asked(10, []), undefined, "no voter yet");
  strictEqual(answer(2, [2]), undefined, "what was asked for before the loss does not count");
  deepStrictEqual(asked(40, [2]), [2, -1]);
  answer(2, [2]);
  strictEqual(antiEntropy.merged, 1);
  strictEqual(asked(80, [2]), undefined, "all live voters are merged: normal rate");
  deepStrictEqual(asked(100, [2, 3]), [3, -1]);
  answer(3, [2, 3]);
  strictEqual(antiEntropy.merged, 2);
  antiEntropy.differs();
  strictEqual(asked(1_000, [2, 3]), undefined);
  deepStrictEqual(asked(1_100, [2, 3])?.[1], -1);
});

Deno.test("anti-entropy: rests before each voter after a round without a difference, and only then", () => {
  const antiEntropy = new AntiEntropy();
  const voters = [2, 3];
  const asked = (ms: number) => antiEntropy.tick(at(ms), voters)?.to;
  const answer = (from: number, more = false) =>
    antiEntropy.receive(from, {
      type: "syncChunk",
      rows: more ? [{ address: 5, slot: bound(A, 5), detail: NO_DETAIL }] : [],
      more,
    }, voters);
  strictEqual(asked(0), 2);
  answer(2);
  strictEqual(asked(1_000), 3, "not all are merged");
  answer(3);
  strictEqual(asked(2_000), undefined);
  strictEqual(antiEntropy.nextDeadline, 6_000);
  strictEqual(asked(6_000), 2);
  answer(2, true);
  strictEqual(asked(7_000), 2, "no rest between the pages of one voter");
  answer(2);
  strictEqual(asked(8_000), undefined);
  strictEqual(asked(12_000), 3);
  answer(3);
  antiEntropy.differs();
  strictEqual(asked(13_000), 2, "there may be more");
  answer(2);
  strictEqual(asked(14_000), 3);
  answer(3);
  strictEqual(asked(15_000), undefined, "a whole round without a difference again");
  antiEntropy.expedite();
  strictEqual(asked(15_000), 3, "a loss ends the rest");
});
