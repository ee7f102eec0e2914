/** One run: a cluster, clients and faults from a seed; then all faults end, and the cluster must converge. */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import { Checkers } from "./checkers.ts";
import { type ClientContext, SimClient } from "./clients.ts";
import type { SimCluster } from "./cluster.ts";
import { LANS, variantOf } from "./configurations.ts";
import { Faults } from "./faults.ts";
import { capacity, firstUnmet, type Unmet } from "./convergence.ts";
import { SimNetwork } from "./network.ts";
import { SimNode } from "./node.ts";
import { Operator } from "./operator.ts";
import { Prng } from "./prng.ts";
import type { Mutation } from "./run.ts";
import { Violation } from "./violation.ts";
import { EventQueue } from "./event_queue.ts";

/** Options of a run. */
export interface ScenarioOptions {
  readonly seed: number;
  /** Nodes at the start; undefined: three or five, at random. */
  readonly nodes?: number | undefined;
  readonly mutation?: Mutation;
  readonly log?: ((line: string) => void) | undefined;
}

/** Result of a run without a violation. */
export interface ScenarioResult {
  readonly acknowledgements: number;
  readonly faults: number;
  /** Time from the end of the faults until everything held. */
  readonly convergedMs: number;
}

const CLIENTS = 8;
const FAULTS_MS = 60_000;
/**
 * Locks of clients that left, and blocked addresses, expire within this; a lease and its margin take less than half.
 */
const CONVERGENCE_MS = 180_000;
const POLL_MS = 500;
const ENCODES_CHANCE = 0.05;

/** Runs a seed. Throws a {@link Violation} when a check fails. */
export function runScenario(options: ScenarioOptions): ScenarioResult {
  const prng = new Prng(options.seed);
  const events = new EventQueue();
  const network = new SimNetwork(events, prng);
  const count = options.nodes ?? prng.pick([3, 3, 3, 5]);
  const members = Array.from({ length: count }, (_, index) => index + 1);
  const { log } = options;
  const nodes = new Map<NodeId, SimNode>();
  const cluster: SimCluster = {
    events,
    prng,
    links: network,
    nodes,
    checkers: new Checkers(events, members, nodes),
    mutation: options.mutation ?? {},
    encodes: prng.chance(ENCODES_CHANCE),
    faultsOver: false,
    log: log && ((line) => log(`${String(events.nowMs).padStart(7)}  ${line}`)),
  };
  const operator = new Operator(cluster, members);
  for (const id of members) {
    const node = new SimNode(id, cluster, { file: operator.file, members });
    nodes.set(id, node);
    events.after(prng.int(0, 3_000), () => node.start());
  }
  const context: ClientContext = {
    run: cluster,
    servers: () => [...operator.members],
    delayMsMax: () => network.quality.delayMs.max,
    variants: operator.variants,
  };
  const clients = Array.from({ length: CLIENTS }, (_, index) => new SimClient(index + 1, context));
  for (const client of clients) events.after(prng.int(0, 15_000), () => client.start());
  const faults = new Faults(cluster, network, operator);
  events.after(prng.int(3_000, 8_000), () => faults.next(FAULTS_MS));
  events.runUntil(FAULTS_MS);
  cluster.log?.("all faults end");
  faults.end();
  cluster.faultsOver = true;
  events.after(POLL_MS, () => matchClients(operator, clients, context));
  const convergedMs = runUntilConverged(events, () => firstUnmet(cluster, operator, clients));
  return { acknowledgements: cluster.checkers.promises.acknowledgements, faults: faults.count, convergedMs };
}

/** After the faults: moves, starts and stops clients until each LAN has as many as it has addresses. */
function matchClients(
  operator: Operator,
  clients: SimClient[],
  context: ClientContext,
): void {
  const lans = LANS.map((_, lan) => lan);
  const { reservation } = variantOf(operator.file.text);
  // The client with a reservation stays on its LAN, or the number of its addresses would change.
  const rank = (client: SimClient) => client.number === reservation?.client ? 0 : 1;
  const clientsOn = (lan: number) =>
    clients.filter((client) => !client.off && client.lan === lan).sort((a, b) => rank(a) - rank(b));
  for (const lan of lans) {
    for (const client of clientsOn(lan).slice(capacity(operator, clientsOn(lan), lan))) {
      const other = lans.find((lan) => clientsOn(lan).length < capacity(operator, clientsOn(lan), lan));
      if (other === undefined) client.leave();
      else client.move(other);
    }
  }
  for (const lan of lans) {
    while (clientsOn(lan).length < capacity(operator, clientsOn(lan), lan)) {
      const client = new SimClient(clients.length + 1, context);
      client.lan = lan;
      clients.push(client);
      client.start();
    }
  }
}

/** Runs until everything holds; returns the time that it took. */
function runUntilConverged(events: EventQueue, check: () => Unmet | undefined): number {
  for (let passedMs = POLL_MS;; passedMs += POLL_MS) {
    events.runUntil(FAULTS_MS + passedMs);
    // The clients that stay are chosen at the first poll.
    const problem = passedMs === POLL_MS ? undefined : check();
    if (problem === undefined && passedMs > POLL_MS) return passedMs;
    if (passedMs >= CONVERGENCE_MS) {
      throw new Violation(problem?.check ?? "(g)", `${CONVERGENCE_MS / 1_000} s after the last fault ${problem?.what}`);
    }
  }
}
