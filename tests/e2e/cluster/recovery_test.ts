/**
 * What an operator does to a whole cluster: bring in the leases of another server, and bring everything back from
 * backups.
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { toHex } from "../../../src/bytes/hex.ts";
import { chaddrOf } from "../clients/raw/wire.ts";
import type { HeldLease } from "../load/client_load.ts";
import { until } from "../lab/wait.ts";
import { took, unnoticed } from "./bars.ts";
import { FORMED_MS, onCluster, serve } from "./site.ts";
import { PER_SECOND } from "./steps.ts";
import { e2e } from "../register.ts";

const IMPORTED = 10_000;
/** 10,000 leases, each on two of three disks before the next batch. */
const IMPORT_MS = 30_000;
const RENEWING = 500;
const PRESENT = 200;
const STEP_MS = 20_000;

e2e(
  "leases of another server are imported into a running cluster: every node has them, clients renew them",
  () =>
    onCluster({ pool: "10.77.1.0-10.77.64.255" }, async (site) => {
      await site.start();
      await site.relayTo([3, 2, 1]);
      // Clients with leases: they renew during the import and keep their addresses.
      const present = { first: IMPORTED + 1, clients: PRESENT, perSecond: 2 * PER_SECOND };
      const before = await site.clients.run({ ...present, exchanges: 3 * PRESENT });
      const held = new Set(before.leases.map(({ address }) => address));
      strictEqual(held.size, PRESENT);
      const ends = Math.floor(Date.now() / 1_000) + 3_000;
      const free = Array.from({ length: IMPORTED + PRESENT }, (_, index) => `10.77.${1 + (index >> 8)}.${index & 255}`)
        .filter((address) => !held.has(address));
      const leases: HeldLease[] = free.slice(0, IMPORTED).map((address, index) => ({ client: 1 + index, address }));
      const [one] = site.others(site.leader.id);
      ok(one !== undefined);
      const file = `${one.host.namespace.folder("old")}/dnsmasq.leases`;
      const lines = leases.map(({ client, address }) =>
        `${ends} ${toHex(chaddrOf(client), ":")} ${address} host-${client} *`
      );
      await Deno.writeTextFile(file, `${lines.join("\n")}\n`);
      const load = await site.clients.start({ ...present, perSecond: PER_SECOND, leases: before.leases });
      const beganMs = performance.now();
      match(await one.command("import", file), new RegExp(`${IMPORTED.toLocaleString("en")}|${IMPORTED}`));
      took(`${IMPORTED} leases are on the disks of a majority`, performance.now() - beganMs, IMPORT_MS);
      unnoticed("clients meanwhile", await load.stop());
      await site.agrees();
      for (const member of site.members) ok(member.leases().size >= IMPORTED, `node ${member.id}`);

      const renewing = leases.slice(0, RENEWING);
      const renewed = await site.clients.run({
        first: 1,
        clients: RENEWING,
        perSecond: 2 * PER_SECOND,
        exchanges: RENEWING,
        leases: renewing,
      });
      unnoticed("clients of the other server", renewed);
      strictEqual(renewed.acquired.count, 0, "no client had to ask for an address");
      // Importing again changes nothing.
      await one.command("import", file);
      await site.agrees();
    }),
);

e2e(
  "every disk is lost: one node is restored from an older backup and reset, and clients keep their addresses",
  () =>
    onCluster({}, async (site) => {
      await site.start();
      await site.relayTo([3, 2, 1]);
      const order = { first: 1, clients: 600, perSecond: 2 * PER_SECOND };
      const earliest = await site.clients.run({ ...order, clients: 300, exchanges: 300 });
      const [one, ...others] = site.members;
      ok(one !== undefined);
      const backup = `${one.host.namespace.folder("backup")}/leases.db`;
      match(await one.command("backup", backup), /leases/);
      const latest = await site.clients.run({ ...order, leases: earliest.leases, exchanges: 600 });
      ok(latest.leases.length > earliest.leases.length, "there are leases that the backup does not have");

      await Promise.all(site.members.map((member) => member.kill()));
      for (const member of site.members) member.replaceDisk();
      match(await one.command("restore", "--majority-lost", backup), /leases/);
      match(await one.members("reset", "--yes"), /node 1 is the only member/);
      const startedMs = performance.now();
      await Promise.all(site.members.map((member) => member.start()));
      for (const { id, host } of others) {
        // The leader may be the node that was added before.
        const add = async () => await site.leader.members("add", String(id), host.address);
        await until(`node ${id} to be added`, FORMED_MS, () => add().then(() => true, () => false));
      }
      await site.serves(FORMED_MS);
      took("all nodes serve again", performance.now() - startedMs, FORMED_MS);

      // Clients whose lease is not in the backup get their address too: no other client has it.
      const clients = Math.max(...latest.leases.map(({ client }) => client));
      const back = await site.clients.run({ ...order, clients, leases: latest.leases, exchanges: 2 * clients });
      unnoticed("clients come back", back);
      deepStrictEqual(back.moved, 0);
      await site.agrees();
    }),
);

e2e(
  "a backup of a node's current run is restored while one node has missed the leases since, and one is cut off",
  () =>
    onCluster({ pool: "10.77.1.0-10.77.1.255" }, async (site) => {
      await site.start();
      await site.relayTo([1, 3, 2]);
      const [one, two, three] = [site.member(1), site.member(2), site.member(3)];
      const backup = `${three.host.namespace.folder("backup")}/leases.db`;
      await three.command("backup", backup);
      await site.topology.unplug(two.host);
      await site.watch.until("nodes 1 and 3 to serve", STEP_MS, (snapshot) => serve(snapshot, [1, 3]));
      const order = { first: 1, clients: 120, perSecond: PER_SECOND };
      const held = await site.clients.run({ ...order, exchanges: 240 });
      ok(held.leases.length >= 100);

      await three.stop();
      three.replaceDisk();
      await three.command("restore", backup);
      await site.topology.unplug(one.host);
      await site.topology.replug(two.host);
      await three.start();
      // A majority is connected, and neither of it knows of these leases: only node 1 does.
      const late = { first: 1_001, clients: 80, perSecond: 20 };
      const refused = await site.clients.run({ ...late, exchanges: 80, giveUpMs: 20_000 });
      const addresses = new Set(held.leases.map(({ address }) => address));
      deepStrictEqual(
        refused.leases.filter(({ address }) => addresses.has(address)),
        [],
        "addresses of running leases",
      );
      strictEqual(site.watch.snapshot.get(3)?.ready, false);

      await site.topology.replug(one.host);
      await site.serves(FORMED_MS);
      const renewed = await site.clients.run({ ...order, leases: held.leases, exchanges: 240 });
      unnoticed("the clients with leases", renewed);
      const served = await site.clients.run({ ...late, exchanges: 160 });
      unnoticed("the others", served);
      deepStrictEqual(served.leases.filter(({ address }) => addresses.has(address)), []);
      await site.agrees();
    }),
);
