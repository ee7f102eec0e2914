/** The machines of a run, for the parts that start, stop and break them. */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import type { SimNode } from "./node.ts";
import type { SimRun } from "./run.ts";

export interface SimCluster extends SimRun {
  readonly nodes: Map<NodeId, SimNode>;
  faultsOver: boolean;
}
