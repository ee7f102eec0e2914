import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { MemberFacts } from "../cluster/member.ts";
import { explainNotReady, type NodeFacts, NOT_READY, type NotReady, whyNotReady } from "./readiness.ts";

/** Of the member, and of the node around it. */
type Facts = MemberFacts & NodeFacts;

const READY: Facts = {
  isStopping: false,
  isDrained: false,
  isStarted: true,
  storeFailure: undefined,
  isMember: true,
  clockFault: undefined,
  synced: true,
  slotState: { kind: "complete" },
  present: [1, 2, 3],
  voters: [1, 2, 3],
  quorum: 2,
  hasQuorum: true,
  leader: 3,
  unheardBy: undefined,
  hasConfiguration: true,
  isCaughtUp: true,
  proposalsTimeOut: false,
  isWitness: false,
  hasRanges: true,
  isBehindDisk: false,
};

/** What makes each reason hold, in the order of the table. */
const WRONG: Readonly<Record<NotReady, Partial<Facts>>> = {
  stopping: { isStopping: true },
  drained: { isDrained: true },
  starting: { isStarted: false },
  store: { storeFailure: "no space left on device" },
  removed: { isMember: false },
  clock: { clockFault: "wallJumped" },
  joining: {
    synced: false,
    slotState: { kind: "joining", fenced: false, progress: { done: 1, needed: 2, rows: 7, blank: [3] } },
  },
  noQuorum: { hasQuorum: false },
  unheard: { unheardBy: 3 },
  noConfiguration: { hasConfiguration: false },
  catchingUp: { isCaughtUp: false },
  proposalsTimeOut: { proposalsTimeOut: true },
  witness: { isWitness: true },
  noRanges: { hasRanges: false },
};

const why = (facts: Facts) => whyNotReady(facts, facts);

Deno.test("readiness: of all that is wrong, the first reason of the table is told, with what to do", () => {
  deepStrictEqual(Object.keys(WRONG), NOT_READY);
  let facts: Facts = READY;
  for (const kind of [...NOT_READY].reverse()) {
    facts = { ...facts, ...WRONG[kind] };
    strictEqual(why(facts), kind);
    strictEqual(why({ ...READY, ...WRONG[kind] }), kind, "alone");
  }
  strictEqual(why(READY), undefined);
  const explain = (kind: NotReady, more: Partial<Facts> = {}) => {
    const wrong = { ...READY, ...WRONG[kind], ...more };
    return explainNotReady(kind, wrong, wrong);
  };
  strictEqual(
    explain("drained"),
    "drained: an operator took this node out; dhcpcluster-node drain --undo brings it back",
  );
  strictEqual(
    explain("noQuorum", { voters: [3], hasQuorum: true }),
    "no majority: nodes 1, 2, 3 of the cluster are heard here; nodes 1, 2 cannot vote, as their leases are not " +
      "complete; node 3 leads; start the others, and check the network; if the disks of a majority are lost for " +
      "good, stop this node and run dhcpcluster-node members reset",
  );
});

Deno.test("readiness: a quorum is counted among those that can vote", () => {
  strictEqual(why({ ...READY, voters: [1, 3] }), undefined);
  strictEqual(why({ ...READY, voters: [3] }), "noQuorum");
});

Deno.test("readiness: a node in a minority cannot confirm its clock, and reports the missing quorum", () => {
  const minority = { ...READY, present: [1], voters: [1], clockFault: "noAnchor" } as const;
  strictEqual(why(minority), "noQuorum");
  strictEqual(why({ ...minority, present: [1, 2] }), "clock");
  strictEqual(why({ ...minority, clockFault: "wallJumped" }), "clock");
});
