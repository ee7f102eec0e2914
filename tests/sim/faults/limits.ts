/** How many faults of a kind the rule permits at a time (`src/lease/agreement/README.md`, "What it promises"). */

import { readAcceptor } from "../../../src/cluster/membership/membership.ts";
import { MARGIN_MS } from "../../../src/lease/agreement/limits.ts";
import type { SimCluster } from "../cluster.ts";
import { longestLeaseMs } from "../configurations.ts";
import { FAST_DISK, type Image } from "../disk.ts";
import { BELIEVED_MS, EPOCH_MS } from "../machine_clock.ts";
import type { SimNode } from "../node.ts";
import type { Operator } from "../operator.ts";

/** Clock agreements that were made with a wrong clock may count for this long after its correction. */
const CLOCK_AFTERMATH_MS = 10_000;
/** A node has written down a step of all clocks this long after it. */
const STEP_NOTED_MS = 1_000;
/** All steps back together: locks last longer by that. */
const STEP_BACK_MS_MAX = 60_000;

export class FaultLimits {
  readonly #cluster: SimCluster;
  readonly #operator: Operator;
  readonly #wrongClocks = new Set<SimNode>();
  /** Nodes that missed a step of all clocks; when the last one was, and how far all steps back went. */
  #missed = new Set<SimNode>();
  #steppedMs = -Infinity;
  #steppedBackMs = 0;

  constructor(cluster: SimCluster, operator: Operator) {
    this.#cluster = cluster;
    this.#operator = operator;
  }

  /** Whether this machine's clock may be wrong from now on; it counts as wrong until {@link corrected}. */
  takeClock(node: SimNode): boolean {
    const fewerThanHalf = Math.floor((this.#size - 1) / 2);
    // A membership is reset by the clock of the one survivor.
    if (this.#operator.busy) return false;
    if (this.#wrongClocks.has(node) || this.#wrongClocks.size >= fewerThanHalf) return false;
    this.#wrongClocks.add(node);
    return true;
  }

  /** The machine's clock was corrected: it counts as wrong until its node has noticed, and a while longer. */
  corrected(node: SimNode): void {
    this.#cluster.events.after(CLOCK_AFTERMATH_MS, () => {
      if (this.#isRight(node)) this.#wrongClocks.delete(node);
      else this.corrected(node);
    });
  }

  /** Whether processes and machines may crash now: not before they have written down a step of all clocks. */
  get mayCrash(): boolean {
    return this.#sinceStepMs > STEP_NOTED_MS;
  }

  /** Whether this disk may be lost. */
  mayLoseDisk(node: SimNode): boolean {
    const { complete, newest } = this.#cluster.checkers.epochs;
    // Membership, step 1: no disk is replaced before the change is finished.
    if (complete !== newest || this.#operator.busy || node.disk.lost || !this.mayCrash) return false;
    // A change that a slow disk holds up, and that its operator has given up, may still be chosen.
    if (this.#nodes.some(({ disk }) => readAcceptor(disk.facts, newest.epoch).accepted !== undefined)) return false;
    const lost = this.#nodes.filter(({ disk }) => disk.lost).length;
    const missed = new Set([...this.#stillMissed, node]);
    return lost < Math.floor(this.#size / 2) && missed.size < this.#quorum;
  }

  /** Whether all disks but this node's may be lost: it must not have missed a step of all clocks. */
  maySurviveAlone(node: SimNode): boolean {
    return this.mayCrash && !this.#stillMissed.has(node) && !this.#wrongClocks.has(node);
  }

  /** Whether all clocks may be stepped together by this much. If so, the nodes that miss it are noted. */
  takeStep(ms: number): boolean {
    const { nowMs } = this.#cluster.events;
    const misses = ({ time, disk }: SimNode) =>
      time === undefined || disk.lost || disk.latencyMs !== FAST_DISK || disk.fullUntilMs > nowMs ||
      disk.hungUntilMs > nowMs;
    const missed = new Set([...this.#stillMissed, ...this.#wrongClocks, ...this.#nodes.filter(misses)]);
    if (this.#operator.busy) return false;
    const backMs = this.#steppedBackMs + Math.max(0, -ms);
    if (missed.size >= this.#quorum || backMs > STEP_BACK_MS_MAX) return false;
    this.#missed = missed;
    this.#steppedMs = nowMs;
    this.#steppedBackMs = backMs;
    return true;
  }

  /**
   * Whether all other members remember a later state of this node's disk than that of the image. Then each of them
   * recognises the disk as one that went back.
   */
  isKnownToOthers(node: SimNode, image: Image): boolean {
    const { members } = this.#cluster.checkers.epochs.newest;
    return this.looksForOthers(node, image) &&
      members.every((id) =>
        id === node.id || this.#cluster.nodes.get(id)?.disk.memory.remembersLater(node.id, image.progress) === true
      );
  }

  /** Whether some other member was one already when the image was made, so that its node looks for it. */
  looksForOthers(node: SimNode, image: Image): boolean {
    const { epochs } = this.#cluster.checkers;
    return epochs.of(image).members.some((id) => id !== node.id && epochs.newest.members.includes(id));
  }

  get #nodes(): SimNode[] {
    return [...this.#cluster.nodes.values()];
  }

  get #size(): number {
    return this.#cluster.checkers.epochs.newest.members.length;
  }

  get #quorum(): number {
    return Math.floor(this.#size / 2) + 1;
  }

  get #sinceStepMs(): number {
    return this.#cluster.events.nowMs - this.#steppedMs;
  }

  /** Nodes that missed a step, while there may be locks from before it. */
  get #stillMissed(): ReadonlySet<SimNode> {
    return this.#sinceStepMs > longestLeaseMs(this.#operator.variants) + 2 * MARGIN_MS ? new Set() : this.#missed;
  }

  /** Whether what the node's process takes for the time is as near to the common time as that of a right clock. */
  #isRight({ time }: SimNode): boolean {
    if (time === undefined) return true;
    const { events, time: common } = this.#cluster;
    return Math.abs(time.latest - (EPOCH_MS + events.nowMs + common.offsetMs)) <= BELIEVED_MS;
  }
}
