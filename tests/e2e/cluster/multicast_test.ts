import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { took, unnoticed } from "./bars.ts";
import type { Member } from "./member.ts";
import { type ClusterSite, onCluster } from "./site.ts";
import { CLIENTS, PER_SECOND, settles } from "./steps.ts";
import { until } from "../lab/wait.ts";
import { e2e } from "../register.ts";

const GROUP = "239.255.67.67";
/** The longest time without a DHCPACK. */
const GAP_MS = 2_200;
const STEP_MS = 15_000;

e2e(
  "multicast is lost, unicast is not: unicast takes over, operators are told, and multicast is used again",
  () =>
    onCluster({}, async (site) => {
      await site.start();
      const { leader } = site;
      const followers = site.others(leader.id);
      await site.relayTo([...followers, leader].map(({ id }) => id));
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      await load.completes(2 * PER_SECOND, 10_000);
      const { term } = await leader.status();

      // All multicast; then only what one follower should hear; then only what it sends.
      const [one = leader, other = leader] = followers;
      for (
        const { cut, told } of [
          { cut: () => drop(site.members), told: site.members },
          { cut: () => drop([one]), told: site.members },
          { cut: () => drop([leader, other], [one.host.address]), told: [one, leader] },
        ]
      ) {
        await cut();
        await load.completes(12 * PER_SECOND, 40_000);
        for (const member of told) {
          ok((await problems(member)).length > 0, `node ${member.id} tells its operator`);
          await until("it to be said", STEP_MS, () => member.said(/multicast/i) > 0);
        }
        await Promise.all(site.members.map(({ firewall }) => firewall.open()));
        await until("multicast to be used again", STEP_MS, async () =>
          (await Promise.all(site.members.map(problems))).every((list) =>
            list.length === 0
          ));
        await settles(load);
      }
      const report = await load.stop();
      took("the longest time without a DHCPACK", report.silenceMs, GAP_MS);
      deepStrictEqual(report.conflicts, []);
      deepStrictEqual([report.acquired, report.renewed].map(({ failed, naks }) => ({ failed, naks })), [
        { failed: 0, naks: 0 },
        { failed: 0, naks: 0 },
      ]);
      const after = await leader.status();
      strictEqual(`${after.role} of term ${after.term}`, `leader of term ${term}`, "no election was needed");
      await quiet(site);
      await site.agrees();
    }),
);

e2e(
  "a cluster forms although multicast never passes, and grants leases",
  () =>
    onCluster({}, async (site) => {
      await drop(site.members);
      await site.start();
      await site.relayTo([1, 2, 3]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      await load.completes(3 * PER_SECOND, 10_000);
      unnoticed("no multicast at all", await load.stop());
      for (const member of site.members) strictEqual((await problems(member)).length, 2);
      await site.agrees();
    }),
);

/** Drops the group's datagrams where they arrive: all, or those of some senders. */
async function drop(members: readonly Member[], peers?: readonly string[]): Promise<void> {
  const from = peers === undefined ? {} : { peers };
  await Promise.all(members.map(({ firewall }) => firewall.drop({ direction: "in", group: GROUP, ...from })));
}

async function problems(member: Member): Promise<readonly unknown[]> {
  const { cluster } = await member.status();
  return (cluster?.problems ?? []).filter(({ kind }) => kind === "multicastUnheard");
}

/** No node refused what another sent twice, by both ways. */
async function quiet(site: ClusterSite): Promise<void> {
  for (const member of site.members) {
    const { cluster } = await member.status();
    strictEqual(cluster?.counters.refused?.replayed, 0, `node ${member.id}`);
  }
}
