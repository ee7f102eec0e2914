/** Two relays on one client network, on routers that share the clients' gateway address (VRRP). */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { CLIENTS } from "./clients/clients.ts";
import type { Namespace } from "./lab/lab.ts";
import type { Process } from "./lab/process.ts";
import { LANS, type NodeHost, portOf, Topology } from "./lab/topology.ts";
import { type SharedAddress, startKeepalived } from "./lab/vrrp.ts";
import { until } from "./lab/wait.ts";
import { httpGet, ours } from "./programs/ours.ts";
import { e2e } from "./register.ts";

const [LAN] = LANS;
const FOLLOWED_MS = 20_000;
/** The clients' gateway, and the nodes' way to the clients. */
const SHARED: readonly SharedAddress[] = [
  { device: "lan0", address: "10.77.0.254/24", virtualRouterId: 77 },
  { device: "srv0", address: "10.99.0.254/24", virtualRouterId: 99 },
];

/** A router with a relay. */
interface Router {
  readonly namespace: Namespace;
  /** Its own address in the clients' network, and the other router's. */
  readonly own: string;
  readonly other: string;
}

interface RelayStatus {
  readonly nodes: readonly { readonly suspect: boolean }[];
  readonly interfaces: readonly { readonly datagrams: Readonly<Record<string, number>> }[];
  readonly rogueServers: readonly object[];
}

function startNode(host: NodeHost): Promise<Process> {
  return ours.startNode(host.namespace, {
    node: { id: 1, stateDir: host.namespace.folder("state") },
    dhcp: { address: host.address, port: 67 },
    cluster: { nodes: [{ id: 1, address: host.address }], port: 6767 },
    http: { address: host.address, port: 8067 },
    log: { level: "info", format: "text" },
    service: {
      revision: 1,
      authoritative: true,
      leaseTime: 120,
      subnets: [{
        subnet: LAN.subnet,
        pools: [`${LAN.network}.20-${LAN.network}.200`],
        options: { routers: ["10.77.0.254"] },
      }],
    },
  });
}

function startRelay({ namespace, own, other }: Router, { address }: NodeHost): Promise<Process> {
  return ours.startRelay(namespace, {
    relay: { interfaces: [{ name: LAN.name, address: own, knownServers: [other] }] },
    nodes: [{ id: 1, address, port: 67, health: `http://${address}:8067/readyz` }],
    probe: { interval: "1s", timeout: "500ms" },
    http: { address: "127.0.0.1", port: 8068 },
    log: { level: "info", format: "text" },
  });
}

async function statusOf({ namespace }: Router): Promise<RelayStatus> {
  const answer = await httpGet(namespace, "http://127.0.0.1:8068/status");
  if (answer === undefined) throw new Error("The relay does not answer");
  return JSON.parse(answer.body) as RelayStatus;
}

async function has(router: Router, address: string): Promise<boolean> {
  return (await router.namespace.exec(["ip", "-4", "address", "show"])).includes(` ${address} `);
}

/** Every answer is the relay's own, and it reports no rogue and suspects no node. */
async function content(router: Router): Promise<void> {
  const { nodes, interfaces, rogueServers } = await statusOf(router);
  const { replyFromClientSide, replyForged, replyUnasked, replyGiaddr } = interfaces[0]?.datagrams ?? {};
  deepStrictEqual([replyFromClientSide, replyForged, replyUnasked, replyGiaddr], [0, 0, 0, 0]);
  deepStrictEqual([nodes.map(({ suspect }) => suspect), rogueServers], [[false], []]);
}

async function onPair(
  testCase: (parts: {
    topology: Topology;
    first: Router;
    second: Router;
    node: NodeHost;
  }) => Promise<void>,
): Promise<void> {
  await using topology = await Topology.build();
  try {
    const first = { namespace: topology.gateway, own: "10.77.0.1", other: "10.77.0.2" };
    const namespace = await topology.lab.namespace("router2", { forward: true });
    const second = { namespace, own: "10.77.0.2", other: "10.77.0.1" };
    await topology.plug(namespace, { device: "lan0", bridge: "lan0", addresses: ["10.77.0.2/24"] });
    await topology.plug(namespace, { device: "srv0", bridge: "servers", addresses: ["10.99.0.2/24"] });
    const node = await topology.node(1);
    await node.namespace.ip("route replace default via 10.99.0.254");
    await startNode(node);
    await testCase({ topology, first, second, node });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\n${topology.report()}`, { cause: error });
  }
}

e2e(
  "a VRRP pair: clients are served while the nodes' answers come through the other router, and after it fails",
  () =>
    onPair(async ({ topology, first, second, node }) => {
      await startKeepalived(first.namespace, 100, SHARED);
      const master = await startKeepalived(second.namespace, 150, SHARED);
      await until("the second router to have the shared addresses", FOLLOWED_MS, async () =>
        await has(second, SHARED[0]?.address ?? "") && await has(second, SHARED[1]?.address ?? "") &&
        !(await has(first, SHARED[0]?.address ?? "")));

      // The node reaches 10.77.0.1 through the second router only.
      await startRelay(first, node);
      const early = new CLIENTS.udhcpc(await topology.client("early"));
      await early.start();
      const lease = await early.waitBound();
      deepStrictEqual([lease.router, lease.serverIdentifier], ["10.77.0.254", first.own]);
      ok(lease.address.startsWith(`${LAN.network}.`));
      await content(first);

      // Both relays at once: each gives its own address as giaddr, and the client takes either answer.
      const relay = await startRelay(second, node);
      const both = new CLIENTS.udhcpc(await topology.client("both"));
      await both.start();
      const { address } = await both.waitBound();
      await early.renew();
      for (const router of [first, second]) {
        await content(router);
      }
      const { relayed = 0 } = (await statusOf(second)).interfaces[0]?.datagrams ?? {};
      ok(relayed > 0, "the second relay forwards as well");

      await Promise.all([relay.kill(), master.kill()]);
      await topology.switch.ip(...["lan0", "srv0"].map((device) =>
        `link set ${portOf(second.namespace, device)} down`
      ));
      await until(
        "the first router to have the shared addresses",
        FOLLOWED_MS,
        async () =>
          await has(first, SHARED[0]?.address ?? "") && await has(first, SHARED[1]?.address ?? ""),
      );
      const late = new CLIENTS.udhcpc(await topology.client("late"));
      await late.start();
      strictEqual((await late.waitBound()).serverIdentifier, first.own);
      strictEqual((await both.rebind()).address, address);
      strictEqual((await early.renew()).address, lease.address);
      await content(first);
    }),
);
