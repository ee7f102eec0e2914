// deno-lint-ignore-file no-console -- a command prints to the console
/**
 * What forged datagrams and idle connections at the cluster port cost: three nodes as real processes on loopback under
 * load, quiet first, then with each flood. "Foreign" datagrams come from no member's address, "spoofed" ones from
 * members' addresses, "sniffed" ones also begin like datagrams of the members' running processes, in either version of
 * the seal.
 *
 * usage: deno run -A scripts/bench/cluster_flood.ts [--seconds 8] [--in-flight 16] [--only NAME]
 */

import { readKeyFile } from "../../node/cluster/cluster_key.ts";
import { nodeCipher } from "../../node/cluster/cipher.ts";
import { DOMAIN, HEADER_BYTES, type Run, Sealer } from "../../src/cluster/wire/seal.ts";
import { type Ipv4, parseIpv4 } from "../../src/net/ipv4.ts";
import { openUdp } from "../../src/net/open.ts";
import type { Flood } from "./cluster/flood.ts";
import { quantile, runLoad } from "./cluster/load.ts";
import { type BenchCluster, startCluster } from "./cluster/nodes.ts";

const GROUP = "239.255.67.67";
const JOIN_MS = 60_000;

function option(name: string, fallback: string): string {
  const at = Deno.args.indexOf(`--${name}`);
  return at === -1 ? fallback : Deno.args[at + 1] ?? fallback;
}

const seconds = Number(option("seconds", "8"));
const inFlight = Number(option("in-flight", "16"));
const only = option("only", "");

/** Runs something during a flood. */
async function during<Result>(flood: Flood | undefined, run: () => Promise<Result>): Promise<Result> {
  if (flood === undefined) return await run();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("cluster/flood.ts", import.meta.url).pathname, JSON.stringify(flood)],
    stdin: "null",
  }).spawn();
  try {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return await run();
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

/** The headers that the members' processes write now, by address. */
async function sniff(cluster: BenchCluster): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const headers = new Map<string, Uint8Array<ArrayBuffer>>();
  const byAddress = new Map(cluster.nodes.map(({ address }) => [parseIpv4(address), address]));
  const group = parseIpv4(GROUP) as Ipv4;
  const socket = await openUdp({ address: group, port: cluster.port + 1, reuseAddress: true });
  try {
    socket.joinMulticast(group, parseIpv4(cluster.relay) as Ipv4);
    socket.receive((bytes, from) => {
      const address = byAddress.get(from);
      if (address !== undefined) headers.set(address, bytes.slice(0, HEADER_BYTES));
    });
    for (let turn = 0; turn < 100 && headers.size < cluster.nodes.length; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    socket.close();
  }
  return headers;
}

/** What each node says of the leader. */
async function leadersOf(cluster: BenchCluster): Promise<string> {
  const said = await Promise.all(cluster.nodes.map(async (node) => {
    const { leader, term } = await node.status();
    return `${leader} (term ${term})`;
  }));
  return [...new Set(said)].join(", ");
}

let quiet: number | undefined;

async function load(cluster: BenchCluster, name: string, flood?: Flood): Promise<void> {
  if (only !== "" && !name.includes(only) && flood !== undefined) return;
  const before = await leadersOf(cluster);
  const { exchangesMs, lost, refused } = await during(flood, () =>
    runLoad({
      relay: cluster.relay,
      port: cluster.port,
      nodes: cluster.nodes.map(({ address }) => address),
      inFlight,
      clients: 20_000,
      seconds,
    }));
  const after = await leadersOf(cluster);
  const perSecond = exchangesMs.length / seconds;
  quiet ??= perSecond;
  const firstTries = 100 * exchangesMs.length / (exchangesMs.length + lost + refused);
  console.log(
    `${name}: ${Math.round(perSecond)} exchanges/s (${Math.round(100 * perSecond / quiet)} % of quiet), ` +
      `p50 ${quantile(exchangesMs, 0.5).toFixed(1)} ms, p99 ${
        quantile(exchangesMs, 0.99).toFixed(1)
      } ms, first tries ` +
      `${firstTries.toFixed(2)} %, leader ${
        before === after ? `unchanged: ${after}` : `CHANGED: ${before} → ${after}`
      }`,
  );
}

/** How long a node with a new disk takes until it is ready, during a flood. */
async function join(cluster: BenchCluster, name: string, flood?: Flood): Promise<void> {
  if (only !== "" && !name.includes(only) && flood !== undefined) return;
  const node = cluster.nodes[0];
  if (node === undefined) return;
  await node.program.stop();
  await node.wipe();
  const ms = await during(flood, async () => {
    const started = performance.now();
    node.start();
    while (performance.now() - started < JOIN_MS && !(await node.status().catch(() => undefined))?.ready) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return performance.now() - started;
  });
  console.log(`${name}: a new disk is ready after ${(ms / 1_000).toFixed(1)} s`);
}

const cluster = await startCluster(3, (text) => console.error(text));
try {
  const port = cluster.port + 1;
  const all = cluster.nodes.map(({ address }) => address);
  const targets = { one: all.slice(-1), three: all };
  const keys = await readKeyFile(cluster.keyFile);
  /** What begins like a datagram of the former seal version, with the right key id. */
  const header = (self: Run) =>
    new Sealer({ self, keys, isMember: () => true, cipher: nodeCipher })
      .seal(DOMAIN.datagram, new Uint8Array(), undefined, 1).slice(0, HEADER_BYTES);
  const starts = Math.floor(Date.now() / 1_000);
  const spoofed = cluster.nodes.map(({ id, address }) => ({
    address,
    header: header({ node: id, starts, incarnation: 1 }).toHex(),
  }));
  const foreign = spoofed.map(({ header }, index) => ({ address: `${cluster.net}.${201 + index}`, header }));
  const sniffed = async () =>
    [...await sniff(cluster)].flatMap(([address, seen]) => {
      const view = new DataView(seen.buffer);
      const run = { node: view.getUint8(8), starts: view.getUint32(9), incarnation: view.getUint32(13) };
      return [seen, header(run)].map((octets) => ({ address, header: octets.toHex() }));
    });

  await load(cluster, "warm-up");
  quiet = undefined;
  await load(cluster, "quiet");
  for (const [to, perSecond] of [["one", 20_000], ["three", 7_000]] as const) {
    const flood = { kind: "datagrams", port, targets: targets[to], perSecond } as const;
    const name = `${perSecond}/s at ${to}`;
    await load(cluster, `${name}, foreign`, { ...flood, sources: foreign, isRunKnown: false });
    await load(cluster, `${name}, spoofed`, { ...flood, sources: spoofed, isRunKnown: false });
    await load(cluster, `${name}, sniffed`, { ...flood, sources: await sniffed(), isRunKnown: true });
  }
  await load(cluster, "quiet again");
  await join(cluster, "joining, quiet");
  const connections = { kind: "connections", source: foreign[0]?.address ?? "", port, count: 60 } as const;
  await join(cluster, "joining, 60 connections to the leader", { ...connections, target: all.at(-1) ?? "" });
  await join(cluster, "joining, 60 connections to the newcomer", { ...connections, target: all[0] ?? "" });
} finally {
  await cluster.stop();
}
