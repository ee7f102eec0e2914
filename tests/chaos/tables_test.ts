import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { StoredLease } from "../e2e/cluster/database.ts";
import { unequalLeases } from "./tables.ts";

const NOW_MS = Date.parse("2026-11-29T12:00:00Z");
const ADDRESS = "10.77.1.7";

const bound = (version: string, rest: Partial<StoredLease> = {}): StoredLease => {
  const common = { address: ADDRESS, state: "bound", chaddr: "02", lockedUntil: "2026-11-29T12:01:00Z" };
  return { ...common, version, ...rest };
};

function unequal(...leases: readonly (StoredLease | undefined)[]): string[] {
  const tables = leases.map((lease, index) => {
    return [index + 1, new Map(lease === undefined ? [] : [[ADDRESS, lease] as const])] as const;
  });
  return unequalLeases(new Map(tables), NOW_MS);
}

Deno.test("tables: a lease of a quorum that a node lacks, or has in another version", () => {
  deepStrictEqual(unequal(bound("5.1"), bound("5.1"), bound("5.1")), []);
  match(unequal(bound("5.1"), bound("5.1"), undefined)[0] ?? "", /^10\.77\.1\.7: .*node 3 has nothing$/);
  strictEqual(unequal(bound("5.1"), bound("5.1"), bound("4.1")).length, 1);
  strictEqual(unequal(bound("5.1"), bound("5.1"), bound("4.1", { state: "released" })).length, 1);
});

Deno.test("tables: what no quorum has locked for a client may differ", () => {
  const blocked = bound("7.2", { state: "blocked" });
  deepStrictEqual(unequal(bound("5.1", { state: "declined" }), blocked, blocked), []);
  deepStrictEqual(unequal(bound("5.1"), bound("6.1", { chaddr: "03" }), blocked), []);
  const over = { lockedUntil: "2026-11-29T11:59:59Z" };
  deepStrictEqual(unequal(bound("5.1", over), bound("5.1", over), undefined), []);
});
