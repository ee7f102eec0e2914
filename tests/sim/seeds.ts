/** Runs of several seeds, for tests. */

import { runScenario, type ScenarioResult } from "./scenario.ts";
import { type Check, Violation } from "./violation.ts";

/** What a run is made with, beside its seed. */
interface Options {
  readonly nodes?: number | undefined;
  /** As on the command line. */
  readonly faults?: string | undefined;
  readonly checksAll?: boolean;
}

/** The command that repeats a seed. */
export function replay(seed: number, { nodes, faults, checksAll = false }: Options = {}): string {
  const options = [
    ...(nodes === undefined ? [] : [`--nodes ${nodes}`]),
    ...(faults === undefined ? [] : [`--faults ${faults}`]),
    ...(checksAll ? ["--checks-all"] : []),
  ];
  return ["deno task sim", `--seed ${seed}`, ...options, "--log"].join(" ");
}

/** Whether one of these checks fails; another check that fails does not count. */
export function violated(run: () => void, checks: readonly Check[]): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return checks.includes(error.check);
  }
}

/**
 * Runs seeds; returns the sum of their results. The first violation is thrown with the command that repeats its seed.
 */
export function runSeeds(from: number, seeds: number, nodes?: number): ScenarioResult {
  const sum = { acknowledgements: 0, faults: 0, convergedMs: 0 };
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      const { acknowledgements, faults, convergedMs } = runScenario({ seed, nodes });
      sum.acknowledgements += acknowledgements;
      sum.faults += faults;
      sum.convergedMs += convergedMs;
    } catch (error) {
      if (!(error instanceof Violation)) throw new Error(`Seed ${seed} broke the simulator`, { cause: error });
      throw new Error(`${error.message}: repeat with ${replay(seed, { nodes })}`, { cause: error });
    }
  }
  return sum;
}
