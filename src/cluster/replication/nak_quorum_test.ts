import { testContext } from "../testing/context.ts";
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { A, B } from "../../lease/agreement/testing/records.ts";
import { AnchoredClock } from "../../lease/agreement/clock.ts";
import { MARGIN_MS, PROPOSAL_MS } from "../../lease/agreement/limits.ts";
import { FREE_SLOT, NO_DETAIL, type Slot } from "../../lease/agreement/slot.ts";
import { LeaseTable } from "../../lease/table/lease_table.ts";
import { NO_VERSION } from "../../lease/agreement/version.ts";
import { deniesLease } from "../../lease/agreement/rule.ts";
import { NakQuorum } from "./nak_quorum.ts";
import type { ClusterMessage, NodeId } from "../wire/messages.ts";

const START = 1_700_000_000_000;
const at = (ms: number) => ({ wallMs: START + ms, monotonicMs: ms });
const TIME = { latest: START, now: START, earliest: START };
const ADDRESS = 0x0a000001;
const VERSION = { clock: 5, node: 1, incarnation: 7 };

function bound(of: typeof A, changes: Partial<Slot> = {}): Slot {
  return {
    state: "bound",
    client: of,
    version: VERSION,
    lockedUntil: START + 60_000,
    committedVersion: VERSION,
    singleVersion: true,
    ...changes,
  };
}

Deno.test("nak quorum: what a slot says of a client's lease", () => {
  strictEqual(deniesLease(FREE_SLOT, A, TIME), true, "a free slot");
  strictEqual(deniesLease(bound(B), A, TIME), true, "another client's committed lease");
  strictEqual(
    deniesLease(bound(B, { committedVersion: NO_VERSION }), A, TIME),
    false,
    "an undecided proposal may yet be aborted",
  );
  strictEqual(deniesLease(bound(A), A, TIME), false);
  strictEqual(deniesLease(bound(A, { committedVersion: NO_VERSION }), A, TIME), false);
  strictEqual(deniesLease(bound(A, { lockedUntil: START - MARGIN_MS }), A, TIME), true, "it ended");
  strictEqual(deniesLease(bound(A, { state: "released", lockedUntil: 0 }), A, TIME), true);
  strictEqual(deniesLease(bound(A, { state: "declined" }), A, TIME), true, "a declined address has no lease");
  strictEqual(deniesLease(bound(B, { state: "blocked" }), A, TIME), false, "it may be A's lease that is blocked");
  strictEqual(deniesLease(bound(B, { state: "blocked", lockedUntil: START - MARGIN_MS }), A, TIME), true);
});

function asking(self: Slot, others: NodeId[] = [2, 3]) {
  const table = new LeaseTable({ pools: [{ first: ADDRESS, last: ADDRESS + 9 }], reserved: [] });
  if (self !== FREE_SLOT) table.set(ADDRESS, self, NO_DETAIL);
  const clock = new AnchoredClock();
  clock.anchor(at(0));
  const said: ClusterMessage[] = [];
  const nakQuorum = new NakQuorum(
    testContext({
      self: 1,
      members: () => [1, ...others],
      random: () => 0,
      effects: { broadcast: (message) => said.push(message), send: (_to, message) => said.push(message) },
    }),
    { table, clock },
  );
  let refused = 0;
  nakQuorum.ask(ADDRESS, A, at(0), () => refused++);
  const answer = (from: NodeId, deniesLease: boolean, ms = 10) =>
    nakQuorum.receive(from, { type: "slotAnswer", query: 0, deniesLease }, at(ms));
  return { table, nakQuorum, said, answer, refused: () => refused };
}

Deno.test("nak quorum: a quorum that denies it, this node included, is enough; once", () => {
  const asked = asking(bound(B));
  deepStrictEqual(asked.said, [{ type: "slotQuery", query: 0, address: ADDRESS, client: A }]);
  strictEqual(asked.refused(), 0);
  asked.answer(2, true);
  strictEqual(asked.refused(), 1);
  asked.answer(3, true);
  strictEqual(asked.refused(), 1);
});

Deno.test("nak quorum: this node missed the client's lease, the others have it: no DHCPNAK", () => {
  const asked = asking(bound(B));
  asked.answer(2, false);
  asked.answer(3, false);
  strictEqual(asked.refused(), 0);
});

Deno.test("nak quorum: one member counts once, a stranger not at all, and a late answer is none", () => {
  const asked = asking(FREE_SLOT, [2, 3, 4, 5]);
  asked.answer(2, true);
  asked.answer(2, true);
  asked.answer(9, true);
  strictEqual(asked.refused(), 0);
  asked.answer(3, true, PROPOSAL_MS + 1);
  strictEqual(asked.refused(), 0);
});

Deno.test("nak quorum: a lease that was granted here meanwhile counts", () => {
  const asked = asking(FREE_SLOT);
  asked.table.set(ADDRESS, bound(A), NO_DETAIL);
  asked.answer(2, true);
  strictEqual(asked.refused(), 0);
});

Deno.test("nak quorum: a node alone asks itself; an own slot bound to the client sends no query", () => {
  strictEqual(asking(bound(B), []).refused(), 1);
  const own = asking(bound(A));
  deepStrictEqual([own.said, own.refused()], [[], 0]);
});
