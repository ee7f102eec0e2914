/** What came of runs, for tests. */

import { replay } from "./main.ts";
import { runScenario, type ScenarioResult } from "./scenario.ts";
import { type Check, Violation } from "./violation.ts";

/** Whether one of these checks was violated; another one does not count. */
export function violated(run: () => void, checks: readonly Check[]): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return checks.includes(error.check);
  }
}

/** Runs seeds without a violation; returns what they did in sum. Throws with the command that repeats the first that fails. */
export function runSeeds(from: number, seeds: number, nodes?: number): ScenarioResult {
  const sum = { acknowledgements: 0, faults: 0, healedMs: 0 };
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      const { acknowledgements, faults, healedMs } = runScenario({ seed, nodes });
      sum.acknowledgements += acknowledgements;
      sum.faults += faults;
      sum.healedMs += healedMs;
    } catch (error) {
      if (!(error instanceof Violation)) throw new Error(`Seed ${seed} broke the simulator`, { cause: error });
      throw new Error(`${error.message}: repeat with ${replay(seed, nodes)}`, { cause: error });
    }
  }
  return sum;
}
