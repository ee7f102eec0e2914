import { parseFaults } from "./faults.ts";
import { violated } from "./seeds.ts";
import { SABOTAGES } from "./sabotage.ts";
import { runScenario } from "./scenario.ts";

/** Each sabotage must be noticed within this many seeds. */
const SEEDS = 400;

for (const { name, checks, mutation, nodes, faults } of SABOTAGES) {
  Deno.test(`simulator: notices "${name}"`, () => {
    const faultSet = faults === undefined ? undefined : parseFaults(faults);
    for (let seed = 1; seed <= SEEDS; seed++) {
      if (violated(() => runScenario({ seed, mutation: mutation(), nodes, faults: faultSet }), checks)) return;
    }
    throw new Error(`Nothing was noticed within ${SEEDS} seeds`);
  });
}
