/**
 * The cases that broke simpler rules (lease agreement, "Cases"): one test for each row of that table, in its order,
 * each told as it happens. What the parts do beside is in the tests that stand beside each part; that whole clusters
 * stay safe, and that each safeguard is missed when it is taken away, is what `tests/sim` shows.
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import {
  accept,
  AGREEMENT_RULES,
  end,
  type EndRecord,
  isLive,
  type LockRecord,
  vote,
} from "../../lease/agreement/rule.ts";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import { AnchoredClock, type Instant } from "../../lease/agreement/clock.ts";
import { ANCHOR_LIFETIME_MS, MARGIN_MS, MAX_CLOCK_SKEW_MS, PROPOSAL_MS } from "../../lease/agreement/limits.ts";
import { HybridClock } from "../../lease/agreement/hybrid_clock.ts";
import { FREE_SLOT, type LeaseRow, NO_DETAIL, type Slot } from "../../lease/agreement/slot.ts";
import { LeaseTable } from "../../lease/table/lease_table.ts";
import { unionSlots } from "../../lease/agreement/union.ts";
import { compareVersions, NO_VERSION } from "../../lease/agreement/version.ts";
import { CLOCK_FACTS, ClockSync } from "./clock_sync.ts";
import { mayRepropose } from "./reproposal.ts";
import { Join } from "../sync/join.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import { Membership } from "../membership/membership.ts";
import { WIRE_VERSION } from "../wire/codec.ts";
import { mergeSlot } from "../sync/anti_entropy.ts";
import { formed, START_MS, type TestCluster, X, Y } from "../testing/test_cluster.ts";
import {
  A,
  abort,
  at,
  B,
  committed,
  ending,
  LEASE_MS,
  lock,
  NOW,
  version,
} from "../../lease/agreement/testing/records.ts";

const HOUR_MS = 3_600_000;

/** One node's slot of one address, with what its answers were. */
class Acceptor {
  slot: Slot = FREE_SLOT;

  take(record: LockRecord, time = NOW): string {
    const { slot, answer } = vote(this.slot, record, time);
    this.slot = slot;
    // "Accept" means: locked for this client at least until that hold (case 3).
    if (answer.ok) {
      ok(slot.state === "bound" && slot.client === record.client && slot.lockedUntil >= record.lockedUntil);
    }
    return answer.ok ? "accept" : answer.reason;
  }

  end(record: EndRecord, mine = false, time = NOW): void {
    this.slot = end(this.slot, record, time, mine) ?? this.slot;
  }
}

function acceptors(): [Acceptor, Acceptor, Acceptor] {
  return [new Acceptor(), new Acceptor(), new Acceptor()];
}

/** A's lease of X is on all three members. */
function leased(): TestCluster {
  const cluster = formed(3);
  const granted = cluster.request(1, A);
  cluster.exchange();
  strictEqual(granted.outcome, "committed");
  return cluster;
}

Deno.test("case 1: the abort of a renewal leaves the running lease", () => {
  const [n1, n2, n3] = acceptors();
  n3.take(lock(B, 1));
  for (const node of [n1, n2]) strictEqual(node.take(lock(A, 2)), "accept");
  // n3 missed B's release. A renews through n1; n2's accept is slow.
  const renewal = lock(A, 3, { lockedUntil: START_MS + 2 * LEASE_MS });
  deepStrictEqual([n1, n2, n3].map((node) => node.take(renewal)), ["accept", "accept", "conflict"]);
  for (const node of [n1, n2, n3]) node.end(abort(A, 3));
  deepStrictEqual([n1, n2].map(({ slot }) => [slot.state, slot.client]), [["bound", A], ["bound", A]]);
  strictEqual(n2.take(lock(B, 5)), "conflict");
  // A lock that is nothing but the aborted version goes.
  const fresh = new Acceptor();
  fresh.take(renewal);
  fresh.end(abort(A, 3));
  strictEqual(fresh.slot.state, "aborted");
});

Deno.test("case 2: a committed record of an ended lease does not come back over a newer lock", () => {
  const [n1, n2, n3] = acceptors();
  for (const node of [n1, n2, n3]) node.take(committed(A, 1));
  // n3 misses A's release, and B's request is on its way.
  for (const node of [n1, n2]) {
    node.end(ending("released", A, 2, { replaces: version(1), committedVersion: version(1) }), true);
  }
  for (const node of [n1, n2]) strictEqual(node.take(lock(B, 3)), "accept");
  const stale = n3.slot;
  strictEqual(n1.take(committed(A, 1)), "conflict", "a certificate beats lower versions only");
  strictEqual(mergeSlot(n2.slot, stale, NOW, AGREEMENT_RULES), undefined);
  // Nor over the release by itself.
  const released = new Acceptor();
  released.take(committed(A, 1));
  released.end(ending("released", A, 2, { replaces: version(1), committedVersion: version(1) }), true);
  strictEqual(released.take(committed(A, 1)), "stale", "versions only rise");
});

Deno.test("case 3: a late copy of an old proposal is not accepted by a slot that does not keep it", () => {
  const [n1] = acceptors();
  strictEqual(n1.take(lock(A, 3)), "accept");
  n1.end(abort(A, 3));
  // The client's older proposal, delayed on its way, meets the newer one's abort.
  strictEqual(n1.take(lock(A, 1)), "stale");
  strictEqual(n1.slot.state, "aborted");
  strictEqual(n1.take(lock(B, 5)), "accept");
});

