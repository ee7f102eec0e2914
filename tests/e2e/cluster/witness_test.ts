import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { httpGet } from "../programs/ours.ts";
import { ELECTED_MS, took, unnoticed } from "./bars.ts";
import { onCluster } from "./site.ts";
import { CLIENTS, elected, PER_SECOND, returns, settles } from "./steps.ts";
import { e2e } from "../register.ts";

e2e(
  "two nodes and a witness under load: each node is killed once, clients notice nothing",
  () =>
    onCluster({ witnesses: [3] }, async (site) => {
      await site.start();
      const witness = site.member(3);
      const answer = await witness.readyz();
      const { ready, healthy, reason } = JSON.parse(answer?.body ?? "{}");
      deepStrictEqual([answer?.status, ready, healthy], [503, false, true], "not for relays, and nothing is wrong");
      match(reason, /^witness: .* serves no clients$/);
      match(await witness.command("status"), /^Node 3: witness: [^]*2 of 2 nodes serve; node 2 leads/);
      const metrics = await httpGet(witness.host.namespace, `http://${witness.host.address}:8067/metrics`);
      match(metrics?.body ?? "", /^dhcpcluster_ready 0\n[^]*^dhcpcluster_healthy 1\n[^]*^dhcpcluster_witness 1$/m);
      strictEqual((await witness.status()).sockets.implementation, null, "it opens no DHCP socket");
      await rejects(witness.command("election"), /refused: |cannot lead/);

      await site.relayTo([2, 1]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      await load.completes(2 * PER_SECOND, 10_000);
      const killedMs = await site.member(2).kill();
      took("a new leader", await elected(site, killedMs, [2]), ELECTED_MS);
      strictEqual(site.leader.id, 1, "a witness does not lead, whatever its id");
      await settles(load);
      await returns(site, 2);
      await load.completes(2 * PER_SECOND, 10_000);
      await site.member(1).kill();
      await settles(load);
      await returns(site, 1);
      await load.completes(2 * PER_SECOND, 10_000);
      await witness.kill();
      await settles(load);
      await witness.start();
      unnoticed("two nodes and a witness", await load.stop());
      await site.agrees();
    }),
);
