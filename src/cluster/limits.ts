/** The cluster's constants and how they relate. Those of the lease agreement are in `src/lease/agreement/limits.ts`. */

import { assert } from "../assert.ts";
import { PROPOSAL_MS } from "../lease/agreement/limits.ts";

export const CLUSTER_LIMITS = {
  /** A heartbeat (an empty batch) goes out when nothing else did for this long. */
  heartbeatMs: 500,
  /** A member that was silent for this long counts as lost. */
  suspectMs: 1_500,
  /** How long a candidate waits for an `Okay` of a higher member, or for a majority to accept it. */
  electionMs: 300,
  /** How long somebody who got an `Okay` waits for a `Coordinator` before that higher member is skipped. */
  coordinatorMs: 600,
  /** A higher member takes over only after it was synced and stable for this long. */
  takeoverMs: 10_000,
  /** A node that heard of no majority for this long stops serving. */
  statusMs: 2_500,
  /** The leader says who is there this often, and at once after a change. */
  statusIntervalMs: 500,
  /** A candidate repeats `Coordinator` this often to members that have not answered. */
  electionRepeatMs: 100,
  /** Who finds itself among a majority first listens this long for a leader. */
  leaderWaitMs: 1_000,
  /** A process heard this long after another one took over its id still runs: two nodes share the id. */
  duplicateIdMs: 10_000,
  /** A node that stopped serving keeps its ranges this long: a restart moves nothing. */
  rangeGraceMs: 5_000,
  /** A new leader waits at most this long for the members to say which ranges they have. */
  rangeCollectMs: 600,
  /** A member that has nothing to ask for tells its leader what it has this often. */
  rangeReportMs: 5_000,
  /** Ranges are moved for want of free addresses at most this often: heartbeats must show the last move first. */
  rangeIntervalMs: 1_500,
  /** Ranges and configuration are sent again this often until they are acknowledged. */
  repeatMs: 500,
  /** A pushed configuration is checked by everybody, and then on a majority's disks, within this each, or it is given up. */
  pushCheckMs: 1_500,
  /** Who handed a push to the leader waits this long. */
  pushMs: 4_000,
  /** Without any other deadline a member looks at its state this often. */
  housekeepingMs: 250,
  /** It looks at most this often because of a deadline; events are looked at immediately. */
  tickMinMs: 5,
  /** A batch goes out at the latest this long after its first record. */
  batchMs: 1,
  /** Octets of a datagram before sealing, so that it fits an MTU of 1500. */
  datagramBytesMax: 1_300,
  /** Records of its own stream that a process keeps for repair. */
  repairRecords: 65_536,
  /** Round trips that set the anchor are tried this often while there is none, and a tenth as often later. */
  clockProbeMs: 1_000,
  /** A node that has just started serves at the latest this long after, even if others may have leases that it has not. */
  catchUpMs: 3_000,
  /** A node with a new random disk waits this long before it asks for the first slots. */
  blankWaitMs: 2 * PROPOSAL_MS,
} as const;

assert(CLUSTER_LIMITS.suspectMs >= 3 * CLUSTER_LIMITS.heartbeatMs, "One lost heartbeat is not a death");
assert(CLUSTER_LIMITS.pushMs > 2 * CLUSTER_LIMITS.pushCheckMs, "The leader's answer comes before it is given up");
assert(CLUSTER_LIMITS.pushCheckMs > 2 * CLUSTER_LIMITS.repeatMs, "One lost question is no refusal");
assert(CLUSTER_LIMITS.statusMs >= 3 * CLUSTER_LIMITS.statusIntervalMs, "One lost status is not a partition");
assert(
  CLUSTER_LIMITS.statusMs > CLUSTER_LIMITS.suspectMs + CLUSTER_LIMITS.electionMs + CLUSTER_LIMITS.statusIntervalMs,
  "The next leader speaks before the word of a lost one is too old",
);
assert(CLUSTER_LIMITS.coordinatorMs > CLUSTER_LIMITS.electionMs, "A higher member needs an election of its own");
assert(
  CLUSTER_LIMITS.suspectMs + CLUSTER_LIMITS.electionMs < 2_000,
  "A lost leader is replaced within two seconds",
);
assert(
  CLUSTER_LIMITS.electionRepeatMs * 2 < CLUSTER_LIMITS.electionMs,
  "One lost datagram does not cost a candidate its election",
);
assert(CLUSTER_LIMITS.leaderWaitMs >= 2 * CLUSTER_LIMITS.statusIntervalMs, "A leader speaks up while one listens");
assert(
  CLUSTER_LIMITS.blankWaitMs > CLUSTER_LIMITS.electionMs,
  "No election that a lost disk took part in is open when its successor learns the terms",
);
assert(CLUSTER_LIMITS.rangeIntervalMs > 2 * CLUSTER_LIMITS.heartbeatMs, "Free counts are newer than the last move");
assert(
  CLUSTER_LIMITS.suspectMs + CLUSTER_LIMITS.rangeGraceMs + 2 * CLUSTER_LIMITS.repeatMs < 10_000 &&
    CLUSTER_LIMITS.suspectMs + CLUSTER_LIMITS.electionMs + CLUSTER_LIMITS.rangeCollectMs +
          2 * CLUSTER_LIMITS.repeatMs < 10_000,
  "A dead node's addresses are grantable again within ten seconds",
);
