import { strictEqual } from "node:assert/strict";
import { ELECTED_MS, RETURNED_MS, took, unnoticed } from "./bars.ts";
import type { Member } from "./member.ts";
import { onCluster } from "./site.ts";
import { CLIENTS, elected, PER_SECOND, settles } from "./steps.ts";
import { DelayLink } from "../lab/delay_link.ts";
import { e2e } from "../register.ts";

const CLUSTER_PORT = 6767;
/** Its clients must reach another node before their second retransmission. */
const UNREADY_MS = 4_000;

e2e(
  "a leader that is cut off steps down, and votes again after healing; clients notice nothing",
  () =>
    onCluster({}, async (site) => {
      await site.start();
      const first = site.leader;
      await site.relayTo([first.id, ...site.others(first.id).map(({ id }) => id)]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      await load.completes(2 * PER_SECOND, 10_000);

      const cutMs = Date.now();
      await site.topology.unplug(first.host);
      took("a new leader", await elected(site, cutMs, [first.id]), ELECTED_MS);
      await site.watch.until("the old leader to stop serving", 10_000, (snapshot) => {
        const facts = snapshot.get(first.id);
        return facts?.ready === false && facts.role !== "leader" && !facts.quorum;
      });
      await settles(load);
      const healedMs = Date.now();
      await site.topology.replug(first.host);
      const ready = (id: number) => (snapshot: typeof site.watch.snapshot) => snapshot.get(id)?.ready === true;
      took(
        "the node that was cut off serves",
        await site.watch.after(healedMs, "it", 20_000, ready(first.id)),
        RETURNED_MS,
      );

      // A process that is stopped and continued: it believes that it leads, and that its proposals are new.
      const second = site.leader;
      await settles(load);
      second.pause();
      const pausedMs = Date.now();
      took("a new leader", await elected(site, pausedMs, [second.id]), ELECTED_MS);
      await settles(load);
      second.resume();
      await site.serves();
      unnoticed("the leader cut off, then paused", await load.stop());
      await site.agrees();
    }),
);

e2e(
  "two of five, reached only by clients and relays, refuse no client; after healing all have the same leases",
  () =>
    onCluster({ nodes: 5 }, async (site) => {
      await site.start();
      await site.relayTo([5, 4, 3, 2, 1]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      await load.completes(2 * PER_SECOND, 10_000);
      const minority = [site.member(5), site.member(4)];
      const majority = site.others(5, 4);
      const cutMs = await split(minority, majority);
      took("a new leader", await elected(site, cutMs, [5, 4]), ELECTED_MS);
      await site.watch.until("the minority to stop serving", 10_000, (snapshot) =>
        minority.every(({ id }) =>
          !snapshot.get(id)?.ready
        ));
      await settles(load);
      await Promise.all(site.members.map(({ firewall }) => firewall.open()));
      await site.serves();
      unnoticed("two of five cut off", await load.stop());
      await site.agrees();
    }),
);

e2e(
  "a node that cannot send, a lossy network and a far node change nothing for clients",
  () =>
    onCluster({}, async (site) => {
      await site.start();
      const { leader } = site;
      const [near, far] = site.others(leader.id);
      if (near === undefined || far === undefined) throw new Error("Three nodes are needed here");
      const link = await DelayLink.insert(site.topology, far.host);
      await site.serves();
      await site.relayTo([far.id, near.id, leader.id]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      await load.completes(PER_SECOND, 10_000);

      const { term } = await leader.status();
      await far.firewall.drop({ direction: "out", port: CLUSTER_PORT });
      const cutMs = Date.now();
      const unready = (snapshot: typeof site.watch.snapshot) => snapshot.get(far.id)?.ready === false;
      took("the unheard node tells relays so", await site.watch.after(cutMs, "it", 20_000, unready), UNREADY_MS);
      await settles(load);
      await far.firewall.open();
      await site.serves();
      const after = await leader.status();
      strictEqual(
        `${after.role} of term ${after.term}`,
        `leader of term ${term}`,
        "who is not heard can't unseat a leader",
      );

      await link.set({ delayMs: 40, jitterMs: 10 });
      for (const { firewall } of site.members) {
        await firewall.drop({ direction: "in", port: CLUSTER_PORT, ratio: 0.1 });
      }
      await settles(load);
      for (const { firewall } of site.members) await firewall.open();
      await site.serves();
      unnoticed("one node unheard; then 10 % loss and a node 80 ms away", await load.stop());
      await site.agrees();
    }),
);

/** Drops the cluster's own traffic between two groups; returns the time of it, since the epoch. */
async function split(one: readonly Member[], other: readonly Member[]): Promise<number> {
  const deafen = (members: readonly Member[], to: readonly Member[]) => {
    const peers = to.map(({ host }) => host.address);
    return members.map(({ firewall }) => firewall.drop({ direction: "in", peers, port: CLUSTER_PORT }));
  };
  await Promise.all([...deafen(one, other), ...deafen(other, one)]);
  return Date.now();
}
