import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import type { SwarmLease } from "../clients/raw/swarm.ts";
import { REPLACED_MS, took, unnoticed } from "./bars.ts";
import { type ClusterSite, onCluster, serve } from "./site.ts";
import { CLIENTS, PER_SECOND, returns } from "./steps.ts";
import { until } from "../lab/wait.ts";
import { e2e } from "../register.ts";

const NOTICED_MS = 15_000;
/** From the command until all members are settled, when all are running. */
const COMPLETE_MS = 10_000;

e2e(
  "a node is added, one removed and one replaced, by command and under load: clients notice nothing",
  () =>
    onCluster({ spares: 1 }, async (site) => {
      await site.start();
      let leases: readonly SwarmLease[] = [];
      /** Makes a change under load; afterwards all members have the same leases. */
      const underLoad = async (what: string, relayTo: readonly number[], act: () => Promise<void>) => {
        await site.relayTo(relayTo);
        const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND, leases });
        await load.completes(2 * PER_SECOND, 10_000);
        await act();
        await load.completes(2 * PER_SECOND, 10_000);
        const report = await load.stop();
        unnoticed(what, report);
        await site.agrees();
        leases = report.leases;
      };

      const newcomer = site.member(4);
      await underLoad("a node added", [3, 2, 1, 4], async () => {
        await newcomer.start();
        await until("the leader to say how the newcomer gets in", NOTICED_MS, async () => {
          const { cluster } = await site.leader.status();
          const unknown = cluster?.problems.find(({ kind, node }) => kind === "unknownSender" && node === 4);
          return /dhcpcluster-node members add/.test(unknown?.message ?? "");
        });
        const told = /Node 1 .*another list.*if this node is new, give .*members add on the leader/;
        await until("the newcomer to say how it gets in", NOTICED_MS, () => newcomer.said(told) === 1);
        const [follower] = site.others(site.leader.id, 4);
        const { address } = newcomer.host;
        await rejects(
          async () => await follower?.members("add", "4", address),
          /refused: .*give the command on the leader/,
        );
        const { leader } = site;
        await rejects(
          async () => await leader.members("add", "5", "10.99.0.99"),
          /refused: node 5 does not answer at 10\.99\.0\.99 .*: start it there first/,
        );
        const orderedMs = Date.now();
        match(await leader.members("add", "4", address), /^Done: the change is epoch 2$/m);
        await complete(site, 2, [1, 2, 3, 4]);
        took("every member has everything, after the command", Date.now() - orderedMs, COMPLETE_MS);
        const serves = (snapshot: typeof site.watch.snapshot) => snapshot.get(4)?.ready === true;
        took(
          "the new node serves, after the command",
          await site.watch.after(orderedMs, "it", 20_000, serves),
          REPLACED_MS,
        );
        match(await leader.members(), /^epoch 2, complete; term \d+$/m);
        await site.watch.until("the highest id to take over", 20_000, (snapshot) =>
          serve(snapshot, [4, 3, 2, 1]) &&
          snapshot.get(4)?.role === "leader");
      });
      ok(newcomer.leases().size >= leases.length, "the new node has every lease");

      // The relay prefers the node that is removed.
      const gone = site.member(2);
      await underLoad("a node removed", [2, 4, 3, 1], async () => {
        const { leader } = site;
        ok(leader.id > gone.id, "the highest ids lead");
        await rejects(leader.members("remove", String(leader.id)), /refused: this node leads/);
        match(await leader.members("remove", "2"), /^Done: the change is epoch 3$/m);
        await complete(site, 3, [1, 3, 4]);
        await until("the removed node to say so", NOTICED_MS, async () => {
          const { status, body } = await gone.readyz() ?? {};
          return status === 503 && /was removed from the cluster; stop it/.test(body ?? "");
        });
        await gone.stop();
      });

      await underLoad("a node replaced", [3, 4, 1], async () => {
        await site.member(3).stop();
        site.member(3).replaceDisk();
        await returns(site, 3, REPLACED_MS);
      });
      ok(site.member(3).leases().size >= leases.length, "the replaced node has every lease");
      const { epoch, members } = (await site.member(3).status()).cluster ?? {};
      deepStrictEqual(
        [epoch, members?.map(({ id }) => id)],
        [3, [1, 3, 4]],
        "it is told of members its file does not name",
      );
      strictEqual(site.member(3).said(/correct the file/), 0, "an empty disk follows");
    }),
);

/** Waits until these nodes are the members and each of them knows that the epoch is complete. */
async function complete(site: ClusterSite, epoch: number, ids: readonly number[]): Promise<void> {
  await until(`epoch ${epoch} to be complete`, 2 * COMPLETE_MS, async () => {
    for (const id of ids) {
      const { cluster } = await site.member(id).status();
      if (cluster?.epoch !== epoch || !cluster.complete) return false;
      deepStrictEqual(cluster.members.map((member) => member.id), ids);
    }
    return true;
  });
}
