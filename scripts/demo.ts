/**
 * The demonstration: a node and a relay as real processes on loopback, without root, and twenty clients that get, renew and
 * release leases through them. Ends by itself with a summary; the exit code is 1 when anything did not go as it should.
 *
 * usage: deno task demo [--keep]     --keep leaves it running until Ctrl-C
 */

import { median } from "./demo/median.ts";
import { DemoClients } from "./demo/clients.ts";
import { chooseNetwork, type DemoNetwork, nodeYaml, relayYaml } from "./demo/network.ts";
import { startProgram } from "./demo/programs.ts";
import { createView, print, type View } from "./demo/view.ts";
import type { ClientEvent } from "../src/dhcp/client/client.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";

const CLIENTS = 20;
const RENEWING = 10;
const RELEASING = 5;
const PACE_MS = 80;
const STEP_MS_MAX = 15_000;

/** 128 + SIGINT, as shells count. */
const INTERRUPTED_EXIT = 130;

/** Somebody wants it to end. */
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

interface NodeStatus {
  readonly counters: { readonly granted: number; readonly released: number };
  readonly store: { readonly commits: number };
}

async function nodeStatus(network: DemoNetwork): Promise<NodeStatus> {
  const response = await fetch(`http://127.0.0.1:${network.nodeHttpPort}/status`);
  return await response.json() as NodeStatus;
}

/** The clients' part. */
async function play(lan: DemoClients, tally: Tally, view: View): Promise<void> {
  view.line("demo", `${CLIENTS} clients look for an address`);
  for (const { client } of lan.clients) {
    lan.send(client.start(performance.now()));
    await pause(PACE_MS);
  }
  await until(`${CLIENTS} leases`, () => tally.counts.bound === CLIENTS);
  view.line("demo", `${RENEWING} clients renew`);
  for (const { client } of lan.clients.slice(0, RENEWING)) {
    lan.send(client.renew(performance.now()));
    await pause(PACE_MS);
  }
  await until(`${RENEWING} renewals`, () => tally.counts.renewed === RENEWING);
  view.line("demo", `${RELEASING} clients release their address`);
  for (const { client } of lan.clients.slice(-RELEASING)) {
    lan.send(client.release(performance.now()));
    await pause(PACE_MS);
  }
}

function problems(lan: DemoClients, tally: Tally, status: NodeStatus): string[] {
  const addresses = lan.clients.flatMap(({ client }) => client.lease === undefined ? [] : [client.lease.address]);
  const found: string[] = [];
  if (new Set(addresses).size !== addresses.length) found.push("two clients hold one address");
  if (addresses.length !== CLIENTS - RELEASING) found.push(`${addresses.length} clients hold a lease`);
  if (tally.counts.refused + tally.counts.expired > 0) found.push("a client lost its lease");
  if (status.counters.granted !== CLIENTS + RENEWING) found.push(`the node counts ${status.counters.granted} grants`);
  return found;
}

function summarize(network: DemoNetwork, tally: Tally, status: NodeStatus): string {
  const worst = Math.max(...tally.exchangesMs);
  return [
    "",
    `${tally.counts.bound} leases, ${tally.counts.renewed} renewals, ${tally.counts.released} releases through the relay; ` +
    `median ${median(tally.exchangesMs).toFixed(1)} ms, slowest ${worst.toFixed(1)} ms.`,
    `The node synced its disk ${status.store.commits} times; every DHCPACK left after its lease was there.`,
    `While it ran: http://127.0.0.1:${network.nodeHttpPort}/status (node), ` +
    `http://127.0.0.1:${network.relayHttpPort}/status (relay)`,
    "",
  ].join("\n");
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
    await Deno.writeTextFile(`${folder}/node.yaml`, nodeYaml(network, `${folder}/state`));
    await Deno.writeTextFile(`${folder}/relay.yaml`, relayYaml(network));
    for (const [program, port] of [["node", network.nodeHttpPort], ["relay", network.relayHttpPort]] as const) {
      const running = startProgram(program, `${folder}/${program}.yaml`, (line) => view.line(program, line));
      stoppers.push(() => running.stop());
      await orInterruption(running.ready(`http://127.0.0.1:${port}/readyz`));
    }
    const lan = await DemoClients.open(network, CLIENTS, (name, event) => {
      tally.add(event);
      view.line(name, describe(event));
    });
    stoppers.push(() => lan.close());
    view.show(lan.clients);
    await orInterruption(play(lan, tally, view));
    const released = async () => (await nodeStatus(network)).counters.released === RELEASING;
    await orInterruption(until("the releases at the node", released));
    const status = await nodeStatus(network);
    view.end();
    const found = problems(lan, tally, status);
    print(summarize(network, tally, status));
    for (const problem of found) print(`Wrong: ${problem}\n`);
    if (keep) {
      print("Left running; Ctrl-C ends it.\n");
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