Deno.test("case 4: one client through two nodes, the newer version with the earlier end: the later end holds", () => {
  const longer = lock(A, 1, { lockedUntil: START_MS + LEASE_MS });
  const shorter = lock(A, 2, { lockedUntil: START_MS + LEASE_MS / 2 });
  const [n1] = acceptors();
  deepStrictEqual([n1.take(longer), n1.take(shorter)], ["accept", "accept"]);
  deepStrictEqual([n1.slot.lockedUntil, n1.slot.version], [longer.lockedUntil, shorter.version]);
  strictEqual(n1.take(lock(B, 3), at(shorter.lockedUntil + MARGIN_MS)), "conflict");
  strictEqual(n1.take(lock(B, 4), at(longer.lockedUntil + MARGIN_MS)), "accept");
});

Deno.test("case 5: accepts that arrive after the abort are not counted", () => {
  const cluster = formed(3);
  const asked = cluster.request(1, A);
  cluster.deliver(1, 2);
  cluster.deliver(1, 3);
  deepStrictEqual([2, 3].flatMap((id) => cluster.onItsWay(id, 1)), [], "an answer follows the fsync");
  for (const id of [1, 2, 3]) cluster.fsync(id);
  // Both answers are slow.
  cluster.pass(PROPOSAL_MS + 1, [1]);
  strictEqual(asked.outcome, "timeout");
  strictEqual(cluster.slot(1).state, "aborted");
  cluster.deliver(2, 1);
  cluster.deliver(3, 1);
  strictEqual(asked.outcome, "timeout");
  deepStrictEqual([cluster.slot(1).state, cluster.slot(1).committedVersion], ["aborted", NO_VERSION]);
});

Deno.test("case 6: a release ends what it covers, not the client's later request that was merged into the slot", () => {
  const [n1, n2, n3] = acceptors();
  for (const node of [n1, n2, n3]) node.take(committed(A, 1));
  // A releases through n1, whose clock is ahead, and asks again through n2 before the release is heard of there.
  const release = ending("released", A, 9, { replaces: version(1), committedVersion: version(1) });
  n1.end(release, true);
  const again = lock(A, 5);
  for (const node of [n2, n3]) strictEqual(node.take(again), "accept");
  for (const node of [n2, n3]) node.end(release);
  deepStrictEqual([n2, n3].map(({ slot }) => [slot.state, slot.version]), [["bound", again.version], [
    "bound",
    again.version,
  ]]);
  strictEqual(n3.take(lock(B, 10)), "conflict");
  // What is exactly the released version goes, and so does what is known to be committed up to then.
  const exact = new Acceptor();
  exact.take(lock(A, 1));
  exact.end({ ...release, committedVersion: NO_VERSION });
  strictEqual(exact.slot.state, "released");
});

Deno.test("case 7: a new REQUEST does not join a proposal that is older than the client's RELEASE", () => {
  const cluster = formed(3);
  const before = cluster.request(1, A, { xid: 1 });
  // A releases through n2, which n1 has not heard of; then it asks anew.
  const again = cluster.request(1, A, { xid: 2 });
  const retransmitted = cluster.request(1, A, { xid: 2 });
  const [first] = cluster.onItsWay(1, 2).flatMap((message) => message.type === "leaseBatch" ? message.records : []);
  cluster.fsync(1);
  cluster.deliver(1, 2);
  cluster.fsync(2);
  ok(first?.kind === "lock");
  // Of the two, only the answer to the first comes through.
  const [answer] = cluster.onItsWay(2, 1);
  cluster.lose(2, 1);
  ok(answer?.type === "leaseAck");
  cluster.say(2, 1, answer);
  cluster.deliver(2, 1);
  deepStrictEqual([before.outcome, again.outcome, retransmitted.outcome], ["superseded", "undecided", "undecided"]);
});

Deno.test("case 8: an answer is for its own records; a lost reject is not covered by the next accept", () => {
  const cluster = formed(3);
  strictEqual(cluster.request(2, B).outcome, "undecided");
  cluster.lose(2, 1);
  cluster.lose(2, 3);
  const rejected = cluster.request(1, A, { address: X });
  cluster.roundTripLosing(1, 2);
  const accepted = cluster.request(1, A, { address: Y });
  cluster.roundTrip(1, 2);
  deepStrictEqual([rejected.outcome, accepted.outcome], ["undecided", "committed"]);
  cluster.pass(PROPOSAL_MS + 1, [1]);
  strictEqual(rejected.outcome, "timeout");
});

Deno.test("case 9: an answer to an earlier process decides nothing of its successor with the same numbers", () => {
  const cluster = formed(3);
  cluster.request(1, A);
  cluster.fsync(1);
  cluster.deliver(1, 2);
  cluster.fsync(2);
  const [answer] = cluster.onItsWay(2, 1);
  cluster.lose(2, 1);
  // The answer is on its way while n1 starts anew and numbers its records from 1 again.
  cluster.start(1);
  cluster.pass(CLUSTER_LIMITS.heartbeatMs);
  cluster.exchange();
  const successor = cluster.request(1, B, { address: Y });
  cluster.fsync(1);
  ok(answer?.type === "leaseAck" && answer.first === 1);
  cluster.say(2, 1, answer);
  cluster.deliver(2, 1);
  strictEqual(successor.outcome, "undecided");
});

Deno.test("case 10: a sync answers no proposal, whatever its source had received and rejected", () => {
  const cluster = formed(3);
  // n2 keeps X for B, whose request went nowhere else, and rejects A's.
  cluster.request(2, B);
  cluster.lose(2, 1);
  cluster.lose(2, 3);
  const asked = cluster.request(1, A);
  cluster.fsync(1);
  cluster.deliver(1, 2);
  cluster.fsync(2);
  cluster.deliver(2, 1);
  cluster.lose(1, 3);
  // n3 merges the slots of both.
  let pages = 0;
  for (let seconds = 0; seconds < 3; seconds++) {
    cluster.pass(600, [3]);
    for (const source of [1, 2]) {
      cluster.deliver(3, source);
      cluster.fsync(source);
      pages += cluster.onItsWay(source, 3).filter(({ type }) => type === "syncChunk").length;
      cluster.deliver(source, 3);
      deepStrictEqual(cluster.onItsWay(3, source).filter(({ type }) => type === "leaseAck"), []);
    }
  }
  ok(pages > 0);
  deepStrictEqual([asked.outcome, cluster.slot(3).state], ["undecided", "free"]);
});

