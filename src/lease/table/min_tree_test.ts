import { strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { MinTree } from "./min_tree.ts";

Deno.test("min tree: the first of equals, and undefined when all are out", () => {
  const tree = new MinTree(3);
  strictEqual(tree.first, undefined);
  tree.set(2, 7);
  tree.set(1, 7);
  strictEqual(tree.first, 1);
  tree.set(1, Infinity);
  strictEqual(tree.first, 2);
  tree.set(2, Infinity);
  strictEqual(tree.first, undefined);
});

Deno.test("min tree: finds what a scan finds, however keys change", () => {
  const change = fc.tuple(fc.nat(64), fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constant(Infinity)));
  fc.assert(fc.property(fc.integer({ min: 1, max: 65 }), fc.array(change), (count, changes) => {
    const tree = new MinTree(count);
    const keys = new Array<number>(count).fill(Infinity);
    for (const [number, key] of changes) {
      keys[number % count] = key;
      tree.set(number % count, key);
      const least = Math.min(...keys);
      strictEqual(tree.first, least === Infinity ? undefined : keys.indexOf(least));
    }
  }));
});
