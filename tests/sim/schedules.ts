/**
 * Schedules for what chance seldom reaches: each is played twice, with all safeguards and with the one less that it is about.
 * A script ends without a word when nobody was harmed; the checkers say the rest.
 */

import { MARGIN_MS } from "../../src/lease/agreement/limits.ts";
import * as bent from "./mutations.ts";
import { packets, records, ScriptedCluster, X, Y } from "./scripted.ts";
import type { Tampering } from "./tampering.ts";
import type { Check } from "./violation.ts";

export interface Schedule {
  readonly name: string;
  readonly nodes: number;
  /** Of the right clocks. */
  readonly clocks?: readonly number[];
  /** What goes wrong in both performances. */
  readonly given?: () => Tampering;
  /** The safeguard less. */
  readonly tampering: () => Tampering;
  /** Any of these must notice it. */
  readonly checks: readonly Check[];
  readonly play: (stage: ScriptedCluster) => void;
}

const A = 1;
const B = 2;
const C = 3;

/** Case 6: A releases through node 1, whose clock is ahead and whose messages are slow, and is back through node 2 before. */
function releaseMeetsNextRequest(stage: ScriptedCluster): void {
  const a = stage.client(A);
  a.request(1, X);
  stage.run(1_500);
  const slow = stage.hold(packets([1], [2, 3]));
  a.release(1, X);
  stage.run(10);
  a.request(2, X);
  stage.run(50);
  slow.release();
  stage.run(3_000);
}

/** Case 7: node 1 hears late of what its others said, and not of A's release; A is back with another transaction. */
function requestJoinsOlder(stage: ScriptedCluster): void {
  const a = stage.client(A);
  const answers = stage.hold(packets([2, 3], [1], "leaseAck"));
  const news = stage.hold(records([2, 3], [1]));
  a.request(1, X);
  stage.run(50);
  a.request(2, X);
  stage.run(50);
  a.release(2, X);
  stage.run(50);
  a.request(1, X);
  answers.release();
  stage.run(20);
  news.release();
  stage.run(3_000);
}

/** Case 9: an answer to node 1 is on its way while it starts anew and numbers its records from 1 again. */
function answerToFormerProcess(stage: ScriptedCluster): void {
  const restart = () => {
    stage.node(1).crash();
    stage.node(1).start();
    stage.awaitReady([1, 2, 3]);
  };
  restart();
  const rest = stage.lose(records([1], [3]));
  const answer = stage.hold(packets([2], [1], "leaseAck"));
  stage.client(A).request(1, X);
  stage.run(20);
  restart();
  rest();
  stage.lose(records([1], [2, 3]));
  stage.client(B).request(1, Y);
  stage.run(20);
  answer.release();
  stage.run(3_000);
}

/** Case 11: A's request is undecided at nodes 1 and 2, which missed B's lease; a later record of node 1 is committed. */
function committedThrough(stage: ScriptedCluster): void {
  stage.lose(records([3, 4, 5], [1, 2]));
  stage.lose(packets([3, 4, 5], [1, 2], "syncChunk"));
  stage.client(B).request(5, X);
  stage.run(1_000);
  const answers = stage.hold(packets([2, 3, 4, 5], [1], "leaseAck"));
  stage.client(A).request(1, X);
  stage.run(20);
  answers.lose();
  stage.client(C).request(1, Y);
  stage.run(1_000);
  stage.lose(records([1], [2]));
  stage.lose(packets([1], [2], "syncChunk"));
  stage.run(8_000);
}

/**
 * Case 15: the lease is granted by a clock that is as slow as one can be that a right one believes, and later judged by one
 * that is as fast; its client is slow, too. Node 3 has missed it.
 */
function slowThenFast(stage: ScriptedCluster): void {
  stage.node(1).clock.set(-7_350);
  stage.run(15_000);
  stage.awaitReady([1, 2, 3]);
  stage.lose(records([1, 2], [3]));
  stage.lose(packets([1, 2], [3], "syncChunk"));
  stage.client(A, 10_000).request(1, X);
  stage.run(5_000);
  stage.node(1).clock.set(0);
  stage.node(2).clock.set(7_350);
  stage.run(15_000);
  const b = stage.client(B);
  for (let tries = 0; tries < 30; tries++) {
    b.request(3, X);
    stage.run(500);
  }
}

/** Case 16: A's lease has ended and B has its address, which node 3 missed; its clock falls back, and A asks there. */
function confirmedAlone(stage: ScriptedCluster): void {
  stage.client(A).request(1, X);
  stage.run(60_000);
  stage.lose(packets([1, 2], [3]));
  stage.lose(packets([3], [1, 2]));
  stage.client(B).request(1, X);
  stage.run(1_000);
  stage.node(3).clock.set(-3_600_000);
  stage.client(A).request(3, X);
  stage.run(5_000);
}