Deno.test("case 11: a commit note names its records, and certifies a slot at exactly their version", () => {
  const cluster = formed(3);
  // X stays undecided, as n2 keeps it for B; Y, which has the higher number, is committed.
  cluster.request(2, B);
  cluster.lose(2, 1);
  cluster.lose(2, 3);
  const undecided = cluster.request(1, A, { address: X });
  const decided = cluster.request(1, A, { address: Y });
  cluster.pass(2, [1]);
  cluster.deliver(1, 3);
  cluster.fsync(3);
  cluster.lose(3, 1);
  cluster.roundTrip(1, 2);
  deepStrictEqual([undecided.outcome, decided.outcome], ["undecided", "committed"]);
  cluster.pass(20, [1]);
  cluster.deliver(1, 3);
  deepStrictEqual([cluster.slot(3, X).committedVersion, cluster.slot(3, Y).committedVersion], [
    NO_VERSION,
    cluster.slot(3, Y).version,
  ]);
  // A slot that has moved on since is not certified by a note for the version before.
  const leases = new LeaseTable({ pools: [{ first: X, last: X }], reserved: [] });
  leases.set(X, { ...lock(A, 5), state: "bound" }, NO_DETAIL);
  leases.certify(X, version(4));
  deepStrictEqual(leases.get(X).committedVersion, NO_VERSION);
});

Deno.test("case 12: the lease is shorter by the time that passed, by the clock that no step moves", () => {
  const cluster = formed(1);
  const first = cluster.request(1, A, { xid: 1 });
  const askedMs = cluster.ms;
  // A retransmission a second later joins; the wall clock is set back meanwhile.
  cluster.ms += 1_000;
  const again = cluster.request(1, A, { xid: 1 });
  cluster.ms += 500;
  cluster.setClocks(-3_000);
  strictEqual(first.leaseMs, undefined);
  cluster.fsync(1);
  const leaseMs = LEASE_MS - (cluster.ms - askedMs);
  deepStrictEqual([first.leaseMs, again.leaseMs], [leaseMs, leaseMs]);
});

Deno.test("case 13: a proposer whose own clock jumps does not overwrite its own copy", () => {
  const cluster = leased();
  // Two hours in one step: by the wall clock A's lease is long over.
  cluster.setClocks(2 * HOUR_MS, [1]);
  strictEqual(cluster.request(1, B).outcome, "wallJumped");
  const time = cluster.core(1).clock.bounds(cluster.now(1));
  ok(time !== undefined && isLive(cluster.slot(1), time), "the anchor says that it runs");
  strictEqual(accept(cluster.slot(1), lock(B, 9e15), time).answer.ok, false);
  strictEqual(cluster.slot(1).client, A);
});

Deno.test("case 14: five nodes, two wrong clocks that agree, and a proposer whose clock steps between accepts", () => {
  const clocks = Array.from({ length: 5 }, () => new AnchoredClock());
  const now = (jumpMs: number): Instant => ({ wallMs: START_MS + 1_000 + jumpMs, monotonicMs: 1_000 });
  for (const clock of clocks) clock.anchor({ wallMs: START_MS, monotonicMs: 0 });
  const nodes = clocks.map(() => new Acceptor());
  // A's lease runs on three of five, one of them the proposer's.
  for (const node of nodes.slice(0, 3)) node.take(lock(A, 1));
  const jumps = [2 * HOUR_MS, 2 * HOUR_MS, 2 * HOUR_MS, 0, 0];
  const answers = nodes.map((node, index) => {
    const time = clocks[index]?.bounds(now(jumps[index] ?? 0));
    return time === undefined ? "silent" : node.take(lock(B, 2), time);
  });
  deepStrictEqual(answers, ["conflict", "conflict", "conflict", "accept", "accept"]);
  // Nor do two wrong clocks that agree with each other anchor a third node of five.
  const lone = new AnchoredClock();
  const rounds = new ClockSync({
    clock: lone,
    members: { size: 5 },
    limits: { maxLeaseMs: HOUR_MS },
    facts: new Map(),
    persist: () => {},
    notice: () => {},
    firstProbe: 1,
  });
  for (const { to, message: { probe } } of rounds.tick(now(2 * HOUR_MS), [2, 3, 4, 5])) {
    const wallMs = now(to === 2 ? 2 * HOUR_MS : 0).wallMs;
    rounds.receive(to, { type: "timeAnswer", probe, wallMs, steppedMs: 0, maxLeaseMs: 0 }, now(2 * HOUR_MS));
  }
  strictEqual(lone.bounds(now(2 * HOUR_MS)), undefined);
  // An anchor lasts an hour at most.
  strictEqual(clocks[0]?.bounds({ wallMs: START_MS, monotonicMs: ANCHOR_LIFETIME_MS + 1 }), undefined);
});

Deno.test("case 15: the margin covers the skew between three clocks and the client's own slack", () => {
  // The proposer's anchor agrees with a member that is S/2 slow, itself S slower still; the acceptor's is as much fast.
  const slow = -1.5 * MAX_CLOCK_SKEW_MS;
  const fast = 1.5 * MAX_CLOCK_SKEW_MS;
  const clientSlackMs = 10_000;
  const trueEndMs = START_MS + LEASE_MS + clientSlackMs;
  const [n1] = acceptors();
  n1.take(lock(A, 1, { lockedUntil: START_MS + slow + LEASE_MS }), at(START_MS + fast));
  strictEqual(n1.take(lock(B, 2), at(trueEndMs - 1 + fast)), "conflict");
  strictEqual(n1.take(lock(B, 3), at(trueEndMs + fast)), "accept", "and no more than that");
});

