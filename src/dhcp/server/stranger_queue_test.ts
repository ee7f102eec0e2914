import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { StrangerQueue } from "./stranger_queue.ts";

function at(monotonicMs: number): Instant {
  return { wallMs: 1_700_000_000_000 + monotonicMs, monotonicMs };
}

function clientOf(number: number): ClientKey {
  return String(number) as ClientKey;
}

/** A queue whose proposals are decided by the test. */
function queue(forbidden = -1) {
  const subject = new StrangerQueue();
  const started: number[] = [];
  const dropped: number[] = [];
  const decide: ((now: Instant) => void)[] = [];
  const add = (number: number, nowMs: number, dueMs = nowMs) =>
    subject.add({
      client: clientOf(number),
      atMs: dueMs,
      mayStart: () => number !== forbidden,
      start: (_now, decided) => {
        started.push(number);
        decide.push(decided);
      },
      drop: () => dropped.push(number),
    }, at(nowMs));
  const tick = (nowMs: number) => subject.tick(at(nowMs));
  return { add, tick, started, dropped, decide: (nowMs: number) => decide.shift()?.(at(nowMs)) };
}

const { strangerProposalsMax, strangersWaitingMax, strangerWaitMs } = SERVER_LIMITS;

Deno.test("stranger queue: a bounded number is proposed at a time, the others in order as these are decided", () => {
  const { add, started, decide } = queue();
  for (let number = 0; number < strangerProposalsMax + 2; number++) strictEqual(add(number, 0), true);
  strictEqual(started.length, strangerProposalsMax);
  decide(10);
  decide(20);
  deepStrictEqual(started.slice(strangerProposalsMax), [strangerProposalsMax, strangerProposalsMax + 1]);
});

Deno.test("stranger queue: those that waited too long are dropped, and too many are not taken", () => {
  const { add, started, dropped, decide } = queue();
  const full = strangerProposalsMax + strangersWaitingMax;
  for (let number = 0; number < full; number++) strictEqual(add(number, 0), true);
  strictEqual(add(full, strangerWaitMs), false);
  strictEqual(add(full, strangerWaitMs + 1), true, "those before it have gone");
  strictEqual(dropped.length, strangersWaitingMax);
  decide(strangerWaitMs + 2);
  strictEqual(started.at(-1), full);
});

Deno.test("stranger queue: a proposal that is decided at once leaves room for the next", () => {
  const subject = new StrangerQueue();
  let decided = 0;
  for (let number = 0; number < 3 * strangerProposalsMax; number++) {
    const start = (now: Instant, done: (now: Instant) => void) => {
      decided += 1;
      done(now);
    };
    subject.add({ client: clientOf(number), atMs: 0, mayStart: () => true, start, drop: () => {} }, at(0));
  }
  strictEqual(decided, 3 * strangerProposalsMax);
});

Deno.test("stranger queue: one that is due later starts then, once, unless it may not any more", () => {
  const { add, tick, started, dropped } = queue(2);
  add(1, 0, 1_000);
  add(1, 500, 1_500);
  add(2, 0, 1_000);
  tick(999);
  deepStrictEqual(started, []);
  tick(1_000);
  deepStrictEqual([started, dropped], [[1], [2]]);
  tick(2_000);
  deepStrictEqual(started, [1]);
});
