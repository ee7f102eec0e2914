// deno-lint-ignore-file no-console -- a command line prints on the console
/**
 * Runs the simulator over many seeds. A failure prints the seed and the command that repeats it.
 *
 * usage: deno task sim [--seeds N] [--from S] [--nodes N] | --seed S [--nodes N] [--log]
 */

import { cpuUsage } from "node:process";
import { runScenario } from "./scenario.ts";
import { replay } from "./seeds.ts";
import { Violation } from "./violation.ts";

const PROGRESS_SEEDS = 100;

function option(name: string): number | undefined {
  const at = Deno.args.indexOf(`--${name}`);
  return at === -1 ? undefined : Number(Deno.args[at + 1]);
}

/** CPU time of this process, all threads: other work on the machine does not count. */
function cpuSeconds(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1e6;
}

function main(): number {
  const one = option("seed");
  const from = one ?? option("from") ?? 1;
  const seeds = one === undefined ? option("seeds") ?? 100 : 1;
  const nodes = option("nodes");
  const log = Deno.args.includes("--log") ? (line: string) => console.log(line) : undefined;
  const started = cpuSeconds();
  const rate = (done: number) => `${(done / (cpuSeconds() - started)).toFixed(1)} seeds/s of CPU time`;
  let acknowledgements = 0;
  let violations = 0;
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      acknowledgements += runScenario({ seed, nodes, log }).acknowledgements;
    } catch (error) {
      if (!(error instanceof Violation)) console.log(`seed ${seed} broke the simulator: ${replay(seed, nodes)}`);
      if (!(error instanceof Violation)) throw error;
      violations += 1;
      console.log(`seed ${seed}: ${error.message}; repeat with: ${replay(seed, nodes)}`);
    }
    const done = seed - from + 1;
    if (done % PROGRESS_SEEDS === 0 && done < seeds) {
      console.log(`${done} of ${seeds} seeds, ${violations} violations, ${rate(done)}`);
    }
  }
  console.log(
    `${seeds} seeds from ${from}: ${violations} violations, ${acknowledgements} acknowledgements, ${rate(seeds)}`,
  );
  return violations === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(main());