Deno.test("case 16: a node without a quorum confirms nothing, not even a lease that runs", () => {
  const cluster = formed(3);
  const granted = cluster.request(1, A);
  cluster.fsync(1);
  cluster.exchange();
  strictEqual(granted.outcome, "committed");
  strictEqual(cluster.slot(3).client, A);
  // n3 is cut off; A renews there, and asks again.
  const renewals = [cluster.request(3, A, { xid: 5 }), cluster.request(3, A, { xid: 5 })];
  cluster.fsync(3);
  cluster.pass(PROPOSAL_MS - 2, [3]);
  deepStrictEqual(renewals.map(({ outcome }) => outcome), ["undecided", "undecided"]);
  cluster.pass(1, [3]);
  deepStrictEqual(renewals.map(({ outcome }) => outcome), ["timeout", "timeout"]);
  strictEqual(cluster.slot(3).client, A, "and its lease runs on");
});

Deno.test("case 17: a new disk that syncs a phantom first does not forget the lease it syncs second", () => {
  const phantom: LeaseRow = { address: X, slot: { ...lock(B, 5), state: "bound" }, detail: NO_DETAIL };
  const lease: LeaseRow = { address: X, slot: { ...lock(A, 4), state: "bound" }, detail: NO_DETAIL };
  const pulled = (...rows: LeaseRow[]) => {
    const ms = CLUSTER_LIMITS.blankWaitMs;
    const now = { wallMs: START_MS + ms, monotonicMs: ms };
    const join = new Join({ startedMs: 0, others: [1, 2] });
    join.tick(now, [1, 2]);
    rows.forEach((row, index) => join.receive(index + 1, { type: "syncChunk", rows: [row], more: false }, now, NOW));
    return join.result();
  };
  strictEqual(pulled(phantom), undefined, "one source of two is not enough");
  const [both] = pulled(phantom, lease) ?? [];
  deepStrictEqual([both?.slot.state, both?.slot.version], ["blocked", version(5)]);
  const [certified] = pulled({ ...phantom, slot: { ...phantom.slot, version: version(3) } }, {
    ...lease,
    slot: { ...lease.slot, committedVersion: version(4) },
  }) ?? [];
  strictEqual(certified?.slot.client, A);
  strictEqual(unionSlots(phantom.slot, lease.slot, NOW).lockedUntil, phantom.slot.lockedUntil);
});

Deno.test("case 18: an accept of a lost disk counts no more by the time its successor asks for slots", () => {
  const cluster = formed(5);
  const asked = cluster.request(1, A);
  cluster.fsync(1);
  cluster.deliver(1, 5);
  cluster.fsync(5);
  // n5's accept is on its way when its disk is replaced. n2 has not heard of the proposal yet.
  cluster.loseDisk(5);
  cluster.start(5);
  const startedMs = cluster.ms;
  /** What the new disk asks n3 and n4 for, which set its clock. */
  const requestsAt = (ms: number): string[] => {
    cluster.pass(startedMs + ms - cluster.ms, [3, 4, 5]);
    const requests = [3, 4].flatMap((id) => cluster.onItsWay(5, id)).filter(({ type }) => type === "syncRequest");
    for (const id of [3, 4]) {
      cluster.roundTrip(id, 5);
      cluster.roundTrip(5, id);
    }
    return requests.map(({ type }) => type);
  };
  for (let ms = 250; ms < CLUSTER_LIMITS.blankWaitMs; ms += 250) deepStrictEqual(requestsAt(ms), []);
  deepStrictEqual(requestsAt(CLUSTER_LIMITS.blankWaitMs - 1), [], "no source serves the new disk yet");
  strictEqual(cluster.clockOf(5), "ready");
  // Now n2 accepts; together with the old disk that would be three of five.
  cluster.deliver(1, 2);
  cluster.fsync(2);
  cluster.deliver(2, 1);
  cluster.deliver(5, 1);
  strictEqual(asked.outcome, "undecided");
  cluster.pass(1, [1]);
  strictEqual(asked.outcome, "timeout");
  ok(CLUSTER_LIMITS.blankWaitMs >= 2 * PROPOSAL_MS);
  ok(requestsAt(CLUSTER_LIMITS.blankWaitMs + 1).length > 0);
});

Deno.test("case 18: a page that was sent to the lost disk does not answer its successor", () => {
  const cluster = formed(3);
  for (let pages = 0; pages === 0;) {
    cluster.pass(1_000, [3]);
    cluster.deliver(3, 1);
    cluster.lose(3, 2);
    cluster.fsync(1);
    pages = cluster.onItsWay(1, 3).filter(({ type }) => type === "syncChunk").length;
  }
  // Anti-entropy of the disk's last process: n1's slots before A's lease. It is long on its way.
  const [page] = cluster.onItsWay(1, 3).filter(({ type }) => type === "syncChunk");
  ok(page !== undefined);
  cluster.lose(1, 3);
  const granted = cluster.request(1, A);
  cluster.lose(1, 2);
  cluster.roundTrip(1, 3);
  strictEqual(granted.outcome, "committed");
  cluster.loseDisk(3);
  cluster.start(3);
  for (let ms = 0; ms < 2 * CLUSTER_LIMITS.blankWaitMs; ms += 100) {
    cluster.pass(100);
    for (const [a, b] of [[1, 2], [2, 1]] as const) cluster.lose(a, b);
    if (cluster.onItsWay(3, 1).some(({ type }) => type === "syncRequest")) {
      // It overtakes the answer.
      cluster.say(1, 3, page);
      cluster.deliver(1, 3);
    }
    for (const id of [1, 2]) {
      cluster.deliver(3, id);
      cluster.fsync(id);
      cluster.deliver(id, 3);
    }
    cluster.fsync(3);
  }
  deepStrictEqual([cluster.member(3).synced, cluster.slot(3).client], [true, A]);
  const other = cluster.request(2, B);
  cluster.roundTrip(2, 3);
  ok(other.outcome !== "committed");
});

