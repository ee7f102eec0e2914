/** One run: a cluster, clients and faults from a seed; then all faults end, and the cluster must converge. */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import { Checkers } from "./checkers.ts";
import { type ClientContext, SimClient } from "./clients.ts";
import type { SimCluster } from "./cluster.ts";
import { MARGIN_MS } from "../../src/lease/agreement/limits.ts";
import { Certified } from "./certified.ts";
import { Commits } from "./commits.ts";
import { CommonTime } from "./common_time.ts";
import { FIRST_VARIANT, LANS, LONG_VARIANT, variantOf } from "./configurations.ts";
import { capacity, firstDifference, firstUnserving, firstWithoutLease, membersOf } from "./convergence.ts";
import { CoreRelay } from "./core_relay.ts";
import { FaultSchedule } from "./fault_schedule.ts";
import { DEFAULT_FAULTS, type FaultSet, hasTrait, PENDING_CHECKS } from "./faults.ts";
import { RandomRelay } from "./random_relay.ts";
import { Refusals } from "./refusals.ts";
import { SimNetwork } from "./network.ts";
import { SimNode } from "./node.ts";
import { Operator } from "./operator.ts";
import { Prng } from "./prng.ts";
import { Recorder } from "./recorder.ts";
import type { Mutation } from "./run.ts";
import { Violation } from "./violation.ts";
import { EventQueue } from "./event_queue.ts";

/** Options of a run. */
export interface ScenarioOptions {
  readonly seed: number;
  /** Nodes at the start; undefined: at random. */
  readonly nodes?: number | undefined;
  readonly faults?: FaultSet | undefined;
  /** Checks that are pending (`faults.ts`) are made too. */
  readonly checksAll?: boolean | undefined;
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

const SIZES = [3, 3, 3, 3, 3, 3, 3, 3, 5, 5, 5, 2, 4, 7, 9];
const CLIENTS = 8;
const FAULTS_MS = 60_000;
const LONG_FAULTS_MS = 150_000;
/**
 * Locks of clients that left, and blocked addresses, expire within this; a lease and its margin take less than half.
 */
const CONVERGENCE_MS = 180_000;
/** With leases that do not end within a run only the tables must become equal. */
const LONG_LEASES_CONVERGENCE_MS = 60_000;
const POLL_MS = 500;

/** What is the same for all of a run. */
interface Scenario {
  readonly cluster: SimCluster;
  readonly operator: Operator;
  readonly clients: SimClient[];
  readonly context: ClientContext;
  readonly hasLongLeases: boolean;
}

/** Runs a seed. Throws a {@link Violation} when a check fails. */
export function runScenario(options: ScenarioOptions): ScenarioResult {
  const { log, faults: names = DEFAULT_FAULTS, checksAll = false } = options;
  const prng = new Prng(options.seed);
  const events = new EventQueue();
  const network = new SimNetwork(events, prng);
  const count = options.nodes ?? prng.pick(SIZES);
  const members = Array.from({ length: count }, (_, index) => index + 1);
  const has = (trait: Parameters<typeof hasTrait>[0]) => hasTrait(trait, names, prng);
  const [hasLongLeases, isLong, hasRelayCore] = [has("longLeases"), has("longRun"), has("relayCore")];
  const isSealed = has("sealed");
  const nodes = new Map<NodeId, SimNode>();
  const cluster: SimCluster = {
    events,
    prng,
    time: new CommonTime(events),
    links: network,
    recorder: new Recorder(),
    isSealed,
    nodes,
    checkers: new Checkers(events, members, nodes),
    mutation: options.mutation ?? {},
    isChecked: (check) => checksAll || PENDING_CHECKS[check] === undefined,
    faultsOver: false,
    log: log && ((line) => log(`${String(events.nowMs).padStart(7)}  ${line}`)),
  };
  const operator = new Operator(cluster, members, hasLongLeases ? LONG_VARIANT : FIRST_VARIANT);
  for (const id of members) {
    const node = new SimNode(id, cluster, { file: operator.file, members });
    nodes.set(id, node);
    events.after(prng.int(0, 3_000), () => node.start());
  }
  const servers = () => [...operator.members];
  const context: ClientContext = {
    run: cluster,
    relay: hasRelayCore ? new CoreRelay(cluster, servers) : new RandomRelay(cluster, servers),
    delayMsMax: () => network.quality.delayMs.max,
    variants: operator.variants,
  };
  const clients = Array.from({ length: CLIENTS }, (_, index) => new SimClient(index + 1, context));
  for (const client of clients) events.after(prng.int(0, 15_000), () => client.start());
  const faults = new FaultSchedule(cluster, network, operator, names);
  new Commits(cluster, () => ({
    changedMs: faults.changedMs,
    isSteady: network.isSteady && (cluster.faultsOver || cluster.isChecked("(j)")),
  }));
  const faultsMs = isLong ? LONG_FAULTS_MS : FAULTS_MS;
  events.after(prng.int(3_000, 8_000), () => faults.next(faultsMs));
  events.runUntil(faultsMs);
  cluster.log?.("all faults end");
  faults.end();
  cluster.faultsOver = true;
  const convergedMs = runUntilConverged({ cluster, operator, clients, context, hasLongLeases });
  return { acknowledgements: cluster.checkers.promises.acknowledgements, faults: faults.count, convergedMs };
}

/** Runs until everything holds; returns the time that it took. */
function runUntilConverged(scenario: Scenario): number {
  const { cluster, operator, clients, context, hasLongLeases } = scenario;
  const { events } = cluster;
  const certified = new Certified();
  const refusals = new Refusals();
  const endedMs = events.nowMs;
  const boundMs = hasLongLeases ? LONG_LEASES_CONVERGENCE_MS : CONVERGENCE_MS;
  let about: unknown;
  let sinceMs = 0;
  for (let passedMs = POLL_MS;; passedMs += POLL_MS) {
    events.runUntil(endedMs + passedMs);
    if (passedMs === POLL_MS) {
      // The clients that stay are chosen now.
      if (!hasLongLeases) matchClients(operator, clients, context);
      continue;
    }
    const unserving = firstUnserving(cluster, operator);
    if (unserving === undefined) {
      const members = membersOf(cluster, operator);
      if (cluster.isChecked("(k)")) {
        certified.look(members, events.nowMs, (address) => cluster.checkers.ledger.isHeld(address));
      }
      if (!hasLongLeases && operator.servesNewClients) {
        refusals.look(members, clients, variantOf(operator.file.text), events.nowMs);
      }
    }
    const unmet = unserving ?? (hasLongLeases ? undefined : firstWithoutLease(clients)) ??
      firstDifference(membersOf(cluster, operator), operator, hasLongLeases ? undefined : clients);
    if (unmet === undefined) return passedMs;
    if (unmet.about !== about) [about, sinceMs] = [unmet.about, passedMs];
    // A lock that ends just now has ended on some nodes only.
    if (passedMs >= boundMs && passedMs - sinceMs >= MARGIN_MS) {
      throw new Violation(unmet.check, `${passedMs / 1_000} s after the last fault ${unmet.what}`);
    }
  }
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
