// deno-lint-ignore-file no-console -- a measurement prints to the console
/**
 * What a relay costs: our relay and ISC dhcrelay, in turns, in front of the same Kea, on virtual wires between three
 * network namespaces. How much an exchange (DISCOVER to ACK) takes longer than without any relay, one at a time; how
 * many exchanges pass per second, many at a time; and with `--minutes N` how much memory our relay takes under 100,000
 * transactions a minute.
 *
 * ```text
 *  load (clients) ──lan0── gateway (relay) ──srv0── server (Kea)
 * ```
 *
 * usage (root, Debian packages kea-dhcp4-server, kea-admin and isc-dhcp-relay):
 *   deno run -A scripts/bench/relay.ts [--rounds N] [--minutes N]
 */

import { Lab, type Namespace } from "../../tests/e2e/lab/lab.ts";
import type { Process } from "../../tests/e2e/lab/process.ts";
import { until } from "../../tests/e2e/lab/wait.ts";
import { httpGet, ours } from "../../tests/e2e/programs/ours.ts";
import { reference } from "../../tests/e2e/programs/reference.ts";
import { median } from "../demo/median.ts";
import { startKea } from "./kea.ts";
import type { LoadOrder, LoadResult } from "./relay/load_main.ts";
import { roomyBuffers } from "./roomy_buffers.ts";

const LOAD = "10.77.255.254";
const LAN_GATEWAY = "10.77.0.1";
const SERVER_GATEWAY = "10.99.0.1";
const SERVER = "10.99.0.11";
const SUBNET = "10.77.0.0/16";
const POOL = { first: "10.77.1.0", last: "10.77.250.255" };
const CLIENTS = 50_000;
const READY_MS = 15_000;
const MEASURE_SECONDS = 5;
const WARM_UP_SECONDS = 2;
const IN_FLIGHT = [16, 64];
const MEMORY_PER_SECOND = 100_000 / 60;

/** The three machines. */
interface Site {
  readonly load: Namespace;
  readonly gateway: Namespace;
  readonly server: Namespace;
}

/** A relay under test, or none. */
interface Contender {
  readonly name: string;
  start(site: Site): Promise<Process | undefined>;
}

const RELAY_CONFIG = {
  relay: { interfaces: [{ name: "lan0" }] },
  nodes: [{ id: 1, address: SERVER, port: 67, health: `http://${SERVER}:8067/readyz` }],
  probe: { interval: "1s", timeout: "500ms" },
  http: { address: "127.0.0.1", port: 8068 },
  log: { level: "warning", format: "text" },
} as const;

const NO_RELAY: Contender = { name: "no relay", start: () => Promise.resolve(undefined) };

const OURS: Contender = {
  name: "dhcpcluster relay",
  async start({ gateway, load }) {
    // Kea has no health URL: our relay is ready once it has seen an answer.
    const process = ours.startRelay(gateway, RELAY_CONFIG);
    let ready = false;
    process.finally(() => ready = true).catch(() => {});
    await until("our relay to be ready", READY_MS, async () => {
      await measure(load, { seconds: 1, inFlight: 1 });
      return ready;
    });
    return await process;
  },
};

const DHCRELAY: Contender = {
  name: "ISC dhcrelay",
  start: ({ gateway }) => reference.startRelay(gateway, RELAY_CONFIG),
};

async function measure(load: Namespace, order: Omit<LoadOrder, "clients">): Promise<LoadResult> {
  const main = new URL("relay/load_main.ts", import.meta.url).pathname;
  const command = [Deno.execPath(), "run", "--no-check", "--allow-ffi", main];
  const output = await load.exec([...command, JSON.stringify({ clients: CLIENTS, ...order })], {
    deadlineMs: 1_000 * order.seconds + 30_000,
  });
  return JSON.parse(output) as LoadResult;
}

async function build(lab: Lab): Promise<Site> {
  const [load, gateway, server] = [
    await lab.namespace("load"),
    await lab.namespace("gateway", { forward: true }),
    await lab.namespace("server"),
  ];
  await gateway.ip(
    `link add lan0 type veth peer name eth0 netns ${load.systemName}`,
    `link add srv0 type veth peer name eth0 netns ${server.systemName}`,
    "link set lan0 up",
    "link set srv0 up",
    `addr add ${LAN_GATEWAY}/16 dev lan0`,
    `addr add ${SERVER_GATEWAY}/24 dev srv0`,
  );
  await load.ip("link set eth0 up", `addr add ${LOAD}/16 dev eth0`, `route add default via ${LAN_GATEWAY}`);
  await server.ip("link set eth0 up", `addr add ${SERVER}/24 dev eth0`, `route add default via ${SERVER_GATEWAY}`);
  await until("the wires", READY_MS, async () => {
    const output = await load.exec(["ping", "-c", "1", "-W", "1", SERVER], { mayFail: true });
    return output.includes(" 0% packet loss");
  });
  return { load, gateway, server };
}

