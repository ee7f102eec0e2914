/**
 * Why a node does not serve: one table. `/readyz`, the metric `requests_unserved`, `ready` in the heartbeats and the
 * table in the operator's guide derive from it. A reason is for operators and relays; it permits nothing: a grant takes
 * a quorum's answers each time.
 */

import type { MemberFacts } from "../cluster/member.ts";
import type { NodeId } from "../cluster/wire/messages.ts";

/** What readiness depends on besides the facts of the member. */
export interface NodeFacts {
  readonly isStopping: boolean;
  readonly isDrained: boolean;
  /** The start is durable, and the DHCP sockets are open. */
  readonly isStarted: boolean;
  /** Why nothing can be written; undefined while the store works. */
  readonly storeFailure: string | undefined;
}

/** One reason. */
interface Reason {
  /** What `/readyz` begins with. */
  readonly title: string;
  readonly meaning: string;
  /** What to do; empty: wait. */
  readonly advice: string;
  /** Whether it holds now; a text: it does, and this says more than `meaning`. */
  readonly holds: (member: MemberFacts, node: NodeFacts) => boolean | string;
}

const CLOCK_FAULTS = {
  noAnchor: "no majority agrees with this machine's clock yet",
  wallJumped: "it jumped, and no majority follows; set it back, or wait until a majority agrees with it",
  unconfirmed:
    "no majority agrees with this machine's clock any more; the machine was suspended, or its clock runs too " +
    "slow or too fast",
} as const;

/** Every reason, in the order in which they are looked at: the first that holds is the one that is told. */
export const REASONS = {
  stopping: {
    title: "stopping",
    meaning: "the program ends",
    advice: "",
    holds: (_member, node) => node.isStopping,
  },
  drained: {
    title: "drained",
    meaning: "an operator took this node out",
    advice: "dhcpcluster-node drain --undo brings it back",
    holds: (_member, node) => node.isDrained,
  },
  starting: {
    title: "starting",
    meaning: "the start is not on disk yet, or the DHCP sockets are not open",
    advice: "",
    holds: (_member, node) => !node.isStarted,
  },
  store: {
    title: "store",
    meaning: "the disk is full, fails or hangs, or the database's files were touched: nothing is acknowledged",
    advice: "the node serves again when writing works",
    holds: (member, node) => node.storeFailure ?? (member.isBehindDisk && "it is slower than the cluster's records"),
  },
  removed: {
    title: "membership",
    meaning: "this node was removed from the cluster",
    advice: "stop it",
    holds: (member) => !member.isMember,
  },
  clock: {
    title: "clock",
    meaning: "the wall clock jumped by more than 5 s, or no majority agrees with it",
    advice: "set it by NTP; /status shows the offsets",
    holds: ({ clockFault, present, quorum }) => {
      if (clockFault === undefined) return false;
      // A node in a minority cannot confirm its clock: report the missing quorum, not the clock.
      return (clockFault === "wallJumped" || present.length >= quorum) && CLOCK_FAULTS[clockFault];
    },
  },
  joining: {
    title: "joining",
    meaning: "the disk is new, and the leases of the others are not complete on it",
    advice: "start the others; if all disks are new, it waits for all of them, or see --bootstrap",
    holds: ({ slotState: state, synced }) => {
      if (synced || state.kind !== "joining") return !synced;
      const { done, needed, rows, blank } = state.progress;
      return `the leases of ${done} of ${needed} nodes are complete (${rows} so far)` +
        (blank.length > 0 ? `; ${nodes(blank)} ${blank.length === 1 ? "is" : "are"} as empty as this one` : "") +
        (state.fenced && done === 0 ? "; if those nodes are lost for good, see dhcpcluster-node restore --help" : "");
    },
  },
  noQuorum: {
    title: "no majority",
    // Local silence detects a partition before the status of a leader on the same side does.
    meaning: "this node hears too few members that can vote, or no leader",
    advice:
      "start the others, and check the network; if the disks of a majority are lost for good, stop this node and " +
      "run dhcpcluster-node members reset",
    holds: ({ voters, present, quorum, hasQuorum, leader }) => {
      if (voters.length >= quorum && hasQuorum) return false;
      const learners = present.filter((id) => !voters.includes(id));
      return `${nodes(present)} of the cluster ${present.length === 1 ? "is" : "are"} heard here` +
        (learners.length > 0 ? `; ${nodes(learners)} cannot vote, as their leases are not complete` : "") +
        (leader === undefined ? "; no node leads" : `; node ${leader} leads`);
    },
  },
  unheard: {
    title: "unheard",
    meaning: "this node hears its leader, but not the reverse: its proposals would time out",
    advice: "let UDP out to cluster.port of the others",
    holds: ({ unheardBy }) => unheardBy !== undefined && `node ${unheardBy} leads and does not hear this node`,
  },
  noConfiguration: {
    title: "configuration",
    meaning: "it waits for the newest one that a majority has",
    advice: "",
    holds: (member) => !member.hasConfiguration,
  },
  catchingUp: {
    title: "catching up",
    meaning: "the leases that were granted while it was away are on their way from the others",
    advice: "",
    holds: (member) => !member.isCaughtUp,
  },
  proposalsTimeOut: {
    title: "proposals time out",
    meaning: "the last leases that it proposed had no answer from a majority; it tries again after some seconds",
    advice: "check the disks of all nodes, and the network between them",
    holds: (member) => member.proposalsTimeOut,
  },
  witness: {
    title: "witness",
    meaning: "it stores leases and votes, as it should, and serves no clients",
    advice: "",
    holds: (member) => member.isWitness,
  },
  noRanges: {
    title: "ranges",
    meaning: "the leader has not given this node any addresses yet",
    advice: "",
    holds: (member) => !member.hasRanges,
  },
} as const satisfies Readonly<Record<string, Reason>>;

/** Why a node is not ready. */
export type NotReady = keyof typeof REASONS;

/** Every reason, in the order in which they are looked at. */
export const NOT_READY = Object.keys(REASONS) as readonly NotReady[];

const CHECKS = NOT_READY.map((kind) => ({ kind, holds: REASONS[kind].holds as Reason["holds"] }));

/** Why a node is not ready now; undefined when it is. */
export function whyNotReady(member: MemberFacts, node: NodeFacts): NotReady | undefined {
  // Every request and every tick asks this.
  for (const { kind, holds } of CHECKS) if (holds(member, node) !== false) return kind;
  return undefined;
}

/** A reason that holds, in an operator's words: what it is, and what to do. */
export function explainNotReady(kind: NotReady, member: MemberFacts, node: NodeFacts): string {
  const { title, meaning, advice, holds }: Reason = REASONS[kind];
  const held = holds(member, node);
  return `${title}: ${typeof held === "string" ? held : meaning}${advice === "" ? "" : `; ${advice}`}`;
}

/** `node 1`, or `nodes 1, 2`. */
export function nodes(ids: readonly NodeId[]): string {
  return ids.length === 1 ? `node ${ids[0]}` : `nodes ${ids.join(", ")}`;
}
