import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Swarm, type SwarmLease } from "../clients/raw/swarm.ts";
import { chaddrOf } from "../clients/raw/wire.ts";
import { type ClusterOptions, type ClusterSite, FORMED_MS, onCluster } from "./site.ts";
import { until } from "../lab/wait.ts";
import { e2e } from "../register.ts";

const CLIENTS_PER_NODE = 4;
/** Records go to all nodes at once; this is the limit for the slowest. */
const SEEN_MS = 2_000;

e2e("nodes started as 3, 1, 2 form a cluster, and each serves what the others granted", () => formed([3, 1, 2]));
e2e(
  "nodes started as 2, 3, 1 form a cluster without multicast",
  () => formed([2, 3, 1], { multicast: "off" }),
);

function formed(order: readonly number[], options: ClusterOptions = {}): Promise<void> {
  return onCluster(options, async (site) => {
    if (options.multicast === "off") {
      const group = { direction: "out", peers: ["224.0.0.0/4"] } as const;
      for (const { firewall } of site.members) await firewall.drop(group);
    }
    const last = order.at(-1);
    for (const id of order) {
      await site.member(id).start();
      if (id === last) break;
      await site.watch.until(`node ${id} to say why it does not serve`, FORMED_MS, (snapshot) => {
        const { ready, reason } = snapshot.get(id) ?? {};
        return ready === false && reason !== null;
      });
    }
    const earliest = [...site.watch.snapshot].filter(([id, { ready }]) => id !== last && ready).map(([id]) => id);
    deepStrictEqual(earliest, [], "a cluster forms when all its disks are known to be empty");
    await site.serves(FORMED_MS);
    strictEqual(site.leader.id, 3, "the highest id leads");
    await grantsEverywhere(site);
    await site.agrees();
  });
}

/** Grants leases through each node, finds them on every disk, and renews all of them through each node. */
async function grantsEverywhere(site: ClusterSite): Promise<void> {
  const host = await site.topology.client("newcomers");
  const leases: SwarmLease[] = [];
  for (const { id } of site.members) {
    await site.relayTo([id]);
    const first = 1 + (id - 1) * CLIENTS_PER_NODE;
    const swarm = await Swarm.start(host, { first, clients: CLIENTS_PER_NODE, inFlight: 2, giveUpMs: 5_000 });
    await swarm.process.ended;
    strictEqual(swarm.leases.length, CLIENTS_PER_NODE);
    leases.push(...swarm.leases);
    const seen = () => site.members.every((member) => has(member.leases(), swarm.leases));
    await until(`what node ${id} granted on every disk`, SEEN_MS, seen);
  }
  strictEqual(new Set(leases.map(({ address }) => address)).size, leases.length);
  for (const { id } of site.members) {
    await site.relayTo([id]);
    const clients = leases.length;
    const { renewed, moved } = await site.clients.run({ first: 1, clients, leases, perSecond: 50, exchanges: clients });
    const { count, failed, naks, retransmitted } = renewed;
    deepStrictEqual([count, failed, naks, retransmitted, moved], [clients, 0, 0, 0, 0], `through node ${id}`);
  }
}

function has(table: ReturnType<ClusterSite["members"][number]["leases"]>, leases: readonly SwarmLease[]): boolean {
  return leases.every(({ client, address }) => {
    const { state, chaddr } = table.get(address) ?? {};
    return state === "bound" && chaddr === Buffer.from(chaddrOf(client)).toString("hex");
  });
}