Deno.test("case 19: a version is not used twice, though a disk was lost and the clock fell back", () => {
  const before = new HybridClock({ node: 1, incarnation: 7 });
  const after = new HybridClock({ node: 1, incarnation: 8 });
  const first = before.mint(START_MS);
  const again = after.mint(START_MS);
  ok(compareVersions(first, again) !== 0);
  // A slot that still has the first is no accept of the second: not for another client, nor as a duplicate.
  const [n1] = acceptors();
  n1.take({ ...lock(A, 1), version: again });
  strictEqual(n1.take({ ...lock(A, 1, { lockedUntil: START_MS + 9 * LEASE_MS }), version: first }), "stale");
  // The incarnation that a process starts with is a random one of 2^32.
  const cluster = formed(3);
  cluster.request(1, A);
  const lost = cluster.slot(1).version;
  cluster.start(1);
  cluster.exchange();
  cluster.request(1, A);
  ok(cluster.slot(1).version.incarnation !== lost.incarnation);
});

Deno.test("case 20: a disk that was put back votes no more until its node has learned everything anew", () => {
  const cluster = formed(3);
  // A copy from the run of the process that goes on after it.
  cluster.request(1, B, { address: Y });
  cluster.exchange();
  const copy = cluster.copyOf(3);
  // n1 and n3 keep X for A; n2 does not hear of it, but of n3's lsn.
  const granted = cluster.request(1, A);
  cluster.roundTrip(1, 3);
  cluster.lose(1, 2);
  cluster.pass(CLUSTER_LIMITS.heartbeatMs);
  cluster.deliver(3, 2);
  strictEqual(granted.outcome, "committed");
  // n3 starts on the copy, and has no anchor yet. Its first time probe reaches n2.
  cluster.putBack(3, copy);
  cluster.start(3);
  cluster.pass(2, [3]);
  deepStrictEqual(cluster.onItsWay(3, 2).map(({ type }) => type).slice(0, 1), ["timeProbe"]);
  cluster.deliver(3, 2);
  const answers = cluster.onItsWay(2, 3).filter(({ type }) => type === "timeAnswer" || type === "staleIdentity");
  deepStrictEqual(answers[0]?.type, "staleIdentity");
  deepStrictEqual(answers.filter(({ type }) => type === "timeAnswer"), [], "so it gets no anchor of n2");
  const taken = cluster.request(2, B);
  cluster.roundTrip(2, 3);
  cluster.roundTrip(2, 3);
  strictEqual(cluster.member(3).synced, false);
  strictEqual(taken.outcome, "undecided");
});

Deno.test("case 21: a clock far ahead proposes nothing; its record is not repaired, and aborted where it is", () => {
  const cluster = formed(3);
  cluster.setClocks(10 * HOUR_MS, [1]);
  strictEqual(cluster.request(1, A).outcome, "wallJumped");
  deepStrictEqual(cluster.slot(1), FREE_SLOT);
  // A node that trusted its clock all the same took it; no other node takes the uncommitted record from there.
  const [n1] = acceptors();
  n1.take(lock(B, 2, { lockedUntil: START_MS + 10 * HOUR_MS }));
  strictEqual(mergeSlot(FREE_SLOT, n1.slot, NOW, AGREEMENT_RULES), undefined);
  // The proposal without a quorum is aborted there.
  n1.end(abort(B, 2));
  strictEqual(n1.take(lock(A, 4)), "accept");
});

Deno.test("case 22: a dead lease that was known to be committed yields to its successor's certificate", () => {
  const [n1, n2, n3] = acceptors();
  for (const node of [n1, n2, n3]) node.take(committed(A, 1));
  // n3 misses A's release, and n1 and n2 no longer have it: B's lease has taken its place.
  for (const node of [n1, n2]) {
    node.end(ending("released", A, 2, { replaces: version(1), committedVersion: version(1) }), true);
  }
  for (const node of [n1, n2]) node.take(lock(B, 3));
  strictEqual(n3.take(lock(B, 3)), "conflict");
  const repaired = mergeSlot(n3.slot, { ...n1.slot, committedVersion: version(3) }, NOW, AGREEMENT_RULES);
  deepStrictEqual([repaired?.client, repaired?.version], [B, version(3)]);
  // In a union the same.
  const union = unionSlots(n3.slot, { ...n1.slot, committedVersion: version(3) }, NOW);
  deepStrictEqual([union.state, union.client], ["bound", B]);
});

