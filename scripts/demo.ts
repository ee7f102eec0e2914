/**
 * The demonstration: three nodes at different distances and a relay as real processes on loopback, without root, and
 * twenty clients that get, renew and release leases through them; in the middle the nearest node, which leads, is
 * killed, and comes back later. Ends by itself with a summary; the exit code is 1 when anything went wrong.
 *
 * usage: deno task demo [--keep]     --keep leaves it running until Ctrl-C
 */

import { median } from "./demo/median.ts";
import { DemoClients } from "./demo/clients.ts";
import { openDistance } from "./demo/distance.ts";
import { chooseNetwork, type DemoNetwork, type DemoNode, nodeYaml, relayYaml } from "./demo/network.ts";
import { type RunningProgram, startProgram } from "./demo/programs.ts";
import { createView, print, type View } from "./demo/view.ts";
import type { ClientEvent } from "../src/dhcp/client/client.ts";
import { makeKeyFile } from "../node/cluster/cluster_key.ts";
import type { nodeStatus } from "../node/admin/status.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";

const CLIENTS = 20;
/** Clients that come before the leader is killed; the others come while it is away. */
const FIRST = 12;
const RENEWING = 10;
const RELEASING = 5;
/** A silent leader is replaced within this, on a busy machine too; on an idle one it takes 1.5 s to 3 s. */
const TAKEOVER_MS_MAX = 15_000;
const PACE_MS = 80;
const VISIT_MS = 300;
/** Bounds of one step, and of the return to a node that the relay distrusts at first; wide for busy machines. */
const STEP_MS_MAX = 60_000;
const RETURN_MS_MAX = 120_000;

/** 128 + SIGINT, as shells count. */
const INTERRUPTED_EXIT = 130;

/** A signal ended it. */
class Interrupted extends Error {}

/** What the clients went through. */
class Tally {
  readonly exchangesMs: number[] = [];
  readonly counts = { offered: 0, bound: 0, renewed: 0, refused: 0, expired: 0, released: 0 };

  add(event: ClientEvent): void {
    this.counts[event.kind] += 1;
    if (event.kind === "bound" || event.kind === "renewed") this.exchangesMs.push(event.afterMs);
  }
}

function describe(event: ClientEvent): string {
  const address = formatIpv4(event.address);
  switch (event.kind) {
    case "offered":
      return `DHCPOFFER  ${address}  after ${event.afterMs.toFixed(1)} ms`;
    case "bound":
      return `DHCPACK    ${address}  after ${event.afterMs.toFixed(1)} ms: the lease is on disk`;
    case "renewed":
      return `renewed    ${address}  after ${event.afterMs.toFixed(1)} ms`;
    case "released":
      return `released   ${address}`;
    case "refused":
      return `DHCPNAK    ${address}`;
    case "expired":
      return `expired    ${address}`;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + STEP_MS_MAX;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`Waited ${STEP_MS_MAX / 1_000} s in vain for ${what}`);
    await pause(20);
  }
}

type Status = ReturnType<typeof nodeStatus>;

/** The three nodes as the demonstration starts, kills and asks them. */
class DemoNodes {
  readonly network: DemoNetwork;
  readonly #folder: string;
  readonly #view: View;
  readonly #running = new Map<number, RunningProgram>();

  constructor(network: DemoNetwork, folder: string, view: View) {
    this.network = network;
    this.#folder = folder;
    this.#view = view;
  }

