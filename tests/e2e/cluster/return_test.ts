import { deepStrictEqual, doesNotMatch, match, ok, strictEqual } from "node:assert/strict";
import { CLIENTS as REAL_CLIENTS } from "../clients/clients.ts";
import { Swarm } from "../clients/raw/swarm.ts";
import { REPLACED_MS, STOPPED_MS, took, unnoticed } from "./bars.ts";
import { type ClusterSite, onCluster } from "./site.ts";
import { CLIENTS, PER_SECOND, returns, settles } from "./steps.ts";
import { e2e } from "../register.ts";

e2e(
  "all nodes are restarted one after the other under load: clients notice nothing",
  () =>
    onCluster({}, async (site) => {
      await site.start();
      await site.relayTo([3, 2, 1]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      for (const id of [3, 2, 1]) {
        await load.completes(2 * PER_SECOND, 10_000);
        await site.member(id).stop();
        await returns(site, id);
        await settles(load);
      }
      unnoticed("a rolling restart", await load.stop());
      await site.agrees();
    }),
);

/** Enough that some are in flight at any time. */
const CROWD_PER_SECOND = 500;

e2e("a node that gets SIGTERM answers what is in flight, and ends", () =>
  onCluster({}, async (site) => {
    await site.start();
    await site.relayTo([3, 2, 1]);
    const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: CROWD_PER_SECOND });
    await load.completes(CROWD_PER_SECOND, 10_000);
    const beganMs = performance.now();
    const output = await site.member(3).stop();
    took("it ends", performance.now() - beganMs, STOPPED_MS);
    doesNotMatch(output, /No lease of/);
    unnoticed("a node is stopped", await load.stop());
    await site.agrees();
  }));

/** Five leases acquired, renewed or released per second. */
const TEN_MINUTES_OF_CHANGES = 3_000;
const CATCH_UP_MS = 10_000;

e2e("a node that was down, and one with a new disk, get all leases and serve", () =>
  onCluster({}, async (site) => {
    await site.start();
    await site.relayTo([3, 2, 1]);
    const order = { first: 1, clients: 1_500, perSecond: 600 };
    const before = await site.clients.run({ ...order, exchanges: 600 });
    await site.agrees();

    await site.member(1).stop();
    const changes = { ...order, leases: before.leases, exchanges: TEN_MINUTES_OF_CHANGES, releaseShare: 0.3 };
    const meanwhile = await site.clients.run(changes);
    unnoticed("while a node is away", meanwhile);
    await returns(site, 1);
    await catchesUp(site, 1);

    await site.member(2).stop();
    site.member(2).replaceDisk();
    await returns(site, 2, REPLACED_MS);
    await catchesUp(site, 2);
    ok(site.member(2).leases().size >= meanwhile.leases.length);

    // Through either node, every client's lease is confirmed.
    const { leases } = meanwhile;
    const host = await site.topology.client("reboots");
    for (const id of [1, 2]) {
      await site.relayTo([id]);
      const answers = await Swarm.run(host, { leases, inFlight: 16, giveUpMs: 5_000 });
      const told = new Map(answers.map((answer) => [answer.client, answer]));
      for (const { client, address } of leases) {
        deepStrictEqual(told.get(client), { client, address, answer: "ACK" }, `node ${id}`);
      }
    }
  }));

e2e(
  "a node that comes back with an outdated file serves the cluster's configuration",
  () =>
    onCluster({}, async (site) => {
      await site.start();
      await site.member(1).stop();
      const others = site.others(1);
      for (const member of others) {
        member.configure({ revision: 2, leaseTime: 7_200 });
        await member.reload();
      }
      await site.watch.until("revision 2", 10_000, (snapshot) =>
        others.every(({ id }) =>
          snapshot.get(id)?.revision === 2
        ));
      await returns(site, 1);
      const { startedMs } = site.member(1);
      const since = site.watch.history.filter(({ id, atMs }) => id === 1 && atMs >= startedMs);
      ok(since.every(({ facts }) => facts?.ready !== true || facts.revision === 2), "it never serves an outdated file");
      const { cluster } = await site.member(1).status();
      match(
        cluster?.problems.find(({ kind }) => kind === "configOutdated")?.message ?? "",
        /revision 1.*revision 2.*update/s,
      );
      await site.member(1).says(/outdated.*revision 1.*revision 2.*update/);
      await site.relayTo([1]);
      const client = new REAL_CLIENTS.udhcpc(await site.topology.client("client1"));
      await client.start();
      strictEqual((await client.waitBound()).leaseSeconds, 7_200);
    }),
);

/** Waits until a restarted node has the same leases on disk as the others. */
async function catchesUp(site: ClusterSite, id: number): Promise<void> {
  const startMs = performance.now();
  await site.agrees();
  took(`node ${id} has everything, after it serves`, performance.now() - startMs, CATCH_UP_MS);
}
