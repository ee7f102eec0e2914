import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { unnoticed } from "./bars.ts";
import type { Member } from "./member.ts";
import { type ClusterSite, onCluster } from "./site.ts";
import { CLIENTS, PER_SECOND, returns } from "./steps.ts";
import { until } from "../lab/wait.ts";
import { runNode } from "../programs/ours.ts";
import { e2e } from "../register.ts";

const STEP_MS = 15_000;

e2e(
  "a key is replaced on all nodes under load: no message is rejected, clients notice nothing",
  () =>
    onCluster({}, async (site) => {
      const [one] = site.members as [Member];
      const made = await makeKey(one);
      await site.start();
      await site.relayTo([3, 2, 1]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      await load.completes(PER_SECOND, 10_000);
      const sinceMs = Date.now();
      strictEqual(await keysOf(one), 1);

      // As in the operator's guide: add a second line everywhere, swap the lines everywhere, remove the old one.
      await rotate(site, load, [site.key, made]);
      strictEqual(await keysOf(one), 2);
      await rotate(site, load, [made, site.key]);
      strictEqual(await keysOf(one), 2);
      await rotate(site, load, [made]);
      strictEqual(await keysOf(one), 1);

      const uneasy = site.watch.history.filter(({ atMs, facts }) =>
        atMs >= sinceMs && !(facts?.quorum && facts.ready && facts.leader !== null)
      );
      deepStrictEqual(uneasy, [], "no node was without a leader and a majority for a moment");
      for (const member of site.members) {
        const { cluster } = await member.status();
        deepStrictEqual([cluster?.counters.refused?.wrongKey, cluster?.problems], [0, []], `node ${member.id}`);
      }
      unnoticed("another key", await load.stop());
      await site.agrees();

      // A node starts with the new key, unless other users can read the file.
      await one.stop();
      await Deno.chmod(one.keyFile, 0o640);
      const [line = "", ...more] = await one.failsToStart();
      match(line, /key file \S+: others can read or change it \(mode 0640\); chmod 600 \S+$/);
      deepStrictEqual(more, []);
      await Deno.chmod(one.keyFile, 0o600);
      await returns(site, 1);
    }),
);

/** A key that the program made, on a node's machine. */
async function makeKey(member: Member): Promise<string> {
  const { namespace } = member.host;
  const path = `${namespace.folder("key")}/new.key`;
  match(await runNode(namespace, ["key", path]), /^Made .*copy it to every node/);
  strictEqual(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  await rejects(runNode(namespace, ["key", path]), /it exists and is not overwritten/);
  return (await Deno.readTextFile(path)).trim();
}

/** Gives every node these keys, one node after the other, while clients are served. */
async function rotate(
  site: ClusterSite,
  load: { completes(more: number, deadlineMs: number): Promise<void> },
  keys: readonly string[],
): Promise<void> {
  for (const member of site.members) {
    const before = member.said(/Keys from now on/);
    await member.writeKeys(...keys);
    await member.reload();
    await until(`node ${member.id} to take its keys`, STEP_MS, () => member.said(/Keys from now on/) > before);
    await load.completes(PER_SECOND / 2, 10_000);
  }
}

async function keysOf(member: Member): Promise<number | undefined> {
  return (await member.status()).cluster?.keys;
}