Deno.test("case 23: one membership change at a time, each complete before the next; no vote without a sync", () => {
  const member = (id: number) => ({ id, address: 0x0a630000 + id });
  const durable: (() => void)[] = [];
  const now = { wallMs: START_MS, monotonicMs: 0 };
  const membership = new Membership({
    self: 3,
    file: [1, 2, 3].map(member),
    facts: new Map(),
    blank: false,
    effects: {
      send: () => {},
      broadcast: () => {},
      persist: (_writes, then) => void durable.push(() => then(now)),
      notice: () => {},
    },
    changed: () => {},
    missed: () => {},
    view: () => ({ leads: true, term: 1, isMixed: false, lacking: [], notVoting: [] }),
    isVoter: () => true,
    diskId: () => "0123456789abcdef",
    random: () => 0.5,
  });
  const change = (id: number) => {
    let answer = "on its way";
    membership.change({ kind: "add", member: member(id) }, now, (result) => {
      answer = result.ok ? `epoch ${result.epoch}` : result.problem;
    });
    return answer;
  };
  for (const id of [1, 2, 3]) membership.settled(id);
  strictEqual(change(4), "on its way");
  match(change(5), /another change is on its way/);
  // Another leader's change was chosen first.
  const chosen = { term: 1, members: [1, 2, 3, 4].map(member), renewalsOnlyUntil: 0, added: 4 };
  membership.receive({ type: "membership", epoch: 2, ...chosen }, false, now);
  match(change(5), /another change is on its way/);
  durable.splice(0).forEach((then) => then());
  match(change(5), /do not have everything of epoch 2/);
  // A message of the former members counts no more.
  const envelope = {
    from: 1,
    incarnation: 7,
    epoch: 1,
    membershipHash: membership.hash,
    wireVersion: WIRE_VERSION,
  } as const;
  strictEqual(membership.isCurrent(envelope, now), false);
  for (const id of [1, 2, 3]) membership.settled(id);
  match(change(5), /members 4 do not have everything/);
  membership.settled(4);
  strictEqual(change(5), "on its way");
  // The new member has an empty disk: it neither answers nor proposes before it has synced.
  const cluster = formed(4);
  cluster.loseDisk(4);
  cluster.start(4);
  cluster.exchange();
  strictEqual(cluster.clockOf(4), "ready", "it could answer, by its clock");
  const asked = cluster.request(1, A);
  cluster.roundTrip(1, 4);
  cluster.roundTrip(1, 2);
  strictEqual(asked.outcome, "undecided", "two of four");
  strictEqual(cluster.request(4, B, { address: Y }).outcome, "noAnchor");
});

Deno.test("case 24: a machine that was suspended proposes in vain: its voters call the proposal late", () => {
  const cluster = formed(3);
  // Both clocks of n1 stand still for half a minute, so it cannot know.
  cluster.suspend(1, 30_000);
  const asked = cluster.request(1, A);
  cluster.roundTrip(1, 2);
  cluster.roundTrip(1, 3);
  deepStrictEqual([cluster.slot(2).state, cluster.slot(3).state], ["free", "free"]);
  strictEqual(asked.outcome, "late");
  // It may still vote: it keeps locks for longer.
  const other = cluster.request(2, A);
  cluster.roundTrip(2, 1);
  strictEqual(other.outcome, "committed");
});

/** Lets the members ask each other for the time, until each is ready by its clock. */
function agreeOnTime(cluster: TestCluster, ids = [1, 2, 3]): void {
  for (let round = 0; round < 3; round++) {
    cluster.pass(CLUSTER_LIMITS.clockProbeMs, ids);
    cluster.exchange();
  }
  deepStrictEqual(ids.map((id) => cluster.clockOf(id)), ids.map(() => "ready"));
}

/** B asks every member for X, which is A's until the time that was promised, and no longer. */
function keepsLease(cluster: TestCluster, promisedMs: number, ids = [1, 2, 3]): void {
  cluster.ms = promisedMs + MARGIN_MS - 10_000;
  agreeOnTime(cluster, ids);
  for (const id of ids) strictEqual(cluster.request(id, B).outcome, "conflict", `node ${id} knows that A has it`);
  cluster.ms = promisedMs + MARGIN_MS + 1;
  const after = cluster.request(ids[0] ?? 1, B);
  cluster.exchange();
  strictEqual(after.outcome, "committed");
}

Deno.test("case 24: a machine that was suspended knows that no quorum agrees with it, and does not serve", () => {
  const cluster = leased();
  agreeOnTime(cluster);
  cluster.suspend(1, 60_000);
  strictEqual(cluster.clockOf(1), "ready", "its own clocks show nothing");
  cluster.pass(CLUSTER_LIMITS.heartbeatMs, [2, 3]);
  cluster.roundTrip(2, 3);
  cluster.roundTrip(3, 2);
  for (const id of [2, 3]) cluster.deliver(id, 1);
  deepStrictEqual([1, 2, 3].map((id) => cluster.clockOf(id)), ["unconfirmed", "ready", "ready"]);
  for (let seconds = 0; seconds < 30; seconds++) {
    cluster.pass(1_000);
    cluster.exchange();
    strictEqual(cluster.clockOf(1), "unconfirmed");
  }
  // Its clock is set by NTP: a quorum agrees again within a round.
  cluster.setClocks(60_000, [1]);
  cluster.pass(250);
  cluster.exchange();
  strictEqual(cluster.clockOf(1), "ready");
});

Deno.test("case 25: all clocks are set ahead together: running leases last as long as was promised", () => {
  const cluster = leased();
  const promisedMs = cluster.ms + LEASE_MS;
  cluster.setClocks(2 * HOUR_MS);
  cluster.pass(1);
  deepStrictEqual([1, 2, 3].map((id) => cluster.clockOf(id)), Array(3).fill("wallJumped"));
  strictEqual(cluster.request(1, B).outcome, "wallJumped");
  cluster.exchange();
  deepStrictEqual([1, 2, 3].map((id) => cluster.member(id).stepped.steppedMs), Array(3).fill(2 * HOUR_MS));
  const others = cluster.request(2, B, { address: Y });
  cluster.exchange();
  strictEqual(others.outcome, "committed");
  keepsLease(cluster, promisedMs);
});

Deno.test("case 25b: … and every node is restarted afterwards", () => {
  const cluster = leased();
  const promisedMs = cluster.ms + LEASE_MS;
  cluster.setClocks(2 * HOUR_MS);
  agreeOnTime(cluster);
  for (const id of [1, 2, 3]) cluster.start(id);
  strictEqual(cluster.clockOf(1), "noAnchor");
  agreeOnTime(cluster);
  keepsLease(cluster, promisedMs);
});

