/**
 * What a node does whose disk lacks leases that it has acknowledged. In a cluster it is a learner: it takes all leases
 * from the others before it votes. Alone it must not start, as it would give leased addresses to other clients.
 */

import { MEMBERSHIP_FACTS, readEpoch } from "../src/cluster/membership/membership.ts";
import type { NodeId } from "../src/cluster/wire/messages.ts";
import { DATABASE_FILE, describeBehind } from "./store/database.ts";
import type { Behind } from "./store/protocol.ts";

/** A node whose disk is behind. */
interface Loss {
  readonly behind: Behind;
  readonly self: NodeId;
  /** `cluster.nodes` of the file. */
  readonly nodes: readonly { readonly id: NodeId }[];
  readonly facts: ReadonlyMap<string, string>;
  readonly stateDir: string;
  readonly bootstrap: boolean;
}

/** Whether the disk is a learner's from now on, and what to log. Throws one line when the node must not start. */
export function afterLoss(loss: Loss): { readonly isLearner: boolean; readonly warning: string } {
  const { behind, stateDir } = loss;
  const path = `${stateDir}/${DATABASE_FILE}`;
  const what = behind.found === 0
    ? `The lease database ${path} was missing, or lost all leases that this node had`
    : `The lease database ${path} lacks leases that this node has acknowledged (${describeBehind(behind)})`;
  if (hasOthers(loss)) {
    return { isLearner: true, warning: `${what}: it takes all leases from the other nodes before it votes and serves` };
  }
  if (behind.found === 0 && loss.bootstrap) {
    return { isLearner: false, warning: `${what}: all leases are forgotten, as --bootstrap was given` };
  }
  throw new Error(
    `the lease database ${path} lacks leases that this node has acknowledged (${describeBehind(behind)}): its -wal ` +
      "file was lost or cut, or an older copy is in its place; put the newest one back, or restore a backup with " +
      "dhcpcluster-node restore, or " +
      (behind.found === 0
        ? "forget all leases by starting once with --bootstrap"
        : "keep what is there with `dhcpcluster-node members reset --yes`: then the node serves renewals only until " +
          "the lost leases have ended"),
  );
}

/** A disk without a membership, or of epoch 1, follows the file. */
function hasOthers({ facts, nodes, self }: Loss): boolean {
  const stored = readEpoch(facts.get(MEMBERSHIP_FACTS.membership));
  const members = stored === undefined ? nodes : stored.members;
  return members.some(({ id }) => id !== self);
}
