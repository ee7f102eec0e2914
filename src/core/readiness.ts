/**
 * Why a node does not serve: one table, in the order in which reasons are looked at. `/readyz` and the metric
 * `requests_unserved` derive from it. The reason is for operators and relays; it permits nothing: a grant takes a
 * quorum's answers each time.
 */

import type { Unready } from "../cluster/member.ts";
import type { NodeId } from "../cluster/wire/messages.ts";

/** Why a node is not ready now. */
export type NotReady =
  | { readonly kind: "stopping" }
  | { readonly kind: "drained" }
  | { readonly kind: "starting" }
  | { readonly kind: "store"; readonly failure: string }
  | Unready;

const CLOCK_FAULTS = {
  noAnchor: "clock: no majority agrees with this machine's clock yet; set it by NTP if that lasts",
  wallJumped: "clock: it jumped; set it back, or wait until a majority agrees with it",
  unconfirmed:
    "clock: no majority agrees with this machine's clock any more (the machine was suspended, or its clock " +
    "runs too slow or too fast); set it by NTP",
} as const;

type ReasonTable = { readonly [Kind in NotReady["kind"]]: (reason: Extract<NotReady, { kind: Kind }>) => string };

/** The exit when a quorum of the disks is lost: see `src/cluster/membership/reset.ts`. */
const RESET_EXIT =
  "If the disks of a majority are lost for good, stop this node and run dhcpcluster-node members reset";

/** Each reason in an operator's words: what it is, and what to do. */
const REASONS: ReasonTable = {
  stopping: () => "stopping",
  drained: () => "drained: an operator took this node out; dhcpcluster-node drain --undo brings it back",
  starting: () => "starting",
  store: ({ failure }) => `store: ${failure}`,
  clock: ({ fault }) => CLOCK_FAULTS[fault],
  removed: () => "membership: this node was removed from the cluster; stop it",
  joining: ({ state }) => {
    if (state.kind !== "joining") return "joining";
    const { done, needed, rows, blank } = state.progress;
    return `joining: the leases of ${done} of ${needed} nodes are complete (${rows} so far)` +
      (blank.length > 0 ? `; ${nodes(blank)} ${blank.length === 1 ? "is" : "are"} as empty as this one` : "") +
      (state.fenced && done === 0 ? "; if those nodes are lost for good, see dhcpcluster-node restore --help" : "");
  },
  noQuorum: ({ leader, present }) =>
    `no majority: ${nodes(present)} of the cluster ${present.length === 1 ? "is" : "are"} heard here` +
    (leader === undefined ? ", and no node leads" : `, node ${leader} leads`) +
    `; start the others. ${RESET_EXIT}`,
  unheard: ({ leader }) =>
    `unheard: node ${leader} leads and does not hear this node: let UDP out to cluster.port of the others`,
  noConfiguration: () => "configuration: it waits for the newest one that a majority has",
  catchingUp: () => "catching up: the leases that were granted while it was away are on their way from the others",
  noRanges: () => "ranges: the leader has not given this node any addresses yet",
  witness: () => "witness: it stores leases and votes, as it should, and serves no clients",
};

/** Every reason, in the order in which they are looked at. */
export const NOT_READY_KINDS = Object.keys(REASONS) as readonly NotReady["kind"][];

/** A reason in an operator's words. */
export function explainNotReady<Kind extends NotReady["kind"]>(reason: Extract<NotReady, { kind: Kind }>): string {
  const kind: Kind = reason.kind;
  return REASONS[kind](reason);
}

/** `node 1`, or `nodes 1, 2`. */
export function nodes(ids: readonly NodeId[]): string {
  return ids.length === 1 ? `node ${ids[0]}` : `nodes ${ids.join(", ")}`;
}
