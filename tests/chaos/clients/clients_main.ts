/**
 * Emulates all clients of a run; `client_host.ts` starts it on a machine that is in both client networks. Takes a
 * {@link ClientsOrder} and then {@link ClientsCommand}s, a line each, and prints the history as it happens.
 */

import { createInterface } from "node:readline";
import process from "node:process";
import type { Air } from "../../e2e/load/emulated_client.ts";
import { LOAD_LANS } from "../../e2e/load/client_load.ts";
import { type HistoryEvent, trueMs } from "../history.ts";
import { LanAir } from "./air.ts";
import { Life, type World } from "./life.ts";
import type { ClientsCommand, ClientsOrder } from "./order.ts";

const PROBE_EVERY_MS = 250;
/** A probe is not sent again: the next one follows. */
const PROBE_PATIENCE_MS = 1_500;
const PROBES_MAX = 400;
const NODE_TRIES = 4;
/** Clients that only probe have numbers of their own. */
const FIRST_PROBE = 1_000_000;
const NEWCOMER_PATIENCE_MS = 12_000;
const WATCH_MS = 100;
const LAG_MS = 500;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const order = JSON.parse((await lines.next()).value ?? "") as ClientsOrder;
const waiting: Air["waiting"] = new Map();
const lans: LanAir[] = [];
for (const number of LOAD_LANS.keys()) lans.push(await LanAir.open(number, waiting));

const world: World = { order, lans, recent: [], stopping: false, say };
const lives = Array.from({ length: order.clients }, (_, index) => new Life(index + 1, world));
for (const [index, life] of lives.entries()) void life.run(index * 1_000 / order.perSecond);
let probes = FIRST_PROBE;
watchTime();

for await (const line of lines) {
  const command = JSON.parse(line) as ClientsCommand;
  switch (command.kind) {
    case "probe":
      void probeService(command.probe);
      break;
    case "probeNode":
      void probeNode(command.probe, command.address);
      break;
    case "newcomers":
      for (let count = 0; count < command.count; count++) void new Life(++probes, world).acquire(NEWCOMER_PATIENCE_MS);
      break;
    case "stop":
      world.stopping = true;
      say({ kind: "stopped", atMs: trueMs(), dropped: lans.reduce((sum, { dropped }) => sum + dropped, 0) });
      Deno.exit(0);
  }
}

/** Begins probes until one of each kind was served. */
async function probeService(probe: number): Promise<void> {
  const open = new Set<"new" | "renewal">(["new", "renewal"]);
  const served = (what: "new" | "renewal") => {
    if (open.delete(what)) say({ kind: "served", atMs: trueMs(), probe, what });
  };
  for (let count = 0; count < PROBES_MAX && open.size > 0 && !world.stopping; count++) {
    if (open.has("new")) void probeNew(world).then((isServed) => isServed && served("new"));
    const holder = open.has("renewal") ? pickIdle() : undefined;
    if (holder !== undefined) void holder.renew(PROBE_PATIENCE_MS).then((isServed) => isServed && served("renewal"));
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
}

/** A client that gets a lease and gives it back. */
async function probeNew(where: World): Promise<boolean> {
  const life = new Life(++probes, where);
  const isServed = await life.acquire(PROBE_PATIENCE_MS, { isProbe: true });
  life.leave();
  return isServed;
}

/** New clients without our relay ask one node, one after the other. */
async function probeNode(probe: number, address: string): Promise<void> {
  const only: World = { ...world, order: { ...order, nodes: [address], directShare: 1 } };
  for (let count = 0; count < NODE_TRIES; count++) {
    const life = new Life(++probes, only);
    const isServed = await life.acquire(PROBE_PATIENCE_MS, { isProbe: true });
    life.leave();
    if (isServed) return say({ kind: "nodeProbed", atMs: trueMs(), probe, served: true });
  }
  say({ kind: "nodeProbed", atMs: trueMs(), probe, served: false });
}

function pickIdle(): Life | undefined {
  const first = Math.floor(Math.random() * lives.length);
  return [...lives.slice(first), ...lives.slice(0, first)].find((life) => life.idles);
}

/** Says when this process was not on time. */
function watchTime(): void {
  let dueMs = performance.now() + WATCH_MS;
  setInterval(() => {
    const lagMs = performance.now() - dueMs;
    if (lagMs > LAG_MS) say({ kind: "lag", atMs: trueMs(), lagMs });
    dueMs = performance.now() + WATCH_MS;
  }, WATCH_MS);
}

function say(event: HistoryEvent): void {
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(event) + "\n"));
}
