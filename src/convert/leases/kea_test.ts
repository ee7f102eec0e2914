import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { formatIpv4 } from "../../net/ipv4.ts";
import { keaLeaseFiles, readKeaLeases } from "./kea.ts";

const HEAD_2_2 =
  "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n";
/** Kea 1.0 had neither state nor user context. */
const HEAD_1_0 = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname\n";

const read = (text: string) => readKeaLeases([{ file: "kea-leases4.csv", text }]);

Deno.test("Kea CSV: a row is read whole, in any schema", () => {
  const row = "10.77.0.20,02:dc:00:00:00:04,01:02:dc:00:00:00:04,120,1700000000,1,0,0,printer.example.net.";
  for (const text of [`${HEAD_1_0}${row}\n`, `${HEAD_2_2}${row},0,\r\n`, `${HEAD_2_2.trim()},pool_id\n${row},0,,0\n`]) {
    const { leases, unusable } = read(text);
    deepStrictEqual(unusable, []);
    const { address, identifier, chaddr, ...rest } = leases[0] as NonNullable<typeof leases[0]>;
    deepStrictEqual([formatIpv4(address), identifier, chaddr], [
      ...["10.77.0.20", "0102dc00000004", "02dc00000004"],
    ]);
    deepStrictEqual([rest.state, rest.hostname, rest.expires, rest.place.line], [
      ...["bound", "printer.example.net", 1700000000, 2],
    ]);
  }
});

Deno.test("Kea CSV: columns are found by their names", () => {
  const { leases } = read(
    "expire,valid_lifetime,client_id,hwaddr,address\n1700000000,60,,02:00:00:00:00:01,10.0.0.1\n",
  );
  strictEqual(leases[0]?.expires, 1700000000);
});

Deno.test("Kea CSV: states, leases without end and removed ones", () => {
  const { leases, totals } = read(
    HEAD_2_2 +
      "10.0.0.1,02:00:00:00:00:01,,4294967295,5994967295,1,0,0,,0,\n" +
      "10.0.0.2,,,86400,1700000000,1,0,0,,1,\n" +
      "10.0.0.3,02:00:00:00:00:03,,60,1700000000,1,0,0,,2,\n" +
      "10.0.0.4,02:00:00:00:00:04,,60,1700000000,1,0,0,,0,\n" +
      "10.0.0.4,02:00:00:00:00:04,,0,1700000000,1,0,0,,0,\n",
  );
  deepStrictEqual(leases.map(({ state, expires }) => [state, expires]), [
    ...[["bound", undefined], ["declined", 1700000000], ["ended", 1700000000]],
  ]);
  deepStrictEqual(totals, { records: 5, leases: 3, superseded: 1, free: 1, other: 0, unusable: 0 });
});

Deno.test("Kea CSV: commas come back, and the relay's information is found", () => {
  const context = '{ "ISC": { "relay-agent-info": { "sub-options": "0x0104000400070202AABB" } } }'.replaceAll(
    ",",
    "&#x2c",
  );
  const { leases } = read(`${HEAD_2_2}10.0.0.1,02:00:00:00:00:01,,60,1700000000,1,0,0,a&#x2cb,0,${context}\n`);
  strictEqual(leases[0]?.hostname, "a,b");
  strictEqual(leases[0]?.circuitId, "00040007");
  strictEqual(leases[0]?.remoteId, "aabb");
});

Deno.test("Kea CSV: rows that can't be used are reported with line and reason", () => {
  const { leases, unusable } = read(
    HEAD_2_2 +
      "10.0.0.256,02:00:00:00:00:01,,60,1700000000,1,0,0,,0,\n" +
      "10.0.0.1,02:00:00:00:00:0,,60,1700000000,1,0,0,,0,\n" +
      "10.0.0.1,,,60,1700000000,1,0,0,,0,\n" +
      "10.0.0.1,02:00:00:00:00:01,,60,x,1,0,0,,0,\n" +
      "10.0.0.1,02:00:00:00:00:01,,60,1700000000,1,0,0,,9,\n" +
      "10.0.0.1,02:00:0",
  );
  strictEqual(leases.length, 0);
  deepStrictEqual(unusable.map(({ line }) => line), [2, 3, 4, 5, 6, 7]);
});

Deno.test("Kea CSV: files that follow each other in one stream are read, each by its own header", () => {
  const { leases, unusable } = read(
    `${HEAD_2_2}10.0.0.1,02:00:00:00:00:01,,60,1,1,0,0,,0,\n` +
      "address,client_id,hwaddr,expire,valid_lifetime\n10.0.0.1,,02:00:00:00:00:02,2,60\n",
  );
  deepStrictEqual(unusable, []);
  deepStrictEqual(leases.map(({ chaddr, expires }) => [chaddr, expires]), [["020000000002", 2]]);
});

Deno.test("Kea CSV: a file of DHCPv6 leases is refused as that", () => {
  match(read("address,duid,valid_lifetime,expire,subnet_id\n").unusable[0]?.reason ?? "", /DHCPv6/);
});

Deno.test("Kea CSV: companions of the clean-up come first, oldest first", () => {
  const files = (...present: string[]) => keaLeaseFiles("l.csv", (file) => present.includes(file));
  deepStrictEqual(files(), ["l.csv"]);
  deepStrictEqual(files("l.csv.1", "l.csv.2"), ["l.csv.2", "l.csv.1", "l.csv"]);
  deepStrictEqual(files("l.csv.1", "l.csv.2", "l.csv.completed"), ["l.csv.completed", "l.csv"]);
  const row = (expire: number) => `${HEAD_2_2}10.0.0.1,02:00:00:00:00:01,,60,${expire},1,0,0,,0,\n`;
  const { leases } = readKeaLeases([{ file: "l.csv.2", text: row(1) }, { file: "l.csv", text: row(2) }]);
  deepStrictEqual(leases.map(({ expires }) => expires), [2]);
});

Deno.test("Kea CSV: whatever a file is like, it is read without an exception and every row is accounted for", () => {
  const row = "10.0.0.1,02:00:00:00:00:01,,60,1700000000,1,0,0,a,0,";
  const pieces = [HEAD_2_2, ...`${row}\n`.split(/(?<=,)/), '{"ISC":{"relay-agent-info":', "&#x2c", "\n"];
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: "binary", maxLength: 5 })), { maxLength: 60 }),
      fc.boolean(),
      (parts, headed) => {
        const { totals, unusable } = read((headed ? HEAD_2_2 : "") + parts.join(""));
        strictEqual(totals.records, totals.leases + totals.superseded + totals.free + totals.other + totals.unusable);
        for (const { line, reason } of unusable) ok(line >= 1 && reason !== "");
      },
    ),
    { numRuns: 500 },
  );
});
