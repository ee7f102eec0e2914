/**
 * Schedules for cases that random runs seldom reach. Each is performed twice: with all safeguards, when no check may
 * fail, and without the safeguard that it is about, when one of the named checks must fail.
 */

import type { MembershipChange } from "../../src/cluster/membership/membership.ts";
import { MARGIN_MS } from "../../src/lease/agreement/limits.ts";
import * as mutations from "./mutations.ts";
import { packets, records, ScriptedCluster, X, Y } from "./scripted.ts";
import type { Mutation } from "./run.ts";
import type { Check } from "./violation.ts";

export interface Schedule {
  readonly name: string;
  readonly nodes: number;
  /** Offsets of the right clocks in ms. */
  readonly clocks?: readonly number[];
  /** Removes the safeguard. */
  readonly mutation: () => Mutation;
  /** One of these checks must fail. */
  readonly checks: readonly Check[];
  readonly play: (cluster: ScriptedCluster) => void;
}

const A = 1;
const B = 2;
const C = 3;

/** Case 3: node 1's proposal reaches node 3 after the abort of node 2's, whose clock is ahead. */
function olderThanAborted(cluster: ScriptedCluster): void {
  const a = cluster.client(A);
  cluster.lose(records([2], [1]));
  // Nor does it see the higher version otherwise.
  cluster.lose(packets([2, 3], [1], "syncChunk"));
  const answer = cluster.lose(packets([3], [2], "leaseAck"));
  a.request(2, X, 5);
  cluster.run(1_500);
  cluster.lose(records([1], [2]));
  const late = cluster.hold(records([1], [3]));
  a.request(1, X, 25);
  cluster.run(700);
  answer();
  late.release();
  cluster.run(1_000);
}

/**
 * Case 6: A releases through node 1, whose clock is ahead; before the release arrives, A gets a lease through node 2.
 */
function releaseMeetsNextRequest(cluster: ScriptedCluster): void {
  const a = cluster.client(A);
  a.request(1, X);
  cluster.run(1_500);
  const slow = cluster.hold(packets([1], [2, 3]));
  a.release(1, X);
  cluster.run(10);
  a.request(2, X);
  cluster.run(50);
  slow.release();
  cluster.run(3_000);
}

/** Case 7: node 1 gets the answers of the others late and misses A's release; A asks again with another xid. */
function requestJoinsOlder(cluster: ScriptedCluster): void {
  const a = cluster.client(A);
  const answers = cluster.hold(packets([2, 3], [1], "leaseAck"));
  const notes = cluster.hold(records([2, 3], [1]));
  a.request(1, X);
  cluster.run(50);
  a.request(2, X);
  cluster.run(50);
  a.release(2, X);
  cluster.run(50);
  a.request(1, X);
  answers.release();
  cluster.run(20);
  notes.release();
  cluster.run(3_000);
}

/** Case 9: an answer to node 1 is delayed while node 1 restarts and numbers its records from 1 again. */
function answerToFormerProcess(cluster: ScriptedCluster): void {
  const restart = () => {
    cluster.node(1).crash();
    cluster.node(1).start();
    cluster.awaitReady([1, 2, 3]);
  };
  restart();
  const rest = cluster.lose(records([1], [3]));
  const answer = cluster.hold(packets([2], [1], "leaseAck"));
  cluster.client(A).request(1, X);
  cluster.run(20);
  restart();
  rest();
  cluster.lose(records([1], [2, 3]));
  cluster.client(B).request(1, Y);
  cluster.run(20);
  answer.release();
  cluster.run(3_000);
}

/**
 * Case 11: A's request is undecided on nodes 1 and 2, which missed B's lease; a later record of node 1 is committed.
 */
function committedThrough(cluster: ScriptedCluster): void {
  cluster.lose(records([3, 4, 5], [1, 2]));
  cluster.lose(packets([3, 4, 5], [1, 2], "syncChunk"));
  cluster.client(B).request(5, X);
  cluster.run(1_000);
  const answers = cluster.hold(packets([2, 3, 4, 5], [1], "leaseAck"));
  cluster.client(A).request(1, X);
  cluster.run(20);
  answers.lose();
  cluster.client(C).request(1, Y);
  cluster.run(1_000);
  cluster.lose(records([1], [2]));
  cluster.lose(packets([1], [2], "syncChunk"));
  cluster.run(25_000);
}

