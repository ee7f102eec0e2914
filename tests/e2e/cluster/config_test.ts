import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { stringify } from "yaml";
import { CLIENTS as REAL_CLIENTS } from "../clients/clients.ts";
import { took, unnoticed } from "./bars.ts";
import type { Member } from "./member.ts";
import { type ClusterSite, onCluster } from "./site.ts";
import { CLIENTS, PER_SECOND } from "./steps.ts";
import { until } from "../lab/wait.ts";
import { LANS } from "../lab/topology.ts";
import { e2e } from "../register.ts";

/** From SIGHUP at one node until all nodes serve what its file says. */
const LIVE_MS = 2_000;
const NOTICED_MS = 10_000;
const SUBNET = "10.77.0.0/16";
/** 512 addresses, which are exhausted within the test, and as many more. */
const POOL = "10.77.1.0-10.77.2.255";
const MORE = "10.77.3.0-10.77.4.255";
const NAME_SERVER = "10.77.0.53";

e2e(
  "one node's file gets another pool and option: all nodes serve them within 2 s; a mistake in it changes nothing",
  () =>
    onCluster({ pool: POOL }, async (site) => {
      await site.start();
      await site.relayTo([3, 2, 1]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      await load.completes(2 * PER_SECOND, 10_000);

      // Not the leader's file: every node distributes a newer one.
      const [one] = site.others(site.leader.id) as [Member];
      const routers = [LANS[0].gateway];
      const subnets = [{
        subnet: SUBNET,
        pools: [POOL, MORE],
        options: { routers, "domain-name-servers": [NAME_SERVER] },
      }];
      one.configure({ revision: 2, subnets });
      const signalledMs = Date.now();
      await one.reload();
      const live = (snapshot: typeof site.watch.snapshot) =>
        site.members.every(({ id }) => snapshot.get(id)?.revision === 2);
      took("all nodes serve it", await site.watch.after(signalledMs, "revision 2", NOTICED_MS, live), LIVE_MS);
      await servesPools(site, [POOL, MORE]);

      // A pool outside its subnet, and then invalid YAML.
      const mistake = [{ ...subnets[0], subnet: SUBNET, pools: [POOL, "10.78.3.0-10.78.4.255"] }];
      one.configure({ revision: 3, subnets: mistake });
      await one.reload();
      const kept = /Kept the running configuration, as \S+ has errors/;
      const pool = /subnets\[0\]\.pools\[1\].*10\.78\.3\.0/;
      await until(
        "the mistake and its pool to be said",
        NOTICED_MS,
        () => one.said(kept) === 1 && one.said(pool) === 1,
      );

      // More leases than the first pool has addresses.
      await load.completes(10 * PER_SECOND, 30_000);
      await servesPools(site, [POOL, MORE]);
      for (const member of site.members) strictEqual((await member.status()).revision, 2, `node ${member.id}`);
      const report = await load.stop();
      unnoticed("another pool and option", report);
      ok(report.leases.some(({ address }) => /^10\.77\.[34]\./.test(address)), "the other pool has leases");
      await site.agrees();

      for (const { id } of site.members) {
        await site.relayTo([id]);
        const client = new REAL_CLIENTS.udhcpc(await site.topology.client(`client${id}`));
        await client.start();
        strictEqual((await client.waitBound()).nameServer, NAME_SERVER, `from node ${id}`);
        await client.stop();
      }

      // The corrected file is applied.
      one.configure({ revision: 3, subnets });
      await one.reload();
      await site.watch.until(
        "revision 3",
        NOTICED_MS,
        (snapshot) => site.members.every(({ id }) => snapshot.get(id)?.revision === 3),
      );
    }),
);

e2e(
  "by command: a configuration is live on all nodes within 2 s, a mistake in it changes nothing; a node is drained",
  () =>
    onCluster({ pool: POOL }, async (site) => {
      await site.start();
      await site.relayTo([site.leader.id, ...site.others(site.leader.id).map(({ id }) => id)]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      await load.completes(2 * PER_SECOND, 10_000);
      const [one] = site.others(site.leader.id) as [Member];
      const file = `${one.host.namespace.folder("pushed")}/service.yaml`;
      const push = async (pools: readonly string[]) => {
        await Deno.writeTextFile(file, stringify({ leaseTime: 600, subnets: [{ subnet: SUBNET, pools }] }));
        return await one.command("config", "push", file);
      };
      const revisions = async () => await Promise.all(site.members.map(async (one) => (await one.status()).revision));

      // Each node finds the mistake by itself and reports it.
      await rejects(() => push([POOL, "10.78.3.0-10.78.4.255"]), (error: Error) => {
        for (const { id } of site.members) match(error.message, new RegExp(`node ${id}: service.subnets\\[0\\].pools`));
        return true;
      });
      deepStrictEqual(await revisions(), [1, 1, 1]);
      await servesPools(site, [POOL]);

      const orderedMs = Date.now();
      match(await push([POOL, MORE]), /^Revision 2 is served$/m);
      const live = (snapshot: typeof site.watch.snapshot) =>
        site.members.every(({ id }) => snapshot.get(id)?.revision === 2);
      took("all nodes serve it", await site.watch.after(orderedMs, "revision 2", NOTICED_MS, live), LIVE_MS);
      await servesPools(site, [POOL, MORE]);

      const { leader } = site;
      match(await leader.command("drain"), /^Drained/);
      await site.watch.until("another one to lead", NOTICED_MS, (snapshot) =>
        site.members.some(({ id }) =>
          id !== leader.id && snapshot.get(id)?.role === "leader"
        ));
      await until("the relay to turn away", NOTICED_MS, async () => await site.relay.chosen() !== leader.id);
      await load.completes(3 * PER_SECOND, 15_000);
      match((await leader.readyz())?.body ?? "", /drained/);
      await leader.command("drain", "--undo");
      await site.watch.until("it to serve again", NOTICED_MS, (snapshot) => snapshot.get(leader.id)?.ready === true);
      unnoticed("a push and a drained leader", await load.stop());
      await site.agrees();
    }),
);

async function servesPools(site: ClusterSite, pools: readonly string[]): Promise<void> {
  for (const member of site.members) {
    const { subnets } = await member.status();
    deepStrictEqual(subnets.map((subnet) => subnet.pools.map(({ range }) => range)), [pools], `node ${member.id}`);
  }
}
