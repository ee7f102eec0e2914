import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { DelayLine } from "./delay_line.ts";

function taken<Frame>(line: DelayLine<Frame>, nowMs: number): Frame[] {
  const frames: Frame[] = [];
  for (let frame = line.take(nowMs); frame !== undefined; frame = line.take(nowMs)) frames.push(frame);
  return frames;
}

Deno.test("a frame is due when its delay is over", () => {
  const line = new DelayLine<string>(() => 0.5);
  line.put("a", 100, { delayMs: 20 });
  strictEqual(line.nextMs, 120);
  deepStrictEqual(taken(line, 119), []);
  deepStrictEqual(taken(line, 120), ["a"]);
  strictEqual(line.nextMs, undefined);
});

Deno.test("no frame overtakes another, with any jitter and settings", () => {
  const chances = [1, 0, 0.5];
  const line = new DelayLine<string>(() => chances.shift() ?? 0);
  line.put("late", 0, { delayMs: 20, jitterMs: 10 });
  line.put("early", 1, { delayMs: 20, jitterMs: 10 });
  line.put("at once", 2, { delayMs: 0 });
  deepStrictEqual(taken(line, 29), []);
  deepStrictEqual(taken(line, 30), ["late", "early", "at once"]);
});

Deno.test("thousands pass in order", () => {
  const line = new DelayLine<number>(() => 0.5);
  const out: number[] = [];
  for (let number = 0; number < 5_000; number++) {
    line.put(number, number, { delayMs: 10 });
    out.push(...taken(line, number));
  }
  out.push(...taken(line, 1e6));
  deepStrictEqual(out, Array.from({ length: 5_000 }, (_, number) => number));
});
