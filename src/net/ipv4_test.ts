import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  BROADCAST,
  formatIpv4,
  formatPrefix,
  formatRange,
  netmask,
  parseIpv4,
  parsePrefix,
  parseRange,
  prefixContains,
  prefixOf,
  prefixRange,
  rangeContains,
  rangeSize,
} from "./ipv4.ts";

const addresses = fc.integer({ min: 0, max: BROADCAST });
const prefixLengths = fc.integer({ min: 0, max: 32 });

Deno.test("parseIpv4() reads what formatIpv4() writes", () => {
  fc.assert(fc.property(addresses, (address) => strictEqual(parseIpv4(formatIpv4(address)), address)));
});

Deno.test("formatIpv4() writes the ends of the address space", () => {
  deepStrictEqual([0, 0x7f000001, 0x80000000, BROADCAST].map(formatIpv4), [
    "0.0.0.0",
    "127.0.0.1",
    "128.0.0.0",
    "255.255.255.255",
  ]);
});

Deno.test("parseIpv4() refuses shorthand, leading zeros, other bases, spaces and numbers above 255", () => {
  const refused = [
    ["", "10", "10.1", "10.1.1", "10.1.1.1.1", "10.1.1.", ".1.1.1", "10..1.1"],
    ["010.1.1.1", "10.1.1.01", "10.1.1.00", "0x0a.1.1.1", "1e1.1.1.1", "+1.1.1.1", "-1.1.1.1"],
    [" 10.1.1.1", "10.1.1.1 ", "10. 1.1.1", "10.1.1.1\n", "10.1.1.256", "10.1.1.1000", "10.1.1.1/8", "::1"],
  ].flat();
  for (const text of refused) strictEqual(parseIpv4(text), undefined, JSON.stringify(text));
});

Deno.test("netmask() has as many leading ones as the prefix is long", () => {
  deepStrictEqual([0, 1, 8, 20, 31, 32].map((length) => formatIpv4(netmask(length))), [
    "0.0.0.0",
    "128.0.0.0",
    "255.0.0.0",
    "255.255.240.0",
    "255.255.255.254",
    "255.255.255.255",
  ]);
});

Deno.test("prefixOf() clears the host bits, parsePrefix() refuses them", () => {
  fc.assert(fc.property(addresses, prefixLengths, (address, prefixLength) => {
    const prefix = prefixOf(address, prefixLength);
    deepStrictEqual(parsePrefix(formatPrefix(prefix)), prefix);
    ok(prefixContains(prefix, address));
    if (prefix.address !== address) strictEqual(parsePrefix(`${formatIpv4(address)}/${prefixLength}`), undefined);
  }));
});

Deno.test("parsePrefix() refuses other text", () => {
  for (const text of ["", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "10.0.0.0/8/8", "/8"]) {
    strictEqual(parsePrefix(text), undefined, JSON.stringify(text));
  }
});

Deno.test("prefixRange() and prefixContains() agree at both ends", () => {
  fc.assert(fc.property(addresses, prefixLengths, (address, prefixLength) => {
    const prefix = prefixOf(address, prefixLength);
    const range = prefixRange(prefix);
    strictEqual(rangeSize(range), 2 ** (32 - prefixLength));
    ok(prefixContains(prefix, range.first) && prefixContains(prefix, range.last));
    if (range.first > 0) ok(!prefixContains(prefix, range.first - 1));
    if (range.last < BROADCAST) ok(!prefixContains(prefix, range.last + 1));
  }));
});

Deno.test("parseRange() reads what formatRange() writes, and a single address", () => {
  fc.assert(fc.property(addresses, addresses, (a, b) => {
    const range = { first: Math.min(a, b), last: Math.max(a, b) };
    deepStrictEqual(parseRange(formatRange(range)), range);
    deepStrictEqual(parseRange(formatIpv4(a)), { first: a, last: a });
  }));
  deepStrictEqual(parseRange(" 10.0.0.1 - 10.0.0.9 "), { first: 0x0a000001, last: 0x0a000009 });
});

Deno.test("parseRange() refuses an empty range and other text", () => {
  for (
    const text of ["", "-", "10.0.0.9-10.0.0.1", "10.0.0.1-", "-10.0.0.1", "10.0.0.1-10.0.0.2-10.0.0.3", "10.0.0.1-9"]
  ) {
    strictEqual(parseRange(text), undefined, JSON.stringify(text));
  }
});

Deno.test("rangeContains() includes both ends", () => {
  const range = { first: 10, last: 12 };
  deepStrictEqual([9, 10, 11, 12, 13].map((address) => rangeContains(range, address)), [
    false,
    true,
    true,
    true,
    false,
  ]);
  strictEqual(rangeSize(range), 3);
});
