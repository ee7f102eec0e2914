/** The cluster's constants and their relations. Those of the lease agreement are in `src/lease/agreement/limits.ts`. */

import { assert } from "../assert.ts";
import { PROPOSAL_MS } from "../lease/agreement/limits.ts";

export const CLUSTER_LIMITS = {
  /** Heartbeat interval. */
  heartbeatMs: 500,
  /** The failure detector suspects a member after this much silence. */
  suspectMs: 1_500,
  /** A candidate waits this long for an `Okay` of a higher member, or for a quorum of votes. */
  electionMs: 300,
  /** A candidate asks for pre-votes for this long: voters lose a leader up to a heartbeat later than the candidate. */
  canvassMs: 1_000,
  /** After an `Okay`, a candidate waits this long for a `Coordinator` before it skips the higher member. */
  coordinatorMs: 600,
  /** A higher member takes over after it was synced and stable for this long. */
  takeoverMs: 10_000,
  /** A leader that fewer than a quorum hear steps down, and leaves leading to others for this long. */
  unheardRestMs: 60_000,
  /** It leads again all the same when it heard no leader for this long. */
  leaderlessMs: 5_000,
  /** A node without a status from a leader with a quorum for this long stops serving. */
  statusMs: 2_500,
  /** A voter whose last status of a leader is older than this no longer keeps others from replacing it. */
  statusUnsureMs: 1_250,
  /** The leader broadcasts its view of the live members at this interval, and immediately after a change. */
  statusIntervalMs: 500,
  /** A candidate retransmits `Coordinator` at this interval to members that have not answered. */
  electionRepeatMs: 100,
  /** A node that begins to hear a quorum listens this long for a leader before it starts an election. */
  leaderWaitMs: 1_000,
  /** A process heard this long after another process took over its id still runs: two nodes share the id. */
  duplicateIdMs: 10_000,
  /** Ranges of a node that stopped serving are kept this long, so that a restart moves no range. */
  rangeGraceMs: 5_000,
  /** A new leader waits at most this long for the members' range reports. */
  rangeCollectMs: 600,
  /** Interval of a member's range report to the leader when it needs no addresses. */
  rangeReportMs: 5_000,
  /** Minimum time between two rebalances of ranges: heartbeats must report the effect of the last one first. */
  rangeIntervalMs: 1_500,
  /** Retransmit interval of unacknowledged ranges and configuration. */
  repeatMs: 500,
  /** Timeout of each phase of a configuration push: the check by all members, then durability on a quorum. */
  pushCheckMs: 1_500,
  /** A member that forwarded a push to the leader waits this long. */
  pushMs: 4_000,
  /** What a busy member checks of a configuration in a millisecond at least: see {@link configPatienceMs}. */
  configCharactersPerMs: 200,
  /** Tick interval without any other deadline: that of the heartbeats, so that an idle member ticks no more often. */
  housekeepingMs: 500,
  /** Minimum time between two ticks caused by deadlines; an event causes a tick immediately. */
  tickMinMs: 5,
  /** A batch is sent at most this long after its first record. */
  batchMs: 1,
  /** Octets of a datagram before sealing, so that it fits an MTU of 1500. */
  datagramBytesMax: 1_300,
  /** Records of its own stream that a process keeps for retransmission. */
  repairRecords: 65_536,
  /** Rows that wait for this node's disk; beyond them it takes no records of others. Some 10 MB. */
  waitingRowsMax: 16_384,
  /** Interval of the round trips that set the clock's anchor; ten times as long once the clock is anchored. */
  clockProbeMs: 1_000,
  /** After a start, a node serves at most this much later, even if anti-entropy has not finished. */
  catchUpMs: 3_000,
  /** Interval at which the highest lsn heard of other disks is written: with the fsync, at most 1 s late. */
  peerLsnMs: 500,
  /** A node with a blank disk waits this long before it pulls slots (case 18). */
  blankWaitMs: 2 * PROPOSAL_MS,
} as const;

assert(CLUSTER_LIMITS.suspectMs >= 3 * CLUSTER_LIMITS.heartbeatMs, "One lost heartbeat does not suspect a member");
assert(
  CLUSTER_LIMITS.waitingRowsMax < CLUSTER_LIMITS.repairRecords,
  "What a slow disk made a node leave out, the others still have for retransmission",
);
assert(CLUSTER_LIMITS.pushMs > 2 * CLUSTER_LIMITS.pushCheckMs, "The leader's answer arrives before the push times out");
assert(CLUSTER_LIMITS.pushCheckMs > 2 * CLUSTER_LIMITS.repeatMs, "One lost check is not a refusal");
assert(
  CLUSTER_LIMITS.statusUnsureMs > 2 * CLUSTER_LIMITS.statusIntervalMs &&
    CLUSTER_LIMITS.statusUnsureMs < CLUSTER_LIMITS.suspectMs,
  "Two lost statuses unseat no leader, and a voter is ready to replace it when a candidate suspects it",
);
assert(CLUSTER_LIMITS.statusMs >= 3 * CLUSTER_LIMITS.statusIntervalMs, "One lost status is not a partition");
assert(
  CLUSTER_LIMITS.statusMs > CLUSTER_LIMITS.suspectMs + CLUSTER_LIMITS.electionMs + CLUSTER_LIMITS.statusIntervalMs,
  "The next leader's status arrives before that of a failed leader expires",
);
assert(CLUSTER_LIMITS.canvassMs > CLUSTER_LIMITS.heartbeatMs, "A voter that loses the leader last is still asked");
assert(CLUSTER_LIMITS.coordinatorMs > CLUSTER_LIMITS.electionMs, "A higher member needs an election of its own");
assert(
  CLUSTER_LIMITS.suspectMs + CLUSTER_LIMITS.electionMs < 2_000,
  "A lost leader is replaced within two seconds",
);
assert(
  CLUSTER_LIMITS.electionRepeatMs * 2 < CLUSTER_LIMITS.electionMs,
  "One lost datagram does not cost a candidate its election",
);
assert(
  CLUSTER_LIMITS.leaderWaitMs >= 2 * CLUSTER_LIMITS.statusIntervalMs,
  "A live leader sends a status while a node listens",
);
assert(
  CLUSTER_LIMITS.blankWaitMs > CLUSTER_LIMITS.electionMs,
  "All elections in which a lost disk voted are over when its successor learns the term",
);
assert(
  CLUSTER_LIMITS.rangeIntervalMs > 2 * CLUSTER_LIMITS.heartbeatMs,
  "Free counts are newer than the last rebalance",
);
assert(
  CLUSTER_LIMITS.suspectMs + CLUSTER_LIMITS.rangeGraceMs + 2 * CLUSTER_LIMITS.repeatMs < 10_000 &&
    CLUSTER_LIMITS.suspectMs + CLUSTER_LIMITS.electionMs + CLUSTER_LIMITS.rangeCollectMs +
          2 * CLUSTER_LIMITS.repeatMs < 10_000,
  "The addresses of a failed node are allocatable again within ten seconds",
);

/** How much longer than a small configuration a large one may take to be carried and checked: 8 s for 1.6 MB. */
export function configPatienceMs(text: string): number {
  return text.length < SMALL_CONFIG_CHARACTERS ? 0 : Math.ceil(text.length / CLUSTER_LIMITS.configCharactersPerMs);
}

/** Up to here the other limits have enough to spare. */
const SMALL_CONFIG_CHARACTERS = 16_384;
