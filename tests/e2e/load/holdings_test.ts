import { deepStrictEqual } from "node:assert/strict";
import { Holdings } from "./holdings.ts";

Deno.test("an address may change hands after its lease, by release, and stay with its client", () => {
  const holdings = new Holdings();
  holdings.acknowledged("10.77.1.1", 1, 0, 100);
  holdings.acknowledged("10.77.1.1", 1, 50, 150);
  holdings.acknowledged("10.77.1.1", 2, 150, 250);
  holdings.ended("10.77.1.1", 2);
  holdings.acknowledged("10.77.1.1", 3, 160, 260);
  deepStrictEqual(holdings.conflicts, []);
});

Deno.test("an address that goes to a second client too early is told", () => {
  const holdings = new Holdings();
  holdings.acknowledged("10.77.1.1", 1, 0, 100);
  holdings.ended("10.77.1.1", 2);
  holdings.acknowledged("10.77.1.1", 2, 99, 199);
  deepStrictEqual(holdings.conflicts, ["10.77.1.1 went to client 2, 1 ms before the lease of 1 ends"]);
});
