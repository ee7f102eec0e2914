/** One run: a cluster, clients and faults from a seed; then everything heals and must work again. */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import { Checkers } from "./checkers.ts";
import { SimClient } from "./clients.ts";
import type { SimCluster } from "./cluster.ts";
import { LANS, variantOf } from "./configurations.ts";
import { Faults } from "./faults.ts";
import { capacity, type Unmet, unmet } from "./convergence.ts";
import { SimNetwork } from "./network.ts";
import { SimNode } from "./node.ts";
import { Operator } from "./operator.ts";
import { Prng } from "./prng.ts";
import type { Tampering } from "./tampering.ts";
import { Violation } from "./violation.ts";
import { EventQueue } from "./event_queue.ts";

/** What a run may be told. */
export interface ScenarioOptions {
  readonly seed: number;
  /** How many to start with; undefined: three or five, by chance. */
  readonly nodes?: number | undefined;
  readonly tampering?: Tampering;
  readonly log?: ((line: string) => void) | undefined;
}

/** What a run did. */
export interface ScenarioResult {
  readonly acknowledgements: number;
  readonly faults: number;
  /** How long everything took to work again. */
  readonly healedMs: number;
}

const CLIENTS = 8;
const FAULTS_MS = 60_000;
/** Locks of clients that left run out, and whatever was blocked; a lease and its margin take less than half of this. */
const HEALING_MS = 180_000;
const POLL_MS = 500;
const ENCODES_CHANCE = 0.05;

/** Runs a seed. Throws a {@link Violation} when a promise is broken. */
export function runScenario(options: ScenarioOptions): ScenarioResult {
  const prng = new Prng(options.seed);
  const world = new EventQueue();
  const network = new SimNetwork(world, prng);
  const count = options.nodes ?? prng.pick([3, 3, 3, 5]);
  const members = Array.from({ length: count }, (_, index) => index + 1);
  const { log } = options;
  const nodes = new Map<NodeId, SimNode>();
  const cluster: SimCluster = {
    world,
    prng,
    links: network,
    nodes,
    checkers: new Checkers(world, members, nodes),
    tampering: options.tampering ?? {},
    encodes: prng.chance(ENCODES_CHANCE),
    calm: false,
    log: log && ((line) => log(`${String(world.nowMs).padStart(7)}  ${line}`)),
  };
  const operator = new Operator(cluster, members);
  for (const id of members) {
    const node = new SimNode(id, cluster, { file: operator.file, members });
    nodes.set(id, node);
    world.after(prng.int(0, 3_000), () => node.start());
  }
  const surroundings = {
    cluster,
    servers: () => [...operator.members],
    lateMs: () => network.quality.delayMs.max,
    variants: operator.variants,
  };
  const clients = Array.from({ length: CLIENTS }, (_, index) => new SimClient(index + 1, surroundings));
  for (const client of clients) world.after(prng.int(0, 15_000), () => client.start());
  const faults = new Faults(cluster, network, operator);
  world.after(prng.int(3_000, 8_000), () => faults.next(FAULTS_MS));
  world.runUntil(FAULTS_MS);
  cluster.log?.("everything heals");
  faults.heal();
  cluster.calm = true;
  world.after(POLL_MS, () => settle(operator, clients, surroundings));
  const healedMs = heal(world, () => unmet(cluster, operator, clients));
  return { acknowledgements: cluster.checkers.promises.acknowledgements, faults: faults.count, healedMs };
}

/** In the end there are as many clients on each LAN as it has addresses. */
function settle(
  operator: Operator,
  clients: SimClient[],
  surroundings: ConstructorParameters<typeof SimClient>[1],
): void {
  const lans = LANS.map((_, lan) => lan);
  const { reservation } = variantOf(operator.file.text);
  // Whoever has a reservation stays where it is, or the number of addresses would be another one.
  const rank = (client: SimClient) => client.number === reservation?.client ? 0 : 1;
  const there = (lan: number) =>
    clients.filter((client) => !client.off && client.lan === lan).sort((a, b) => rank(a) - rank(b));
  for (const lan of lans) {
    for (const client of there(lan).slice(capacity(operator, there(lan), lan))) {
      const other = lans.find((lan) => there(lan).length < capacity(operator, there(lan), lan));
      if (other === undefined) client.leave();
      else client.move(other);
    }
  }
  for (const lan of lans) {
    while (there(lan).length < capacity(operator, there(lan), lan)) {
      const client = new SimClient(clients.length + 1, surroundings);
      client.lan = lan;
      clients.push(client);
      client.start();
    }
  }
}

/** Runs until all is well; returns how long that took. */
function heal(world: EventQueue, look: () => Unmet | undefined): number {
  for (let passedMs = POLL_MS;; passedMs += POLL_MS) {
    world.runUntil(FAULTS_MS + passedMs);
    // The clients that stay are chosen at the first poll.
    const problem = passedMs === POLL_MS ? undefined : look();
    if (problem === undefined && passedMs > POLL_MS) return passedMs;
    if (passedMs >= HEALING_MS) {
      throw new Violation(problem?.check ?? "(g)", `${HEALING_MS / 1_000} s after healing ${problem?.what}`);
    }
  }
}
