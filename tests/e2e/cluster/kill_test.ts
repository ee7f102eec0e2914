import { ok, strictEqual } from "node:assert/strict";
import { Swarm } from "../clients/raw/swarm.ts";
import { ELECTED_MS, REASSIGNED_MS, took, unnoticed } from "./bars.ts";
import { onCluster } from "./site.ts";
import { CLIENTS, elected, PER_SECOND, returns, settles } from "./steps.ts";
import { until } from "../lab/wait.ts";
import { e2e } from "../register.ts";

e2e(
  "kill -9 of the leader, then of a follower, under load: clients notice nothing",
  () =>
    onCluster({}, async (site) => {
      await site.start();
      const first = site.leader;
      await site.relayTo([first.id, ...site.others(first.id).map(({ id }) => id)]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      await load.completes(2 * PER_SECOND, 10_000);

      const killedMs = await first.kill();
      took("a new leader", await elected(site, killedMs, [first.id]), ELECTED_MS);
      await settles(load);
      await returns(site, first.id);

      // It is a follower now, and the relay prefers it again.
      const { leader } = site;
      ok(leader.id !== first.id, "a node that returns does not take over at once");
      const { term } = await leader.status();
      await load.completes(2 * PER_SECOND, 10_000);
      await first.kill();
      await settles(load);
      const after = await leader.status();
      strictEqual(
        `${after.role} of term ${after.term}`,
        `leader of term ${term}`,
        "the loss of a follower causes no election",
      );
      await returns(site, first.id);
      unnoticed("leader killed, then a follower", await load.stop());
      await site.agrees();
    }),
);

e2e(
  "kill -9 of two of five, the leader among them, under load: clients notice nothing",
  () =>
    onCluster({ nodes: 5 }, async (site) => {
      await site.start();
      await site.relayTo([5, 4, 3, 2, 1]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      await load.completes(2 * PER_SECOND, 10_000);
      const [killedMs] = await Promise.all([site.member(5).kill(), site.member(4).kill()]);
      took("a new leader", await elected(site, killedMs, [5, 4]), ELECTED_MS);
      await settles(load);
      await returns(site, 5);
      await returns(site, 4);
      unnoticed("two of five killed", await load.stop());
      await site.agrees();
    }),
);

const POOL_SIZE = 192;

e2e(
  "one node can grant the whole pool, and a dead node's addresses are granted within 10 s",
  () =>
    onCluster({ pool: "10.77.1.0-10.77.1.191" }, async (site) => {
      await site.start();
      await site.relayTo([1]);
      // Twice a third of the pool: the leader gives more to a node before its range is exhausted.
      const before = await Swarm.run(await site.topology.client("greedy"), {
        first: 1,
        clients: 2 * POOL_SIZE / 3,
        inFlight: 4,
        giveUpMs: 10_000,
      });
      strictEqual(before.filter(({ answer }) => answer === "ACK").length, before.length);

      const killedMs = await site.member(2).kill();
      const rest = POOL_SIZE - before.length;
      const swarm = await Swarm.start(await site.topology.client("rest"), {
        first: 1_001,
        clients: rest,
        inFlight: rest,
        giveUpMs: 20_000,
      });
      await until("all addresses of the pool to be granted", 20_000, () => swarm.leases.length === rest);
      took("all of a dead node's addresses granted", Date.now() - killedMs, REASSIGNED_MS);
      const addresses = [...before, ...swarm.answers].flatMap((answer) =>
        answer.answer === "ACK" ? [answer.address] : []
      );
      strictEqual(new Set(addresses).size, POOL_SIZE);
      await returns(site, 2);
      await site.agrees();
    }),
);