  /** Starts a node; it serves some time later. */
  async start(node: DemoNode): Promise<void> {
    const file = `${this.#folder}/node${node.id}.yaml`;
    await Deno.writeTextFile(file, nodeYaml(this.network, node, this.#folder));
    this.#running.set(node.id, startProgram("node", file, (line) => this.#view.line(`node ${node.id}`, line)));
  }

  async ready(node: DemoNode): Promise<void> {
    await this.#running.get(node.id)?.ready(`http://127.0.0.1:${node.httpPort}/readyz`);
  }

  async kill(node: DemoNode): Promise<void> {
    await this.#running.get(node.id)?.kill();
    this.#running.delete(node.id);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((program) => program.stop()));
  }

  /** All nodes serve under this leader. */
  async follow(leader: DemoNode): Promise<boolean> {
    const statuses = await Promise.all(this.network.nodes.map((node) => this.status(node)));
    return statuses.every((status) => status?.ready === true && status.leader === leader.id);
  }

  /** Undefined while the node does not answer. */
  async status({ httpPort }: DemoNode): Promise<Status | undefined> {
    try {
      return await (await fetch(`http://127.0.0.1:${httpPort}/status`)).json() as Status;
    } catch {
      return undefined;
    }
  }
}

interface RelayStatus {
  readonly nodes: readonly { readonly id: number; readonly rttMs: number | null; readonly chosen: boolean }[];
}

/** The node that the relay prefers now, and the distances as it sees them, `known` once it has measured all of them. */
async function chosenBy(network: DemoNetwork): Promise<{ id: number; distances: string; known: boolean }> {
  const status = await (await fetch(`http://127.0.0.1:${network.relayHttpPort}/status`)).json() as RelayStatus;
  const distances = status.nodes.map(({ id, rttMs }) => `node ${id} ${rttMs === null ? "?" : rttMs.toFixed(0)} ms`);
  return {
    id: status.nodes.find((node) => node.chosen)?.id ?? 0,
    distances: distances.join(", "),
    known: status.nodes.every(({ rttMs }) => rttMs !== null),
  };
}

/** What happened around the takeover. */
interface Takeover {
  readonly killed: number;
  readonly leader: number;
  readonly afterMs: number;
  readonly backAfterMs: number;
}

/**
 * One client more comes and goes until something is so, as the relay trusts a node that left requests unanswered only
 * once it answers. The last visit begins afterwards: a release has no answer, and one that arrives while the leader
 * changes is lost.
 */
async function visit(lan: DemoClients, isOver: () => Promise<boolean>): Promise<void> {
  const visitor = lan.clients[CLIENTS]?.client;
  const deadline = performance.now() + RETURN_MS_MAX;
  for (let over = false; visitor !== undefined && !over;) {
    if (performance.now() > deadline) throw new Error("The relay and the cluster did not go back to the nearest node");
    over = await isOver();
    lan.send(visitor.start(performance.now()));
    await until("the visitor's lease", () => visitor.lease !== undefined);
    await pause(VISIT_MS);
    lan.send(visitor.release(performance.now()));
    await pause(VISIT_MS);
  }
}

/** The clients' part. */
async function play(lan: DemoClients, nodes: DemoNodes, tally: Tally, view: View): Promise<Takeover> {
  const { network } = nodes;
  const start = async (clients: typeof lan.clients) => {
    for (const { client } of clients) {
      lan.send(client.start(performance.now()));
      await pause(PACE_MS);
    }
  };
  const leader = network.nodes.at(-1) as DemoNode;
  const survivor = network.nodes.at(-2) as DemoNode;
  await until("the relay to know the distances", async () => {
    const { id, known } = await chosenBy(network);
    return known && id === leader.id;
  });
  view.line("demo", `the relay chooses the nearest: ${(await chosenBy(network)).distances}`);
  view.line("demo", `${FIRST} clients look for an address`);
  await start(lan.clients.slice(0, FIRST));
  await until(`${FIRST} leases`, () => tally.counts.bound === FIRST);

  view.line("demo", `node ${leader.id} leads: it is killed now, in mid-flight`);
  await nodes.kill(leader);
  const killedMs = performance.now();
  let successor = 0;
  await until("another leader", async () => {
    const status = await nodes.status(survivor);
    successor = status?.leader ?? 0;
    return successor !== 0 && successor !== leader.id && status?.ready === true;
  });
  const afterMs = performance.now() - killedMs;
  view.line("demo", `node ${successor} leads, ${(afterMs / 1_000).toFixed(1)} s after the other one died`);
  await until("the relay to choose the next nearest", async () => (await chosenBy(network)).id === survivor.id);
  view.line("demo", `the relay chooses node ${survivor.id}, the next nearest`);

  view.line(
    "demo",
    `${RENEWING} clients renew at nodes that did not grant their leases, ${CLIENTS - FIRST} new ones come`,
  );
  for (const { client } of lan.clients.slice(0, RENEWING)) {
    lan.send(client.renew(performance.now()));
    await pause(PACE_MS);
  }
  await start(lan.clients.slice(FIRST, CLIENTS));
  await until("these exchanges", () => tally.counts.renewed === RENEWING && tally.counts.bound === CLIENTS);

  view.line("demo", `node ${leader.id} comes back`);
  const startedMs = performance.now();
  await nodes.start(leader);
  await nodes.ready(leader);
  const backAfterMs = performance.now() - startedMs;
  view.line("demo", `node ${leader.id} serves again; the relay waits until it is sure of it`);
  await visit(lan, async () => (await chosenBy(network)).id === leader.id && await nodes.follow(leader));
  view.line("demo", `node ${leader.id} leads, and the relay chooses node ${leader.id} again`);
  view.line("demo", `${RELEASING} clients release their address`);
  for (const { client } of lan.clients.slice(CLIENTS - RELEASING, CLIENTS)) {
    lan.send(client.release(performance.now()));
    await pause(PACE_MS);
  }
  return { killed: leader.id, leader: successor, afterMs, backAfterMs };
}

/** Leases that run, as a node's table has them. */
function boundAt(status: Status | undefined): number {
  return status?.subnets.flatMap(({ pools }) => pools).reduce((sum, pool) => sum + pool.bound, 0) ?? -1;
}

function problems(lan: DemoClients, tally: Tally, takeover: Takeover): string[] {
  const addresses = lan.clients.flatMap(({ client }) => client.lease === undefined ? [] : [client.lease.address]);
  const found: string[] = [];
  if (new Set(addresses).size !== addresses.length) found.push("two clients hold one address");
  if (addresses.length !== CLIENTS - RELEASING) found.push(`${addresses.length} clients hold a lease`);
  if (tally.counts.refused + tally.counts.expired > 0) found.push("a client lost its lease");
  if (takeover.afterMs > TAKEOVER_MS_MAX) found.push(`the takeover took ${Math.round(takeover.afterMs)} ms`);
  return found;
}

function summarize(tally: Tally, takeover: Takeover): string {
  const worst = Math.max(...tally.exchangesMs);
  return [
    "",
    `${tally.counts.bound} leases, ${tally.counts.renewed} renewals, ${tally.counts.released} releases through the ` +
    `relay; median ${median(tally.exchangesMs).toFixed(1)} ms, slowest ${worst.toFixed(1)} ms.`,
    "Every DHCPACK left after its lease was on the disks of two of three nodes, and every node knows every lease.",
    `Node ${takeover.killed} was killed while it led; node ${takeover.leader} led ${
      (takeover.afterMs / 1_000).toFixed(1)
    } s later. Started again, it served after ${(takeover.backAfterMs / 1_000).toFixed(1)} s.`,
    "",
  ].join("\n");
}

/** Where the programs that are left running show themselves. */
function dashboards({ nodes, relayHttpPort }: DemoNetwork): string {
  const rows = [...nodes.map(({ id, httpPort }) => [`node ${id}`, httpPort]), ["relay", relayHttpPort]];
  return ["Dashboards:", ...rows.map(([name, port]) => `  ${name}  http://127.0.0.1:${port}/`), ""].join("\n");
}

async function main(keep: boolean): Promise<number> {
  const network = chooseNetwork();
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-demo-" });
  const view = createView();
  const tally = new Tally();
  const stoppers: (() => void | Promise<void>)[] = [];
  let interrupted = () => {};
  const interruption = new Promise<void>((resolve) => interrupted = resolve);
  Deno.addSignalListener("SIGINT", interrupted);
  Deno.addSignalListener("SIGTERM", interrupted);
  Deno.addSignalListener("SIGHUP", interrupted);
  let stopped = false;
  const orInterruption = async (step: Promise<unknown>) => {
    await Promise.race([step, interruption.then(() => stopped = true)]);
    if (stopped) throw new Interrupted();
  };
  try {
    await makeKeyFile(`${folder}/cluster.key`);
    await Deno.writeTextFile(`${folder}/relay.yaml`, relayYaml(network));
    const nodes = new DemoNodes(network, folder, view);
    stoppers.push(() => nodes.stop());
    await Promise.all(network.nodes.map((node) => nodes.start(node)));
    await orInterruption(Promise.all(network.nodes.map((node) => nodes.ready(node))));
    for (const { httpPort, healthPort, delayMs } of network.nodes) {
      const distance = openDistance({ port: healthPort, to: httpPort, delayMs });
      stoppers.push(() => distance.close());
    }
    const relay = startProgram("relay", `${folder}/relay.yaml`, (line) => view.line("relay", line));
    stoppers.push(() => relay.stop());
    await orInterruption(relay.ready(`http://127.0.0.1:${network.relayHttpPort}/readyz`));
    const lan = await DemoClients.open(network, CLIENTS + 1, (name, event) => {
      tally.add(event);
      view.line(name, describe(event));
    });
    stoppers.push(() => lan.close());
    view.show(lan.clients.slice(0, CLIENTS));
    let takeover: Takeover | undefined;
    await orInterruption(play(lan, nodes, tally, view).then((happened) => takeover = happened));
    if (takeover === undefined) throw new Error("It was never played to the end");
    const left = CLIENTS - RELEASING;
    await orInterruption(until(`${left} leases at every node`, async () => {
      const statuses = await Promise.all(network.nodes.map((node) => nodes.status(node)));
      return statuses.every((status) => boundAt(status) === left);
    }));
    view.end();
    const found = problems(lan, tally, takeover);
    print(summarize(tally, takeover));
    for (const problem of found) print(`Wrong: ${problem}\n`);
    if (keep) {
      print(`${dashboards(network)}Left running; Ctrl-C ends it.\n`);
      await interruption;
    }
    return found.length === 0 ? 0 : 1;
  } catch (error) {
    view.end();
    if (error instanceof Interrupted) return INTERRUPTED_EXIT;
    print(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    for (const stop of stoppers.reverse()) await stop();
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const unknown = Deno.args.filter((argument) => argument !== "--keep");
  if (unknown.length > 0) {
    print(`demo: unknown argument ${unknown[0]}; usage: deno task demo [--keep]\n`);
    Deno.exit(2);
  }
  Deno.exit(await main(Deno.args.includes("--keep")));
}
