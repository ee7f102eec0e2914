import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { Instant } from "../../lease/agreement/clock.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { StrangerQueue } from "./stranger_queue.ts";

function at(monotonicMs: number): Instant {
  return { wallMs: 1_700_000_000_000 + monotonicMs, monotonicMs };
}

const SUBNET = 0x0a4d0000;

/** A queue whose proposals are decided by the test. */
function queue() {
  const subject = new StrangerQueue();
  const started: number[] = [];
  const dropped: number[] = [];
  const decide: ((now: Instant) => void)[] = [];
  const add = (number: number, nowMs: number) =>
    subject.add({
      subnet: SUBNET,
      start: (_now, decided) => {
        started.push(number);
        decide.push(decided);
      },
      drop: () => dropped.push(number),
    }, at(nowMs));
  return { subject, add, started, dropped, decide: (nowMs: number) => decide.shift()?.(at(nowMs)) };
}

const { strangerProposalsMax, strangersWaitingMax, strangerWaitMs, settleMs } = SERVER_LIMITS;

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
    subject.add({ subnet: SUBNET, start, drop: () => {} }, at(0));
  }
  strictEqual(decided, 3 * strangerProposalsMax);
});

Deno.test("stranger queue: a lease is on its way until it has been decided for a moment, or is dropped", () => {
  const { subject, add, decide } = queue();
  const inFlight = (nowMs: number) => subject.inFlight(SUBNET, at(nowMs));
  for (let number = 0; number < strangerProposalsMax + 2; number++) add(number, 0);
  deepStrictEqual(inFlight(0), { waiting: 2, proposed: strangerProposalsMax, settling: 0 });
  deepStrictEqual(subject.inFlight(SUBNET + 1, at(0)), { waiting: 0, proposed: 0, settling: 0 });
  decide(10);
  deepStrictEqual(inFlight(10), { waiting: 1, proposed: strangerProposalsMax, settling: 1 });
  deepStrictEqual(inFlight(10 + settleMs), { waiting: 1, proposed: strangerProposalsMax, settling: 0 });
  decide(strangerWaitMs + 1);
  const last = { waiting: 0, proposed: strangerProposalsMax - 1, settling: 1 };
  deepStrictEqual(inFlight(strangerWaitMs + 1), last, "the other one is dropped");
  for (let count = 1; count < strangerProposalsMax; count++) decide(3_000);
  deepStrictEqual(inFlight(3_000 + settleMs), { waiting: 0, proposed: 0, settling: 0 });
});
