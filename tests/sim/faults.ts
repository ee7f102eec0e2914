/** Things that go wrong, one after the other; never more than a minority of disks or clocks at a time. */

import type { NodeId } from "../../src/cluster/messages.ts";
import { RELAY } from "./clients.ts";
import { GOOD_LINKS } from "./network.ts";
import { addressOf, type SimCluster, type SimConfig, SimNode } from "./node.ts";

const FAULT_EVERY_MS = { min: 1_000, max: 8_000 };
/** Right again, a clock counts as wrong for a while: agreements that were made with it are still around. */
const CLOCK_AFTER_MS = 10_000;
const USUAL_LATENCY_MS = { min: 1, max: 3 };

/** The first LAN's pool grows up to this. */
const ADDRESSES_MAX = 8;

export class Faults {
  readonly #cluster: SimCluster;
  readonly #wrongClocks = new Set<NodeId>();
  readonly #changesMembers: boolean;
  #config: SimConfig;
  #over = false;
  #spare: NodeId;
  count = 0;

  constructor(cluster: SimCluster, options: { config: SimConfig; changesMembers: boolean }) {
    this.#cluster = cluster;
    this.#config = options.config;
    this.#changesMembers = options.changesMembers;
    this.#spare = Math.max(...cluster.nodes.keys()) + 1;
  }

  /** One fault now, and the next later. */
  next(untilMs: number): void {
    const { world, prng } = this.#cluster;
    if (this.#over || world.nowMs >= untilMs) return;
    this.#fault();
    this.count += 1;
    world.after(prng.int(FAULT_EVERY_MS.min, FAULT_EVERY_MS.max), () => this.next(untilMs));
  }

  /** Everything is as it should be from now on. */
  heal(): void {
    const { network, nodes, world } = this.#cluster;
    this.#over = true;
    network.healAll();
    network.quality = GOOD_LINKS;
    for (const node of nodes.values()) {
      node.wallOffsetMs = node.usualOffsetMs;
      node.drift = { rate: 0, sinceMs: world.nowMs };
      node.disk.latencyMs = USUAL_LATENCY_MS;
      node.disk.fullUntilMs = 0;
      if (!node.running) node.start();
    }
  }

  get #members(): SimNode[] {
    return [...this.#cluster.nodes.values()];
  }

  #fault(): void {
    const { world, prng, network } = this.#cluster;
    const nodes = this.#members;
    const node = prng.pick(nodes);
    const minority = Math.floor((nodes.length - 1) / 2);
    switch (prng.int(0, 12)) {
      case 0:
      case 1:
        node.crash();
        return this.#restartLater(node, 20_000);
      case 2:
        return this.#replaceDisk(node, minority);
      case 3: {
        const island = nodes.filter(() => prng.chance(0.4)).map((other) => other.id);
        this.#cluster.log(`island: ${island.join(", ")}`);
        for (const inside of island) {
          for (const { id } of nodes) {
            if (island.includes(id)) continue;
            network.cut(inside, id);
            if (prng.chance(0.8)) network.cut(id, inside);
          }
          if (prng.chance(0.3)) network.cut(RELAY, inside);
        }
        return world.after(prng.int(1_000, 30_000), () => network.healAll());
      }
      case 4:
        network.quality = {
          loss: prng.next() * 0.3,
          duplicates: prng.next() * 0.2,
          delayMs: { min: 0, max: prng.pick([5, 50, 500, 3_000]) },
        };
        return this.#cluster.log(`links: ${JSON.stringify(network.quality)}`);
      case 5:
        return node.pause(prng.int(100, 60_000));
      case 6:
      case 7:
        return this.#wrongClock(node, minority);
      case 8:
        node.disk.latencyMs = prng.pick([USUAL_LATENCY_MS, { min: 50, max: 500 }, { min: 500, max: 3_000 }]);
        return this.#cluster.log(`node ${node.id}: syncs take up to ${node.disk.latencyMs.max} ms`);
      case 9:
        node.disk.fullUntilMs = world.nowMs + prng.int(500, 20_000);
        return this.#cluster.log(`node ${node.id}: disk is full until ${node.disk.fullUntilMs}`);
      case 10:
        this.#config = {
          revision: this.#config.revision + 1,
          leaseSeconds: prng.pick([10, 20, 30]),
          addresses: Math.min(ADDRESSES_MAX, this.#config.addresses + (prng.chance(0.3) ? 1 : 0)),
        };
        return node.push(this.#config);
      case 11:
        return this.#changeMembers();
      default:
        network.quality = GOOD_LINKS;
    }
  }

  #restartLater(node: SimNode, msMax: number): void {
    const { world, prng } = this.#cluster;
    world.after(prng.int(100, msMax), () => node.start());
  }

  /** Not while another disk is still joining: a majority of slots must be somewhere; nor while the members change. */
  #replaceDisk(node: SimNode, minority: number): void {
    const nodes = this.#members;
    const incomplete = nodes.filter((other) => other.disk.isBlank).length;
    const changing = this.#changesMembers && nodes.some((other) => other.member?.membership.complete !== true);
    if (incomplete >= minority || !node.synced || changing) return;
    node.crash();
    node.disk.wipe();
    this.#cluster.log(`node ${node.id} gets a new disk`);
    this.#restartLater(node, 5_000);
  }

  #wrongClock(node: SimNode, minority: number): void {
    const { world, prng, log } = this.#cluster;
    if (this.#wrongClocks.has(node.id) || this.#wrongClocks.size >= minority) return;
    this.#wrongClocks.add(node.id);
    if (prng.chance(0.3)) {
      node.drift = { rate: prng.pick([-1, 1]) * prng.pick([0.01, 0.1, 0.5]), sinceMs: world.nowMs };
      log(`node ${node.id}: clock gains ${node.drift.rate} s a second`);
    } else {
      node.wallOffsetMs = prng.pick([-1, 1]) * prng.pick([3_000, 60_000, 7_200_000]);
      log(`node ${node.id}: clock off by ${node.wallOffsetMs} ms`);
    }
    world.after(prng.int(5_000, 40_000), () => {
      node.wallOffsetMs = node.usualOffsetMs;
      node.drift = { rate: 0, sinceMs: world.nowMs };
      world.after(CLOCK_AFTER_MS, () => this.#wrongClocks.delete(node.id));
    });
  }

  /** A command on the leader: one node more, or one less. */
  #changeMembers(): void {
    if (!this.#changesMembers) return;
    const { nodes, prng, log, checker } = this.#cluster;
    const leader = this.#members.find((node) => node.member?.role === "leader");
    if (leader === undefined) return;
    const ids = leader.member?.membership.members.map(({ id }) => id) ?? [];
    const adds = ids.length <= 3 || (ids.length < 5 && prng.chance(0.5));
    checker.watchesDisks = false;
    if (adds) {
      const id = this.#spare;
      const result = leader.member?.change({ kind: "add", member: addressOf(id) }, leader.now());
      log(`add node ${id}: ${JSON.stringify(result)}`);
      if (result?.ok !== true) return;
      this.#spare += 1;
      const added = new SimNode(id, this.#cluster, { members: [...ids, id], file: this.#config });
      nodes.set(id, added);
      added.start();
      return;
    }
    const id = prng.pick(ids.filter((id) => id !== leader.id));
    const result = leader.member?.change({ kind: "remove", id }, leader.now());
    log(`remove node ${id}: ${JSON.stringify(result)}`);
    if (result?.ok !== true) return;
    // Its machine is taken away some time later.
    this.#cluster.world.after(prng.int(0, 10_000), () => {
      nodes.get(id)?.crash();
      nodes.delete(id);
    });
  }
}
