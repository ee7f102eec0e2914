/** Machines that are lost for good, and the operator's way out. */

import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { Swarm } from "../clients/raw/swarm.ts";
import { until } from "../lab/wait.ts";
import { unnoticed } from "./bars.ts";
import { type ClusterSite, onCluster } from "./site.ts";
import { PER_SECOND } from "./steps.ts";
import { e2e } from "../register.ts";

const STEP_MS = 30_000;
const LEASE_SECONDS = 30;
const HELD = 100;
const NEW = 10;

e2e(
  "two of three disks are lost: the survivor is reset, renews all leases, and serves new clients after a while",
  () =>
    onCluster({ service: { leaseTime: LEASE_SECONDS } }, async (site) => {
      await site.start();
      await site.relayTo([1, 2, 3]);
      const held = { first: 1, clients: HELD, perSecond: 2 * PER_SECOND };
      const { leases } = await site.clients.run({ ...held, exchanges: HELD });
      strictEqual(leases.length, HELD);
      await site.agrees();
      await Promise.all([2, 3].map((id) => site.member(id).kill()));
      const survivor = site.member(1);
      await readyz(site, 1, 503, /no majority: .*stop this node and run dhcpcluster-node members reset/);
      await rejects(survivor.members("remove", "3"), /refused: no node leads, .*dhcpcluster-node members reset/);
      await rejects(survivor.members("reset"), /Nothing is changed/);
      await rejects(survivor.members("reset", "--yes"), /another process uses it \(pid \d+\): stop that one/);
      await survivor.stop();
      match(
        await survivor.members("reset", "--yes"),
        /^Done: node 1 is the only member \(epoch 2\) and serves renewals/,
      );

      await survivor.start();
      await readyz(site, 1, 200, /serves renewals only until 20/);
      const renewed = await site.clients.run({ ...held, leases, exchanges: HELD });
      unnoticed("clients renew at the survivor", renewed);
      deepStrictEqual([renewed.renewed.count, renewed.acquired.count], [HELD, 0]);
      deepStrictEqual(await served(site, 1_000), 0, "an address may be leased by a lease that is lost");

      // The lost machines come back with empty disks; what they don't know either is theirs to respect.
      for (const id of [2, 3]) {
        site.member(id).replaceDisk();
        await site.member(id).start();
        await until(`node ${id} to be added`, STEP_MS, async () => {
          const { leader } = await survivor.status();
          const { address } = site.member(id).host;
          const at = site.member(leader ?? 1);
          return await at.members("add", String(id), address).then(() => true, (error) => {
            if (!/refused: /.test(String(error))) throw error;
            return false;
          });
        });
      }
      const untilText = (await survivor.status()).renewalsOnlyUntil;
      ok(untilText !== null);
      await until(
        "all nodes to serve",
        STEP_MS,
        async () => (await Promise.all([1, 2, 3].map((id) => site.member(id).status()))).every(({ ready }) => ready),
      );
      for (const id of [2, 3]) strictEqual((await site.member(id).status()).renewalsOnlyUntil, untilText, `node ${id}`);
      await until("the time to be over", 3 * STEP_MS, async () => (await survivor.status()).renewalsOnlyUntil === null);
      strictEqual(await served(site, 2_000), NEW);
    }),
);

e2e(
  "a node that was just added dies: it is removed, and the next failure is survived",
  () =>
    onCluster({ spares: 1 }, async (site) => {
      await site.start();
      await site.relayTo([1, 2, 3]);
      const newcomer = site.member(4);
      await newcomer.start();
      const { leader } = site;
      await until("the newcomer to be added", STEP_MS, () =>
        leader.members("add", "4", newcomer.host.address).then(() =>
          true, () => false));
      await newcomer.kill();
      await until("the other members to have everything", STEP_MS, async () =>
        JSON.stringify((await leader.status()).cluster?.unsettled) === "[4]");
      await rejects(leader.members("remove", "1"), /node 4, which was added last, can be removed: members remove 4/);
      match(await leader.members("remove", "4"), /^Done: the change is epoch 3$/m);
      await until("epoch 3 to be complete", STEP_MS, async () =>
        (await leader.status()).cluster?.complete === true);
      const load = await site.clients.start({ first: 1, clients: 1_000, perSecond: PER_SECOND });
      await load.completes(PER_SECOND, 10_000);
      await leader.kill();
      await load.completes(6 * PER_SECOND, 20_000);
      unnoticed("the leader is killed", await load.stop());
    }),
);

async function readyz(site: ClusterSite, id: number, status: number, reason: RegExp): Promise<void> {
  await until(`/readyz of node ${id} to say ${reason}`, STEP_MS, async () => {
    const answer = await site.member(id).readyz();
    return answer?.status === status && reason.test(answer.body);
  });
}

/** How many of some new clients get an address. */
async function served(site: ClusterSite, first: number): Promise<number> {
  const host = await site.topology.client(`new${first}`);
  const answers = await Swarm.run(host, { first, clients: NEW, inFlight: NEW, giveUpMs: 6_000 });
  return answers.filter(({ answer }) => answer === "ACK").length;
}
