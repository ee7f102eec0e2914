import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { formatIpv4 } from "../../net/ipv4.ts";
import { readDnsmasqLeases } from "./dnsmasq.ts";
import { recogniseLeases } from "./recognise.ts";

const FILE = `1700000000 02:dc:00:00:00:04 10.77.0.20 printer 01:02:dc:00:00:00:04
0 02:dc:00:00:00:05 10.77.0.21 * *
1700000000 20-a0:00:02:20:fe:80:00:00 10.77.0.22 * ff:00:00:00:01
duid 00:01:00:01:2f:11:22:33:02:dc:00:00:00:01
1700000000 12 2001:db8::10 * 00:01:00:01:2f
1700000000 T13 2001:db8::11 * 00:01:00:01:2f
`;

Deno.test("dnsmasq leases: lines are read whole, and DHCPv6 is passed over", () => {
  const { leases, unusable, totals } = readDnsmasqLeases(FILE, "dnsmasq.leases");
  deepStrictEqual(unusable, []);
  deepStrictEqual(
    leases.map((one) => [formatIpv4(one.address), one.htype, one.chaddr, one.identifier, one.hostname]),
    [
      ["10.77.0.20", 1, "02dc00000004", "0102dc00000004", "printer"],
      ["10.77.0.21", 1, "02dc00000005", "", ""],
      ["10.77.0.22", 32, "a0000220fe800000", "ff00000001", ""],
    ],
  );
  deepStrictEqual(leases.map(({ expires }) => expires), [1700000000, undefined, 1700000000]);
  deepStrictEqual(totals, { records: 6, leases: 3, superseded: 0, free: 0, other: 3, unusable: 0 });
});

Deno.test("dnsmasq leases: lines that can't be used are reported with line and reason", () => {
  const { unusable } = readDnsmasqLeases(
    "x 02:00 10.0.0.1 * *\n0 02:00 10.0.0.1 *\n\n0 02:0 10.0.0.1 * *\n0 02 10.0.0 * *",
    "f",
  );
  deepStrictEqual(unusable.map(({ line }) => line), [1, 2, 4, 5]);
  match(unusable[1]?.reason ?? "", /4 words/);
  match(readDnsmasqLeases("43200 02:00:00:00:00:01 10.0.0.1 * *", "f").unusable[0]?.reason ?? "", /without a clock/);
});

Deno.test("dnsmasq leases: any file is read without an exception, and every line is accounted for", () => {
  const pieces = FILE.split(/(?<=\s)/);
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: "binary", maxLength: 5 })), { maxLength: 60 }),
      (parts) => {
        const text = parts.join("");
        const { totals, unusable } = readDnsmasqLeases(text, "f");
        strictEqual(totals.records, totals.leases + totals.superseded + totals.free + totals.other + totals.unusable);
        strictEqual(totals.records, text.split("\n").filter((line) => line.trim() !== "").length);
        for (const { line, reason } of unusable) ok(line >= 1 && reason !== "");
        recogniseLeases(text);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("lease files are recognised by what they say", () => {
  strictEqual(recogniseLeases(FILE), "dnsmasq");
  strictEqual(recogniseLeases("duid 00:01:00:01\n"), "dnsmasq");
  strictEqual(recogniseLeases("# see dhcpd.leases(5)\n\nauthoring-byte-order little-endian;\n"), "dhcpd");
  strictEqual(recogniseLeases("# see dhcpd.leases(5)\n"), "dhcpd");
  strictEqual(recogniseLeases("address,hwaddr,client_id\n"), "kea");
  for (const text of ["", "#\n", "service:\n", "{}", "root:x:0:0"]) strictEqual(recogniseLeases(text), undefined);
});