/** Case 17: node 3's new disk hears first of a request that node 2 has from B and nobody decided, then of A's lease. */
function phantomFirst(stage: ScriptedCluster): void {
  const alone = stage.lose(records([2], [1, 3]));
  // Nor does node 2 hear that A's lease is committed.
  stage.lose(packets([1, 3], [2], "syncChunk"));
  stage.client(B).request(2, X);
  stage.run(20);
  stage.node(2).crash();
  stage.node(2).start();
  stage.awaitReady([1, 2, 3]);
  alone();
  stage.client(A).request(1, X);
  stage.run(50);
  const second = stage.hold(packets([1], [3], "syncChunk"));
  stage.node(3).crash();
  stage.node(3).disk.wipe();
  stage.node(3).start();
  stage.run(8_000);
  second.release();
  stage.run(1_000);
}

/** Case 18: node 5's disk is replaced after its accept; node 2 feeds the new one before its own accept. */
function acceptOfLostDisk(stage: ScriptedCluster): void {
  const accepts = stage.hold(packets([5], [1]));
  const proposal = stage.hold(records([1], [2]));
  stage.lose(records([1], [3, 4]));
  stage.client(A).request(1, X);
  stage.run(10);
  stage.lose(packets([1], [5]));
  stage.node(5).crash();
  stage.node(5).disk.wipe();
  stage.node(5).start();
  stage.run(1_200);
  proposal.release();
  stage.run(10);
  accepts.release();
  stage.run(1_000);
}

/** Case 19: node 1 loses its disk and its clock falls back by just as long: it mints the same version for the same client. */
function versionTwice(stage: ScriptedCluster): void {
  const aheadMs = 4_900;
  stage.node(1).clock.set(aheadMs);
  stage.run(15_000);
  stage.awaitReady(stage.ids);
  const startMs = stage.cluster.world.nowMs;
  const rest = stage.lose(records([1], [3, 4, 5]));
  const silent = stage.lose(packets([2], [1, 3, 4, 5]));
  stage.lose(packets([2], [1, 3, 4, 5], "syncChunk"));
  stage.client(A).request(1, X, 5);
  stage.run(5);
  const node = stage.node(1);
  node.crash();
  node.disk.wipe();
  node.clock.set(-aheadMs);
  node.start();
  stage.run(8_000);
  stage.awaitReady([1]);
  rest();
  silent();
  stage.run(2 * aheadMs - (stage.cluster.world.nowMs - startMs));
  stage.lose(records([1], [4, 5]));
  stage.client(A).request(1, X, 25);
  stage.run(1_500);
}

/** Case 20: node 3's disk is an old copy that has forgotten A's lease; node 1, which has it, can't say so. */
function oldCopy(stage: ScriptedCluster): void {
  const image = stage.node(3).disk.image();
  stage.node(3).crash();
  stage.node(3).start();
  stage.awaitReady([1, 2, 3]);
  stage.run(2_000);
  stage.lose(records([1, 3], [2]));
  stage.lose(packets([1, 3], [2], "syncChunk"));
  stage.client(A).request(1, X);
  stage.run(100);
  stage.lose(packets([1], [3]));
  stage.lose(packets([3], [1]));
  stage.node(3).crash();
  stage.node(3).disk.restore(image);
  stage.node(3).start();
  const b = stage.client(B);
  for (let tries = 0; tries < 10; tries++) {
    b.request(2, X);
    stage.run(1_000);
  }
}

/** Case 21: node 3 believes in a clock that is ten hours ahead, and A asks there. Later somebody wants the address. */
function farFuture(stage: ScriptedCluster): void {
  stage.node(3).clock.set(36_000_000);
  stage.run(1_000);
  stage.client(A).request(3, X);
  stage.run(3_000);
  stage.expectUsable(stage.client(B), X, [1, 2], 60_000);
}

/** Case 22: node 3 missed A's release, and the others have forgotten it over B's lease. */
function deadLeaseInTheWay(stage: ScriptedCluster): void {
  const a = stage.client(A);
  a.request(1, X, 25);
  stage.run(2_000);
  const there = stage.lose(packets([1, 2], [3]));
  const back = stage.lose(packets([3], [1, 2]));
  a.release(1, X);
  stage.run(100);
  stage.client(B).request(1, X, 25);
  stage.run(2_000);
  for (const id of [1, 2]) {
    stage.node(id).crash();
    stage.node(id).start();
  }
  there();
  back();
  stage.expectEqual([1, 2, 3], 15_000);
}

/** Case 23: A's lease is on three of five; two of these are removed, one after the other, before the rest has everything. */
function twoChangesAtOnce(stage: ScriptedCluster): void {
  stage.lose(records([1, 2, 5], [3, 4]));
  stage.lose(packets([1, 2, 5], [3, 4], "syncChunk"));
  stage.client(A).request(1, X);
  stage.run(100);
  for (const id of [1, 2]) {
    const leader = stage.ids.map((id) => stage.node(id)).find(({ member }) => member?.role === "leader");
    const result = leader?.command((core, now) => core.member.change({ kind: "remove", id }, now));
    stage.run(1_000);
    if (result?.ok === true) stage.node(id).crash();
  }
  stage.run(1_000);
  stage.client(B).request(3, X);
  stage.run(3_000);
}

