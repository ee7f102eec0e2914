// deno-lint-ignore-file no-console -- a command line prints on the console
/**
 * Runs the simulator over many seeds. A failure prints the seed and the command that repeats it.
 *
 * usage: deno task sim [--seeds N | --seed S] [--from S] [--nodes N] [--faults F,F,…] [--checks-all] [--log]
 *
 * `--faults`: only these, by their names in `faults.ts`; `default` and `all` stand for several.
 * `--checks-all`: the pending checks too.
 */

import { cpuUsage } from "node:process";
import { parseFaults } from "./faults.ts";
import { runScenario } from "./scenario.ts";
import { replay } from "./seeds.ts";
import { Violation } from "./violation.ts";

const PROGRESS_SEEDS = 100;

function text(name: string): string | undefined {
  const at = Deno.args.indexOf(`--${name}`);
  return at === -1 ? undefined : Deno.args[at + 1] ?? "";
}

function option(name: string): number | undefined {
  const given = text(name);
  return given === undefined ? undefined : Number(given);
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
  const named = text("faults");
  const faults = named === undefined ? undefined : parseFaults(named);
  const checksAll = Deno.args.includes("--checks-all");
  const command = (seed: number) => replay(seed, { nodes, faults: named, checksAll });
  const byCheck = new Map<string, number>();
  const log = Deno.args.includes("--log") ? (line: string) => console.log(line) : undefined;
  const started = cpuSeconds();
  const rate = (done: number) => `${(done / (cpuSeconds() - started)).toFixed(1)} seeds/s of CPU time`;
  let acknowledgements = 0;
  let violations = 0;
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      acknowledgements += runScenario({ seed, nodes, faults, checksAll, log }).acknowledgements;
    } catch (error) {
      if (!(error instanceof Violation)) console.log(`seed ${seed} broke the simulator: ${command(seed)}`);
      if (!(error instanceof Violation)) throw error;
      violations += 1;
      byCheck.set(error.check, (byCheck.get(error.check) ?? 0) + 1);
      console.log(`seed ${seed}: ${error.message}; repeat with: ${command(seed)}`);
    }
    const done = seed - from + 1;
    if (done % PROGRESS_SEEDS === 0 && done < seeds) {
      console.log(`${done} of ${seeds} seeds, ${violations} violations, ${rate(done)}`);
    }
  }
  console.log(
    `${seeds} seeds from ${from}: ${violations} violations, ${acknowledgements} acknowledgements, ${rate(seeds)}`,
  );
  if (violations > 0) console.log([...byCheck].map(([check, count]) => `${check}: ${count}`).sort().join(", "));
  return violations === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(main());
