import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { formatIpv4 } from "../../net/ipv4.ts";
import { toHex } from "../../bytes/hex.ts";
import { readDhcpdLeases } from "./dhcpd.ts";

/** As dhcpd 4.4.3 writes it, comments and all. */
const HEAD = `# The format of this file is documented in the dhcpd.leases(5) manual page.
# This lease file was written by isc-dhcp-4.4.3-P1

# authoring-byte-order entry is generated, DO NOT DELETE
authoring-byte-order little-endian;

server-duid "\\000\\001\\000\\001/\\021\\"\\323\\002\\334";
`;

function lease(address: string, lines: readonly string[]): string {
  return `lease ${address} {\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;
}

const ACTIVE = [
  "starts 4 2024/02/29 22:00:00;",
  "ends 4 2024/02/29 23:59:59;",
  "cltt 4 2024/02/29 22:00:00;",
  "binding state active;",
  "next binding state free;",
  "rewind binding state free;",
  "hardware ethernet 02:dc:00:00:00:04;",
  'uid "\\001\\002\\334\\000\\000\\000\\004";',
  'set vendor-class-identifier = "udhcp; {1.35}";',
  'client-hostname "printer";',
];

function only(text: string) {
  const { leases, unusable } = readDhcpdLeases(text, "dhcpd.leases");
  deepStrictEqual(unusable, []);
  strictEqual(leases.length, 1);
  return leases[0] as NonNullable<typeof leases[0]>;
}

Deno.test("dhcpd.leases: a lease as dhcpd writes it is read whole", () => {
  const { address, identifier, chaddr, place, ...rest } = only(HEAD + lease("10.77.0.20", ACTIVE));
  strictEqual(formatIpv4(address), "10.77.0.20");
  strictEqual(identifier, "0102dc00000004");
  strictEqual(chaddr, "02dc00000004");
  deepStrictEqual(place, { file: "dhcpd.leases", line: 8 });
  deepStrictEqual({ state: rest.state, htype: rest.htype, hostname: rest.hostname }, {
    ...{ state: "bound", htype: 1, hostname: "printer" },
  });
  strictEqual(rest.expires, Date.UTC(2024, 1, 29, 23, 59, 59) / 1000);
});

Deno.test("dhcpd.leases: the last declaration of an address counts", () => {
  const released = ["ends 4 2024/02/29 23:00:00;", "binding state released;", "hardware ethernet 02:00:00:00:00:01;"];
  const reading = readDhcpdLeases(lease("10.0.0.1", ACTIVE) + lease("10.0.0.1", released), "f");
  strictEqual(reading.leases[0]?.state, "ended");
  deepStrictEqual(reading.totals, { records: 2, leases: 1, superseded: 1, free: 0, other: 0, unusable: 0 });
});

Deno.test("dhcpd.leases: times are never, epoch, or a date with an offset", () => {
  const ends = (text: string) =>
    only(lease("10.0.0.1", [`ends ${text};`, "binding state active;", "hardware ethernet 1:2:3:4:5:6;"])).expires;
  strictEqual(ends("never"), undefined);
  strictEqual(ends("epoch 1709251199; # Thu Feb 29 23:59:59 2024\n"), 1709251199);
  strictEqual(ends("4 2024/02/29 23:59:59"), 1709251199);
  strictEqual(ends("5 2024/03/01 01:59:59 +0200"), 1709251199);
  for (const day of ["1970/01/01", "1999/12/31", "2000/02/29", "2100/03/01", "2038/01/20"]) {
    strictEqual(ends(`1 ${day} 12:34:56`), Date.parse(`${day.replaceAll("/", "-")}T12:34:56Z`) / 1000);
  }
});

Deno.test("dhcpd.leases: every binding state of failover is known, others are reported", () => {
  const states = ["active", "free", "backup", "expired", "released", "reset", "abandoned", "bootp", "sleeping"];
  const text = states.map((state, index) =>
    lease(`10.0.0.${index + 1}`, ["ends never;", `binding state ${state};`, "hardware ethernet 2:0:0:0:0:1;"])
  ).join("");
  const { leases, unusable } = readDhcpdLeases(text, "f");
  deepStrictEqual(leases.map((one) => one.state), [
    ...["bound", "ended", "ended", "ended", "ended", "ended", "declined", "bound"],
  ]);
  strictEqual(unusable.length, 1);
  match(unusable[0]?.reason ?? "", /"sleeping" is unknown/);
  strictEqual(unusable[0]?.line, 41);
});

Deno.test("dhcpd.leases: addresses that failover balanced and no client ever had are free", () => {
  const text = lease("10.0.0.1", ["starts 4 2024/02/29 22:00:00;", "binding state backup;"]);
  deepStrictEqual(readDhcpdLeases(text, "f").totals, {
    ...{ records: 1, leases: 0, superseded: 0, free: 1, other: 0, unusable: 0 },
  });
});

Deno.test("dhcpd.leases: relay information, events and other declarations do not disturb", () => {
  const text = `${HEAD}failover peer "a" state {\n  my state normal at 4 2024/02/29 22:00:00;\n}\n` +
    `ia-na "\\001\\000" {\n  cltt 4 2024/02/29 22:00:00;\n  iaaddr 2001:db8::1 {\n    binding state active;\n  }\n}\n` +
    lease("10.0.0.1", [
      ...ACTIVE,
      "option agent.circuit-id 0:4:0:7;",
      'option agent.remote-id "switch 7";',
      'on expiry or release { set x = "}"; execute ("y"); }',
    ]);
  const found = only(text);
  strictEqual(found.circuitId, "00040007");
  strictEqual(found.remoteId, toHex(new TextEncoder().encode("switch 7")));
  strictEqual(readDhcpdLeases(text, "f").totals.other, 4);
});

Deno.test("dhcpd.leases: a broken declaration costs only itself", () => {
  const broken = 'lease 10.0.0.2 {\n  ends 4 2024/02/29;\n  client-hostname "a;\n}\n';
  const { leases, unusable } = readDhcpdLeases(
    lease("10.0.0.1", ACTIVE) + broken + lease("10.0.0.3", ACTIVE) + "lease 10.0.0.4 {\n  starts 4 2024/0",
    "f",
  );
  deepStrictEqual(leases.map((one) => formatIpv4(one.address)), ["10.0.0.1", "10.0.0.3"]);
  deepStrictEqual(unusable.map(({ line }) => line), [13, 29]);
  match(unusable[0]?.reason ?? "", /"4 2024\/02\/29" is no time/);
  match(unusable[1]?.reason ?? "", /file ends within it/);
});

Deno.test("dhcpd.leases: hosts made through OMAPI are pointed out", () => {
  const { unusable } = readDhcpdLeases("host x {\n  dynamic;\n  fixed-address 10.0.0.9;\n}\n", "f");
  match(unusable[0]?.reason ?? "", /reservation/);
  strictEqual(unusable[0]?.text, "host x { dynamic; fixed-address 10.0.0.9; }");
});

Deno.test("dhcpd.leases: any file is read without an exception, and every record is accounted for", () => {
  const valid = HEAD + lease("10.0.0.1", ACTIVE) + lease("10.0.0.2", ["binding state free;"]);
  const pieces = valid.split(/(?<=[\s;{}"])/);
  const mixed = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: "binary", maxLength: 5 })), {
    maxLength: 60,
  }).map((parts) => parts.join(""));
  const cut = fc.nat(valid.length).map((size) => valid.slice(0, size));
  fc.assert(
    fc.property(fc.oneof(mixed, cut), (text) => {
      const { leases, unusable, totals } = readDhcpdLeases(text, "f");
      strictEqual(totals.records, totals.leases + totals.superseded + totals.free + totals.other + totals.unusable);
      strictEqual(leases.length, totals.leases);
      for (const { line, reason } of unusable) ok(line >= 1 && reason !== "");
    }),
    { numRuns: 500 },
  );
});

Deno.test("dhcpd.leases: a hundred thousand broken declarations take no time that grows with their square", () => {
  // The time of the square would be 64 times as long. The shortest of three: a busy machine stalls at times.
  const timeOf = (count: number) => {
    const text = "lease 1 {\n;;;}\nlease {\n".repeat(count);
    return Math.min(...[1, 2, 3].map(() => {
      const startedMs = performance.now();
      strictEqual(readDhcpdLeases(text, "f").totals.leases, 0);
      return performance.now() - startedMs;
    }));
  };
  timeOf(1_000);
  const [few, many] = [timeOf(6_250), timeOf(50_000)];
  ok(many < 32 * few, `${few} ms, ${many} ms`);
});

Deno.test("dhcpd.leases: OpenBSD's are read, abandoned ones too", () => {
  const text = "lease 10.77.0.33 {\n\tstarts 5 2024/01/12 09:11:12 UTC;\n\tends 5 2024/01/12 21:11:12 UTC;\n" +
    '\thardware ethernet 02:00:00:aa:bb:cc;\n\tuid 01:02:00:00:aa:bb:cc;\n\tclient-hostname "foo";\n}\n' +
    "lease 10.77.0.34 {\n\tstarts 5 2024/01/12 09:11:12 UTC;\n\tends 5 2024/01/13 09:11:12 UTC;\n\tabandoned;\n}\n";
  const { leases, unusable } = readDhcpdLeases(text, "dhcpd.leases");
  deepStrictEqual(unusable, []);
  deepStrictEqual(leases.map(({ state, expires, hostname }) => [state, expires, hostname]), [
    ["bound", 1705093872, "foo"],
    ["declined", 1705137072, ""],
  ]);
});
