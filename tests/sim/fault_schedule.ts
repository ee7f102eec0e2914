/** Random faults, one after the other. */

import type { SimCluster } from "./cluster.ts";
import { FAST_DISK } from "./disk.ts";
import { type FaultSet, weighted } from "./faults.ts";
import { FaultScene } from "./faults/scene.ts";
import type { SimNetwork } from "./network.ts";
import type { Operator } from "./operator.ts";

/** After the faults a node with a lost disk has joined again within this time. */
const JOINED_WITHIN_MS = 30_000;
const EVERY_MS = { min: 300, max: 7_000 };
/** Sometimes no fault begins for longer: what a node says must be true by then (`commits.ts`). */
const CALM_MS = { min: 12_000, max: 22_000 };
const CALM_CHANCE = 0.1;

export class FaultSchedule {
  readonly #scene: FaultScene;
  readonly #weighted: ReturnType<typeof weighted>;
  count = 0;

  constructor(cluster: SimCluster, network: SimNetwork, operator: Operator, faults: FaultSet) {
    this.#scene = new FaultScene(cluster, network, operator);
    this.#weighted = weighted(faults);
  }

  /** When a fault last began or ended. */
  get changedMs(): number {
    return this.#scene.changedMs;
  }

  /** One fault now, and the next later. */
  next(untilMs: number): void {
    const scene = this.#scene;
    const { events, prng, log } = scene.cluster;
    if (scene.stopped || events.nowMs >= untilMs || this.#weighted.length === 0) return;
    for (const { disk, running } of scene.nodes) if (running) disk.keepImage();
    // A node on a disk that went back is fenced by the others, unless something else happens to it before.
    const nodes = scene.nodes.filter(({ disk }) => !disk.isStaleCopy);
    if (nodes.length > 0) {
      const { name, begin } = prng.pick(this.#weighted);
      log?.(`fault: ${name}`);
      begin(scene, prng.pick(nodes));
      scene.changedMs = events.nowMs;
    }
    this.count += 1;
    const { min, max } = prng.chance(CALM_CHANCE) ? CALM_MS : EVERY_MS;
    events.after(prng.int(min, max), () => this.next(untilMs));
  }

  /** Ends all faults and starts all nodes. */
  end(): void {
    const scene = this.#scene;
    scene.stopped = true;
    scene.changedMs = scene.cluster.events.nowMs;
    scene.operator.stop();
    scene.network.heal();
    for (const node of scene.nodes) {
      node.resume();
      node.clock.correct();
      node.disk.latencyMs = FAST_DISK;
      node.disk.fullUntilMs = 0;
      node.disk.hungUntilMs = 0;
      node.disk.lies = undefined;
      node.disk.joinsByMs = scene.cluster.events.nowMs + JOINED_WITHIN_MS;
      if (!node.running) node.start();
    }
  }
}
