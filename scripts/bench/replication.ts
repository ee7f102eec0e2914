// deno-lint-ignore-file no-console -- a command prints to the console
/**
 * What replication costs: clusters of 3, 5 and 9 nodes as real processes on loopback under load, and what their
 * counters say of batches and acknowledgements. Rates are of this machine with everything on it; the ratios are what
 * counts.
 *
 * usage: deno run -A scripts/bench/replication.ts [--nodes 3,5,9] [--seconds 10] [--in-flight 16] [--one]
 *   --one: all clients go to one node; else they are spread over all
 */

import { quantile, runLoad } from "./cluster/load.ts";
import { type BenchCluster, startCluster } from "./cluster/nodes.ts";

function option(name: string, fallback: string): string {
  const at = Deno.args.indexOf(`--${name}`);
  return at === -1 ? fallback : Deno.args[at + 1] ?? fallback;
}

type Counters = Record<"batches" | "heartbeats" | "records" | "acknowledgements" | "datagrams" | "commits", number>;

/** The counters of all nodes together. */
async function countersOf(cluster: BenchCluster): Promise<Counters> {
  const sum: Counters = { batches: 0, heartbeats: 0, records: 0, acknowledgements: 0, datagrams: 0, commits: 0 };
  for (const node of cluster.nodes) {
    const { cluster: status, store } = await node.status();
    const { replication, transport } = status.counters;
    for (const key of ["batches", "heartbeats", "records", "acknowledgements"] as const) sum[key] += replication[key];
    sum.datagrams += transport?.datagramsSent ?? 0;
    sum.commits += store.commits;
  }
  return sum;
}

async function measure(count: number, options: { seconds: number; inFlight: number; one: boolean }): Promise<string> {
  const cluster = await startCluster(count, (text) => console.error(text));
  try {
    const addresses = cluster.nodes.map((node) => node.address);
    const load = {
      relay: cluster.relay,
      port: cluster.port,
      nodes: options.one ? addresses.slice(-1) : addresses,
      inFlight: options.inFlight,
      clients: 20_000,
    };
    await runLoad({ ...load, seconds: 2 });
    const before = await countersOf(cluster);
    const { exchangesMs, lost, refused } = await runLoad({ ...load, seconds: options.seconds });
    const after = await countersOf(cluster);
    const used = (key: keyof Counters) => after[key] - before[key];
    const leases = exchangesMs.length;
    const per = (key: keyof Counters) => (used(key) / leases).toFixed(2);
    const sending = options.one ? 1 : count;
    return [
      `${count} nodes: ${Math.round(leases / options.seconds)} exchanges/s`,
      `p50 ${quantile(exchangesMs, 0.5).toFixed(1)} ms, p99 ${quantile(exchangesMs, 0.99).toFixed(1)} ms`,
      `${lost} lost, ${refused} refused`,
      `per lease ${per("batches")} batches, ${per("acknowledgements")} acknowledgements, ${
        per("datagrams")
      } datagrams, ` +
      `${per("commits")} commits`,
      `per batch ${(used("records") / used("batches")).toFixed(1)} records, ` +
      `${(used("acknowledgements") / used("batches")).toFixed(2)} acknowledgements`,
      `${Math.round(used("batches") / options.seconds / sending)} batches and ` +
      `${Math.round(used("heartbeats") / options.seconds / sending)} others a second and sending node`,
    ].join("; ");
  } finally {
    await cluster.stop();
  }
}

const counts = option("nodes", "3,5,9").split(",").map(Number);
const options = {
  seconds: Number(option("seconds", "10")),
  inFlight: Number(option("in-flight", "16")),
  one: Deno.args.includes("--one"),
};
for (const count of counts) console.log(await measure(count, options));
