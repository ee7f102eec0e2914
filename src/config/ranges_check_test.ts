import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { formatRange, parseRange, type Range } from "../net/ipv4.ts";
import { formatPath } from "./issue.ts";
import { checkOverlaps } from "./ranges_check.ts";

/** Which entries are reported, and which they are said to overlap. */
function overlaps(ranges: readonly Range[]): string[] {
  const found: string[] = [];
  const placed = ranges.map((range, index) => ({ range, text: formatRange(range), path: [index] }));
  checkOverlaps(placed, (path, message) => found.push(`${formatPath(path)} ${message.split(" ", 2).join(" ")}`));
  return found;
}

const read = (text: string): Range => parseRange(text) as Range;

Deno.test("checkOverlaps() counts a single shared address, and lets neighbours be", () => {
  deepStrictEqual(overlaps([read("10.0.0.1-10.0.0.5"), read("10.0.0.5-10.0.0.9")]), ["[1] overlaps [0]"]);
  deepStrictEqual(overlaps([read("10.0.0.1-10.0.0.5"), read("10.0.0.6-10.0.0.9")]), []);
});

Deno.test("checkOverlaps() remembers the range that reaches furthest", () => {
  const ranges = [read("10.0.0.1-10.0.0.99"), read("10.0.0.2-10.0.0.3"), read("10.0.0.50-10.0.0.60")];
  deepStrictEqual(overlaps(ranges), ["[1] overlaps [0]", "[2] overlaps [0]"]);
});

Deno.test("checkOverlaps() reports something exactly when two ranges share an address", () => {
  const range = fc.tuple(fc.nat(60), fc.nat(12)).map(([first, more]) => ({ first, last: first + more }));
  fc.assert(fc.property(fc.array(range, { maxLength: 6 }), (ranges) => {
    const shared = ranges.some((a, i) => ranges.some((b, j) => i < j && a.first <= b.last && b.first <= a.last));
    deepStrictEqual(overlaps(ranges).length > 0, shared);
  }));
});
