import { deepStrictEqual, ok } from "node:assert/strict";
import { runSeeds, violated } from "./seeds.ts";
import { runScenario } from "./scenario.ts";
import { perform, SCHEDULES } from "./schedules.ts";

const SEEDS = 40;

Deno.test(`simulator: ${SEEDS} seeds without a violation`, () => {
  const { acknowledgements, faults } = runSeeds(1, SEEDS);
  ok(acknowledgements > 25 * SEEDS && faults > 10 * SEEDS, `too quiet: ${acknowledgements} ACKs, ${faults} faults`);
});

for (const [nodes, seeds] of [[1, 4], [2, 4], [9, 2]] as const) {
  Deno.test(`simulator: clusters of ${nodes}`, () => void runSeeds(1, seeds, nodes));
}

Deno.test("simulator: a seed runs the same way twice", () => {
  for (const seed of [7, 8]) {
    const logs = [0, 1].map(() => {
      const lines: string[] = [];
      runScenario({ seed, log: (line) => lines.push(line) });
      return lines;
    });
    ok((logs[0]?.length ?? 0) > 100);
    deepStrictEqual(logs[0], logs[1]);
  }
});

for (const schedule of SCHEDULES) {
  Deno.test(`schedule: ${schedule.name}: harmless with all safeguards, noticed without this one`, () => {
    perform(schedule, true);
    ok(violated(() => perform(schedule, false), schedule.checks), "Nothing was noticed");
  });
}
