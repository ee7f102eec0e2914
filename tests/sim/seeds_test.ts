import { runSeeds } from "./seeds.ts";

const SEEDS = 2_000;
const PER_TEST = 250;

for (let from = 1_001; from <= 1_000 + SEEDS; from += PER_TEST) {
  Deno.test(`simulator: seeds ${from} to ${from + PER_TEST - 1}`, () => void runSeeds(from, PER_TEST));
}

for (const nodes of [1, 2, 5, 9]) {
  Deno.test(`simulator: clusters that begin with ${nodes} nodes`, () => void runSeeds(1_001, 40, nodes));
}
