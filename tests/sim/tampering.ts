/**
 * What may be bent in the nodes of a run, to show that a safeguard is missed when it is taken away: all of it around the
 * product's own parts, or in what they are made from. Nothing is bent in an honest run.
 */

import type { ClusterMessage, Envelope } from "../../src/cluster/wire/messages.ts";
import type { Safeguards } from "../../src/cluster/replication/replica.ts";
import type { LeaseAgreement } from "../../src/dhcp/server/dhcp_server.ts";
import type { AnchoredClock } from "../../src/lease/agreement/clock.ts";
import type { SimCluster } from "./cluster.ts";
import type { SimNode } from "./node.ts";

export interface Tampering {
  /** Of the replica. */
  readonly safeguards?: Partial<Safeguards>;
  /** Another clock than the anchored one. */
  readonly clock?: (node: SimNode) => AnchoredClock | undefined;
  /** The incarnation in the versions of a new process; `random` is what it should be. */
  readonly incarnation?: (random: number) => number;
  /** How long a process pretends to have run when it starts. */
  readonly agedMs?: number;
  /** The longest lease that anybody gives, as far as a record's hold is concerned. */
  readonly maxLeaseMs?: number;
  /** A node serves even when it knows that it should not. */
  readonly servesUnready?: boolean;
  /** Sees what a node sends to each. */
  readonly sending?: (node: SimNode, message: ClusterMessage) => void;
  /** What a message becomes on its arrival. */
  readonly arriving?: (arrival: Arriving) => readonly ClusterMessage[];
  /** What stands between a node's DHCP server and its member of the cluster. */
  readonly agreement?: (node: SimNode, agreement: LeaseAgreement) => LeaseAgreement;
}

/** A message that arrives. */
export interface Arriving {
  readonly cluster: SimCluster;
  readonly to: SimNode;
  readonly envelope: Envelope;
  readonly message: ClusterMessage;
}