/**
 * Case 15: the lease is granted by the slowest clock that a right one still agrees with, and checked later by the
 * fastest one. Its client uses the address for longer than the lease. Node 3 has missed the record.
 */
function slowThenFast(cluster: ScriptedCluster): void {
  cluster.node(1).clock.set(-7_350);
  cluster.run(15_000);
  cluster.awaitReady([1, 2, 3]);
  cluster.lose(records([1, 2], [3]));
  cluster.lose(packets([1, 2], [3], "syncChunk"));
  cluster.client(A, 10_000).request(1, X);
  cluster.run(5_000);
  cluster.node(1).clock.set(0);
  // In two steps of less than S: a longer one would keep what was locked before it.
  cluster.node(2).clock.set(2_450);
  cluster.run(3_000);
  cluster.node(2).clock.set(7_350);
  cluster.run(12_000);
  const b = cluster.client(B);
  for (let tries = 0; tries < 30; tries++) {
    b.request(3, X);
    cluster.run(500);
  }
}

/**
 * Case 16: A's lease has ended and B has the address, which node 3 missed; node 3's clock steps back, and A asks it.
 */
function confirmedAlone(cluster: ScriptedCluster): void {
  cluster.client(A).request(1, X);
  cluster.run(60_000);
  cluster.lose(packets([1, 2], [3]));
  cluster.lose(packets([3], [1, 2]));
  cluster.client(B).request(1, X);
  cluster.run(1_000);
  cluster.node(3).clock.set(-3_600_000);
  cluster.client(A).request(3, X);
  cluster.run(5_000);
}

/** Case 17: node 3's new disk gets B's undecided request from node 2 first, then A's lease. */
function phantomFirst(cluster: ScriptedCluster): void {
  const alone = cluster.lose(records([2], [1, 3]));
  // Node 2 does not learn that A's lease is committed either.
  cluster.lose(packets([1, 3], [2], "syncChunk"));
  cluster.client(B).request(2, X);
  cluster.run(20);
  cluster.node(2).crash();
  cluster.node(2).start();
  cluster.awaitReady([1, 2, 3]);
  alone();
  cluster.client(A).request(1, X);
  cluster.run(50);
  const second = cluster.hold(packets([1], [3], "syncChunk"));
  cluster.node(3).crash();
  cluster.node(3).disk.wipe();
  cluster.node(3).start();
  cluster.run(8_000);
  second.release();
  cluster.run(1_000);
}

/** Case 18: node 5's disk is replaced after its accept; the new disk joins from node 2 before node 2's own accept. */
function acceptOfLostDisk(cluster: ScriptedCluster): void {
  const accepts = cluster.hold(packets([5], [1]));
  const proposal = cluster.hold(records([1], [2]));
  cluster.lose(records([1], [3, 4]));
  cluster.client(A).request(1, X);
  cluster.run(10);
  cluster.lose(packets([1], [5]));
  cluster.node(5).crash();
  cluster.node(5).disk.wipe();
  cluster.node(5).start();
  cluster.run(1_200);
  proposal.release();
  cluster.run(10);
  accepts.release();
  cluster.run(1_000);
}

/**
 * Case 19: node 1 loses its disk and its clock steps back by the elapsed time: the same version for the same client.
 */
