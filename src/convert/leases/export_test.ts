import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { parsePrefix, type Prefix } from "../../net/ipv4.ts";
import { type ApiLease, CSV_HEADER, csvRow, csvValue, KEA_HEADER, keaRow } from "./export.ts";
import { readKeaLeases } from "./kea.ts";

const LEASE: ApiLease = {
  address: "10.77.0.20",
  subnet: "10.77.0.0/24",
  state: "bound",
  client: { identifier: "0102dc00000004", htype: 1, chaddr: "02dc00000004" },
  hostname: "printer, ground floor",
  expires: "2023-11-14T22:13:20.000Z",
  circuitId: "00040007",
  remoteId: null,
  giaddr: "10.77.0.1",
  node: 2,
};
const SUBNETS = [{ prefix: parsePrefix("10.77.0.0/24") as Prefix, id: 7 }];
const NOW = 1_700_000_000 - 60;

Deno.test("CSV: a lease is a line under the header", () => {
  strictEqual(
    CSV_HEADER + csvRow(LEASE),
    "address,subnet,state,client_id,htype,hwaddr,hostname,expires,circuit_id,remote_id,giaddr,node\r\n" +
      "10.77.0.20,10.77.0.0/24,bound,01:02:dc:00:00:00:04,1,02:dc:00:00:00:04," +
      '"printer, ground floor",2023-11-14T22:13:20.000Z,00:04:00:07,,10.77.0.1,2\r\n',
  );
});

Deno.test("CSV: every text that is neither a formula nor invisible comes back from its value", () => {
  const harmless = fc.string({ unit: "grapheme" }).filter((text) => /^(?![\s=+@-])[^\p{C}\p{Zl}\p{Zp}]*$/u.test(text));
  fc.assert(fc.property(harmless, (text) => strictEqual(unquoted(csvValue(text)), text)));
});

Deno.test("CSV: no value is a formula, ends its line, or changes how the line is shown", () => {
  const hostile = fc.string({ unit: fc.constantFrom(..."=+-@\t\r\n \"',;a1\u202e\u061c\u200f\u2066\uff1d\ufeff\0") });
  fc.assert(
    fc.property(hostile, (text) => {
      const value = csvValue(text);
      ok(!/[\p{Cc}\p{Cf}]/u.test(value), value);
      ok(!/^\s*[=+\-@\t\r\uff1d]/.test(unquoted(value)), value);
    }),
    { numRuns: 1_000 },
  );
  for (const formula of ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", ' =HYPERLINK("http://a","b")']) {
    ok(unquoted(csvValue(formula)).startsWith("'"), formula);
  }
  const row = csvRow({ ...LEASE, hostname: '=cmd|"/C calc"!A0' });
  ok(row.includes(`,"'=cmd|""/C calc""!A0",`), row);
});

/** What a reader of CSV makes of a value. */
function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value;
}

Deno.test("Kea CSV: what is written is read back, with the subnet's number", () => {
  const rows = [LEASE, { ...LEASE, address: "10.77.0.21", expires: "9999-12-31T23:59:59.000Z" }, {
    ...{ ...LEASE, address: "10.77.0.22", state: "declined" },
  }].map((lease) => keaRow(lease, SUBNETS, NOW)).map((one) => one.ok ? one.row : one.reason);
  strictEqual(
    rows[0],
    "10.77.0.20,02:dc:00:00:00:04,01:02:dc:00:00:00:04,60,1700000000,7,0,0,printer&#x2cgroundfloor,0,\n",
  );
  const { leases, unusable } = readKeaLeases([{ file: "f", text: KEA_HEADER + rows.join("") }]);
  deepStrictEqual(unusable, []);
  deepStrictEqual(leases.map(({ state, expires, hostname }) => [state, expires, hostname]), [
    ["bound", 1_700_000_000, "printer,groundfloor"],
    ["bound", undefined, "printer,groundfloor"],
    ["declined", 1_700_000_000, ""],
  ]);
});

Deno.test("Kea CSV: what has ended or lies in no subnet is left out, and why", () => {
  const reason = (change: Partial<ApiLease>, now = NOW) => {
    const result = keaRow({ ...LEASE, ...change }, SUBNETS, now);
    return result.ok ? "" : result.reason;
  };
  strictEqual(reason({}), "");
  strictEqual(reason({}, NOW + 60), "it has ended");
  strictEqual(reason({ state: "released" }), "it is released");
  strictEqual(reason({ address: "10.78.0.20" }), "no subnet contains its address");
});
