import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { CachedAnswer, respondInParts } from "./cached_answer.ts";
import { HTTP } from "./limits.ts";

/** An answer that takes `tookMs` of a clock that the test drives. */
function counted(tookMs: number) {
  const clock = { ms: 0, made: 0 };
  const answer = new CachedAnswer(() => {
    clock.ms += tookMs;
    return Promise.resolve(Uint8Array.of(++clock.made));
  }, () => clock.ms);
  return { clock, answer, get: async () => (await answer.get())[0] };
}

Deno.test("CachedAnswer: all who wait get the same one", async () => {
  const { get, clock } = counted(100);
  deepStrictEqual(await Promise.all([get(), get(), get()]), [1, 1, 1]);
  strictEqual(clock.made, 1);
});

Deno.test("CachedAnswer: is kept for twenty times as long as it took, and a second at most", async () => {
  for (const [tookMs, keptMs] of [[1, 20], [10, 200], [400, 1_000]] as const) {
    const { get, clock } = counted(tookMs);
    strictEqual(await get(), 1);
    clock.ms += keptMs - 1;
    strictEqual(await get(), 1);
    clock.ms += 1;
    strictEqual(await get(), 2);
  }
});

Deno.test("CachedAnswer: after a change the next answer is a new one, also when one was being made", async () => {
  const { get, answer } = counted(100);
  strictEqual(await get(), 1);
  answer.forget();
  const old = get();
  answer.forget();
  deepStrictEqual([await old, await get(), await get()], [2, 3, 3]);
});

Deno.test("CachedAnswer: a failure is not kept", async () => {
  let fails = true;
  const answer = new CachedAnswer(() =>
    fails ? Promise.reject(new Error("broken")) : Promise.resolve(Uint8Array.of(1))
  );
  ok(await answer.get().then(() => false, () => true));
  fails = false;
  strictEqual((await answer.get())[0], 1);
});

Deno.test("respondInParts(): a long answer waits for its client, and is complete", async () => {
  const bytes = new Uint8Array(3 * HTTP.partBytes + 1).map((_, index) => index % 251);
  let progress = 0;
  const peer = { remoteAddress: undefined, progress: () => void progress++ };
  const response = respondInParts(bytes, "text/plain", peer);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  strictEqual((await reader.read()).value?.length, HTTP.partBytes);
  strictEqual(progress, 1, "nothing is made ahead");
  await reader.cancel();
  deepStrictEqual(new Uint8Array(await respondInParts(bytes, "text/plain", peer).arrayBuffer()), bytes);
});
