import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { ExpiringMap } from "./expiring_map.ts";

Deno.test("expiring map: used entries stay, unused ones are evicted, each reported once", () => {
  const onEvict: string[] = [];
  const map = new ExpiringMap<string>({
    ttlMs: 100,
    entriesMax: 100,
    onEvict: (value) => onEvict.push(value),
  });
  map.set("kept", "kept", 0);
  map.set("left", "left", 0);
  for (let nowMs = 50; nowMs <= 400; nowMs += 50) strictEqual(map.get("kept", nowMs), "kept");
  strictEqual(map.get("left", 400), undefined);
  deepStrictEqual(onEvict, ["left"]);
  map.delete("kept");
  strictEqual(map.get("kept", 400), undefined);
});

Deno.test("expiring map: an entry lives for its lifetime, and at most twice as long", () => {
  fc.assert(fc.property(fc.nat(1000), fc.nat(1000), (setMs, laterMs) => {
    const map = new ExpiringMap<number>({ ttlMs: 100, entriesMax: 10 });
    map.set("other", 0, 0);
    map.set("key", 1, setMs);
    const nowMs = setMs + laterMs;
    const found = map.get("key", nowMs);
    if (laterMs < 100) strictEqual(found, 1);
    if (laterMs >= 200) strictEqual(found, undefined);
  }));
});

Deno.test("generations: never more entries than allowed, and the newest half is always there", () => {
  const map = new ExpiringMap<number>({ ttlMs: 1e9, entriesMax: 100 });
  for (let index = 0; index < 10_000; index++) {
    map.set(String(index), index, 0);
    ok(map.size <= 100);
  }
  for (let index = 9_950; index < 10_000; index++) strictEqual(map.get(String(index), 0), index);
});