function versionTwice(cluster: ScriptedCluster): void {
  const aheadMs = 4_900;
  cluster.node(1).clock.set(aheadMs);
  cluster.run(15_000);
  cluster.awaitReady(cluster.ids);
  const startMs = cluster.nowMs;
  const rest = cluster.lose(records([1], [3, 4, 5]));
  const silent = cluster.lose(packets([2], [1, 3, 4, 5]));
  cluster.lose(packets([2], [1, 3, 4, 5], "syncChunk"));
  cluster.client(A).request(1, X, 5);
  cluster.run(5);
  const node = cluster.node(1);
  node.crash();
  node.disk.wipe();
  node.clock.set(-aheadMs);
  node.start();
  cluster.run(8_000);
  cluster.awaitReady([1]);
  rest();
  silent();
  cluster.run(2 * aheadMs - (cluster.nowMs - startMs));
  cluster.lose(records([1], [4, 5]));
  cluster.client(A).request(1, X, 25);
  cluster.run(1_500);
}

/** Case 20: node 3's disk is an old copy without A's lease; node 1, which has the lease, cannot reach node 3. */
function oldCopy(cluster: ScriptedCluster): void {
  const image = cluster.node(3).disk.image();
  cluster.node(3).crash();
  cluster.node(3).start();
  cluster.awaitReady([1, 2, 3]);
  cluster.run(2_000);
  cluster.lose(records([1, 3], [2]));
  cluster.lose(packets([1, 3], [2], "syncChunk"));
  cluster.client(A).request(1, X);
  cluster.run(100);
  cluster.lose(packets([1], [3]));
  cluster.lose(packets([3], [1]));
  cluster.node(3).crash();
  cluster.node(3).disk.restore(image);
  cluster.node(3).start();
  const b = cluster.client(B);
  for (let tries = 0; tries < 10; tries++) {
    b.request(2, X);
    cluster.run(1_000);
  }
}

/** Case 21: node 3's clock is ten hours ahead, and A asks it for a lease. Later B asks for the address. */
function farFuture(cluster: ScriptedCluster): void {
  cluster.node(3).clock.set(36_000_000);
  cluster.run(1_000);
  cluster.client(A).request(3, X);
  cluster.run(3_000);
  cluster.expectUsable(cluster.client(B), X, [1, 2], 60_000);
}

/** Case 22: node 3 missed A's release, and on the others B's lease has replaced it. */
function deadLeaseInTheWay(cluster: ScriptedCluster): void {
  const a = cluster.client(A);
  a.request(1, X, 25);
  cluster.run(2_000);
  const there = cluster.lose(packets([1, 2], [3]));
  const back = cluster.lose(packets([3], [1, 2]));
  a.release(1, X);
  cluster.run(100);
  cluster.client(B).request(1, X, 25);
  cluster.run(2_000);
  for (const id of [1, 2]) {
    cluster.node(id).crash();
    cluster.node(id).start();
  }
  there();
  back();
  cluster.expectEqual([1, 2, 3], 15_000);
}

/** Case 23: A's lease is on three of five; two of these are removed in turn, before the others have all slots. */
function twoChangesAtOnce(cluster: ScriptedCluster): void {
  cluster.lose(records([1, 2, 5], [3, 4]));
  cluster.lose(packets([1, 2, 5], [3, 4], "syncChunk"));
  cluster.client(A).request(1, X);
  cluster.run(100);
  for (const id of [1, 2]) {
    const leader = cluster.ids.map((id) => cluster.node(id)).find(({ member }) => member?.role === "leader");
    let isDone = false;
    leader?.ask<"change">({ kind: "change", change: { kind: "remove", id } }, ({ ok }) => isDone = ok);
    cluster.run(1_000);
    if (isDone) cluster.node(id).crash();
  }
  cluster.run(1_000);
  cluster.client(B).request(3, X);
  cluster.run(3_000);
}

/** Case 27: node 3 missed A's lease, and has aborted B's proposal, which is newer. */
function hiddenLease(cluster: ScriptedCluster): void {
  const missed = cluster.lose(records([1, 2], [3]));
  const synced = cluster.lose(packets([1, 2], [3], "syncChunk"));
  cluster.client(A).request(1, X, 25);
  cluster.run(2_000);
  const alone = cluster.lose(packets([3], [1, 2]));
  cluster.client(B).request(3, X);
  cluster.run(3_000);
  for (const heal of [missed, synced, alone]) heal();
  cluster.expectEqual([1, 2, 3], 10_000);
}

