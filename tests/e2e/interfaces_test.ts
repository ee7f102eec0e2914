/** A node that serves clients on its own interfaces, while these disappear, return and change their addresses. */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { onSite, type Site } from "./cases/site.ts";
import { Udhcpc } from "./clients/udhcpc.ts";
import { LANS } from "./lab/topology.ts";
import { until } from "./lab/wait.ts";
import { httpGet, ours } from "./programs/ours.ts";
import { e2e } from "./register.ts";

const [LAN0, LAN1] = LANS;

/** A change is noticed within about a second; a machine that is busy takes longer. */
const NOTICED_MS = 5_000;

/** What a node tells of an interface in `/status`, and in `/readyz` of one that it cannot use. */
interface Attached {
  readonly name: string;
  readonly up: boolean;
  readonly address: string | null;
  readonly addresses: readonly string[];
  readonly reason: string | null;
}

async function ask({ nodeHost }: Site, path: string) {
  const answer = await httpGet(nodeHost.namespace, `http://${nodeHost.address}:8067${path}`);
  if (answer === undefined) throw new Error("The node does not answer");
  return answer;
}

async function interfaces(site: Site): Promise<readonly Attached[]> {
  return JSON.parse((await ask(site, "/status")).body).interfaces;
}

/** Waits until the node serves an interface by this address; null: until it can't use it. */
async function noticed(site: Site, name: string, address: string | null): Promise<void> {
  await until(`the node to serve ${name} as ${address}`, NOTICED_MS, async () => {
    const found = (await interfaces(site)).find((candidate) => candidate.name === name);
    return found?.address === address && found.up === (address !== null);
  });
}

/** Waits until the metric of lan1 says so: an answer may be a second old. */
async function metered(site: Site, up: 0 | 1): Promise<void> {
  const line = new RegExp(`^dhcpcluster_interface_up\\{interface="lan1"\\} ${up}$`, "m");
  await until(`the metric of lan1 to be ${up}`, NOTICED_MS, async () => line.test((await ask(site, "/metrics")).body));
}

/** A new client of a network gets a lease in its first exchange, from this server. */
async function served({ topology }: Site, name: string, lan: typeof LANS[number], server: string): Promise<Udhcpc> {
  const client = new Udhcpc(await topology.client(name, lan));
  await client.start();
  const lease = await client.waitBound();
  ok(lease.address.startsWith(`${lan.network}.`), `${lease.address} belongs to ${lan.name}`);
  strictEqual(lease.serverIdentifier, server);
  return client;
}

e2e(
  "without a relay: an interface is removed and made again, and its clients keep their leases; the other is served",
  () =>
    onSite(ours, { onLink: true }, async (site) => {
      const { topology, wires: [, wire] } = site;
      const client = await served(site, "before", LAN1, LAN1.gateway);
      const { address } = await client.renew();
      await topology.gateway.ip("link del lan1");
      await noticed(site, "lan1", null);
      const { status, body } = await ask(site, "/readyz");
      strictEqual(status, 200, "it serves lan0");
      const [missing] = JSON.parse(body).interfaces as Attached[];
      match(`${missing?.name}: ${missing?.reason}`, /^lan1: there is no interface lan1/);
      await metered(site, 0);
      await served(site, "meanwhile", LAN0, LAN0.gateway);

      await topology.plug(topology.gateway, { device: "lan1", bridge: "lan1", addresses: [`${LAN1.gateway}/24`] });
      await noticed(site, "lan1", LAN1.gateway);
      strictEqual(JSON.parse((await ask(site, "/readyz")).body).interfaces, undefined);
      await metered(site, 1);
      strictEqual((await client.rebind()).address, address);
      strictEqual((await client.renew()).address, address);
      await served(site, "after", LAN1, LAN1.gateway);
      strictEqual(wire.filter({ type: "NAK" }).length, 0);
      const said = site.node.output.text.split("\n").filter((line) => line.includes("lan1"));
      deepStrictEqual(
        said.map((line) => /lan1 is (not served|served)/.exec(line)?.[1]).filter((word) => word !== undefined),
        [
          "not served",
          "served",
        ],
      );
    }),
);

e2e(
  "without a relay: the interface's address changes, and its clients keep their leases from the new one",
  () =>
    onSite(ours, { onLink: true }, async (site) => {
      const { topology, wires: [wire] } = site;
      const client = await served(site, "client1", LAN0, LAN0.gateway);
      const { address } = await client.renew();
      await topology.gateway.ip("addr del 10.77.0.1/24 dev lan0", "addr add 10.77.0.2/24 broadcast + dev lan0");
      await noticed(site, "lan0", "10.77.0.2");
      const rebound = await client.rebind();
      deepStrictEqual([rebound.address, rebound.serverIdentifier], [address, "10.77.0.2"]);
      strictEqual((await client.renew()).address, address);
      await client.stop();
      const since = client.events.length;
      await client.start();
      strictEqual((await client.waitBound(since)).address, address);
      await served(site, "client2", LAN0, "10.77.0.2");
      // The secondary address serves when the primary one is taken away.
      await topology.gateway.exec(["sysctl", "-qw", "net.ipv4.conf.lan0.promote_secondaries=1"]);
      await topology.gateway.ip("addr add 10.77.0.3/24 broadcast + dev lan0");
      await until("the node to know both", NOTICED_MS, async () => (await interfaces(site))[0]?.addresses.length === 2);
      strictEqual((await client.renew()).serverIdentifier, "10.77.0.2");
      await topology.gateway.ip("addr del 10.77.0.2/24 dev lan0");
      await noticed(site, "lan0", "10.77.0.3");
      strictEqual((await client.rebind()).serverIdentifier, "10.77.0.3");
      strictEqual(wire.filter({ type: "NAK" }).length, 0);
    }),
);

e2e(
  "without a relay: interfaces that are missing at the start are served once they are there",
  () =>
    onSite(ours, { onLink: true }, async (site) => {
      const { topology } = site;
      await site.node.terminate(NOTICED_MS);
      await topology.gateway.ip("link del lan0");
      await site.restartNode();
      await served(site, "client1", LAN1, LAN1.gateway);
      await topology.gateway.ip("addr del 10.78.0.1/24 dev lan1");
      await noticed(site, "lan1", null);
      const { status, body } = await ask(site, "/readyz");
      strictEqual(status, 503, "no client can reach it");
      match(JSON.parse(body).reason, /^interfaces: .*no interface lan0.*; .*lan1 has no IPv4 address/);

      await topology.plug(topology.gateway, { device: "lan0", bridge: "lan0", addresses: [`${LAN0.gateway}/24`] });
      await noticed(site, "lan0", LAN0.gateway);
      strictEqual((await ask(site, "/readyz")).status, 200);
      await served(site, "client2", LAN0, LAN0.gateway);
    }),
);
