import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { Deadlines } from "./deadlines.ts";

Deno.test("deadlines: none is early, and none is late by more than the grid", () => {
  const anyTimes = fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 50 });
  fc.assert(fc.property(anyTimes, (times) => {
    const deadlines = new Deadlines<number>(5);
    for (const atMs of times) deadlines.add(atMs, atMs);
    const taken: number[] = [];
    for (let nowMs = 0; nowMs <= 2010; nowMs += 1) {
      for (const atMs of deadlines.takeDue(nowMs)) {
        ok(atMs <= nowMs && nowMs < atMs + 5);
        taken.push(atMs);
      }
    }
    deepStrictEqual(taken.toSorted((a, b) => a - b), times.toSorted((a, b) => a - b));
    strictEqual(deadlines.nextMs, undefined);
  }));
});

Deno.test("deadlines: an earlier deadline added later is due first", () => {
  const deadlines = new Deadlines<string>(5);
  deadlines.add("second", 500);
  deadlines.add("first", 20);
  strictEqual(deadlines.nextMs, 20);
  deepStrictEqual(deadlines.takeDue(600), ["first", "second"]);
});

Deno.test("deadlines: all can be put off", () => {
  const deadlines = new Deadlines<string>(5);
  deadlines.add("a", 10);
  deadlines.add("b", 20);
  deadlines.postpone(100);
  deepStrictEqual([deadlines.takeDue(109), deadlines.takeDue(110), deadlines.takeDue(120)], [[], ["a"], ["b"]]);
});
