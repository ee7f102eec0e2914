/** Operating a relay, and changes of its network, while clients are served. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { onSite, type Site } from "./cases/site.ts";
import { CLIENTS } from "./clients/clients.ts";
import { Swarm } from "./clients/raw/swarm.ts";
import { LANS } from "./lab/topology.ts";
import { until } from "./lab/wait.ts";
import { httpGet, ours, writeConfig } from "./programs/ours.ts";
import type { RelayConfig } from "./programs/programs.ts";
import { e2e } from "./register.ts";

const FOLLOWED_MS = 10_000;

/** The fields of the relay's `/status` that this test uses. */
interface RelayStatus {
  readonly nodes: readonly { readonly id: number }[];
  readonly interfaces: readonly {
    readonly name: string;
    readonly up: boolean;
    readonly giaddr: string | null;
    readonly giaddrs: readonly string[];
  }[];
  readonly rogueServers: readonly {
    readonly interface: string;
    readonly server: string;
    readonly mac: string | null;
  }[];
}

async function statusOf({ topology }: Site): Promise<RelayStatus> {
  const answer = await httpGet(topology.gateway, "http://127.0.0.1:8068/status");
  if (answer === undefined) throw new Error("The relay does not answer");
  return JSON.parse(answer.body) as RelayStatus;
}

/** A new client gets a lease in this network. */
async function served({ topology }: Site, name: string, lan: typeof LANS[number]): Promise<void> {
  const client = new CLIENTS.udhcpc(await topology.client(name, lan));
  await client.start();
  const { address } = await client.waitBound();
  ok(address.startsWith(`${lan.network}.`), `${address} belongs to ${lan.name}`);
}

e2e(
  "an interface is removed, returns with another address, and is served again; the other one is never interrupted",
  () =>
    onSite(ours, {}, async (site) => {
      const { topology } = site;
      const [lan0, lan1] = LANS;
      await served(site, "before", lan1);
      await topology.gateway.ip("link del lan1");
      const lan1Is = async (up: boolean) =>
        (await statusOf(site)).interfaces.find(({ name }) => name === "lan1")?.up === up;
      await until("the relay to miss lan1", FOLLOWED_MS, () => lan1Is(false));
      await served(site, "meanwhile", lan0);

      await topology.plug(topology.gateway, { device: "lan1", bridge: "lan1", addresses: ["10.78.0.2/24"] });
      await until("the relay to find lan1", FOLLOWED_MS, () => lan1Is(true));
      strictEqual((await statusOf(site)).interfaces[1]?.giaddr, "10.78.0.2");
      await served(site, "after", lan1);
      await served(site, "and", lan0);
    }),
);

e2e(
  "SIGHUP: a new node is used at once, a file with a mistake changes nothing",
  () =>
    onSite(ours, {}, async (site) => {
      const { topology, relay, nodeHost } = site;
      const node = (id: number, address: string) => ({
        id,
        address,
        port: 67,
        health: `http://${address}:8067/readyz`,
      });
      const file: RelayConfig = {
        relay: { interfaces: [{ name: LANS[0].name }] },
        nodes: [node(1, nodeHost.address), node(2, "10.99.0.12")],
        probe: { interval: "1s", timeout: "500ms" },
        http: { address: "127.0.0.1", port: 8068 },
        log: { level: "info", format: "text" },
      };
      const reload = async (config: RelayConfig) => {
        await writeConfig("relay", topology.gateway, config);
        relay?.signal("SIGHUP");
      };
      await served(site, "before", LANS[1]);
      await reload(file);
      await until("the relay to know node 2", FOLLOWED_MS, async () => (await statusOf(site)).nodes.length === 2);
      deepStrictEqual((await statusOf(site)).interfaces.map(({ name }) => name), ["lan0"]);
      await served(site, "after", LANS[0]);

      await reload({ ...file, nodes: [{ ...node(1, nodeHost.address), port: 0 }] });
      await relay?.printed(/SIGHUP: .*relay\.yaml:\d+:\d+: nodes\[0\]\.port: 0 is too small/, FOLLOWED_MS);
      strictEqual((await statusOf(site)).nodes.length, 2);
      await served(site, "still", LANS[0]);

      await reload({ ...file, relay: { interfaces: [{ name: "lan7" }] } });
      await relay?.printed(/SIGHUP: .*lan7.*the configuration has not changed/, FOLLOWED_MS);
      await served(site, "nevertheless", LANS[0]);
    }),
);

const TWO_SUBNETS = [
  { subnet: "10.77.0.0/24", pools: ["10.77.0.20-10.77.0.20"] },
  { subnet: "10.79.0.0/24", pools: ["10.79.0.20-10.79.0.40"] },
];

e2e(
  "an interface whose first subnet is full: udhcpc, with another xid after three messages, gets to the next",
  () =>
    onSite(ours, { service: { subnets: TWO_SUBNETS } }, async (site) => {
      const { topology } = site;
      await topology.gateway.ip("addr add 10.79.0.1/24 broadcast + dev lan0");
      await until(
        "the relay to know both subnets",
        FOLLOWED_MS,
        async () => (await statusOf(site)).interfaces[0]?.giaddrs.length === 2,
      );
      await served(site, "holder", LANS[0]);
      const client = new CLIENTS.udhcpc(await topology.client("seeker"), { attempts: 3 });
      await client.start();
      const { address } = await client.waitBound();
      ok(address.startsWith("10.79.0."), `${address} is of the second subnet`);
      await client.renew();
    }),
);

e2e("an unknown DHCP server on the clients' network is reported", () =>
  onSite(ours, {}, async (site) => {
    const { topology } = site;
    const rogue = await topology.squatter("rogue", "10.77.0.66");
    const server = rogue.namespace.spawn([
      ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file="],
      ...["--no-ping", "--dhcp-range=10.77.0.210,10.77.0.220,120", `--dhcp-leasefile=${rogue.namespace.folder("d")}/l`],
    ], { label: "rogue dnsmasq" });
    await until("the rogue to listen", FOLLOWED_MS, () => {
      server.mustRun();
      return server.udpPortBound(67);
    });
    // Their broadcast flag is set, so that the relay receives every answer to them.
    await Swarm.run(await topology.client("swarm"), { first: 1, clients: 3, inFlight: 1, giveUpMs: 10_000 });
    await until("the relay to tell", FOLLOWED_MS, async () => (await statusOf(site)).rogueServers.length > 0);
    const [told] = (await statusOf(site)).rogueServers;
    deepStrictEqual({ interface: told?.interface, server: told?.server }, { interface: "lan0", server: "10.77.0.66" });
    strictEqual(told?.mac, rogue.mac);
    await site.relay?.printed(/lan0: rogue DHCP server 10\.77\.0\.66/, FOLLOWED_MS);
  }));
