import { deepStrictEqual } from "node:assert/strict";
import { formatPath } from "./issue.ts";
import { checkTimes, readTimes, type Times } from "./times_check.ts";

function findings(own: Times, inherited: Times = {}): string[] {
  const found: string[] = [];
  checkTimes(own, inherited, [], (path, message) => found.push(`${formatPath(path)} ${message}`));
  return found;
}

Deno.test("checkTimes() accepts min = lease = max and T1 < T2 < lease time", () => {
  deepStrictEqual(findings({ minLeaseTime: 60, leaseTime: 60, maxLeaseTime: 60 }), []);
  deepStrictEqual(findings({ leaseTime: 100, renewTime: 50, rebindTime: 80 }), []);
  deepStrictEqual(findings({ leaseTime: 1 }), []);
  deepStrictEqual(findings({ leaseTime: 0xffffffff, renewTime: 50 }), []);
});

Deno.test("checkTimes() reports each broken relation where it is said", () => {
  deepStrictEqual(findings({ leaseTime: 100, minLeaseTime: 101, maxLeaseTime: 99 }), [
    "minLeaseTime is longer than leaseTime (1m40s); shorten it, or set leaseTime with it",
    "leaseTime is longer than maxLeaseTime (1m39s); shorten it, or set maxLeaseTime with it",
  ]);
  deepStrictEqual(findings({ leaseTime: 100, renewTime: 80, rebindTime: 80 }), [
    "renewTime is not shorter than rebindTime (1m20s); shorten it, or set rebindTime with it",
  ]);
  deepStrictEqual(findings({ leaseTime: 100, rebindTime: 100 }), [
    "rebindTime is not shorter than leaseTime (1m40s); shorten it, or set leaseTime with it",
  ]);
});

Deno.test("checkTimes() counts with the defaults of T1 and T2", () => {
  deepStrictEqual(findings({ leaseTime: 1000, renewTime: 900 }), [
    "renewTime is not shorter than rebindTime (14m35s, 7/8 of leaseTime); shorten it, or set rebindTime with it",
  ]);
  deepStrictEqual(findings({ leaseTime: 1000, rebindTime: 400 }), [
    "rebindTime is not longer than renewTime (8m20s, half of leaseTime); lengthen it, or set renewTime with it",
  ]);
});

Deno.test("checkTimes() relates what a level sets to what it inherits, and reports nothing twice", () => {
  const inherited = { leaseTime: 3600, minLeaseTime: 600, renewTime: 1800 };
  deepStrictEqual(findings({}, { ...inherited, maxLeaseTime: 60 }), []);
  deepStrictEqual(findings({ leaseTime: 300 }, inherited), [
    "leaseTime is shorter than minLeaseTime (10m, inherited); lengthen it, or set minLeaseTime with it",
    "leaseTime does not fit: renewTime (30m, inherited) would not be shorter than rebindTime (4m22s, " +
    "7/8 of leaseTime); " +
    "set renewTime with it",
  ]);
});

Deno.test("checkTimes() returns what the levels inside inherit", () => {
  deepStrictEqual(checkTimes({ leaseTime: 60 }, { leaseTime: 3600, maxLeaseTime: 7200 }, [], () => {}), {
    leaseTime: 60,
    maxLeaseTime: 7200,
  });
});

Deno.test("readTimes() passes over what is wrong by itself", () => {
  deepStrictEqual(readTimes({ leaseTime: "1h", renewTime: "soon", maxLeaseTime: "infinite", other: 3 }), {
    leaseTime: 3600,
    maxLeaseTime: 0xffffffff,
  });
});
