// deno-lint-ignore-file no-console -- a measurement prints to the console
/**
 * What a flood of invented clients costs real ones: three nodes, our relay and emulated clients in network namespaces.
 * The flood is on one interface of the relay. It must not cost renewals and known clients their first try (99 %), nor
 * other interfaces anything (100 %); it gets no more than `strangers.share` of a subnet that is half full. A flood of
 * DHCPDISCOVERs that a /24 cannot hold must leave 95 % of new clients a lease within two tries.
 *
 * usage (root, Debian packages iproute2 and procps):
 *   deno run -A scripts/bench/starvation.ts [--exchanges N] [--seconds N] [--only WORD]
 */

import { parseArgs } from "node:util";
import { type ClusterSite, onCluster } from "../../tests/e2e/cluster/site.ts";
import { LANS } from "../../tests/e2e/lab/topology.ts";
import { describeLoad, type HeldLease, LoadHost, type LoadReport } from "../../tests/e2e/load/client_load.ts";
import { Flood, FLOOD_PREFIX, type FloodOrder, type FloodReport } from "../../tests/e2e/load/flood.ts";

/** Addresses of the attacked subnet, and the real clients, which have nearly half of them. */
const ADDRESSES = 1_024;
const POOL = "10.77.1.0-10.77.4.255";
const KNOWN = 510;
const RENEWING = 255;
const SMALL_POOL = "10.77.1.1-10.77.1.254";
const OTHER = { known: 50, fresh: 50, pool: "10.78.1.0-10.78.1.255" } as const;
/** Defaults of `strangers`. */
const NEARLY_FULL = 0.5;
const SHARE = 0.25;
const EXCHANGES_PER_SECOND = 40;
const OTHER_PER_SECOND = 8;
const ACQUIRE_PER_SECOND = 100;
const GIVE_UP_MS = 30_000;
const FIRST_TRY_MIN = 0.99;
const TWO_TRIES_MIN = 0.95;
const NEW_PER_SECOND = 2;
/** Between the two orders of one client. */
const REST_MS = 2_000;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    exchanges: { type: "string", default: "2000" },
    seconds: { type: "string", default: "30" },
    only: { type: "string", default: "" },
  },
});
const exchanges = Number(values.exchanges);
const seconds = Number(values.seconds);
let missed = 0;

if ("exchanges".includes(values.only)) {
  await run(`${exchanges} exchanges/s on a half full subnet`, POOL, floodOfExchanges);
}
if ("discovers".includes(values.only)) await run("20 DISCOVER/s on a /24", SMALL_POOL, floodOfDiscovers);
if (missed > 0) Deno.exit(1);

async function run(name: string, pool: string, scene: (site: ClusterSite) => Promise<void>): Promise<void> {
  console.log(name);
  const subnets = [
    { subnet: "10.77.0.0/16", pools: [pool], options: { routers: [LANS[0].gateway] } },
    { subnet: "10.78.0.0/16", pools: [OTHER.pool], options: { routers: [LANS[1].gateway] } },
  ];
  await onCluster({ service: { subnets } }, async (site) => {
    await site.start();
    await site.relayTo([1, 2, 3], LANS);
    await scene(site);
    site.verify();
  });
}

