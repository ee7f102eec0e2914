import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { ClientKey } from "./client_key.ts";
import { A, B } from "./testing/records.ts";
import { AnchoredClock, type Instant } from "./clock.ts";
import { MAX_CLOCK_SKEW_MS, PROPOSAL_MS } from "./limits.ts";
import { HybridClock } from "./hybrid_clock.ts";
import { FREE_SLOT, type LeaseRow, NO_DETAIL, type Slot } from "./slot.ts";
import { compareVersions } from "./version.ts";
import type { EndRecord, LockRecord } from "./rule.ts";
import { type Decision, Proposer, type SlotTable } from "./proposer.ts";

const ADDRESS = 0x0a000001;
const START: Instant = { wallMs: 1_700_000_000_000, monotonicMs: 1_000 };
function after(ms: number): Instant {
  return { wallMs: START.wallMs + ms, monotonicMs: START.monotonicMs + ms };
}

function slotTable(): SlotTable {
  const slots = new Map<number, Slot>();
  const get = (address: number) => slots.get(address) ?? FREE_SLOT;
  return {
    get,
    detail: () => NO_DETAIL,
    set: (address, slot) => void slots.set(address, slot),
    certify: (address, version) => {
      const slot = get(address);
      if (compareVersions(slot.version, version) === 0) slots.set(address, { ...slot, committedVersion: version });
    },
  };
}

/** A node with a disk; `sync` is its fsync. */
function node(members = 1) {
  const table = slotTable();
  const clock = new AnchoredClock();
  clock.anchor(START);
  const versions = new HybridClock({ node: 1, incarnation: 77 });
  const writes: { row: LeaseRow; durable: (now: Instant) => void }[] = [];
  const sent: (LockRecord | EndRecord)[] = [];
  const outcomes: Decision[] = [];
  const proposer = new Proposer({
    self: 1,
    table,
    clock,
    versions,
    membership: { size: members },
    ports: {
      persist: (row, durable) => void writes.push({ row, durable }),
      propagate: (_address, record) => void sent.push(record),
      committed: () => {},
    },
  });
  return {
    table,
    proposer,
    sent,
    outcomes,
    writes,
    propose(of: ClientKey, xid: number, now = START, leaseMs = 60_000) {
      const proposal = { address: ADDRESS, client: of, xid, leaseMs, detail: NO_DETAIL };
      proposer.propose(proposal, now, (outcome) => outcomes.push(outcome));
    },
    sync(now: Instant) {
      for (const { durable } of writes.splice(0)) durable(now);
    },
  };
}

Deno.test("proposer: alone, the own fsync commits, and the lease is shorter by the time that passed", () => {
  const n = node();
  n.propose(A, 1);
  strictEqual(n.outcomes.length, 0);
  strictEqual(n.table.get(ADDRESS).state, "bound");
  n.sync(after(30));
  deepStrictEqual(n.outcomes, [{ committed: true, leaseMs: 59_970 }]);
  const slot = n.table.get(ADDRESS);
  strictEqual(compareVersions(slot.committedVersion, slot.version), 0);
  strictEqual(n.proposer.pending, 0);
});

Deno.test("proposer: a second client is refused at once, before and after the commit", () => {
  const n = node();
  n.propose(A, 1);
  n.propose(B, 2);
  n.sync(after(1));
  n.propose(B, 3, after(2));
  deepStrictEqual(n.outcomes.map((outcome) => outcome.committed || outcome.reason), ["conflict", true, "conflict"]);
});

Deno.test("proposer: case 7: a retransmission joins only with the same xid", () => {
  const n = node();
  n.propose(A, 1);
  n.propose(A, 1);
  strictEqual(n.writes.length, 1);
  // Another request of the client: the first proposal is aborted, so that neither leaves a lock behind (case 33).
  n.propose(A, 2);
  const superseded = { committed: false, reason: "superseded" } as const;
  deepStrictEqual(n.outcomes, [superseded, superseded]);
  deepStrictEqual(n.sent.map((record) => "kind" in record ? record.kind : "lock"), ["lock", "aborted", "lock"]);
  n.sync(after(5));
  deepStrictEqual(n.outcomes.slice(2).map((outcome) => outcome.committed), [true]);
});

