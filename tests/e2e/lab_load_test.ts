import { Buffer } from "node:buffer";
import { deepStrictEqual, ok } from "node:assert/strict";
import { chaddrOf } from "./clients/raw/wire.ts";
import { onCluster } from "./cluster/site.ts";
import { e2e } from "./register.ts";

e2e(
  "the laboratory: emulated clients get, renew and release leases at a steady rate, and retransmit",
  () =>
    onCluster({ nodes: 1 }, async (site) => {
      const node = site.member(1);
      await site.start();
      await site.relayTo([1]);
      const load = await site.clients.start({ first: 1, clients: 300, perSecond: 200, releaseShare: 0.1 });
      await load.completes(600, 20_000);
      const calm = await load.stop();
      for (const { failed, naks, retransmitted } of [calm.acquired, calm.renewed]) {
        deepStrictEqual({ failed, naks, retransmitted }, { failed: 0, naks: 0, retransmitted: 0 });
      }
      const count = calm.acquired.count + calm.renewed.count + calm.released;
      ok(count / calm.seconds > 160, `${count} exchanges in ${calm.seconds} s`);
      ok(calm.renewed.count > 100 && calm.released > 10, "clients with a lease renew it or give it back");
      deepStrictEqual([calm.conflicts, calm.moved], [[], 0]);
      const stored = node.leases();
      for (const { client, address } of calm.leases) {
        const { state, chaddr } = stored.get(address) ?? {};
        deepStrictEqual({ state, chaddr }, { state: "bound", chaddr: Buffer.from(chaddrOf(client)).toString("hex") });
      }

      const rough = await site.clients.start({ first: 1, clients: 2_000, perSecond: 100, leases: calm.leases });
      await node.kill();
      await node.start();
      await site.serves();
      await rough.completes(300, 20_000);
      const { acquired, renewed, conflicts, moved } = await rough.stop();
      deepStrictEqual([acquired.failed, renewed.failed, conflicts, moved], [0, 0, [], 0]);
      deepStrictEqual([acquired.retransmissionsMax, renewed.retransmissionsMax], [1, 1]);
      const slowest = Math.max(acquired.latencyMs.max, renewed.latencyMs.max);
      ok(
        slowest > 3_000 && slowest < 6_000,
        `the first retransmission comes after 4 s, a second more or less: ${slowest}`,
      );
    }),
);
