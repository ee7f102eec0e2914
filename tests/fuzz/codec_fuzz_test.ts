/** A million datagrams; `FUZZ_SEED` and `FUZZ_COUNT` choose others (with --allow-env). */

import { ok, strictEqual } from "node:assert/strict";
import { fuzzCodec } from "./codec_fuzz.ts";

function setting(name: string, fallback: number): number {
  const allowed = Deno.permissions.querySync({ name: "env", variable: name }).state === "granted";
  const text = allowed ? Deno.env.get(name) : undefined;
  return text === undefined ? fallback : Number(text);
}

Deno.test("codec: random and mutated datagrams neither throw nor change by decoding and encoding", () => {
  const seed = setting("FUZZ_SEED", 1);
  const count = setting("FUZZ_COUNT", 1_000_000);
  const { decoded, overloaded, omitting, refused } = fuzzCodec({ seed, count });
  const summary = `seed ${seed}: ${decoded} decoded, ${overloaded} overloaded, ${omitting} with options omitted, ` +
    `refused ${JSON.stringify(refused)}`;
  // deno-lint-ignore no-console -- the seed and the counts of the run have to be known
  console.log(summary);
  strictEqual(decoded + Object.values(refused).reduce((sum, value) => sum + value, 0), count);
  if (count < 10_000) return;
  // A run that took only one branch would have tested nothing.
  ok(decoded > count / 10, summary);
  ok(overloaded > count / 1000 && omitting > count / 1000, summary);
  for (const kind of ["truncated", "badCookie", "badValue", "badLength", "bootp"]) {
    ok((refused[kind] ?? 0) > count / 10_000, `${kind}: ${summary}`);
  }
});
