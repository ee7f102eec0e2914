// deno-lint-ignore-file no-console -- a command line speaks on the console
/**
 * Runs the simulator over many seeds. A failure prints the seed and the command that repeats it.
 *
 * usage: deno task sim [--seeds N] [--from S] | --seed S [--log]
 */

import { Violation } from "./checker.ts";
import { runScenario } from "./scenario.ts";

function option(name: string, fallback: number): number {
  const at = Deno.args.indexOf(`--${name}`);
  return at === -1 ? fallback : Number(Deno.args[at + 1]);
}

function main(): number {
  const one = option("seed", NaN);
  const from = Number.isNaN(one) ? option("from", 1) : one;
  const seeds = Number.isNaN(one) ? option("seeds", 100) : 1;
  const log = Deno.args.includes("--log") ? (line: string) => console.log(line) : undefined;
  const started = performance.now();
  let acknowledgements = 0;
  let violations = 0;
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      acknowledgements += runScenario({ seed, ...(log === undefined ? {} : { log }) }).acknowledgements;
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      violations += 1;
      console.log(`seed ${seed}: ${error.message}; repeat with: deno task sim --seed ${seed} --log`);
    }
    const done = seed - from + 1;
    if (done % 100 === 0) {
      const rate = done / ((performance.now() - started) / 1_000);
      console.log(`${done} seeds, ${violations} violations, ${rate.toFixed(1)} seeds/s`);
    }
  }
  const seconds = (performance.now() - started) / 1_000;
  console.log(
    `${seeds} seeds from ${from}: ${violations} violations, ${acknowledgements} acknowledgements, ` +
      `${(seeds / seconds).toFixed(1)} seeds/s`,
  );
  return violations === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(main());