Deno.test("proposer: a disk that is too slow aborts the proposal, once, and late durability changes nothing", () => {
  const n = node();
  n.propose(A, 1);
  const [write] = n.writes.splice(0);
  n.proposer.tick(after(PROPOSAL_MS));
  strictEqual(n.outcomes.length, 0);
  n.proposer.tick(after(PROPOSAL_MS + 1));
  deepStrictEqual(n.outcomes, [{ committed: false, reason: "timeout" }]);
  strictEqual(n.table.get(ADDRESS).state, "aborted");
  write?.durable(after(PROPOSAL_MS + 2));
  strictEqual(n.outcomes.length, 1);
  n.propose(B, 2, after(PROPOSAL_MS + 3));
  n.sync(after(PROPOSAL_MS + 4));
  strictEqual(n.outcomes.at(-1)?.committed, true);
});

Deno.test("proposer: case 1: the abort of a renewal does not end the running lease", () => {
  const n = node();
  n.propose(A, 1);
  n.sync(after(1));
  n.propose(A, 2, after(10_000));
  n.proposer.tick(after(10_000 + PROPOSAL_MS + 1));
  deepStrictEqual(n.outcomes.map((outcome) => outcome.committed), [true, false]);
  strictEqual(n.table.get(ADDRESS).state, "bound");
});

Deno.test("proposer: without a quorum nothing commits; accepts after the decision are not counted (case 5)", () => {
  const n = node(3);
  n.propose(A, 1);
  n.sync(after(1));
  strictEqual(n.outcomes.length, 0);
  const version = n.table.get(ADDRESS).version;
  n.proposer.answer(2, ADDRESS, { ...version, incarnation: 1 }, { ok: true }, after(2));
  n.proposer.answer(1, ADDRESS, version, { ok: true }, after(2));
  strictEqual(n.outcomes.length, 0);
  n.proposer.answer(2, ADDRESS, version, { ok: true }, after(3));
  n.proposer.answer(3, ADDRESS, version, { ok: true }, after(4));
  deepStrictEqual(n.outcomes, [{ committed: true, leaseMs: 59_997 }]);
});

Deno.test("proposer: without an anchor, or with a jumped wall clock, nothing is proposed", () => {
  const n = node();
  n.propose(A, 1, { wallMs: START.wallMs + MAX_CLOCK_SKEW_MS + 1, monotonicMs: START.monotonicMs });
  deepStrictEqual(n.outcomes, [{ committed: false, reason: "wallJumped" }]);
  strictEqual(n.writes.length, 0);
});

Deno.test("proposer: a release frees, a decline rests, and neither touches another client's lease", () => {
  const n = node();
  n.propose(A, 1);
  n.sync(after(1));
  const end = { kind: "declined", address: ADDRESS, client: B, restMs: 86_400_000, detail: NO_DETAIL } as const;
  strictEqual(n.proposer.end(end, after(2), () => {}), false);
  let durable = false;
  strictEqual(n.proposer.end({ ...end, client: A }, after(2), () => durable = true), true);
  strictEqual(durable, false);
  n.sync(after(3));
  strictEqual(durable, true);
  deepStrictEqual([n.table.get(ADDRESS).state, n.table.get(ADDRESS).lockedUntil], [
    "declined",
    START.wallMs + 2 + 86_400_000,
  ]);
  n.propose(A, 2, after(4));
  strictEqual(n.outcomes.at(-1)?.committed, false);
});

