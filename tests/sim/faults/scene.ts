/** What a fault works with. */

import type { SimCluster } from "../cluster.ts";
import type { SimNetwork } from "../network.ts";
import type { SimNode } from "../node.ts";
import type { Operator } from "../operator.ts";
import { FaultLimits } from "./limits.ts";

/** Begins on a node that was chosen at random; it plans its own end. */
export type Begin = (scene: FaultScene, node: SimNode) => void;

export class FaultScene {
  readonly cluster: SimCluster;
  readonly network: SimNetwork;
  readonly operator: Operator;
  readonly limits: FaultLimits;
  stopped = false;
  /** When a fault last began or ended. */
  changedMs = 0;

  constructor(cluster: SimCluster, network: SimNetwork, operator: Operator) {
    this.cluster = cluster;
    this.network = network;
    this.operator = operator;
    this.limits = new FaultLimits(cluster, operator);
  }

  get nodes(): SimNode[] {
    return [...this.cluster.nodes.values()];
  }

  /** A random duration. */
  ms(min: number, max: number): number {
    return this.cluster.prng.int(min, max);
  }

  /** Plans a part of a fault, such as its end. It happens also if all faults have ended before. */
  after(ms: number, run: () => void): void {
    this.cluster.events.after(ms, () => {
      this.changedMs = this.cluster.events.nowMs;
      run();
    });
  }

  /** Starts a node, unless it was removed meanwhile. */
  start(node: SimNode): void {
    if (this.cluster.nodes.get(node.id) === node) node.start();
  }
}
