/**
 * What an operator does to a whole cluster: bring in the leases of another server, and bring everything back from
 * backups.
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { toHex } from "../../../src/bytes/hex.ts";
import { chaddrOf } from "../clients/raw/wire.ts";
import type { HeldLease } from "../load/client_load.ts";
import { took, unnoticed } from "./bars.ts";
import { FORMED_MS, onCluster } from "./site.ts";
import { PER_SECOND } from "./steps.ts";
import { e2e } from "../register.ts";

const IMPORTED = 10_000;
/** 10,000 leases, each on two of three disks before the next batch. */
const IMPORT_MS = 30_000;
const RENEWING = 500;
const PRESENT = 200;

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
  "every disk is lost: restored from older backups, all nodes serve, and clients keep their addresses",
  () =>
    onCluster({}, async (site) => {
      await site.start();
      await site.relayTo([3, 2, 1]);
      const order = { first: 1, clients: 600, perSecond: 2 * PER_SECOND };
      const earliest = await site.clients.run({ ...order, clients: 300, exchanges: 300 });
      const backups = site.members.map((member) => `${member.host.namespace.folder("backup")}/leases.db`);
      for (const [index, member] of site.members.entries()) {
        match(await member.command("backup", backups[index] ?? ""), /leases/);
      }
      const latest = await site.clients.run({ ...order, leases: earliest.leases, exchanges: 600 });
      ok(latest.leases.length > earliest.leases.length, "there are leases that no backup has");

      await Promise.all(site.members.map((member) => member.kill()));
      for (const [index, member] of site.members.entries()) {
        member.replaceDisk();
        await member.command("restore", backups[index] ?? "");
      }
      const startedMs = performance.now();
      await Promise.all(site.members.map((member) => member.start()));
      await site.serves(FORMED_MS);
      took("all nodes serve again", performance.now() - startedMs, FORMED_MS);

      // Clients whose lease is in no backup get their address too: no other client has it.
      const clients = Math.max(...latest.leases.map(({ client }) => client));
      const back = await site.clients.run({ ...order, clients, leases: latest.leases, exchanges: 2 * clients });
      unnoticed("clients come back", back);
      deepStrictEqual(back.moved, 0);
      await site.agrees();
    }),
);
