/** A database of the release before: its leases are its clients', under the keys that it gave them. */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { clientMessage, ip, type MessageParts, service, subnet, TestServer } from "../../src/dhcp/server/testing.ts";
import { formatClient } from "../../src/lease/agreement/client_key.ts";
import type { LeaseRow } from "../../src/lease/agreement/slot.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import { DATABASE_FILE, LeaseDatabase } from "./database.ts";
import { readRecords } from "./record.ts";
import { MIGRATIONS } from "./schema.ts";
import { withDirectory } from "./testing/directory.ts";

/** As release 1.0 wrote them, which made a reservation by hardware address part of the key. */
const RECORDS = [
  // 10.79.1.50, reserved for the hardware address of client 1, which sends the identifier 004142.
  "44002ec90a4f0132010101010000000100062f3f95a0000000062f3f95a000000000018bd01c5e500000018bcfe56800" +
  "0000018bd01c5680000000010a4f01010106000c000000000000000000000000000000000000000a4f01000101020000000001020000000001",
  // 10.79.1.100, of client 2, which sends 0043.
  "4481f1db0a4f0164010101010000000100062f3f95a0000100062f3f95a000010000018bd01c5e500000018bcfe56800" +
  "0000018bd01c5680000000010a4f010101060007000000000000000000000000000000000000000a4f0100000043020000000002",
  // 10.79.1.101, of client 3, which sends no identifier.
  "00c0d5a20a4f0165010101010000000100062f3f95a0000200062f3f95a000020000018bd01c5e500000018bcfe56800" +
  "0000018bd01c5680000000010a4f01010106000c000000000000000000000000000000000000000a4f01000101020000000003020000000003",
  // 10.79.1.102, released by client 4, which sends none.
  "11d10c6c0a4f0166020001010000000100062f3f95a0000400062f3f95a0000300000000000000000000018bcfe56800" +
  "0000018bcfe56800000000010a4f01010106000c00000000000000062f3f95a0000300000001010a4f01000101020000000004020000000004",
];

const RELAY = "10.79.1.1";
const POOL = "10.79.1.100-10.79.1.103";
const RESERVED = { address: ip("10.79.1.50"), hardware: [Uint8Array.of(2, 0, 0, 0, 0, 1)], options: new Map() };

Deno.test("database of the release before: its clients keep their leases, whatever is changed after the upgrade", () =>
  withDirectory((stateDir) => {
    LeaseDatabase.open(stateDir, { migrations: MIGRATIONS.slice(0, 1) }).close();
    const writer = new DatabaseSync(`${stateDir}/${DATABASE_FILE}`);
    for (const record of RECORDS) {
      writer.exec(`INSERT INTO lease VALUES (${Number(`0x${record.slice(8, 16)}`)}, x'${record}')`);
    }
    writer.close();

    const database = LeaseDatabase.open(stateDir);
    const rows: LeaseRow[] = [];
    readRecords(database.chunkAfter(-1).records.slice().buffer, (row) => rows.push(row));
    database.close();
    deepStrictEqual(
      rows.map(({ address, slot: { client, state } }) =>
        `${formatIpv4(address)} ${state} ${client && formatClient(client)}`
      ),
      [
        "10.79.1.50 bound hardware 01020000000001 in 10.79.1.0",
        "10.79.1.100 bound client id 0043 in 10.79.1.0",
        "10.79.1.101 bound hardware 01020000000003 in 10.79.1.0",
        "10.79.1.102 released hardware 01020000000004 in 10.79.1.0",
      ],
    );

    const configs = [
      service([subnet("10.79.1.0/24", [POOL], { reservations: [RESERVED] })]),
      service([subnet("10.79.0.0/23", [POOL], { reservations: [RESERVED], id: 7 })]),
      service([subnet("10.79.0.0/23", [POOL], { id: 7 })]),
    ];
    for (const config of configs) {
      const s = new TestServer(config);
      s.table.load(rows);
      const clients: readonly [number, string, MessageParts][] = [
        [1, "10.79.1.50", { clientId: Uint8Array.of(0, 65, 66) }],
        [2, "10.79.1.100", { clientId: Uint8Array.of(0, 67) }],
        [3, "10.79.1.101", {}],
      ];
      for (const [mac, address, identity] of clients) {
        const ack = `ACK ${address}`;
        strictEqual(s.say(clientMessage("REQUEST", mac, { xid: 1, ciaddr: address, ...identity })), ack);
        strictEqual(s.say(clientMessage("REQUEST", mac, { xid: 2, ciaddr: address, giaddr: RELAY, ...identity })), ack);
        strictEqual(
          s.say(clientMessage("REQUEST", mac, { xid: 3, requested: address, giaddr: RELAY, ...identity })),
          ack,
        );
      }
      for (const [mac, address, identity] of clients.slice(1)) {
        strictEqual(s.say(clientMessage("DISCOVER", mac, { xid: 4, giaddr: RELAY, ...identity })), `OFFER ${address}`);
      }
      strictEqual(s.say(clientMessage("DISCOVER", 4, { giaddr: RELAY })), "OFFER 10.79.1.102", "what it last had");
    }
  }));
