import { strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { MinTree } from "./min_tree.ts";

Deno.test("lowest: the first of equals, and nothing when nobody takes part", () => {
  const lowest = new MinTree(3);
  strictEqual(lowest.first, undefined);
  lowest.set(2, 7);
  lowest.set(1, 7);
  strictEqual(lowest.first, 1);
  lowest.set(1, Infinity);
  strictEqual(lowest.first, 2);
  lowest.set(2, Infinity);
  strictEqual(lowest.first, undefined);
});

Deno.test("lowest: is what a scan finds, however keys change", () => {
  const change = fc.tuple(fc.nat(64), fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constant(Infinity)));
  fc.assert(fc.property(fc.integer({ min: 1, max: 65 }), fc.array(change), (count, changes) => {
    const lowest = new MinTree(count);
    const keys = new Array<number>(count).fill(Infinity);
    for (const [number, key] of changes) {
      keys[number % count] = key;
      lowest.set(number % count, key);
      const least = Math.min(...keys);
      strictEqual(lowest.first, least === Infinity ? undefined : keys.indexOf(least));
    }
  }));
});
