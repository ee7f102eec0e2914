import { match, ok, strictEqual } from "node:assert/strict";
import { unnoticed } from "./bars.ts";
import type { Member } from "./member.ts";
import { onCluster } from "./site.ts";
import { CLIENTS, PER_SECOND, settles } from "./steps.ts";
import { until } from "../lab/wait.ts";
import { WrongClock } from "../lab/wrong_clock.ts";
import { e2e } from "../register.ts";

const PORT = 6767;
const GROUP = "239.255.67.67";
const NOTICED_MS = 15_000;
/** A problem that was seen this often and is in the log once is not logged every time. */
const OFTEN = 5;

/** A problem: its kind in `/status`, the node or address that it is about, and its line in the log. */
interface Wanted {
  readonly kind: string;
  readonly from: string;
  readonly node: number;
  /** The cause and the advice. */
  readonly line: RegExp;
}

e2e(
  "nodes outside the cluster are counted, reported once, and change nothing",
  () =>
    onCluster({}, async (site) => {
      await site.start();
      await site.relayTo([1, 2, 3]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
      const [one, two, three] = site.members as [Member, Member, Member];
      const nodes = one.config.cluster.nodes;
      const also = (
        id: number,
        host: number,
      ) => [...nodes.filter((node) => node.id !== id), { id, address: `10.99.0.${host}` }];

      const otherKey = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
      const wrongKey = await site.stranger(7, 7, { key: otherKey, nodes: also(7, 17) });
      const unknown = await site.stranger(8, 8, { nodes: also(8, 18) });
      const sameId = await site.stranger(2, 9, { nodes: also(2, 19) });
      for (const stranger of [wrongKey, unknown, sameId]) await stranger.start();
      const recorder = await site.topology.serverLanHost("recorder", "10.99.0.200");
      const main = new URL("../load/replay_main.ts", import.meta.url).pathname;
      const command = [Deno.execPath(), "run", "--no-check", "--allow-net", "--allow-env", main];
      recorder.namespace.spawn([...command, GROUP, "10.99.0.200", String(PORT), three.host.address, one.host.address], {
        label: "replay",
      });

      await tells(three, {
        kind: "wrongKey",
        from: "10.99.0.17",
        node: 7,
        line: /another cluster key: copy the same key file/,
      });
      await tells(wrongKey, {
        kind: "wrongKey",
        from: three.host.address,
        node: 3,
        line: /another cluster key: copy the same/,
      });
      await tells(three, {
        kind: "unknownSender",
        from: "10.99.0.18",
        node: 8,
        line: /not a member.*members add.*or stop/,
      });
      await tells(three, {
        kind: "wrongAddress",
        from: "10.99.0.19",
        node: 2,
        line: /another machine uses its id.*own node.id/,
      });
      await tells(two, {
        kind: "ownId",
        from: "10.99.0.19",
        node: 2,
        line: /the id of this node: give each node its own/,
      });
      await tellsOfReplay(one);

      await settles(load);
      for (const { id } of site.members) ok(site.watch.snapshot.get(id)?.ready, `node ${id} still serves`);
      for (const stranger of [wrongKey, unknown, sameId]) {
        const { ready, reason } = await stranger.status();
        strictEqual(ready, false);
        ok(reason !== null);
      }
      unnoticed("strangers", await load.stop());
      await site.agrees();
    }),
);

e2e(
  "members with other pools and with a wrong clock are reported, do no harm, and serve again once corrected",
  () =>
    onCluster({}, async (site) => {
      const [one, two, three] = site.members as [Member, Member, Member];
      const [subnet] = one.config.service.subnets;
      ok(subnet !== undefined);
      one.configure({ subnets: [{ ...subnet, pools: ["10.77.1.0-10.77.2.255"] }] });
      const clock = new WrongClock(two.host.namespace.folder("clock"));
      two.env = clock.env;
      await site.start();
      await site.relayTo([2, 1, 3]);
      const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });

      const conflict = /The file's service section differs from the cluster's.*same revision 1.*raise the revision/;
      await until(
        "the other pools to be told",
        NOTICED_MS,
        async () => (await problem(one, "configConflict")) !== undefined,
      );
      match((await problem(one, "configConflict"))?.message ?? "", conflict);
      await one.says(conflict);

      clock.set(60);
      await site.watch.until("the node to mistrust its clock", NOTICED_MS, (snapshot) => {
        const { ready, reason } = snapshot.get(2) ?? {};
        return ready === false && /^clock: .*(set it back|NTP)/.test(reason ?? "");
      });
      for (const member of [one, three]) {
        await until(
          "the wrong clock to be told",
          NOTICED_MS,
          async () => (await problem(member, "clockApart")) !== undefined,
        );
        const apart = await problem(member, "clockApart");
        strictEqual(apart?.node, 2);
        match(apart.message, /clock of node 2 is (59|60|61) s ahead.*NTP/);
      }
      await settles(load);
      for (const member of [one, three]) await member.says(/clock of node 2 is/);
      clock.set(0);
      await site.serves();
      for (const member of [one, three]) {
        await until(
          "the clock to be well again",
          NOTICED_MS,
          async () => (await problem(member, "clockApart")) === undefined,
        );
      }
      unnoticed("a wrong clock", await load.stop());
      await site.agrees();

      // Started with a wrong clock, it does not become ready.
      await two.stop();
      clock.set(-60);
      await two.start();
      await site.watch.until(
        "the node to wait for a right clock",
        NOTICED_MS,
        (snapshot) => /^clock: /.test(snapshot.get(2)?.reason ?? ""),
      );
      clock.set(0);
      await site.serves();
    }),
);

/** Waits until a node shows a problem and has seen it often, and checks that it logged it once, with advice. */
async function tells(member: Member, { kind, from, node, line }: Wanted): Promise<void> {
  await until(`${kind} in the status of node ${member.id}`, NOTICED_MS, async () => {
    const found = (await member.status()).cluster?.problems.find((problem) =>
      problem.kind === kind && problem.address === from
    );
    if (found === undefined || found.count < OFTEN) return false;
    strictEqual(found.node, node);
    match(found.message, line);
    return true;
  });
  const said = new RegExp(`${from.replaceAll(".", "\\.")} .*${line.source}`);
  await member.says(said);
  ok(((await member.status()).cluster?.counters.refused?.[kind] ?? 0) >= OFTEN);
}

/** As {@link tells}; the sender of the recorded datagram is random. */
async function tellsOfReplay(member: Member): Promise<void> {
  await until(
    "a replay in the status",
    NOTICED_MS,
    async () => ((await problem(member, "replayed"))?.count ?? 0) >= OFTEN,
  );
  strictEqual((await problem(member, "replayed"))?.address, "10.99.0.200");
  await member.says(/10\.99\.0\.200 .*again: look for a loop in the network, or for /);
}

async function problem(member: Member, kind: string) {
  return (await member.status()).cluster?.problems.find((problem) => problem.kind === kind);
}
