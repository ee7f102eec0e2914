import { deepStrictEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { Arena } from "./arena.ts";

Deno.test("arena: keeps the last record of every slot", () => {
  const write = fc.tuple(fc.nat(9), fc.uint8Array({ maxLength: 300 }));
  fc.assert(fc.property(fc.array(write, { maxLength: 200 }), (writes) => {
    const arena = new Arena(10, 8);
    const model = new Map<number, Uint8Array>();
    for (const [index, record] of writes) {
      arena.write(index, record);
      model.set(index, record);
    }
    for (const [index, record] of model) deepStrictEqual(Uint8Array.from(arena.read(index)), Uint8Array.from(record));
  }));
});

Deno.test("arena: memory stays bounded when records grow with every write", () => {
  const arena = new Arena(1000, 8);
  for (let round = 1; round < 200; round++) {
    for (let index = 0; index < 1000; index++) arena.write(index, new Uint8Array(50 + round).fill(round));
  }
  ok(arena.octets < 4_000_000, `arena holds ${arena.octets} octets for 250,000 in use`);
  deepStrictEqual(arena.read(999), new Uint8Array(249).fill(199));
});