Deno.test("proposer: a stale answer is followed by a fresh proposal above the version in the way", () => {
  const n = node(3);
  n.propose(A, 1);
  const { version } = n.table.get(ADDRESS);
  n.sync(after(1));
  const inTheWay = { ...version, clock: version.clock + 5_000, node: 3 };
  n.proposer.answer(2, ADDRESS, version, { ok: false, reason: "stale", version: inTheWay }, after(2));
  const fresh = n.table.get(ADDRESS).version;
  strictEqual(compareVersions(fresh, inTheWay) > 0, true);
  n.proposer.answer(3, ADDRESS, version, { ok: true }, after(3));
  strictEqual(n.outcomes.length, 0, "the replaced proposal is not counted");
  n.sync(after(3));
  n.proposer.answer(3, ADDRESS, fresh, { ok: true }, after(4));
  deepStrictEqual(n.outcomes, [{ committed: true, leaseMs: 59_998 }]);
});

Deno.test("proposer: after a jump of the wall clock nothing is proposed again", () => {
  const n = node(3);
  n.propose(A, 1);
  const { version, lockedUntil } = n.table.get(ADDRESS);
  n.sync(after(1));
  const jumped = { wallMs: after(2).wallMs + 7_200_000, monotonicMs: after(2).monotonicMs };
  const stale = { ok: false, reason: "stale", version: { ...version, clock: version.clock + 5_000, node: 3 } } as const;
  n.proposer.answer(2, ADDRESS, version, stale, jumped);
  deepStrictEqual([n.table.get(ADDRESS).version, n.table.get(ADDRESS).lockedUntil], [version, lockedUntil]);
  n.proposer.answer(3, ADDRESS, version, { ok: true }, jumped);
  strictEqual(n.outcomes.length, 1, "what was proposed before goes on");
  n.proposer.answer(2, ADDRESS, version, stale, jumped);
  strictEqual(compareVersions(n.table.get(ADDRESS).version, version), 0);
});

Deno.test("proposer: an abort has the version of its proposal, also after a jump of the wall clock", () => {
  const n = node(3);
  n.propose(A, 1);
  const { version } = n.table.get(ADDRESS);
  const jumped = { ...after(PROPOSAL_MS + 1), wallMs: Date.UTC(2400, 0) };
  n.proposer.tick(jumped);
  deepStrictEqual(n.outcomes, [{ committed: false, reason: "timeout" }]);
  deepStrictEqual([n.table.get(ADDRESS).state, n.table.get(ADDRESS).version], ["aborted", version]);
  // And no release is minted by such a clock.
  n.propose(A, 2, after(PROPOSAL_MS + 2));
  const release = { kind: "released", address: ADDRESS, client: A, restMs: 0, detail: NO_DETAIL } as const;
  strictEqual(n.proposer.end(release, jumped, () => {}), false);
});

Deno.test("proposer: a committed proposal that is stale for a voter is proposed again, not answered again", () => {
  const n = node(3);
  n.propose(A, 1);
  const { version, lockedUntil } = n.table.get(ADDRESS);
  n.sync(after(1));
  n.proposer.answer(2, ADDRESS, version, { ok: true }, after(2));
  strictEqual(n.outcomes.length, 1);
  const inTheWay = { ...version, clock: version.clock + 5_000, node: 3 };
  n.proposer.answer(3, ADDRESS, version, { ok: false, reason: "stale", version: inTheWay }, after(3));
  const slot = n.table.get(ADDRESS);
  strictEqual(compareVersions(slot.version, inTheWay) > 0, true);
  strictEqual(slot.lockedUntil, lockedUntil);
  n.sync(after(4));
  n.proposer.answer(3, ADDRESS, slot.version, { ok: true }, after(5));
  strictEqual(n.outcomes.length, 1);
});

Deno.test("proposer: a change of membership drops what is pending", () => {
  const n = node(3);
  n.propose(A, 1);
  const { version } = n.table.get(ADDRESS);
  n.proposer.dropAll(after(1));
  n.proposer.answer(2, ADDRESS, version, { ok: true }, after(2));
  n.sync(after(2));
  deepStrictEqual(n.outcomes, [{ committed: false, reason: "dropped" }]);
});

