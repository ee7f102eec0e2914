/** A member whose disk lost leases joins the cluster again. */

import { strictEqual } from "node:assert/strict";
import { until } from "../lab/wait.ts";
import { HOLDERS, LeaseHolders } from "./lease_holders.ts";
import type { Member } from "./member.ts";
import { onCluster } from "./site.ts";
import { e2e } from "../register.ts";

const STEP_MS = 20_000;

e2e("a member whose database or its WAL was lost takes all leases from the others before it votes", async () => {
  await onCluster({}, async (site) => {
    await site.start();
    await site.relayTo([1, 2, 3]);
    const clients = new LeaseHolders(site);
    await clients.serve();
    const [one, two] = site.members as [Member, Member];
    await one.stop();
    await one.start();
    await site.serves();
    await clients.serve();
    await site.agrees();
    await one.kill();
    await Deno.truncate(`${one.config.node.stateDir}/leases.db-wal`, 1_000);
    await two.stop();
    await one.start();
    await until("it to say so", STEP_MS, () => one.said(/lacks leases that this node has acknowledged/) === 1);
    await site.watch.until("it to join", STEP_MS, (snapshot) => /^joining: /.test(snapshot.get(1)?.reason ?? ""));
    await two.start();
    await site.serves(2 * STEP_MS);
    await site.agrees();
    await one.stop();
    await Deno.remove(`${one.config.node.stateDir}/leases.db`);
    await one.start();
    await until("it to say so", STEP_MS, () => one.said(/was missing, or lost all leases .*: it takes all/) === 1);
    await site.serves(2 * STEP_MS);
    await site.agrees();
    strictEqual(one.leases().size, 2 * HOLDERS);
    await clients.confirm();
  });
});