/** Case 28: power fails everywhere after the DHCPACK, before any certificate is on a disk. Node 3 missed the lease. */
function uncertifiedLease(cluster: ScriptedCluster): void {
  const missed = cluster.lose(records([1, 2], [3]));
  const synced = cluster.lose(packets([1, 2], [3], "syncChunk"));
  // Certificates are written once a second: that of Y is, that of X is not.
  cluster.client(B).request(1, Y);
  cluster.run(50);
  cluster.client(A).request(1, X, 40);
  cluster.run(50);
  for (const id of cluster.ids) cluster.node(id).crash();
  for (const id of cluster.ids) cluster.node(id).start();
  missed();
  synced();
  cluster.awaitReady(cluster.ids);
  cluster.expectEqual([1, 2, 3], 20_000);
}

/** Case 32: A's REQUEST reaches node 2, and node 3 a little later, of which node 2 does not hear. It releases there. */
function releaseOfCopies(cluster: ScriptedCluster): void {
  const a = cluster.client(A);
  a.request(2, X, 60);
  cluster.run(50);
  cluster.lose(records([3], [2]));
  cluster.lose(packets([1, 3], [2], "syncChunk"));
  a.request(3, X, 60);
  cluster.run(25_000);
  a.release(2, X);
  cluster.expectEqual([1, 2, 3], 5_000);
}

/** Case 34: node 4 has taken over, unknown to node 3; each is given another change, and the network is cut. */
function twoLeaders(cluster: ScriptedCluster): void {
  const command = (id: number, change: MembershipChange) =>
    cluster.node(id).command((core, now) => core.member.change(change, now));
  cluster.node(4).command((core, now) => core.member.stepDown(now));
  cluster.run(5_000);
  cluster.lose(packets([1, 2], [3], "accepted"));
  cluster.lose(packets([4], [3]));
  cluster.node(4).command((core, now) => core.member.forceElection(now));
  cluster.run(200);
  cluster.lose(packets([1, 3], [2, 4]));
  cluster.lose(packets([2, 4], [1, 3]));
  command(3, { kind: "remove", id: 2 });
  command(4, { kind: "remove", id: 1 });
  cluster.run(6_000);
  cluster.client(A).request(3, X);
  cluster.client(B).request(2, X);
  cluster.run(3_000);
}

/** Node 3 missed a client's lease and would send a DHCPNAK; the other nodes have the lease. */
function refusedByOne(cluster: ScriptedCluster): void {
  const a = cluster.client(A);
  a.request(1, Y);
  cluster.run(500);
  a.release(1, Y);
  cluster.run(500);
  cluster.lose(records([1, 2], [3]));
  cluster.lose(packets([1, 2], [3], "syncChunk"));
  a.request(1, X);
  cluster.run(500);
  a.reboot(3, X);
  cluster.run(3_000);
}

/** Case 21: node 3 believes its own clock. */
const wrongClock: Mutation = { clock: (node) => node.id === 3 ? new mutations.WallClock() : undefined };
const SLOW_AND_FAST = [0, -2_450, 2_450];

