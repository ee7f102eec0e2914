import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { CompiledService } from "../../src/dhcp/server/compiled_service.ts";
import { readServiceText } from "../config.ts";
import { amendSection } from "./amend.ts";
import { read } from "./read.ts";

const OWN = { dhcp: { address: 0x0a630001 }, cluster: { nodes: [{ id: 1, address: 0x0a630001 }] } };

type Entry = Readonly<Record<string, unknown>>;

/** A section with two subnets and these reservations. */
function section(first: readonly unknown[], second: readonly unknown[] = [], more: object = {}): string {
  const subnets = [
    { pools: ["10.77.0.100-10.77.0.109"], reservations: first, subnet: "10.77.0.0/24" },
    { reservations: second, subnet: "10.78.0.0/24" },
  ];
  return JSON.stringify({ revision: 3, subnets, ...more });
}

/** `number`: which address and, unless another is named, which client. */
function entry(number: number, more: Entry = {}): Entry {
  return { address: `10.77.0.${number}`, hardware: `02:00:00:00:00:${number.toString(16).padStart(2, "0")}`, ...more };
}

/** What comes of a text on the way of a small difference. */
function amended(base: string, text: string) {
  const known = readServiceText(base, OWN);
  ok(known.ok, "the base must be right");
  const { columns, maxLeaseSeconds, used } = new CompiledService(known.service);
  return amendSection({ text: base, columns, maxLeaseSeconds, used: [...used] }, text, OWN);
}

const NINE = entry(9);
const SEVEN = entry(7);
const EIGHT = entry(8, { clientId: "0x0102", hardware: undefined });
const FIRST = [NINE, SEVEN, EIGHT];
const SECOND = [{ address: "10.78.0.1", hardware: "02:00:00:00:00:09" }];
const BASE = section(FIRST, SECOND);

Deno.test("amend: another reservation, one less, or one changed is what reading the whole section gives", () => {
  for (
    const text of [
      BASE,
      section(FIRST, SECOND, { revision: 4 }),
      section([...FIRST, entry(10)], SECOND),
      section([entry(6, { leaseTime: 90_000 }), NINE, SEVEN, EIGHT], SECOND),
      section([NINE, entry(8, { hostname: "x" }), SEVEN], SECOND),
      section([NINE, SEVEN], SECOND),
      section([], SECOND),
      section(FIRST, []),
      section(FIRST, [...SECOND, { address: "10.78.0.200", clientId: "0x01" }]),
      section([NINE, entry(70, { hardware: SEVEN.hardware }), EIGHT], SECOND),
      section([...FIRST, { remoteId: "switch 1", hostname: "x" }], SECOND),
      section(FIRST, SECOND, { reservations: [entry(60, { hardware: ["02:00:00:00:00:09", "02:00:00:00:00:11"] })] }),
      section([...FIRST, entry(10, { options: { routers: "10.77.0.200" } })], SECOND),
    ]
  ) {
    const packed = amended(BASE, text);
    const whole = read({ kind: "section", text, own: OWN });
    ok(whole.ok && "packed" in whole);
    deepStrictEqual(packed, whole.packed, text);
  }
});

Deno.test("amend: reservations beside those of a shared network; in one, all are read", () => {
  const sharing = (...reservations: unknown[]) => ({
    sharedNetworks: [{
      name: "a",
      subnets: [{ subnet: "10.79.0.0/24", reservations }, {
        subnet: "10.80.0.0/24",
        reservations: [{ address: "10.80.0.7", hardware: SEVEN.hardware }],
      }],
    }],
  });
  const shared = sharing({ address: "10.79.0.9", hardware: NINE.hardware });
  const base = section(FIRST, SECOND, shared);
  const text = section([...FIRST, entry(10)], SECOND, shared);
  const packed = amended(base, text);
  ok(packed !== undefined);
  deepStrictEqual({ ok: true, packed }, read({ kind: "section", text, own: OWN }));
  const all = section(FIRST, SECOND, { ...shared, reservations: [{ address: "10.80.0.9", remoteId: "switch 1" }] });
  deepStrictEqual({ ok: true, packed: amended(base, all) }, read({ kind: "section", text: all, own: OWN }));
  const twice = { address: "10.79.0.7", hardware: SEVEN.hardware };
  strictEqual(amended(base, section(FIRST, SECOND, sharing(twice))), undefined);
});

Deno.test("amend: what differs in more, or is wrong, is read as a whole", () => {
  const set = section([entry(9, { leaseTime: 90_000 })]);
  for (
    const [text, base = BASE] of [
      [section([...FIRST, entry(10)], SECOND, { leaseTime: 60 })],
      [section([...FIRST, entry(10)], [])],
      [section([...FIRST, entry(10)], SECOND, { reservations: [entry(11)] })],
      [section(FIRST, SECOND, { reservations: [entry(9)] })],
      [section(FIRST, SECOND, { reservations: "none" })],
      [section([...FIRST, entry(9, { hardware: "02:00:00:00:00:10" })], SECOND)],
      [section([...FIRST, entry(10, { hardware: "02:00:00:00:00:09" })], SECOND)],
      [section([...FIRST, entry(10, { hardware: "02-00-00-00-00-09" })], SECOND)],
      [section([...FIRST, entry(10, { hardware: undefined, clientId: "0x0102" })], SECOND)],
      [section([...FIRST, { ...entry(10), address: "10.79.0.1" }], SECOND)],
      [section([...FIRST, { ...entry(10), unknown: 1 }], SECOND)],
      [section([...FIRST, 7], SECOND)],
      [BASE.replace(/"reservations":\[.*?\]/, '"reservations":"none"')],
      ['{"revision":3,"subnets":"none"}'],
      ["[]"],
      ["{"],
      [section([entry(10)]), set],
      [section([]), set],
    ]
  ) strictEqual(amended(base ?? BASE, text ?? ""), undefined, text);
});

Deno.test("amend: whatever the difference, it is what reading the whole section gives, or left to that", () => {
  const reservation = fc.record({ number: fc.integer({ min: 1, max: 12 }), client: fc.integer({ min: 1, max: 12 }) })
    .map(({ number, client }) => entry(number, { hardware: entry(client).hardware }));
  const list = fc.array(reservation, { maxLength: 6 });
  let taken = 0;
  fc.assert(
    fc.property(list, list, (before, after) => {
      const [base, text] = [section(before), section(after)];
      if (!readServiceText(base, OWN).ok) return;
      const packed = amended(base, text);
      if (packed === undefined) return;
      taken++;
      const whole = read({ kind: "section", text, own: OWN });
      deepStrictEqual({ ok: true, packed }, whole);
    }),
    { numRuns: 2_000 },
  );
  ok(taken > 100, `${taken} were amended`);
});
