/** One run: a cluster, clients and faults from a seed; then everything heals and must work again. */

import type { NodeId } from "../../src/cluster/messages.ts";
import type { Safeguards } from "../../src/cluster/replica.ts";
import { MARGIN_MS, MAX_CLOCK_SKEW_MS, PROPOSAL_MS } from "../../src/lease/limits.ts";
import { Checker, Violation } from "./checker.ts";
import { SimClient } from "./clients.ts";
import { Faults } from "./faults.ts";
import { differences, freeEverywhere } from "./health.ts";
import { SimNetwork } from "./network.ts";
import {
  DECLINE_SECONDS,
  LEASE_SECONDS_MAX,
  SECOND_ADDRESSES,
  type SimCluster,
  type SimConfig,
  SimNode,
} from "./node.ts";
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

const CLIENTS = 9;
/** Fewer addresses than clients, so that every one is wanted as soon as it is free. */
const FIRST_CONFIG: SimConfig = { revision: 1, leaseSeconds: 20, addresses: 5 };
const FAULTS_MS = 90_000;
/** Locks of sleeping clients and of aborted grants run out, and clients that have backed off to 64 s ask again. */
const HEALING_MS_MAX = 180_000;
/** How often it is looked whether all is well again. */
const LOOK_MS = 1_000;
/** What nobody holds any more is free everywhere after a lease, a decline at the most, and the margin. */
const RELEASED_MS_MAX = 1_000 * Math.max(LEASE_SECONDS_MAX, DECLINE_SECONDS) + PROPOSAL_MS + MARGIN_MS +
  2 * MAX_CLOCK_SKEW_MS;
const RIGHT_CLOCK_MS = MAX_CLOCK_SKEW_MS / 2 - 100;
/** One run in so many changes members. */
const MEMBERS_CHANGE_CHANCE = 0.25;
/** One run in so many also waits until every address is free again. */
const FREE_CHANCE = 0.25;

/** Runs a seed. Throws a {@link Violation} when a promise is broken. */
export function runScenario(options: ScenarioOptions): ScenarioResult {
  const prng = new Prng(options.seed);
  const world = new World();
  const network = new SimNetwork(world, prng);
  const count = options.nodes ?? prng.pick([3, 3, 3, 5]);
  const members = Array.from({ length: count }, (_, index) => index + 1);
  const log = (line: string) => options.log?.(`${String(world.nowMs).padStart(7)}  ${line}`);
  const nodes = new Map<NodeId, SimNode>();
  const cluster: SimCluster = {
    world,
    prng,
    network,
    safeguards: options.safeguards ?? {},
    calm: false,
    nodes,
    checker: new Checker(() => world.nowMs, () => [...nodes.values()]),
    log,
  };
  for (const id of members) {
    const node = new SimNode(id, cluster, { members, file: FIRST_CONFIG });
    nodes.set(id, node);
    // Right clocks are within half the skew of the truth, not exact.
    node.usualOffsetMs = prng.int(-RIGHT_CLOCK_MS, RIGHT_CLOCK_MS);
    node.wallOffsetMs = node.usualOffsetMs;
    world.after(prng.int(0, 3_000), () => node.start());
  }
  const clients = Array.from({ length: CLIENTS }, (_, index) => new SimClient(index + 1, cluster));
  for (const client of clients) world.after(prng.int(0, 20_000), () => client.start());
  const changesMembers = count > 1 && prng.chance(MEMBERS_CHANGE_CHANCE);
  const waitsForFree = prng.chance(FREE_CHANCE);
  const faults = new Faults(cluster, { config: FIRST_CONFIG, changesMembers });
  world.after(prng.int(5_000, 10_000), () => faults.next(FAULTS_MS));
  world.runUntil(FAULTS_MS, () => {});
  log("everything heals");
  faults.heal();
  cluster.calm = true;
  awaitHealth(cluster, HEALING_MS_MAX, () => unwell(cluster, clients));
  if (waitsForFree) {
    log("all clients fall silent");
    for (const client of clients) client.silence();
    awaitHealth(cluster, RELEASED_MS_MAX, () => freeEverywhere(cluster));
  }
  return { acknowledgements: cluster.checker.acknowledgements, faults: faults.count };
}

/** Goes on until nothing is wrong any more; throws what still is when the time is over. */
function awaitHealth({ world, log }: SimCluster, msMax: number, look: () => Violation | undefined): void {
  const endMs = world.nowMs + msMax;
  for (;;) {
    const violation = look();
    if (violation === undefined) return log("all is well");
    if (world.nowMs >= endMs) throw violation;
    world.runUntil(world.nowMs + LOOK_MS, () => {});
  }
}

/** What does not work yet after healing. */
function unwell(cluster: SimCluster, clients: readonly SimClient[]): Violation | undefined {
  const { nodes } = cluster;
  for (const node of nodes.values()) {
    if (node.unready !== undefined) return new Violation("(g)", `node ${node.id} does not serve: ${node.unready}`);
  }
  const [first] = nodes.values();
  const pool = first?.member?.configuration?.text ?? "{}";
  const addresses = [(JSON.parse(pool) as SimConfig).addresses, SECOND_ADDRESSES];
  for (const [lan, size] of addresses.entries()) {
    const there = clients.filter((client) => client.lan === lan);
    const without = there.filter((client) => client.client.lease === undefined).length;
    if (without > Math.max(0, there.length - size)) {
      return new Violation(
        "(g)",
        `${without} of ${there.length} clients of LAN ${lan} have none of its ${size} addresses`,
      );
    }
  }
  const difference = differences(cluster);
  return difference === undefined ? undefined : new Violation("(f)", difference);
}
