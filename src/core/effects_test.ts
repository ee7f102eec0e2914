import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { EffectQueue } from "./effects.ts";

const NOW = { wallMs: 0, monotonicMs: 0 };

Deno.test("effects: what waits for a write runs once, in any order and however often it is completed", () => {
  const step = fc.oneof(fc.constant("persist" as const), fc.nat(20));
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const queue = new EffectQueue<never>();
    const waiting = new Set<number>();
    const ran: number[] = [];
    const expected: number[] = [];
    const tokens: number[] = [];
    for (const each of steps) {
      if (each === "persist") {
        const index = tokens.length;
        queue.persist({}, () => ran.push(index));
        for (const effect of queue.take()) if (effect.kind === "persist") tokens.push(effect.token);
        waiting.add(index);
      } else if (tokens.length > 0) {
        // The last ones, each of them perhaps complete already.
        const index = Math.max(0, tokens.length - 1 - each);
        if (waiting.delete(index)) expected.push(index);
        queue.persisted(tokens[index] as number, NOW);
      }
    }
    deepStrictEqual(ran, expected);
    deepStrictEqual(new Set(tokens).size, tokens.length, "each token is given once");
  }));
});
