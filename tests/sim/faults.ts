/** Things that go wrong, one after the other; never more than a minority of disks or clocks at a time. */

import { FACT } from "../../src/cluster/sync/disk_identity.ts";
import type { SimCluster } from "./cluster.ts";
import { FAST_DISK } from "./disk.ts";
import { DELAY_MS_MAX, GOOD_LINKS, RELAY, type SimNetwork } from "./network.ts";
import type { SimNode } from "./node.ts";
import type { Operator } from "./operator.ts";

const EVERY_MS = { min: 300, max: 7_000 };
const PAUSE_MS_MAX = 60_000;
/** An agreement that was made with a wrong clock counts for so long after it was set right. */
const CLOCK_AFTERMATH_MS = 10_000;
const FAULTS = {
  crash: 4,
  outage: 1,
  newDisk: 2,
  oldDisk: 2,
  slowDisk: 2,
  fullDisk: 1,
  island: 3,
  oneWay: 1,
  badLinks: 3,
  goodLinks: 2,
  pause: 1,
  clockJumps: 3,
  clockDrifts: 1,
  push: 1,
  members: 1,
} as const;

type Fault = keyof typeof FAULTS;

const LOTS = Object.entries(FAULTS).flatMap(([fault, weight]) => new Array<Fault>(weight).fill(fault as Fault));

export class Faults {
  readonly #cluster: SimCluster;
  readonly #network: SimNetwork;
  readonly #operator: Operator;
  readonly #wrongClocks = new Set<SimNode>();
  #over = false;
  count = 0;

  constructor(cluster: SimCluster, network: SimNetwork, operator: Operator) {
    this.#cluster = cluster;
    this.#network = network;
    this.#operator = operator;
  }

  get #nodes(): SimNode[] {
    return [...this.#cluster.nodes.values()];
  }

  get #minority(): number {
    return Math.floor((this.#cluster.checkers.epochs.newest.members.length - 1) / 2);
  }

  /** One fault now, and the next later. */
  next(untilMs: number): void {
    const { world, prng } = this.#cluster;
    if (this.#over || world.nowMs >= untilMs) return;
    // Who runs on an old copy is told so by those who remember its last start, if it does not start once more before.
    const nodes = this.#nodes.filter(({ disk }) => !disk.isOldCopy);
    if (nodes.length > 0) this.#fault(prng.pick(LOTS), prng.pick(nodes));
    this.count += 1;
    world.after(prng.int(EVERY_MS.min, EVERY_MS.max), () => this.next(untilMs));
  }

  heal(): void {
    this.#over = true;
    this.#operator.rest();
    this.#network.healAll();
    this.#network.quality = GOOD_LINKS;
    for (const node of this.#nodes) {
      node.clock.correct();
      node.disk.latencyMs = FAST_DISK;
      node.disk.fullUntilMs = 0;
      if (!node.running) node.start();
    }
  }

  #fault(fault: Fault, node: SimNode): void {
    const { world, prng, log } = this.#cluster;
    log?.(`fault: ${fault}`);
    switch (fault) {
      case "crash":
        return this.#crash(node, 20_000);
      case "outage":
        for (const one of this.#nodes) if (!one.disk.isOldCopy) this.#crash(one, 5_000);
        return;
      case "newDisk":
        return this.#forget(node, "a new disk", () => {
          node.disk.wipe();
          // A blank disk knows the members from the file.
          node.fileMembers = this.#cluster.checkers.epochs.newest.members;
        });
      case "oldDisk":
        return this.#restore(node);
      case "slowDisk":
        node.disk.latencyMs = prng.pick([FAST_DISK, { min: 50, max: 500 }, { min: 500, max: 3_000 }]);
        return;
      case "fullDisk":
        node.disk.fullUntilMs = world.nowMs + prng.int(500, 15_000);
        return;
      case "island":
        return this.#island();
      case "oneWay":
        this.#network.cut(node.id, prng.pick(this.#nodes).id);
        return world.after(prng.int(1_000, 20_000), () => this.#network.healAll());
      case "badLinks":
        this.#network.quality = {
          loss: prng.next() * 0.3,
          duplicates: prng.next() * 0.2,
          delayMs: { min: 0, max: prng.pick([5, 50, 500, DELAY_MS_MAX]) },
        };
        return;
      case "goodLinks":
        this.#network.quality = GOOD_LINKS;
        return;
      case "pause":
        return node.pause(prng.int(100, PAUSE_MS_MAX));
      case "clockJumps":
        return this.#wrongClock(node, () => node.clock.set(prng.pick([-1, 1]) * prng.pick([3_000, 60_000, 7_200_000])));
      case "clockDrifts":
        return this.#wrongClock(node, () => node.clock.drift(prng.pick([-1, 1]) * prng.pick([0.01, 0.1, 0.5])));
      case "push":
        return this.#operator.push();
      case "members":
        return this.#operator.change();
    }
  }

