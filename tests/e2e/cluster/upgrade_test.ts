/**
 * Upgrade from one release to the next. The executables of the former release are built outside:
 *
 *   git worktree add /tmp/before REVISION && (cd /tmp/before && deno task compile)
 *   DHCPCLUSTER_BEFORE=/tmp/before/dist deno test -A tests/e2e/cluster/upgrade_test.ts
 *
 * Without them this test is not registered; `src/cluster/wire` has tests with recorded messages.
 */

import { REPLACED_MS, RETURNED_MS, unnoticed } from "./bars.ts";
import { onCluster } from "./site.ts";
import { CLIENTS, PER_SECOND, returns, settles } from "./steps.ts";
import { e2e } from "../register.ts";

const before = Deno.env.get("DHCPCLUSTER_BEFORE") ?? "";

if (before !== "") {
  e2e(
    "a cluster is upgraded node by node under load, and one node goes back: clients notice nothing",
    () =>
      onCluster({}, async (site) => {
        for (const member of site.members) member.dist = before;
        await site.start();
        await site.relayTo([3, 2, 1]);
        const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
        await load.completes(2 * PER_SECOND, 10_000);
        const replace = async (id: number, dist: string | undefined, withinMs = RETURNED_MS) => {
          await site.member(id).stop();
          site.member(id).dist = dist;
          await returns(site, id, withinMs);
          await settles(load);
        };
        for (const id of [1, 2, 3]) await replace(id, undefined);
        // The former release does not open a database of this one: the node that goes back joins with an empty disk.
        site.member(2).replaceDisk();
        await replace(2, before, REPLACED_MS);
        const report = await load.stop();
        unnoticed("an upgrade", report);
        // A proposal that a stopping node of the former release left undecided is decided by the client's next renewal.
        const { leases } = report;
        const clients = Math.max(...leases.map(({ client }) => client));
        const order = { first: 1, clients, perSecond: 4 * PER_SECOND, exchanges: 2 * clients };
        unnoticed("every client renews", await site.clients.run({ ...order, leases }));
        await site.agrees();
      }),
  );
}
