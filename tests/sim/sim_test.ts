import { deepStrictEqual, ok } from "node:assert/strict";
import { SABOTAGES } from "./sabotage.ts";
import { replay } from "./main.ts";
import { runScenario } from "./scenario.ts";
import { Violation } from "./violation.ts";

const SEEDS = 300;
/** Within so many seeds each sabotage has to be noticed. */
const SABOTAGE_SEEDS = 400;

Deno.test(`simulator: ${SEEDS} seeds without a violation`, () => {
  let acknowledgements = 0;
  let faults = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const result = runScenario({ seed });
      acknowledgements += result.acknowledgements;
      faults += result.faults;
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      throw new Error(`${error.message}: repeat with ${replay(seed)}`, { cause: error });
    }
  }
  ok(acknowledgements > 25 * SEEDS && faults > 10 * SEEDS, `too quiet: ${acknowledgements} ACKs, ${faults} faults`);
});

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

for (const { name, checks, tampering } of SABOTAGES) {
  Deno.test(`simulator: notices "${name}"`, () => {
    for (let seed = 1; seed <= SABOTAGE_SEEDS; seed++) {
      try {
        runScenario({ seed, tampering });
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        if (checks.includes(error.check)) return;
      }
    }
    throw new Error(`Nothing was noticed within ${SABOTAGE_SEEDS} seeds`);
  });
}