async function floodOfExchanges(site: ClusterSite): Promise<void> {
  const other = await LoadHost.joinSecond(site.topology);
  const [own, others] = await Promise.all([
    acquire(site.clients, { first: 1, clients: KNOWN }),
    acquire(other, { first: 10_001, clients: OTHER.known }),
  ]);
  await passes(REST_MS);
  const flood = await start(site, { perSecond: exchanges });
  // The first of them renew; the others have forgotten their lease, as after a power cut.
  const load = site.clients.run({
    first: 1,
    clients: KNOWN,
    leases: own.leases.filter(({ client }) => client <= RENEWING),
    perSecond: EXCHANGES_PER_SECOND,
    exchanges: seconds * EXCHANGES_PER_SECOND,
    giveUpMs: GIVE_UP_MS,
  });
  const otherLoad = other.run({
    first: 10_001,
    clients: OTHER.known + OTHER.fresh,
    leases: others.leases,
    perSecond: OTHER_PER_SECOND,
    exchanges: seconds * OTHER_PER_SECOND,
    giveUpMs: GIVE_UP_MS,
  });
  const [known, elsewhere] = await Promise.all([load, otherLoad]);
  const held = invented(site);
  describe(await flood.stop());
  judge("renewals at the first try", firstTries(known.renewed), FIRST_TRY_MIN);
  judge("known clients at the first try", firstTries(known.acquired), FIRST_TRY_MIN);
  judge("other interface at the first try", (firstTries(elsewhere.renewed) + firstTries(elsewhere.acquired)) / 2, 1);
  const most = SHARE + NEARLY_FULL - KNOWN / ADDRESSES;
  judge("addresses left to others", 1 - held / ADDRESSES, 1 - most);
  console.log(describeLoad(known).replaceAll(/^/gm, "       "));
  console.log(describeLoad(elsewhere).replaceAll(/^/gm, "       "));
}

async function floodOfDiscovers(site: ClusterSite): Promise<void> {
  const flood = await start(site, { perSecond: 20, discoversOnly: true });
  // Every address is offered by then.
  await passes(20_000);
  const load = await site.clients.run({
    first: 1,
    clients: seconds * NEW_PER_SECOND,
    perSecond: NEW_PER_SECOND,
    exchanges: seconds * NEW_PER_SECOND,
    giveUpMs: GIVE_UP_MS,
  });
  describe(await flood.stop());
  const late = load.rough.filter(({ kind, retransmissions, address }) =>
    kind === "acquire" && (retransmissions > 1 || address === undefined)
  );
  judge("new clients within two tries", 1 - late.length / load.acquired.count, TWO_TRIES_MIN);
  console.log(describeLoad(load).replaceAll(/^/gm, "       "));
}

async function start(site: ClusterSite, order: FloodOrder): Promise<Flood> {
  const host = await site.topology.squatter("flood", `${LANS[0].network}.251`);
  await host.namespace.ip("route add 255.255.255.255/32 dev eth0");
  return await Flood.start(host, order);
}

async function acquire(
  host: LoadHost,
  { first, clients }: { readonly first: number; readonly clients: number },
): Promise<{ readonly leases: readonly HeldLease[] }> {
  // Every second exchange is a renewal.
  const report = await host.run({
    first,
    clients,
    perSecond: 2 * ACQUIRE_PER_SECOND,
    exchanges: 2 * clients,
    giveUpMs: GIVE_UP_MS,
  });
  if (report.leases.length < clients) throw new Error(`${clients - report.leases.length} clients got no lease`);
  return report;
}

/** Addresses that invented clients have on the disk of a node. */
function invented(site: ClusterSite): number {
  const prefix = FLOOD_PREFIX.replaceAll(":", "");
  const leases = [...site.member(1).leases().values()];
  return leases.filter(({ state, chaddr }) => state === "bound" && chaddr.replaceAll(":", "").startsWith(prefix))
    .length;
}

function firstTries({ count, retransmitted, failed, naks }: LoadReport["renewed"]): number {
  return count === 0 ? 0 : 1 - (retransmitted + failed + naks) / count;
}

function judge(what: string, share: number, min: number): void {
  const isGood = share >= min;
  if (!isGood) missed += 1;
  console.log(
    `  ${isGood ? "ok  " : "MISS"} ${what}: ${(100 * share).toFixed(1)} %, at least ${(100 * min).toFixed(1)} %`,
  );
}

function describe({ discovers, offers, acks, seconds }: FloodReport): void {
  const rate = Math.round(discovers / seconds);
  console.log(`  the flood: ${discovers} DHCPDISCOVERs (${rate}/s), ${offers} offers, ${acks} leases`);
}

function passes(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
