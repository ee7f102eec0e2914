import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { say } from "./bars.ts";
import { describeRelayed } from "./relay.ts";
import { type ClusterSite, onCluster } from "./site.ts";
import { CLIENTS, PER_SECOND } from "./steps.ts";
import { Swarm, type SwarmAnswer } from "../clients/raw/swarm.ts";
import { type Host, LANS } from "../lab/topology.ts";
import { until } from "../lab/wait.ts";
import type { LoadReport } from "../load/client_load.ts";
import { median } from "../../../scripts/demo/median.ts";
import { e2e } from "../register.ts";

/** The requirement is a minute; by default some seconds. */
const WATCHED_SECONDS = Number(Deno.env.get("DHCPCLUSTER_WATCHED_SECONDS") ?? 10);
const RUN_SECONDS = 10;
/** DHCPDISCOVERs at once, again and again. */
const DISCOVERS = 15;
/** Of the subnet that gets full. */
const ADDRESSES = 10;
const FILLED_MS = 2_000;
const SAID_MS = 5_000;
const FULL_SAID = /10\.78\.0\.0\/24 is full: its clients get no address/;
const [LAN, FULL] = LANS;

e2e(
  "a full subnet: the relay suspects no node, says which subnet is full, and serves the other one as before",
  () =>
    onCluster({
      service: {
        subnets: [
          { subnet: "10.77.0.0/16", pools: ["10.77.1.0-10.77.16.255"], options: { routers: [LAN.gateway] } },
          { subnet: FULL.subnet, pools: [`${FULL.network}.20-${FULL.network}.${19 + ADDRESSES}`] },
        ],
      },
    }, async (site) => {
      await site.start();
      await site.relayTo([3, 2, 1], LANS);
      const host = await site.topology.client("intruder", FULL);
      const suspects = await suspectsDuring(site, async () => {
        // Each node has offered what it can at another time: one is silent where another has an address left.
        const first = await Swarm.run(host, { first: 1, clients: 2 * ADDRESSES, inFlight: 4, giveUpMs: FILLED_MS });
        strictEqual(first.filter(({ answer }) => answer === "ACK").length, ADDRESSES);
        // Without other traffic no answer to another client proves a node healthy.
        const intruders = await intrude(host, WATCHED_SECONDS);
        deepStrictEqual(intruders.map(({ answer }) => answer), Array(DISCOVERS).fill("none"));
      });
      deepStrictEqual([suspects, site.relay.said(/requests unanswered/)], [[], []]);
      const { nodes, fullSubnets } = await site.relay.status();
      say(describeRelayed(nodes));
      deepStrictEqual(fullSubnets.map(({ subnet, interfaces }) => [subnet, interfaces]), [[FULL.subnet, [FULL.name]]]);
      await until("the full subnet to be said", SAID_MS, () => site.relay.said(FULL_SAID).length > 0);
      strictEqual(site.relay.said(FULL_SAID).length, 1);
      const readyz = await Promise.all(site.members.map((member) => member.readyz()));
      ok(
        readyz.every((answer) => answer?.status === 200 && answer.body.includes(`"subnet":"${FULL.subnet}"`)),
        JSON.stringify(readyz),
      );

      // In turns with control runs, in which the relay does not serve that subnet: a busy machine disturbs both.
      const load = { first: 1, clients: CLIENTS, perSecond: PER_SECOND, exchanges: RUN_SECONDS * PER_SECOND };
      const loaded = async (lans: readonly (typeof LANS[number])[]): Promise<LoadReport> => {
        await site.relayTo([3, 2, 1], lans);
        const [report] = await Promise.all([site.clients.run(load), intrude(host, RUN_SECONDS)]);
        return report;
      };
      const runs: { readonly alone: LoadReport; readonly beside: LoadReport }[] = [];
      while (runs.length * RUN_SECONDS < WATCHED_SECONDS) {
        // Each goes first as often as the other.
        const early = runs.length % 2 === 0 ? undefined : await loaded(LANS);
        const alone = await loaded([LAN]);
        runs.push({ alone, beside: early ?? await loaded(LANS) });
      }
      for (const { alone, beside } of runs) {
        say(`p99 beside ${p99(beside)} ms, alone ${p99(alone)} ms`);
        for (const { acquired, renewed, conflicts, moved } of [alone, beside]) {
          const [failed, naks] = [acquired.failed + renewed.failed, acquired.naks + renewed.naks];
          deepStrictEqual({ failed, naks, conflicts, moved }, { failed: 0, naks: 0, conflicts: [], moved: 0 });
        }
      }
      const medians = [runs.map(({ beside }) => p99(beside)), runs.map(({ alone }) => p99(alone))].map(median);
      say(`medians of ${runs.length} runs: p99 beside ${medians[0]} ms, alone ${medians[1]} ms`);
      await site.agrees();
    }),
);

/** Clients of the full subnet ask for an address, twice a second each. */
function intrude(host: Host, seconds: number): Promise<SwarmAnswer[]> {
  return Swarm.run(host, { first: 100, clients: DISCOVERS, inFlight: DISCOVERS, giveUpMs: 1_000 * seconds });
}

/** The nodes that the relay suspects at any time while `run` runs. */
async function suspectsDuring(site: ClusterSite, run: () => Promise<void>): Promise<number[]> {
  const suspects = new Set<number>();
  let running = true;
  const ended = run().finally(() => running = false);
  while (running) {
    for (const { id, suspect } of (await site.relay.nodes()).values()) if (suspect) suspects.add(id);
  }
  await ended;
  return [...suspects];
}

/** Of exchanges of either kind, in milliseconds. */
function p99({ acquired, renewed }: LoadReport): number {
  return Math.max(acquired.latencyMs.p99, renewed.latencyMs.p99);
}
