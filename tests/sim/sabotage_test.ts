import { violated } from "./seeds.ts";
import { SABOTAGES } from "./sabotage.ts";
import { runScenario } from "./scenario.ts";

/** Each sabotage must be noticed within this many seeds. */
const SEEDS = 400;

for (const { name, checks, mutation, nodes } of SABOTAGES) {
  Deno.test(`simulator: notices "${name}"`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      if (violated(() => runScenario({ seed, mutation: mutation(), nodes }), checks)) return;
    }
    throw new Error(`Nothing was noticed within ${SEEDS} seeds`);
  });
}
