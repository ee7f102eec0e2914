/** Random faults, one after the other; never on more than a minority of disks or clocks at a time. */

import { FACT } from "../../src/cluster/sync/disk_identity.ts";
import { highestLsn, readPeerDisk } from "../../src/cluster/sync/peer_disks.ts";
import type { SimCluster } from "./cluster.ts";
import { FAST_DISK } from "./disk.ts";
import { DELAY_MS_MAX, GOOD_LINKS, RELAY, type SimNetwork } from "./network.ts";
import type { SimNode } from "./node.ts";
import type { Operator } from "./operator.ts";

const EVERY_MS = { min: 300, max: 7_000 };
const PAUSE_MS_MAX = 60_000;
/** Clock agreements that were made with a wrong clock may count for this long after its correction. */
const CLOCK_AFTERMATH_MS = 10_000;
const FAULTS = {
  crash: 4,
  outage: 1,
  newDisk: 2,
  staleDisk: 2,
  slowDisk: 2,
  fullDisk: 1,
  partition: 3,
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

/** Each fault as often as its weight. */
const WEIGHTED = Object.entries(FAULTS).flatMap(([fault, weight]) => new Array<Fault>(weight).fill(fault as Fault));

export class Faults {
  readonly #cluster: SimCluster;
  readonly #network: SimNetwork;
  readonly #operator: Operator;
  readonly #wrongClocks = new Set<SimNode>();
  #stopped = false;
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
    const { events, prng } = this.#cluster;
    if (this.#stopped || events.nowMs >= untilMs) return;
    // A node on a stale copy is fenced by the members that have heard of its later state.
    const nodes = this.#nodes.filter(({ disk }) => !disk.isStaleCopy);
    if (nodes.length > 0) this.#fault(prng.pick(WEIGHTED), prng.pick(nodes));
    this.count += 1;
    events.after(prng.int(EVERY_MS.min, EVERY_MS.max), () => this.next(untilMs));
  }

  /** Ends all faults and starts all nodes. */
  end(): void {
    this.#stopped = true;
    this.#operator.stop();
    this.#network.healCuts();
    this.#network.quality = GOOD_LINKS;
    for (const node of this.#nodes) {
      node.clock.correct();
      node.disk.latencyMs = FAST_DISK;
      node.disk.fullUntilMs = 0;
      if (!node.running) node.start();
    }
  }

  #fault(fault: Fault, node: SimNode): void {
    const { events, prng, log } = this.#cluster;
    log?.(`fault: ${fault}`);
    switch (fault) {
      case "crash":
        return this.#crash(node, 20_000);
      case "outage":
        for (const one of this.#nodes) if (!one.disk.isStaleCopy) this.#crash(one, 5_000);
        return;
      case "newDisk":
        return this.#replaceDisk(node, "a new disk", () => {
          node.disk.wipe();
          // A node with a blank disk reads the members from its file.
          node.fileMembers = this.#cluster.checkers.epochs.newest.members;
        });
      case "staleDisk":
        return this.#restore(node);
      case "slowDisk":
        node.disk.latencyMs = prng.pick([FAST_DISK, { min: 50, max: 500 }, { min: 500, max: 3_000 }]);
        return;
      case "fullDisk":
        node.disk.fullUntilMs = events.nowMs + prng.int(500, 15_000);
        return;
      case "partition":
        return this.#partition();
      case "oneWay":
        this.#network.cut(node.id, prng.pick(this.#nodes).id);
        return events.after(prng.int(1_000, 20_000), () => this.#network.healCuts());
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
    const { events, prng } = this.#cluster;
    node.crash();
    events.after(prng.int(100, downMsMax), () => this.#start(node));
  }

  /** Starts the node, unless it was removed meanwhile. */
  #start(node: SimNode): void {
    if (this.#cluster.nodes.get(node.id) === node) node.start();
  }

  /** Replaces a disk, unless too many disks are incomplete or a membership change is not finished. */
  #replaceDisk(node: SimNode, what: string, how: () => void): void {
    const { events, prng, checkers, log } = this.#cluster;
    const { complete, newest } = checkers.epochs;
    const incomplete = this.#nodes.filter(({ disk }) => disk.incomplete).length;
    if (complete !== newest || this.#operator.busy || incomplete >= this.#minority || node.disk.incomplete) return;
    node.crash();
    log?.(`node ${node.id} gets ${what}`);
    how();
    events.after(prng.int(100, 5_000), () => this.#start(node));
  }

  /**
   * Restores an old copy of the disk. Only members that have heard of a later state of it can detect that, so each
   * other member must have a higher lsn of this disk on its own one. The copy may be of the node's current run.
   */
  #restore(node: SimNode): void {
    const { events, prng } = this.#cluster;
    if (node.disk.incomplete) return;
    const image = node.disk.image();
    if (prng.chance(0.5)) this.#crash(node, 1_000);
    events.after(prng.int(2_000, 20_000), () => {
      if (this.#stopped || this.#cluster.nodes.get(node.id) !== node) return;
      const lsn = Number(image.facts.get(FACT.lsn) ?? 0);
      const isKnown = this.#nodes.every(({ id, disk }) => {
        const known = readPeerDisk(disk.facts.get(FACT.peer(node.id)) ?? "");
        if (id === node.id || known === undefined) return id === node.id;
        return known.diskId === image.facts.get(FACT.diskId) && highestLsn(known) > lsn;
      });
      if (isKnown) this.#replaceDisk(node, "a stale disk", () => node.disk.restore(image));
    });
  }

  /** Cuts some nodes off from the others, in both directions or one. */
  #partition(): void {
    const { events, prng } = this.#cluster;
    const network = this.#network;
    const partition = this.#nodes.filter(() => prng.chance(0.4)).map(({ id }) => id);
    for (const inside of partition) {
      for (const { id } of this.#nodes) {
        if (partition.includes(id)) continue;
        network.cut(inside, id);
        if (prng.chance(0.8)) network.cut(id, inside);
      }
      if (prng.chance(0.3)) network.cut(RELAY, inside);
    }
    events.after(prng.int(1_000, 30_000), () => network.healCuts());
  }

  /** A corrected clock counts as wrong for a while: see {@link CLOCK_AFTERMATH_MS}. */
  #wrongClock(node: SimNode, how: () => void): void {
    const { events, prng, log } = this.#cluster;
    if (this.#wrongClocks.has(node) || this.#wrongClocks.size >= this.#minority) return;
    this.#wrongClocks.add(node);
    how();
    log?.(`node ${node.id}: clock off by ${node.clock.offsetMs} ms`);
    events.after(prng.int(5_000, 40_000), () => {
      node.clock.correct();
      events.after(CLOCK_AFTERMATH_MS, () => this.#wrongClocks.delete(node));
    });
  }
}
