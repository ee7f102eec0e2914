/** One run: a cluster, clients and faults from a seed; then everything heals and must work again. */

import { service, subnet } from "../../src/dhcp/server/testing.ts";
import { Policy } from "../../src/dhcp/server/policy.ts";
import type { NodeId } from "../../src/cluster/messages.ts";
import type { Safeguards } from "../../src/cluster/replica.ts";
import { MAX_CLOCK_SKEW_MS } from "../../src/lease/limits.ts";
import { Checker, Violation } from "./checker.ts";
import { RELAY, SimClient } from "./clients.ts";
import { GOOD_LINKS, SimNetwork } from "./network.ts";
import { type SimCluster, SimNode } from "./node.ts";
import { Prng } from "./prng.ts";
import { World } from "./world.ts";

/** What a run may be told. */
export interface ScenarioOptions {
  readonly seed: number;
  readonly nodes?: number;
  readonly safeguards?: Partial<Safeguards>;
  readonly log?: (line: string) => void;
}

/** What a run did. */
export interface ScenarioResult {
  readonly acknowledgements: number;
  readonly faults: number;
}

const CLIENTS = 8;
/** Fewer than clients, so that every address is wanted as soon as it is free. */
const ADDRESSES = 7;
const LEASE_SECONDS = 20;
const FAULTS_MS = 90_000;
/** Locks of sleeping clients and of aborted grants run out, and clients that have backed off to 64 s ask again. */
const HEALING_MS = 180_000;
const RIGHT_CLOCK_MS = MAX_CLOCK_SKEW_MS / 2 - 100;
const FAULT_EVERY_MS = { min: 1_000, max: 8_000 };

/** Runs a seed. Throws a {@link Violation} when a promise is broken. */
export function runScenario(options: ScenarioOptions): ScenarioResult {
  const prng = new Prng(options.seed);
  const world = new World();
  const network = new SimNetwork(world, prng);
  const count = options.nodes ?? prng.pick([3, 3, 3, 5]);
  const members = Array.from({ length: count }, (_, index) => index + 1);
  const pool = subnet("10.77.0.0/16", [`10.77.1.1-10.77.1.${ADDRESSES}`]);
  const log = (line: string) => options.log?.(`${String(world.nowMs).padStart(7)}  ${line}`);
  const nodes: SimNode[] = [];
  const cluster: SimCluster = {
    world,
    prng,
    network,
    policy: new Policy(service([pool], {
      leaseSeconds: LEASE_SECONDS,
      minLeaseSeconds: 5,
      maxLeaseSeconds: 40,
      declineSeconds: 30,
    })),
    members,
    safeguards: options.safeguards ?? {},
    calm: false,
    nodes: new Map<NodeId, SimNode>(),
    checker: new Checker(() => world.nowMs, () => nodes.map((node) => node.disk)),
    log,
  };
  for (const id of members) cluster.nodes.set(id, new SimNode(id, cluster));
  nodes.push(...cluster.nodes.values());
  for (const node of nodes) {
    // Right clocks are within half the skew of the truth, not exact.
    node.usualOffsetMs = prng.int(-RIGHT_CLOCK_MS, RIGHT_CLOCK_MS);
    node.wallOffsetMs = node.usualOffsetMs;
    world.after(prng.int(0, 3_000), () => node.start());
  }
  const clients = Array.from({ length: CLIENTS }, (_, index) => new SimClient(index + 1, cluster));
  for (const client of clients) world.after(prng.int(0, 20_000), () => client.start());
  const faults = new Faults(cluster, nodes, log);
  world.after(prng.int(5_000, 10_000), () => faults.next(FAULTS_MS));
  world.runUntil(FAULTS_MS, () => {});
  log("everything heals");
  faults.heal();
  cluster.calm = true;
  world.runUntil(FAULTS_MS + HEALING_MS, () => {});
  for (const node of nodes) {
    if (!node.synced) throw new Violation("(g)", `node ${node.id} is not synced ${HEALING_MS / 1_000} s after healing`);
  }
  const without = clients.filter((client) => client.client.lease === undefined).length;
  if (without > CLIENTS - ADDRESSES) {
    throw new Violation("(g)", `${without} of ${CLIENTS} clients have none of the ${ADDRESSES} addresses`);
  }
  return { acknowledgements: cluster.checker.acknowledgements, faults: faults.count };
}

/** Things that go wrong, one after the other; never more than a minority of disks or clocks at a time. */
class Faults {
  readonly #cluster: SimCluster;
  readonly #nodes: readonly SimNode[];
  readonly #log: (line: string) => void;
  readonly #wrongClocks = new Set<SimNode>();
  #over = false;
  count = 0;

  constructor(cluster: SimCluster, nodes: readonly SimNode[], log: (line: string) => void) {
    this.#cluster = cluster;
    this.#nodes = nodes;
    this.#log = log;
  }

  /** One fault now, and the next later. */
  next(untilMs: number): void {
    const { world, prng } = this.#cluster;
    if (this.#over || world.nowMs >= untilMs) return;
    this.#fault();
    this.count += 1;
    world.after(prng.int(FAULT_EVERY_MS.min, FAULT_EVERY_MS.max), () => this.next(untilMs));
  }

  heal(): void {
    this.#over = true;
    this.#cluster.network.healAll();
    this.#cluster.network.quality = GOOD_LINKS;
    for (const node of this.#nodes) {
      node.wallOffsetMs = node.usualOffsetMs;
      node.disk.latencyMs = { min: 1, max: 3 };
      if (!node.running) node.start();
    }
  }

  #fault(): void {
    const { world, prng, network } = this.#cluster;
    const node = prng.pick(this.#nodes);
    const minority = Math.floor((this.#nodes.length - 1) / 2);
    switch (prng.int(0, 9)) {
      case 0:
      case 1:
        node.crash();
        return world.after(prng.int(100, 20_000), () => node.start());
      case 2: {
        // Not while another disk is still joining: a majority of slots must be somewhere.
        const incomplete = this.#nodes.filter((other) => !other.synced).length;
        if (incomplete >= minority || !node.synced) return;
        node.crash();
        node.disk.wipe();
        this.#log(`node ${node.id} gets a new disk`);
        return world.after(prng.int(100, 5_000), () => node.start());
      }
      case 3: {
        const island = this.#nodes.filter(() => prng.chance(0.4)).map((other) => other.id);
        this.#log(`island: ${island.join(", ")}`);
        for (const inside of island) {
          for (const { id } of this.#nodes) {
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
        this.#log(`links: loss ${network.quality.loss.toFixed(2)}, delay up to ${network.quality.delayMs.max} ms`);
        return;
      case 5:
        return node.pause(prng.int(100, 60_000));
      case 6:
      case 7: {
        // Right again, a clock counts as wrong for a while: agreements that were made with it are still around.
        if (this.#wrongClocks.has(node) || this.#wrongClocks.size >= minority) return;
        this.#wrongClocks.add(node);
        node.wallOffsetMs = prng.pick([-1, 1]) * prng.pick([3_000, 60_000, 7_200_000]);
        this.#log(`node ${node.id}: clock off by ${node.wallOffsetMs} ms`);
        return world.after(prng.int(5_000, 40_000), () => {
          node.wallOffsetMs = node.usualOffsetMs;
          world.after(10_000, () => this.#wrongClocks.delete(node));
        });
      }
      case 8:
        node.disk.latencyMs = prng.pick([{ min: 1, max: 3 }, { min: 50, max: 500 }, { min: 500, max: 3_000 }]);
        return;
      default:
        network.quality = GOOD_LINKS;
    }
  }
}