export const SCHEDULES: readonly Schedule[] = [
  {
    name: "case 3: accepted, not kept",
    nodes: 3,
    clocks: [0, 2_000, 0],
    mutation: () => mutations.rules({ accept: mutations.acceptOlder }),
    checks: ["(d)"],
    play: olderThanAborted,
  },
  {
    name: "case 6: a release ends what it does not cover",
    nodes: 3,
    clocks: [2_000, 0, 0],
    mutation: () => mutations.rules({ end: mutations.releaseAll }),
    checks: ["(b)"],
    play: releaseMeetsNextRequest,
  },
  {
    name: "case 7: joins any xid",
    nodes: 3,
    mutation: () => ({ agreement: mutations.joinAnyProposal }),
    checks: ["(d)"],
    play: requestJoinsOlder,
  },
  {
    name: "case 9: an answer counts for any process",
    nodes: 3,
    mutation: () => ({ arriving: mutations.answerAnyProcess }),
    checks: ["(d)"],
    play: answerToFormerProcess,
  },
  {
    name: "case 11: committed through n",
    nodes: 5,
    mutation: () => ({ arriving: mutations.certifyThrough }),
    checks: ["(b)"],
    play: committedThrough,
  },
  {
    name: "case 15: a margin of two skews",
    nodes: 3,
    clocks: SLOW_AND_FAST,
    mutation: () => mutations.ONE_SKEW,
    checks: ["(a)"],
    play: slowThenFast,
  },
  {
    name: "no clock margin",
    nodes: 3,
    clocks: SLOW_AND_FAST,
    mutation: () => mutations.lessMargin(MARGIN_MS),
    checks: ["(a)", "(b)"],
    play: slowThenFast,
  },
  {
    name: "case 16: confirmed without a majority",
    nodes: 3,
    mutation: () => ({ agreement: mutations.confirmAlone, servesUnready: true }),
    checks: ["(d)"],
    play: confirmedAlone,
  },
  {
    name: "case 17: the first source wins",
    nodes: 3,
    mutation: mutations.syncFromFirst,
    checks: ["(b)"],
    play: phantomFirst,
  },
  {
    name: "case 18: a new disk syncs at once",
    nodes: 5,
    mutation: () => ({ agedMs: 60_000 }),
    checks: ["(b)"],
    play: acceptOfLostDisk,
  },
  {
    name: "case 19: one incarnation for all processes",
    nodes: 5,
    mutation: () => ({ incarnation: () => 7 }),
    checks: ["(d)"],
    play: versionTwice,
  },
  {
    name: "case 20: no memory of disks",
    nodes: 3,
    mutation: () => ({ arriving: mutations.rememberNoDisk }),
    checks: ["(a)", "(b)"],
    play: oldCopy,
  },
  {
    name: "case 21: proposes by a clock that no quorum confirms",
    nodes: 3,
    mutation: () => wrongClock,
    checks: ["(h)"],
    play: farFuture,
  },
  {
    name: "case 22: certificates do not count",
    nodes: 3,
    mutation: () => mutations.rules({ accept: mutations.acceptNoCertificate }),
    checks: ["(f)"],
    play: deadLeaseInTheWay,
  },
  {
    name: "case 23: two membership changes at once",
    nodes: 5,
    mutation: () => ({ arriving: mutations.settleAtOnce }),
    checks: ["(a)", "(b)"],
    play: twoChangesAtOnce,
  },
  {
    name: "case 27: a hidden lease is not proposed once more",
    nodes: 3,
    mutation: () => ({ arriving: mutations.readNoSlots }),
    checks: ["(f)"],
    play: hiddenLease,
  },
  {
    name: "case 28: a lease without a certificate is not proposed once more",
    nodes: 3,
    mutation: () => ({ arriving: mutations.readNoSlots }),
    checks: ["(f)"],
    play: uncertifiedLease,
  },
  {
    name: "case 32: a release covers no requests by their age",
    nodes: 3,
    mutation: () => mutations.rules({ end: mutations.endWithoutAge }),
    checks: ["(f)"],
    play: releaseOfCopies,
  },
  {
    name: "case 34: two leaders, each with a change of its own",
    nodes: 4,
    mutation: () => ({ arriving: mutations.chooseAlone }),
    checks: ["(a)", "(b)", "(d)", "(m)"],
    play: twoLeaders,
  },
  {
    name: "a DHCPNAK by one node's slot",
    nodes: 3,
    mutation: () => ({ agreement: mutations.refuseAlone }),
    checks: ["(i)"],
    play: refusedByOne,
  },
];

/** Performs a schedule; `isSafe`: with all safeguards. */
export function perform(
  { nodes, clocks, mutation, play }: Schedule,
  isSafe: boolean,
  log?: (line: string) => void,
): void {
  play(
    new ScriptedCluster({
      nodes,
      mutation: isSafe ? {} : mutation(),
      ...(clocks === undefined ? {} : { clocks }),
      ...(log === undefined ? {} : { log }),
    }),
  );
}
