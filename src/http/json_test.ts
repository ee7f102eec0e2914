import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { jsonInSlices, lazyList } from "./json.ts";

const text = async (value: unknown) => new TextDecoder().decode(await jsonInSlices(value));

Deno.test("jsonInSlices() writes what JSON.stringify writes", async () => {
  for (
    const value of [
      null,
      1,
      "a\n",
      [],
      {},
      [1, { a: undefined }],
      { a: undefined, b: 1 },
      { list: lazyList(() => [1, undefined, { x: "ü" }]), empty: lazyList(() => []), date: new Date(0) },
      { deep: { list: lazyList(() => [[1], [2]]) }, '"': 2 },
    ]
  ) strictEqual(await text(value), JSON.stringify(value));
});

Deno.test("jsonInSlices() lets other work go on while it writes long lists", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const busy = lazyList(function* () {
    for (let entry = 0; entry < 40; entry++) {
      const startMs = performance.now();
      while (performance.now() - startMs < 1);
      yield entry;
    }
  });
  deepStrictEqual(JSON.parse(await text({ busy })).busy.length, 40);
  clearInterval(timer);
  ok(turns > 0, "nothing else had a turn");
});