Deno.test("case 25c: … and one was down during the step, or lost its disk", () => {
  const cluster = leased();
  const promisedMs = cluster.ms + LEASE_MS;
  cluster.setClocks(2 * HOUR_MS);
  agreeOnTime(cluster, [1, 2]);
  // Node 3 missed the step: its disk says nothing of it.
  const { facts, rows } = cluster.copyOf(3);
  for (const key of Object.values(CLOCK_FACTS)) facts.delete(key);
  cluster.putBack(3, { facts, rows });
  cluster.start(3);
  strictEqual(cluster.member(3).stepped.steppedMs, 0);
  agreeOnTime(cluster);
  strictEqual(cluster.member(3).stepped.steppedMs, 2 * HOUR_MS);
  keepsLease(cluster, promisedMs);
  const blank = leased();
  blank.setClocks(2 * HOUR_MS);
  agreeOnTime(blank, [1, 2]);
  blank.loseDisk(3);
  blank.start(3);
  agreeOnTime(blank);
  strictEqual(blank.member(3).stepped.steppedMs, 2 * HOUR_MS);
});

Deno.test("case 25d: a node alone is set ahead, and back: it serves on, and every lease runs to its end", () => {
  for (const setMs of [6_000, 24 * HOUR_MS]) {
    const cluster = formed(1);
    cluster.request(1, A);
    cluster.exchange();
    const promisedMs = cluster.ms + LEASE_MS;
    cluster.setClocks(setMs);
    strictEqual(cluster.request(1, B).outcome, "conflict");
    strictEqual(cluster.clockOf(1), "ready");
    const other = cluster.request(1, B, { address: Y });
    cluster.fsync(1);
    strictEqual(other.outcome, "committed");
    keepsLease(cluster, promisedMs, [1]);
  }
  const cluster = formed(1);
  cluster.request(1, A);
  cluster.exchange();
  cluster.setClocks(-HOUR_MS);
  strictEqual(cluster.request(1, B).outcome, "conflict");
  for (const each of [A, B]) {
    const granted = cluster.request(1, each, { address: each === A ? X : Y });
    cluster.fsync(1);
    strictEqual(granted.outcome, "committed");
  }
});

Deno.test("case 25e: … and a suspended machine's proposal is late all the same, by now and not by earliest", () => {
  const cluster = leased();
  cluster.setClocks(2 * HOUR_MS);
  agreeOnTime(cluster);
  // Node 1 stands still for as long as half of the step: `earliest` of the others is behind its clock.
  cluster.suspend(1, HOUR_MS);
  agreeOnTime(cluster, [2, 3]);
  const asked = cluster.request(1, A, { address: Y });
  for (const id of [2, 3]) cluster.roundTrip(1, id);
  deepStrictEqual([cluster.slot(2, Y).state, cluster.slot(3, Y).state], ["free", "free"]);
  strictEqual(asked.outcome, "late");
});

Deno.test("case 25f: power fails everywhere after the step, before a quorum has confirmed it", () => {
  const cluster = leased();
  const promisedMs = cluster.ms + LEASE_MS;
  cluster.setClocks(2 * HOUR_MS);
  // A quarter of a second at the most, to the next tick.
  cluster.pass(250);
  for (const id of [1, 2, 3]) cluster.fsync(id);
  for (const from of [1, 2, 3]) for (const to of [1, 2, 3]) cluster.lose(from, to);
  deepStrictEqual([1, 2, 3].map((id) => cluster.member(id).stepped.steppedMs), [0, 0, 0]);
  for (const id of [1, 2, 3]) cluster.start(id);
  agreeOnTime(cluster);
  deepStrictEqual([1, 2, 3].map((id) => cluster.member(id).stepped.steppedMs), Array(3).fill(2 * HOUR_MS));
  keepsLease(cluster, promisedMs);
});

Deno.test("case 26: a disk goes back to a moment with the same highest version: the lsn is lower nevertheless", () => {
  const cluster = formed(3);
  // B's lease at Y has the highest version on n3: n2's clock is ahead.
  cluster.ms += 3_000;
  cluster.request(2, B, { address: Y });
  cluster.ms -= 3_000;
  cluster.lose(2, 1);
  cluster.roundTrip(2, 3);
  const copy = cluster.copyOf(3);
  const highest = cluster.slot(3, Y).version;
  // A's lease has a lower one, as n1 has not heard of B's.
  const granted = cluster.request(1, A);
  cluster.roundTrip(1, 3);
  cluster.lose(1, 2);
  strictEqual(granted.outcome, "committed");
  ok(compareVersions(cluster.slot(3).version, highest) < 0, "a later write, and a lower version");
  cluster.pass(CLUSTER_LIMITS.heartbeatMs);
  cluster.deliver(3, 2);
  cluster.putBack(3, copy);
  cluster.start(3);
  cluster.pass(2, [3]);
  cluster.deliver(3, 2);
  cluster.deliver(2, 3);
  strictEqual(cluster.member(3).synced, false);
});

/** Lets anti-entropy and what follows from it run. */
function heal(cluster: TestCluster, ms: number): void {
  for (let passedMs = 0; passedMs < ms; passedMs += 250) {
    cluster.pass(250);
    cluster.exchange();
  }
}

Deno.test("case 27: a certified lease, hidden from a node behind an aborted proposal, is proposed once more", () => {
  const cluster = formed(3);
  const granted = cluster.request(1, A);
  cluster.roundTrip(1, 2);
  cluster.lose(1, 3);
  strictEqual(granted.outcome, "committed");
  // n3 missed it, took B's proposal, which is newer, and aborted that.
  cluster.request(3, B);
  cluster.fsync(3);
  cluster.lose(3, 1);
  cluster.lose(3, 2);
  cluster.pass(PROPOSAL_MS + 1, [3]);
  cluster.lose(3, 1);
  cluster.lose(3, 2);
  strictEqual(cluster.slot(3).state, "aborted");
  ok(compareVersions(cluster.slot(3).version, cluster.slot(1).version) > 0, "repair would be stale");
  heal(cluster, 5_000);
  deepStrictEqual([1, 2, 3].map((id) => [cluster.slot(id).client, cluster.slot(id).lockedUntil]), [
    [A, cluster.slot(1).lockedUntil],
    [A, cluster.slot(1).lockedUntil],
    [A, cluster.slot(1).lockedUntil],
  ]);
  strictEqual(granted.outcome, "committed", "and is not answered again");
});

