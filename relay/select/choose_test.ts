import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { type Candidate, Chooser } from "./choose.ts";
import { type Grade, GRADES } from "./evidence.ts";
import { SELECT } from "./limits.ts";
import { candidate, MeasuredNode, randomFrom } from "./testing.ts";

const ROUND = { roundEnded: true };
const BETWEEN = { roundEnded: false };

function first(...candidates: Candidate[]) {
  return new Chooser().choose(candidates, ROUND);
}

const CASES: [what: string, candidates: Candidate[], order: number[], fanOut: number][] = [
  ["the nearest of the healthy nodes", [candidate(40), candidate(2), candidate(10)], [1, 2, 0], 1],
  ["the first in the file of those that are as near", [candidate(10.5), candidate(10)], [0, 1], 1],
  [
    "a far healthy node before a near one on probation",
    [
      candidate(2, { grade: "probation" }),
      candidate(40),
    ],
    [1, 0],
    1,
  ],
  ["a far node of the own site before a near one", [candidate(2), candidate(40, { local: true })], [1, 0], 1],
  [
    "a healthy node before one of the own site that is not",
    [
      candidate(2),
      candidate(1, { local: true, grade: "probation" }),
    ],
    [0, 1],
    1,
  ],
  ["a node without a measurement after all others", [candidate(undefined), candidate(90)], [1, 0], 1],
  ["a node on probation when none is healthy", [
    candidate(2, { grade: "notReady" }),
    candidate(9, { grade: "probation" }),
  ], [
    1,
    0,
  ], 1],
  [
    "one of those that can be reached when none is ready",
    [
      candidate(2, { grade: "notReady" }),
      candidate(9, { grade: "unreachable" }),
      candidate(1, { grade: "notReady" }),
    ],
    [2, 0, 1],
    1,
  ],
  [
    "all nodes when none is reachable",
    [
      candidate(undefined, { grade: "unreachable" }),
      candidate(undefined, { grade: "unreachable" }),
    ],
    [0, 1],
    2,
  ],
  [
    "one suspect when there is nothing else",
    [
      candidate(9, { grade: "suspect" }),
      candidate(2, { grade: "suspect" }),
    ],
    [1, 0],
    1,
  ],
];

for (const [what, candidates, order, fanOut] of CASES) {
  Deno.test(`choose: ${what}`, () => deepStrictEqual(first(...candidates), { order, fanOut }));
}

Deno.test("choose: a better grade acts at once, a better distance only after several rounds", () => {
  const chooser = new Chooser();
  const [near, far] = [candidate(2, { samples: 60 }), candidate(40, { samples: 60 })];
  strictEqual(chooser.choose([near, far], ROUND).order[0], 0);
  strictEqual(chooser.choose([{ ...near, grade: "suspect" }, far], BETWEEN).order[0], 1);
  for (let round = 1; round < SELECT.hysteresisRoundsMax; round++) {
    strictEqual(chooser.choose([near, far], ROUND).order[0], 1, `round ${round}`);
    strictEqual(chooser.choose([near, far], BETWEEN).order[0], 1);
  }
  strictEqual(chooser.choose([near, far], ROUND).order[0], 0);
});

const anyCandidate = fc.record({
  grade: fc.constantFrom<Grade>(...GRADES),
  local: fc.boolean(),
  distanceMs: fc.option(fc.double({ min: 0.01, max: 500, noNaN: true }), { nil: undefined }),
  deviationMs: fc.double({ min: 0, max: 50, noNaN: true }),
  samples: fc.nat(100),
});

Deno.test("choose: after any history the chosen node has the best grade, and the order contains all nodes", () => {
  const sequence = fc.integer({ min: 1, max: 6 }).chain((nodes) =>
    fc.array(fc.tuple(fc.array(anyCandidate, { minLength: nodes, maxLength: nodes }), fc.boolean()), { minLength: 1 })
  );
  fc.assert(fc.property(sequence, (steps) => {
    const chooser = new Chooser();
    for (const [candidates, roundEnded] of steps) {
      const { order, fanOut } = chooser.choose(candidates, { roundEnded });
      deepStrictEqual(order.toSorted((a, b) => a - b), candidates.map((_, index) => index));
      const grades = order.map((index) => GRADES.indexOf((candidates[index] as Candidate).grade));
      strictEqual(grades[0], Math.min(...grades));
      ok(fanOut >= 1 && grades.slice(0, fanOut).every((grade) => grade === grades[0]));
    }
  }));
});

Deno.test("choose: hysteresis: nodes within a tenth of each other do not switch in five minutes of jitter", () => {
  const scene = fc.record({
    seed: fc.nat(),
    baseMs: fc.double({ min: 0.05, max: 200, noNaN: true }),
    gap: fc.double({ min: -0.1, max: 0.1, noNaN: true }),
    jitter: fc.double({ min: 0, max: 0.3, noNaN: true }),
  });
  fc.assert(
    fc.property(scene, ({ seed, baseMs, gap, jitter }) => {
      const random = randomFrom(seed);
      const nodes = [new MeasuredNode(), new MeasuredNode()];
      const sample = (index: number) => baseMs * (index === 0 ? 1 : 1 + gap) * (1 + jitter * (2 * random() - 1));
      const chooser = new Chooser();
      const seen = new Set<number>();
      for (let second = 0; second < 300; second++) {
        const candidates = nodes.map((node, index) => node.add(sample(index)).candidate);
        seen.add(chooser.choose(candidates, ROUND).order[0] as number);
      }
      strictEqual(seen.size, 1);
    }),
    { numRuns: 300 },
  );
});

Deno.test("choose: a node whose delay jumps from 2 to 60 ms is left within five rounds, under jitter too", () => {
  fc.assert(fc.property(fc.nat(), fc.constantFrom(0, 0.5, 1), fc.constantFrom(10, 40), (seed, jitterMs, nextMs) => {
    const random = randomFrom(seed);
    const [node, next] = [new MeasuredNode(), new MeasuredNode()];
    const chooser = new Chooser();
    const round = (delayMs: number) =>
      chooser.choose([
        node.add(delayMs + jitterMs * random()).candidate,
        next.add(nextMs + jitterMs * random()).candidate,
      ], ROUND).order[0];
    for (let second = 0; second < 60; second++) strictEqual(round(2), 0);
    const after = [1, 2, 3, 4, 5].map(() => round(60));
    strictEqual(after[4], 1);
  }));
});
