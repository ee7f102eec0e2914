import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { reservationSchema } from "../../config/service_schema.ts";
import { CompiledService, packService } from "./compiled_service.ts";
import { type Reservation, reservationColumns, Reservations } from "./reservations.ts";
import { ip, service, subnet } from "./testing.ts";

const FIRST = subnet("10.1.0.0/16", ["10.1.1.0-10.1.1.9"], {
  reservations: [
    { address: ip("10.1.0.9"), hardware: [Uint8Array.of(2, 0, 0, 0, 0, 9)], hostname: "nine", options: new Map() },
    { address: ip("10.1.0.7"), clientId: [Uint8Array.of(1, 2)], leaseSeconds: 9_000, options: new Map() },
    { address: ip("10.1.0.8"), clientId: [Uint8Array.of(1, 2, 3)], options: new Map() },
  ],
});
const SECOND = subnet("10.2.0.0/16", [], {
  reservations: [{ address: ip("10.2.0.1"), hardware: [Uint8Array.of(2, 0, 0, 0, 0, 9)], options: new Map() }],
});
const EMPTY = subnet("10.3.0.0/16", []);

function clientOf(hardware: number[], clientId?: number[]) {
  return { hardware: Uint8Array.from(hardware), clientId: clientId && Uint8Array.from(clientId) };
}

function address(reservation: Reservation | undefined) {
  return reservation?.address;
}

Deno.test("reservations: found by address and by client within its subnet", () => {
  const compiled = new CompiledService(service([SECOND, FIRST, EMPTY]));
  deepStrictEqual([...compiled.reserved], ["10.1.0.7", "10.1.0.8", "10.1.0.9", "10.2.0.1"].map(ip));
  strictEqual(compiled.reservationAt(ip("10.1.0.9"))?.hostname, "nine");
  strictEqual(compiled.reservationAt(ip("10.1.0.10")), undefined);
  const [first, second, empty] = compiled.subnets;
  if (first === undefined || second === undefined || empty === undefined) throw new Error("three subnets");
  deepStrictEqual([first.reservations, second.reservations, empty.reservations], [3, 1, 0]);
  const nine = clientOf([1, 2, 0, 0, 0, 0, 9]);
  strictEqual(address(compiled.reservationFor(first, nine)), ip("10.1.0.9"));
  strictEqual(address(compiled.reservationFor(second, nine)), ip("10.2.0.1"));
  strictEqual(compiled.reservationFor(empty, nine), undefined);
  strictEqual(address(compiled.reservationFor(first, clientOf([1], [1, 2]))), ip("10.1.0.7"));
  strictEqual(address(compiled.reservationFor(first, clientOf([1], [1, 2, 3]))), ip("10.1.0.8"));
  for (const clientId of [[1], [1, 3], [1, 2, 3, 4], [2, 0, 0, 0, 0, 9]]) {
    strictEqual(compiled.reservationFor(first, clientOf([1], clientId)), undefined, String(clientId));
  }
  // The identifier goes before the hardware address.
  strictEqual(address(compiled.reservationFor(first, clientOf([1, 2, 0, 0, 0, 0, 9], [1, 2]))), ip("10.1.0.7"));
  strictEqual(compiled.maxLeaseSeconds, 9_000);
});

Deno.test("reservations: what was packed for another thread answers as what it was made of", () => {
  const config = service([SECOND, FIRST, EMPTY]);
  const entries = [
    [{ address: "10.2.0.1", hardware: "02:00:00:00:00:09" }],
    [
      { address: "10.1.0.9", hardware: "02:00:00:00:00:09", hostname: "nine" },
      { address: "10.1.0.7", clientId: "0x0102", leaseTime: 9_000 },
      { address: "10.1.0.8", clientId: "0x010203" },
    ],
    [],
    [],
  ];
  const packed = structuredClone(packService(config, entries));
  const compiled = new CompiledService(config);
  const unpacked = CompiledService.unpack(packed, (entry) => reservationSchema.parse(JSON.parse(entry)));
  deepStrictEqual(unpacked.reserved, compiled.reserved);
  deepStrictEqual(unpacked.maxLeaseSeconds, compiled.maxLeaseSeconds);
  deepStrictEqual(unpacked.subnets.map(({ reservations }) => reservations), [3, 1, 0]);
  for (const at of compiled.reserved) deepStrictEqual(unpacked.reservationAt(at), compiled.reservationAt(at));
  strictEqual(unpacked.reservationAt(ip("10.1.0.9")), unpacked.reservationAt(ip("10.1.0.9")), "it is read once");
});

Deno.test("reservations: 20,000 are read one by one, when their client comes", () => {
  const reservations = Array.from({ length: 20_000 }, (_, index) => ({
    address: ip("10.1.0.1") + index,
    hardware: [Uint8Array.of(2, 0, 0, 0, index >>> 8, index & 255)],
    options: new Map(),
  }));
  const read: number[] = [];
  const columns = reservationColumns({ subnets: [{ ...EMPTY, reservations }], reservations: [] });
  const all = new Reservations(columns, (number) => {
    read.push(number);
    return reservations[number] as (typeof reservations)[number];
  });
  strictEqual(all.of([EMPTY.prefix], clientOf([1, 2, 0, 0, 0, 1, 44]))?.address, ip("10.1.0.1") + 300);
  strictEqual(all.at(ip("10.1.0.1") + 19_999)?.address, ip("10.1.0.1") + 19_999);
  deepStrictEqual(read, [300, 19_999]);
});