Deno.test("case 28: power fails everywhere right after the DHCPACK: the lease reaches the node that missed it", () => {
  const cluster = formed(3);
  const granted = cluster.request(1, A);
  cluster.roundTrip(1, 2);
  cluster.lose(1, 3);
  strictEqual(granted.outcome, "committed");
  for (const id of [1, 2, 3]) cluster.start(id);
  deepStrictEqual([1, 2].map((id) => cluster.slot(id).committedVersion), [NO_VERSION, NO_VERSION], "no certificate");
  heal(cluster, 3_000);
  strictEqual(cluster.slot(3).state, "free", "the proposal might still be undecided");
  heal(cluster, 12_000);
  deepStrictEqual([cluster.slot(3).client, cluster.slot(3).lockedUntil], [A, cluster.slot(1).lockedUntil]);
});

Deno.test("case 28: … also one that kept the address for another client, whose abort it missed", () => {
  const cluster = formed(3);
  const aborted = cluster.request(2, B);
  cluster.fsync(2);
  cluster.deliver(2, 3);
  cluster.fsync(3);
  cluster.lose(2, 1);
  cluster.lose(3, 2);
  cluster.pass(PROPOSAL_MS + 1, [2]);
  cluster.lose(2, 1);
  cluster.lose(2, 3);
  strictEqual(aborted.outcome, "timeout");
  const granted = cluster.request(1, A);
  cluster.roundTrip(1, 2);
  cluster.lose(1, 3);
  strictEqual(granted.outcome, "committed");
  for (const id of [1, 2, 3]) cluster.start(id);
  deepStrictEqual([1, 2, 3].map((id) => cluster.slot(id).client), [A, A, B]);
  heal(cluster, 15_000);
  deepStrictEqual([1, 2, 3].map((id) => cluster.slot(id).client), [A, A, A]);
});

Deno.test("case 28b: it is not proposed again against a later release, nor against another client's lock", () => {
  const bound = (of: ClientKey, clock: number): Slot => ({ ...lock(of, clock), state: "bound" });
  const ended = { replaces: version(4), committedVersion: NO_VERSION, at: 0 };
  const released = (clock: number): Slot => ({ ...bound(A, clock), state: "released", lockedUntil: 0, ended });
  const may = (...others: Slot[]) => mayRepropose(bound(A, 5), others, 2, NOW);
  deepStrictEqual([may(FREE_SLOT), may(released(4)), may(released(6))], [true, true, false]);
  deepStrictEqual([may(bound(B, 4)), may(bound(B, 4), bound(A, 5))], [false, true]);
  strictEqual(may({ ...bound(B, 4), state: "blocked" }), false);
  strictEqual(may({ ...bound(A, 6), state: "aborted", lockedUntil: 0, ended }), true);
});

Deno.test("case 29: a certified lease from before the maximum lease time was lowered is repaired", () => {
  const long = { ...committed(A, 1, { lockedUntil: START_MS + 30 * 24 * HOUR_MS }), state: "bound" } as const;
  strictEqual(mergeSlot(FREE_SLOT, long, NOW, AGREEMENT_RULES)?.lockedUntil, long.lockedUntil);
});

Deno.test("case 32: a REQUEST copied to all nodes has a version of each; the RELEASE at one ends them all", () => {
  const cluster = formed(3);
  for (const id of [1, 2, 3]) cluster.request(id, A);
  cluster.exchange();
  for (const id of [1, 2, 3]) strictEqual(cluster.slot(id).client, A);
  heal(cluster, 23_000);
  const released = cluster.release(2, A);
  cluster.exchange();
  strictEqual(released.result, true);
  deepStrictEqual([1, 2, 3].map((id) => cluster.slot(id).state), ["released", "released", "released"]);
});

Deno.test("case 33: of two requests of one client at one node the first is aborted, so that the second can be", () => {
  const cluster = formed(3);
  const first = cluster.request(1, A, { xid: 1 });
  const second = cluster.request(1, A, { xid: 2 });
  strictEqual(first.outcome, "superseded");
  cluster.roundTripLosing(1, 2);
  cluster.lose(1, 3);
  cluster.pass(PROPOSAL_MS + 1, [1]);
  strictEqual(second.outcome, "timeout");
  cluster.roundTrip(1, 2);
  deepStrictEqual([cluster.slot(1).state, cluster.slot(2).state], ["aborted", "aborted"], "nothing stays locked");
});

Deno.test("disks: the power fails everywhere: an lsn without an fsync was not said, and no disk went back", () => {
  const cluster = formed(3);
  cluster.request(1, A);
  cluster.exchange();
  cluster.request(2, B, { address: Y });
  // Records are on their way to the disks while heartbeats leave.
  for (const id of [1, 2, 3]) for (const to of [1, 2, 3]) cluster.deliver(id, to);
  cluster.pass(CLUSTER_LIMITS.heartbeatMs);
  for (const id of [1, 2, 3]) for (const to of [1, 2, 3]) cluster.deliver(id, to);
  for (const id of [1, 2, 3]) cluster.start(id);
  cluster.pass(CLUSTER_LIMITS.heartbeatMs);
  cluster.exchange();
  deepStrictEqual([1, 2, 3].map((id) => cluster.member(id).synced), [true, true, true]);
});