Deno.test("proposer: a release decides the client's pending proposals, so that no answer follows it", () => {
  const n = node();
  n.propose(A, 1);
  n.sync(after(1));
  n.propose(A, 2, after(2));
  const end = { kind: "released", address: ADDRESS, client: A, restMs: 0, detail: NO_DETAIL } as const;
  strictEqual(n.proposer.end(end, after(3), () => {}), true);
  n.propose(B, 3, after(4));
  n.sync(after(5));
  deepStrictEqual(n.outcomes.map((outcome) => outcome.committed || outcome.reason), [true, "ended", true]);
  strictEqual(n.table.get(ADDRESS).client, B);
});

Deno.test("proposer: one proposal of an address is undecided at a time, and few requests wait for it", () => {
  const n = node();
  for (let xid = 1; xid <= 20; xid++) n.propose(A, xid);
  deepStrictEqual([n.proposer.pending, n.outcomes.length], [1, 19]);
  for (let joined = 0; joined < 20; joined++) n.propose(A, 20);
  deepStrictEqual([n.proposer.pending, n.outcomes.length], [1, 19 + 13]);
});

Deno.test("proposer: a slot's running lease is proposed once more as it is, and no pending one is touched", () => {
  const n = node(3);
  n.proposer.repropose(ADDRESS, START);
  strictEqual(n.writes.length, 0, "no lease");
  n.propose(A, 1);
  n.proposer.repropose(ADDRESS, after(1));
  strictEqual(n.sent.length, 1, "undecided");
  n.sync(after(1));
  const { version, lockedUntil } = n.table.get(ADDRESS);
  n.proposer.answer(2, ADDRESS, version, { ok: true }, after(2));
  n.proposer.repropose(ADDRESS, after(3));
  const again = n.table.get(ADDRESS);
  strictEqual(compareVersions(again.version, version) > 0, true);
  deepStrictEqual([again.client, again.lockedUntil], [A, lockedUntil]);
  // It is a request of its own for the client's next one: that one is not answered by it.
  n.propose(A, 1, after(4));
  deepStrictEqual(n.sent.map((record) => "kind" in record ? record.kind : "lock"), ["lock", "lock", "aborted", "lock"]);
});

Deno.test("proposer: a proposal that no quorum can accept any more is aborted at once", () => {
  const n = node(5);
  n.propose(A, 1);
  const { version } = n.table.get(ADDRESS);
  n.sync(after(1));
  const rejects = (from: number, reason: "conflict" | "late") =>
    n.proposer.answer(from, ADDRESS, version, { ok: false, reason, version }, after(2));
  rejects(2, "late");
  rejects(2, "late");
  rejects(3, "conflict");
  strictEqual(n.outcomes.length, 0, "three of five may still accept");
  rejects(4, "conflict");
  deepStrictEqual(n.outcomes, [{ committed: false, reason: "conflict" }]);
  strictEqual(n.table.get(ADDRESS).state, "aborted");
  n.proposer.answer(5, ADDRESS, version, { ok: true }, after(3));
  strictEqual(n.outcomes.length, 1);
});

Deno.test("proposer: case 28b: a late `stale` does not propose what another client has got in the slot since", () => {
  const n = node(3);
  n.propose(A, 1);
  n.sync(after(1));
  const granted = n.table.get(ADDRESS);
  n.proposer.answer(2, ADDRESS, granted.version, { ok: true }, after(2));
  deepStrictEqual(n.outcomes.map(({ committed }) => committed), [true]);
  // A has released it; B's proposal through another node is undecided.
  const version = { ...granted.version, clock: granted.version.clock + 9, node: 2 };
  n.table.set(ADDRESS, { ...granted, client: B, version }, NO_DETAIL);
  n.sent.length = 0;
  n.proposer.answer(3, ADDRESS, granted.version, { ok: false, reason: "stale", version }, after(1_000));
  deepStrictEqual(n.sent, []);
});