/** One contender's figures of one round. */
interface Figures {
  readonly medianMs: number;
  /** By number in flight. */
  readonly perSecond: readonly number[];
}

async function contend(contender: Contender, site: Site): Promise<Figures> {
  const process = await contender.start(site);
  const relay = contender === NO_RELAY ? { relay: { address: LOAD, server: SERVER } } : {};
  await measure(site.load, { seconds: WARM_UP_SECONDS, inFlight: 16, ...relay });
  const alone = await measure(site.load, { seconds: MEASURE_SECONDS, inFlight: 1, ...relay });
  const crowds: LoadResult[] = [];
  for (const inFlight of IN_FLIGHT) {
    crowds.push(await measure(site.load, { seconds: MEASURE_SECONDS, inFlight, ...relay }));
  }
  const memory = process === undefined ? "" : `  ${(await residentKib(process) / 1024).toFixed(0)} MiB`;
  process?.signal("SIGTERM");
  await process?.ended;
  const crowded = crowds.map(({ exchangesPerSecond, p99Ms, lost }, index) =>
    `${IN_FLIGHT[index]} at a time ${exchangesPerSecond.toFixed(0)}/s (p99 ${p99Ms.toFixed(1)} ms, ${lost} lost)`
  );
  console.log(
    `${contender.name.padEnd(18)}  alone ${alone.p50Ms.toFixed(3)} ms (p99 ${alone.p99Ms.toFixed(2)})  ` +
      `${crowded.join("  ")}${memory}`,
  );
  return { medianMs: alone.p50Ms, perSecond: crowds.map(({ exchangesPerSecond }) => exchangesPerSecond) };
}

async function residentKib(process: Process): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${process.pid}/status`);
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
}

async function remember(site: Site, minutes: number): Promise<void> {
  const process = await OURS.start(site);
  if (process === undefined) return;
  const load = measure(site.load, { seconds: 60 * minutes, inFlight: 0, perSecond: MEMORY_PER_SECOND });
  let most = 0;
  let running = true;
  const watch = (async () => {
    for (let second = 0; running; second++) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const kib = await residentKib(process);
      most = Math.max(most, kib);
      if (second % 60 === 59) console.log(`minute ${(second + 1) / 60}: ${(kib / 1024).toFixed(1)} MiB`);
    }
  })();
  const { exchangesPerSecond, lost, p50Ms, p99Ms } = await load;
  running = false;
  await watch;
  const status = await httpGet(site.gateway, "http://127.0.0.1:8068/status");
  const { transactions } = JSON.parse(status?.body ?? "{}") as { transactions?: number };
  console.log(
    `${(60 * exchangesPerSecond).toFixed(0)} transactions/min for ${minutes} min: at most ${
      (most / 1024).toFixed(1)
    } MiB, ` +
      `${lost} lost, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms; ${transactions} remembered at the end`,
  );
  process.signal("SIGTERM");
  await process.ended;
}

async function main(rounds: number, minutes: number): Promise<void> {
  using _buffers = roomyBuffers();
  await using lab = await Lab.open();
  const site = await build(lab);
  const kea = await startKea(site.server, { subnet: SUBNET, pool: POOL, folder: site.server.folder("kea") });
  const results = new Map<Contender, Figures[]>([[NO_RELAY, []], [OURS, []], [DHCRELAY, []]]);
  for (let round = 1; round <= rounds; round++) {
    console.log(`round ${round}`);
    for (const [contender, figures] of results) figures.push(await contend(contender, site));
  }
  const middle = (contender: Contender, pick: (figures: Figures) => number) =>
    median((results.get(contender) ?? []).map(pick));
  for (const contender of rounds === 0 ? [] : [OURS, DHCRELAY]) {
    const added = middle(contender, ({ medianMs }) => medianMs) - middle(NO_RELAY, ({ medianMs }) => medianMs);
    console.log(`${contender.name} adds ${added.toFixed(3)} ms to the median exchange`);
  }
  for (const [index, inFlight] of rounds === 0 ? [] : IN_FLIGHT.entries()) {
    const [one, other] = [OURS, DHCRELAY].map((contender) =>
      middle(contender, ({ perSecond }) => perSecond[index] ?? 0)
    );
    console.log(
      `ours / dhcrelay, ${inFlight} at a time = ${((one ?? NaN) / (other ?? NaN)).toFixed(2)} (medians of ${rounds})`,
    );
  }
  if (minutes > 0) await remember(site, minutes);
  kea.signal("SIGTERM");
  await kea.ended;
}

function numberAfter(flag: string, fallback: number): number {
  const at = Deno.args.indexOf(flag);
  return at === -1 ? fallback : Number(Deno.args[at + 1]);
}

if (import.meta.main) await main(numberAfter("--rounds", 3), numberAfter("--minutes", 0));