/** A node has not heard of a client's lease and would refuse it; the others know better. */
function refusedByOne(stage: ScriptedCluster): void {
  const a = stage.client(A);
  a.request(1, Y);
  stage.run(500);
  a.release(1, Y);
  stage.run(500);
  stage.lose(records([1, 2], [3]));
  stage.lose(packets([1, 2], [3], "syncChunk"));
  a.request(1, X);
  stage.run(500);
  a.reboot(3, X);
  stage.run(3_000);
}

/** The bad clock of case 21, in both performances. */
const badClock: Tampering = { clock: (node) => node.id === 3 ? new bent.WallClock() : undefined };
const SLOW_AND_FAST = [0, -2_450, 2_450];

export const SCHEDULES: readonly Schedule[] = [
  {
    name: "case 6: a release ends what it does not cover",
    nodes: 3,
    clocks: [2_000, 0, 0],
    tampering: () => bent.rules({ end: bent.releaseAll }),
    checks: ["(b)"],
    play: releaseMeetsNextRequest,
  },
  {
    name: "case 7: joins any xid",
    nodes: 3,
    tampering: () => ({ agreement: bent.joinAnyProposal }),
    checks: ["(d)"],
    play: requestJoinsOlder,
  },
  {
    name: "case 9: an answer is for whoever runs",
    nodes: 3,
    tampering: () => ({ arriving: bent.answerAnyProcess }),
    checks: ["(d)"],
    play: answerToFormerProcess,
  },
  {
    name: "case 11: committed through n",
    nodes: 5,
    tampering: () => ({ arriving: bent.certifyThrough }),
    checks: ["(b)"],
    play: committedThrough,
  },
  {
    name: "case 15: a margin of two skews",
    nodes: 3,
    clocks: SLOW_AND_FAST,
    tampering: () => bent.ONE_SKEW,
    checks: ["(a)"],
    play: slowThenFast,
  },
  {
    name: "no clock margin",
    nodes: 3,
    clocks: SLOW_AND_FAST,
    tampering: () => bent.lessMargin(MARGIN_MS),
    checks: ["(a)", "(b)"],
    play: slowThenFast,
  },
  {
    name: "case 16: confirmed without a majority",
    nodes: 3,
    tampering: () => ({ agreement: bent.confirmAlone, servesUnready: true }),
    checks: ["(d)"],
    play: confirmedAlone,
  },
  {
    name: "case 17: the first source wins",
    nodes: 3,
    tampering: bent.syncFromFirst,
    checks: ["(b)"],
    play: phantomFirst,
  },
  {
    name: "case 18: a new disk syncs at once",
    nodes: 5,
    tampering: () => ({ agedMs: 60_000 }),
    checks: ["(b)"],
    play: acceptOfLostDisk,
  },
  {
    name: "case 19: one incarnation for all processes",
    nodes: 5,
    tampering: () => ({ incarnation: () => 7 }),
    checks: ["(d)"],
    play: versionTwice,
  },
  {
    name: "case 20: no memory of disks",
    nodes: 3,
    tampering: () => ({ arriving: bent.rememberNoDisk }),
    checks: ["(a)", "(b)"],
    play: oldCopy,
  },
  {
    name: "case 21: no bound to a hold",
    nodes: 3,
    given: () => badClock,
    tampering: () => ({ maxLeaseMs: Infinity }),
    checks: ["(h)"],
    play: farFuture,
  },
  {
    name: "case 22: no certificate counts",
    nodes: 3,
    tampering: () => bent.rules({ accept: bent.acceptNoCertificate }),
    checks: ["(f)"],
    play: deadLeaseInTheWay,
  },
  {
    name: "case 23: two changes of the members at once",
    nodes: 5,
    tampering: () => ({ arriving: bent.settleAtOnce }),
    checks: ["(a)", "(b)"],
    play: twoChangesAtOnce,
  },
  {
    name: "a DHCPNAK by one node's word",
    nodes: 3,
    tampering: () => ({ agreement: bent.refuseAlone }),
    checks: ["(i)"],
    play: refusedByOne,
  },
];

/** Plays a schedule; `isSafe`: with all safeguards. */
export function perform(
  { nodes, clocks, given, tampering, play }: Schedule,
  isSafe: boolean,
  log?: (line: string) => void,
): void {
  play(
    new ScriptedCluster({
      nodes,
      tampering: { ...given?.(), ...(isSafe ? {} : tampering()) },
      ...(clocks === undefined ? {} : { clocks }),
      ...(log === undefined ? {} : { log }),
    }),
  );
}
