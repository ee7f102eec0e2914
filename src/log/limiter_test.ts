import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { formatSummary, LogLimiter, OTHER_KEYS } from "./limiter.ts";

const LIMITS = { linesMax: 2, intervalMs: 10_000, keysMax: 3 };

Deno.test("LogLimiter admits so many lines per key and interval", () => {
  const limiter = new LogLimiter(LIMITS);
  const admitted = (key: string, ...times: number[]) => times.map((now) => limiter.admit(key, now));
  deepStrictEqual(admitted("a", 0, 1, 2, 9_999), [true, true, false, false]);
  deepStrictEqual(admitted("b", 3), [true]);
  deepStrictEqual(admitted("a", 10_000, 10_001, 10_002), [true, true, false]);
});

Deno.test("LogLimiter tells what it suppressed once, after the interval", () => {
  const limiter = new LogLimiter(LIMITS);
  for (let now = 0; now < 1236; now++) limiter.admit("badCookie", now);
  deepStrictEqual(limiter.takeSummaries(9_999), []);
  const summaries = limiter.takeSummaries(10_000);
  deepStrictEqual(summaries, [{ key: "badCookie", suppressed: 1234, seconds: 10 }]);
  strictEqual(
    formatSummary(summaries[0] ?? { key: "", suppressed: 0, seconds: 0 }),
    "… 1234 more in the last 10 s: badCookie",
  );
  deepStrictEqual(limiter.takeSummaries(30_000), []);
});

Deno.test("LogLimiter keeps counting in the running interval while it tells of earlier ones", () => {
  const limiter = new LogLimiter(LIMITS);
  for (const now of [0, 1, 2, 10_000, 10_001]) limiter.admit("a", now);
  deepStrictEqual(limiter.takeSummaries(10_002), [{ key: "a", suppressed: 1, seconds: 10 }]);
  strictEqual(limiter.admit("a", 10_003), false);
});

Deno.test("LogLimiter tells at the end what is not told yet", () => {
  const limiter = new LogLimiter(LIMITS);
  for (let now = 0; now < 3; now++) limiter.admit("a", now);
  deepStrictEqual(limiter.takeAll(500), [{ key: "a", suppressed: 1, seconds: 1 }]);
  deepStrictEqual(limiter.takeAll(500), []);
});

Deno.test("LogLimiter keeps its memory bounded when keys are invented", () => {
  const limiter = new LogLimiter(LIMITS);
  let admitted = 0;
  for (let index = 0; index < 1000; index++) if (limiter.admit(`key ${index}`, index)) admitted += 1;
  // Three keys of their own, and the shared allowance.
  strictEqual(admitted, 3 + LIMITS.linesMax);
  deepStrictEqual(limiter.takeSummaries(20_000), [{ key: OTHER_KEYS, suppressed: 995, seconds: 20 }]);
  strictEqual(limiter.admit("key 999", 20_001), true, "forgotten keys make room");
});

Deno.test("LogLimiter loses no line: admitted and suppressed ones add up, and none is admitted beyond the rate", () => {
  const event = fc.record({ key: fc.constantFrom("a", "b", "c", "d", "e"), waitMs: fc.nat(4000), take: fc.boolean() });
  fc.assert(fc.property(fc.array(event, { maxLength: 200 }), (events) => {
    const limiter = new LogLimiter(LIMITS);
    const times: number[] = [];
    let now = 0;
    let suppressed = 0;
    for (const { key, waitMs, take } of events) {
      now += waitMs;
      if (limiter.admit(key, now)) times.push(now);
      if (take) { for (const summary of limiter.takeSummaries(now)) suppressed += summary.suppressed; }
    }
    for (const summary of limiter.takeAll(now)) suppressed += summary.suppressed;
    strictEqual(times.length + suppressed, events.length);
    // Any window of one interval touches at most two intervals of each of the four allowances.
    const most = 2 * LIMITS.linesMax * (LIMITS.keysMax + 1);
    for (const start of times) {
      ok(times.filter((time) => time >= start && time < start + LIMITS.intervalMs).length <= most);
    }
  }));
});
