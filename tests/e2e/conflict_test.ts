/** Hosts with fixed addresses in a pool: conflict detection keeps clients off these. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { onSite, type Site, type SiteOptions } from "./cases/site.ts";
import { Udhcpc } from "./clients/udhcpc.ts";
import { LANS } from "./lab/topology.ts";
import { until } from "./lab/wait.ts";
import { httpGet, ours } from "./programs/ours.ts";
import { e2e } from "./register.ts";

const [LAN0] = LANS;
/** Probing takes a second, and begins within another; a machine that is busy takes longer. */
const PROBED_MS = 20_000;

const SUBNETS = [{
  subnet: LAN0.subnet,
  pools: ["10.77.0.20-10.77.0.27"],
  options: { routers: [LAN0.gateway] },
}];

async function ask<T>({ nodeHost }: Site, path: string): Promise<T> {
  const answer = await httpGet(nodeHost.namespace, `http://${nodeHost.address}:8067${path}`);
  if (answer === undefined) throw new Error("The node does not answer");
  return JSON.parse(answer.body);
}

/** How many free addresses of the pool no host answered for. */
async function probed(site: Site): Promise<number | undefined> {
  const { subnets } = await ask<{ subnets: { pools: { probed: number }[] }[] }>(site, "/status");
  return subnets[0]?.pools[0]?.probed;
}

interface Resting {
  readonly address: string;
  readonly reason: string | null;
  readonly client: { readonly chaddr: string };
}

async function resting(site: Site): Promise<readonly Resting[]> {
  const { leases } = await ask<{ leases: Resting[] }>(site, "/leases?state=declined");
  return leases.map(({ address, reason, client: { chaddr } }) => ({ address, reason, client: { chaddr } }));
}

/** A host that has the first address of the pool is found, and clients get the others. */
function squatted(options: SiteOptions): Promise<void> {
  return onSite(ours, { ...options, service: { subnets: SUBNETS } }, async (site) => {
    const { topology, wires: [wire] } = site;
    // Before anything is probed: the node starts again, and finds the host.
    await site.node.terminate(PROBED_MS);
    const squatter = await topology.squatter("squatter", "10.77.0.20");
    await site.restartNode();
    await until("the free addresses to be probed", PROBED_MS, async () => await probed(site) === 7);
    const found = { address: "10.77.0.20", reason: "conflict", client: { chaddr: squatter.mac } };
    deepStrictEqual(await resting(site), [found]);

    const addresses: string[] = [];
    // Wherever in the pool the node begins: all but one of the others.
    for (let number = 1; number <= 6; number++) {
      const client = new Udhcpc(await topology.client(`client${number}`));
      await client.start();
      addresses.push((await client.waitBound()).address);
    }
    ok(!addresses.includes("10.77.0.20"), `${addresses} are the others`);
    strictEqual(new Set(addresses).size, 6);

    // A host that begins to use a free address later is heard when it speaks to any other.
    const free = ["21", "22", "23", "24", "25", "26", "27"].map((octet) => `10.77.0.${octet}`);
    const [last = ""] = free.filter((address) => !addresses.includes(address));
    const later = await topology.squatter("later", last);
    await later.namespace.exec(["ping", "-c1", "-W1", "10.77.0.28"], { mayFail: true });
    if (options.onLink) {
      await until("the other host to be found", PROBED_MS, async () => (await resting(site)).length === 2);
    }
    const offered = wire.filter({ type: "OFFER" }).map(({ yiaddr }) => yiaddr);
    ok(!offered.includes("10.77.0.20"), `it is not among ${offered}`);
    strictEqual(wire.filter({ type: "DECLINE" }).length, 0);

    // The node remembers after a restart, and an operator ends the rest when the host is gone.
    await topology.unplug(squatter);
    await site.node.terminate(PROBED_MS);
    await site.restartNode();
    ok((await resting(site)).some(({ address }) => address === "10.77.0.20"));
  });
}

e2e(
  "conflict detection on a link of the node: an address that a host uses is not offered",
  () => squatted({ onLink: true }),
);

e2e(
  "conflict detection on a remote link, by the relay: an address that a host uses is not offered",
  () => squatted({}),
);
