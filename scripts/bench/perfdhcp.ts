// deno-lint-ignore-file no-console -- a measurement prints to the console
/**
 * How many leases per second one node grants, next to one Kea in the same run: perfdhcp plays a relay with many
 * clients, on a virtual wire between two network namespaces. For each server the highest rate is searched at which at
 * most one exchange in a hundred fails; the servers take turns.
 *
 * The node has each lease fsynced before its DHCPACK; Kea's memfile backend is written without fsync. perfdhcp takes
 * the system's default receive buffer, which is raised while this runs (`roomy_buffers.ts`): else losses would tell how
 * seldom perfdhcp was scheduled, and not what the server can do.
 *
 * usage (root, Debian packages kea-dhcp4-server and kea-admin): deno run -A scripts/bench/perfdhcp.ts [--rounds N]
 */

import { Lab, type Namespace } from "../../tests/e2e/lab/lab.ts";
import type { Process } from "../../tests/e2e/lab/process.ts";
import { until } from "../../tests/e2e/lab/wait.ts";
import { httpGet, ours } from "../../tests/e2e/programs/ours.ts";
import { median } from "../demo/median.ts";
import { startKea } from "./kea.ts";
import { roomyBuffers } from "./roomy_buffers.ts";

const SERVER = "10.99.255.254";
const LOAD = "10.99.255.1";
const SUBNET = "10.99.0.0/16";
const POOL = { first: "10.99.0.1", last: "10.99.249.255" };
const CLIENTS = 60_000;
const RATE = { min: 1_000, max: 40_000 };
const SEARCH_STEPS = 6;
/** Load before the search, so that no server is measured cold. */
const WARM_UP_RATE = 2_000;
const MEASURE_SECONDS = 4;
const LOST_SHARE_MAX = 0.01;
const READY_MS = 15_000;

/** A server under test. */
interface Contender {
  readonly name: string;
  start(host: Namespace, round: number): Promise<Process>;
}

const NODE: Contender = {
  name: "dhcpcluster node (fsync per group commit)",
  start: (host, round) =>
    ours.startNode(
      host,
      {
        node: { id: 1, stateDir: host.folder(`state-${round}`) },
        dhcp: { address: SERVER, port: 67 },
        cluster: { nodes: [{ id: 1, address: SERVER }], port: 6767, multicast: "off" },
        http: { address: SERVER, port: 8067 },
        log: { level: "warning", format: "text" },
        service: {
          revision: 1,
          leaseTime: 3_600,
          authoritative: true,
          subnets: [{ subnet: SUBNET, pools: [`${POOL.first}-${POOL.last}`] }],
        },
      },
    ),
};

const KEA: Contender = {
  name: "Kea (memfile, no fsync)",
  start: (host, round) => startKea(host, { subnet: SUBNET, pool: POOL, folder: host.folder(`kea-${round}`) }),
};

/** perfdhcp's results of one kind of exchange. */
interface Measurement {
  readonly exchangesPerSecond: number;
  /** Share of sent packets without an answer, of both exchanges. */
  readonly lostShare: number;
  readonly meanMs: number;
}

async function measure(load: Namespace, rate: number): Promise<Measurement> {
  const command = [
    "perfdhcp",
    "-4",
    ...["-l", LOAD],
    ...["-r", String(rate)],
    ...["-R", String(CLIENTS)],
    ...["-p", String(MEASURE_SECONDS)],
    ...["-W", "500000"],
    SERVER,
  ];
  const output = await load.exec(command, { mayFail: true });
  const numbers = (label: RegExp) => [...output.matchAll(label)].map((match) => Number(match[1]));
  const sent = numbers(/^sent packets: (\d+)/gm);
  const received = numbers(/^received packets: (\d+)/gm);
  const delays = numbers(/^avg delay: ([\d.]+)/gm);
  const [discovers, requests] = sent;
  const [offers, acks] = received;
  if (discovers === undefined || requests === undefined || offers === undefined || acks === undefined) {
    throw new Error(`perfdhcp said nothing of use:\n${output}`);
  }
  return {
    exchangesPerSecond: acks / MEASURE_SECONDS,
    lostShare: 1 - acks / Math.max(discovers, 1),
    meanMs: delays.reduce((sum, delay) => sum + delay, 0),
  };
}

/** The highest rate with a loss of at most {@link LOST_SHARE_MAX}. */
async function search(load: Namespace): Promise<Measurement> {
  await measure(load, WARM_UP_RATE);
  let low = RATE.min;
  let high = RATE.max;
  let best: Measurement = { exchangesPerSecond: 0, lostShare: 1, meanMs: NaN };
  for (let step = 0; step < SEARCH_STEPS; step++) {
    const rate = Math.round(Math.sqrt(low * high));
    const measured = await measure(load, rate);
    // perfdhcp may send more slowly than requested: answers count.
    const kept = measured.lostShare <= LOST_SHARE_MAX;
    if (kept && measured.exchangesPerSecond > best.exchangesPerSecond) best = measured;
    if (kept && measured.exchangesPerSecond > 0.9 * rate) low = rate;
    else high = rate;
  }
  return best;
}

async function buildWire(lab: Lab): Promise<{ load: Namespace; host: Namespace }> {
  const load = await lab.namespace("load");
  const host = await lab.namespace("host");
  await load.ip(`link add eth0 type veth peer name eth0 netns ${host.systemName}`);
  for (const [namespace, address] of [[load, LOAD], [host, SERVER]] as const) {
    await namespace.ip("link set eth0 up", `addr add ${address}/16 dev eth0`);
  }
  await until("the wire", READY_MS, async () => {
    await load.exec(["ping", "-c", "1", "-W", "1", SERVER], { mayFail: true });
    return true;
  });
  return { load, host };
}

async function main(rounds: number): Promise<void> {
  using _buffers = roomyBuffers();
  await using lab = await Lab.open();
  const { load, host } = await buildWire(lab);
  const results = new Map<Contender, Measurement[]>([[NODE, []], [KEA, []]]);
  for (let round = 1; round <= rounds; round++) {
    for (const [contender, measurements] of results) {
      const process = await contender.start(host, round);
      const best = await search(load);
      measurements.push(best);
      console.log(
        `round ${round}  ${contender.name.padEnd(42)}  ${
          best.exchangesPerSecond.toFixed(0).padStart(6)
        } exchanges/s  ` +
          `${(100 * best.lostShare).toFixed(2)} % lost  mean ${best.meanMs.toFixed(2)} ms for both halves`,
      );
      if (contender === NODE) {
        const status = await httpGet(host, `http://${SERVER}:8067/status`);
        const store = (JSON.parse(status?.body ?? "{}") as { store?: { commits?: number; rows?: number } }).store;
        console.log(`         ${store?.rows} rows in ${store?.commits} commits`);
      }
      process.signal("SIGTERM");
      await process.ended;
    }
  }
  const rates = [...results.values()].map((all) => median(all.map((one) => one.exchangesPerSecond)));
  const [node = NaN, kea = NaN] = rates;
  console.log(`node / Kea = ${(node / kea).toFixed(2)} (medians of ${rounds})`);
}

if (import.meta.main) {
  const at = Deno.args.indexOf("--rounds");
  await main(at === -1 ? 1 : Number(Deno.args[at + 1]));
}
