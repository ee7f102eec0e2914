import { violated } from "./outcome.ts";
import { SABOTAGES } from "./sabotage.ts";
import { runScenario } from "./scenario.ts";

/** Within so many seeds each sabotage has to be noticed. */
const SEEDS = 400;

for (const { name, checks, tampering, nodes } of SABOTAGES) {
  Deno.test(`simulator: notices "${name}"`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      if (violated(() => runScenario({ seed, tampering: tampering(), nodes }), checks)) return;
    }
    throw new Error(`Nothing was noticed within ${SEEDS} seeds`);
  });
}