  #crash(node: SimNode, downMsMax: number): void {
    const { world, prng } = this.#cluster;
    node.crash();
    world.after(prng.int(100, downMsMax), () => this.#start(node));
  }

  /** Unless it was removed meanwhile. */
  #start(node: SimNode): void {
    if (this.#cluster.nodes.get(node.id) === node) node.start();
  }

  /** A disk forgets, unless another one of too many has not joined since, or the members are about to change. */
  #forget(node: SimNode, what: string, how: () => void): void {
    const { world, prng, checkers, log } = this.#cluster;
    const { complete, newest } = checkers.epochs;
    const incomplete = this.#nodes.filter(({ disk }) => disk.incomplete).length;
    if (complete !== newest || this.#operator.busy || incomplete >= this.#minority || node.disk.incomplete) return;
    node.crash();
    log?.(`node ${node.id} gets ${what}`);
    how();
    world.after(prng.int(100, 5_000), () => this.#start(node));
  }

  /**
   * An old copy of a disk is put back. Whoever remembers a later start of it notices; what nobody could remember, nobody can
   * notice, so the copy is of a time before a start that all others have on their disks.
   */
  #restore(node: SimNode): void {
    const { world, prng } = this.#cluster;
    if (node.disk.incomplete) return;
    const image = node.disk.image();
    this.#crash(node, 1_000);
    world.after(prng.int(2_000, 20_000), () => {
      if (this.#over || this.#cluster.nodes.get(node.id) !== node) return;
      const isKnown = this.#nodes.every(({ id, disk }) => {
        const [diskId, bootCount, , incarnation] = (disk.facts.get(FACT.peer(node.id)) ?? "").split(" ");
        const isLater = Number(bootCount) > Number(image.facts.get(FACT.bootCount)) && incarnation !== "0";
        return id === node.id || (diskId === image.facts.get(FACT.diskId) && isLater);
      });
      if (isKnown) this.#forget(node, "an old disk", () => node.disk.restore(image));
    });
  }

  /** Some nodes are cut off from the others, in both directions or one. */
  #island(): void {
    const { world, prng } = this.#cluster;
    const network = this.#network;
    const island = this.#nodes.filter(() => prng.chance(0.4)).map(({ id }) => id);
    for (const inside of island) {
      for (const { id } of this.#nodes) {
        if (island.includes(id)) continue;
        network.cut(inside, id);
        if (prng.chance(0.8)) network.cut(id, inside);
      }
      if (prng.chance(0.3)) network.cut(RELAY, inside);
    }
    world.after(prng.int(1_000, 30_000), () => network.healAll());
  }

  /** Right again, a clock counts as wrong for a while: agreements that were made with it are still around. */
  #wrongClock(node: SimNode, how: () => void): void {
    const { world, prng, log } = this.#cluster;
    if (this.#wrongClocks.has(node) || this.#wrongClocks.size >= this.#minority) return;
    this.#wrongClocks.add(node);
    how();
    log?.(`node ${node.id}: clock off by ${node.clock.offsetMs} ms`);
    world.after(prng.int(5_000, 40_000), () => {
      node.clock.correct();
      world.after(CLOCK_AFTERMATH_MS, () => this.#wrongClocks.delete(node));
    });
  }
}
