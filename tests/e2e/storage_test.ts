/** What disks do to a node: it stops voting and serving, says why, and comes back by itself or by the step it names. */

import { match, rejects, strictEqual } from "node:assert/strict";
import { type DiskFault, FaultyDisk } from "./lab/faulty_disk.ts";
import { until } from "./lab/wait.ts";
import { HOLDERS, LeaseHolders } from "./cluster/lease_holders.ts";
import type { Member } from "./cluster/member.ts";
import { onCluster } from "./cluster/site.ts";
import { runNode } from "./programs/ours.ts";
import { e2e } from "./register.ts";

const STEP_MS = 20_000;
const SERVICE = { service: { leaseTime: 300 } };

const FAULTS: readonly [DiskFault, RegExp][] = [
  [{ call: "sync", what: "EIO" }, /^store: .*disk I\/O error.*check the disk and the kernel log/],
  [{ call: "write", what: "EROFS" }, /^store: .*not writable .*: give this user read and write access to it/],
  [{ call: "sync", what: "hangs" }, /^store: the disk has not finished a commit for \d+ s: check the disk/],
];

e2e("a node alone on a disk that fails or hangs acknowledges nothing, says why, and goes on afterwards", async () => {
  await onCluster({ nodes: 1, ...SERVICE }, async (site) => {
    const node = site.member(1);
    const disk = faulty(node);
    await site.start();
    await site.relayTo([1]);
    const clients = new LeaseHolders(site);
    await clients.serve();
    for (const [fault, reason] of FAULTS) {
      disk.has(fault);
      await clients.getNothing();
      await says(node, reason);
      disk.works();
      await site.serves();
      await clients.serve();
    }
    const line = /lease database was opened and checked anew: nothing that was acknowledged is lost/;
    await until("the database to be back", STEP_MS, () => node.said(line) > 0);

    disk.has({ call: "sync", what: "hangs" });
    await clients.getNothing();
    const { output } = node.process;
    strictEqual((await node.abandon()).code, 1);
    match(output.text, /Could not write \d+ rows, none of them acknowledged/);
    disk.works();
    await node.start();
    await site.serves();
    await clients.confirm();
  });
});

e2e(
  "a node alone whose files are deleted or replaced keeps what it acknowledged; a second one is refused",
  async () => {
    await onCluster({ nodes: 1, ...SERVICE }, async (site) => {
      const node = site.member(1);
      const { stateDir } = node.config.node;
      await site.start();
      await site.relayTo([1]);
      const clients = new LeaseHolders(site);
      await clients.serve();

      await remove(node, "leases.db", "leases.db-wal", "leases.db-shm", "lock", "highwater");
      await clients.serve();
      await writtenAnew(node, 1);
      await Deno.rename(`${stateDir}/leases.db`, `${stateDir}/mine`);
      await Deno.writeTextFile(`${stateDir}/leases.db`, "another one");
      await says(node, /^store: .*leases\.db: another file was put in its place .*move that one away/);
      await clients.getNothing();
      await remove(node, "leases.db");
      await site.serves();
      await clients.serve();

      const file = `${node.host.namespace.folder("config")}/node.yaml`;
      const refused = new RegExp(`another process uses it \\(pid ${node.process.pid}\\): stop that one`);
      await rejects(runNode(node.host.namespace, ["--config", file]), refused);
      await rejects(node.members("reset", "--yes"), refused);
      const backup = `${node.host.namespace.folder("backup")}/leases.db`;
      await node.command("backup", backup);
      await remove(node, "leases.db");
      await rejects(node.command("restore", backup), /another process uses it|exists: a restore goes into an empty/);
      await writtenAnew(node, 3);

      await node.kill();
      await node.start();
      await site.serves();
      await clients.confirm();
    });
  },
);

e2e("a node alone whose database or its WAL was lost does not start afresh silently", async () => {
  await onCluster({ nodes: 1, ...SERVICE }, async (site) => {
    const node = site.member(1);
    await site.start();
    await site.relayTo([1]);
    const order = { clients: HOLDERS, perSecond: 100, exchanges: HOLDERS };
    const kept = await site.clients.run({ ...order, first: 1 });
    // After a restart the log has only what follows.
    await node.stop();
    await node.start();
    await site.serves();
    const cut = await site.clients.run({ ...order, first: 1 + HOLDERS });
    await node.kill();
    await Deno.truncate(`${node.config.node.stateDir}/leases.db-wal`, 1_000);
    await refusesToStart(node, /lacks leases that this node has acknowledged.*members reset --yes/);
    await refusesToStart(node, /lacks leases that this node has acknowledged/);
    await rejects(node.members("reset"), /Nothing is changed/);
    match(await node.members("reset", "--yes"), /^Done: node 1 is the only member .* serves renewals only until/);
    await node.start();
    await until("it to serve renewals", STEP_MS, async () => /renewals only/.test((await node.readyz())?.body ?? ""));
    await new LeaseHolders(site, 1_000).getNothing();
    strictEqual(node.leases().size, HOLDERS, "no new client gets one of the lost addresses");
    for (const [first, { leases }] of [[1, kept], [1 + HOLDERS, cut]] as const) {
      const { renewed } = await site.clients.run({ ...order, first, leases });
      strictEqual(renewed.count, HOLDERS, "also those that were lost");
    }
    strictEqual(node.leases().size, 2 * HOLDERS);

    await node.stop();
    await remove(node, "leases.db");
    await refusesToStart(node, /is missing, and .*highwater shows that it had leases: .*--bootstrap/);
    await refusesToStart(node, /is missing/);
  });
});

function faulty(node: Member): FaultyDisk {
  const disk = new FaultyDisk(node.config.node.stateDir, node.host.namespace.folder("faulty"));
  node.env = disk.env;
  return disk;
}

async function says(node: Member, reason: RegExp): Promise<void> {
  await until(`node ${node.id} to say ${reason}`, STEP_MS, async () => {
    const answer = await node.readyz();
    return answer?.status === 503 && reason.test((JSON.parse(answer.body) as { reason: string }).reason);
  });
}

async function writtenAnew(node: Member, times: number): Promise<void> {
  const line = /leases\.db was deleted while the node used it: written anew, nothing is lost/;
  await until("the database to be back", STEP_MS, () => node.said(line) === times);
}

async function refusesToStart(node: Member, reason: RegExp): Promise<void> {
  match((await node.failsToStart()).join("\n"), reason);
}

async function remove(node: Member, ...files: readonly string[]): Promise<void> {
  for (const file of files) await Deno.remove(`${node.config.node.stateDir}/${file}`).catch(() => {});
}
