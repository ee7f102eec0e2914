/** A quick pass over every surface, with the same inputs each time, and every case that once failed. */

import { deepStrictEqual, fail } from "node:assert/strict";
import { unpackCase } from "./case_file.ts";
import { Fuzzer } from "./fuzzer.ts";
import { SURFACES } from "./surfaces/mod.ts";

const SEED = 1;

async function regressionsOf(surface: string): Promise<{ readonly name: string; readonly bytes: Uint8Array }[]> {
  const folder = new URL(`./regressions/${surface}/`, import.meta.url);
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  });
  return await Promise.all(
    entries.map(async ({ name }) => ({ name, bytes: await Deno.readFile(new URL(name, folder)) })),
  );
}

for (const surface of SURFACES) {
  Deno.test(`fuzz ${surface.name}: what must hold holds, in every branch, and for what once failed`, async (test) => {
    const fuzzer = new Fuzzer(surface, {
      seed: SEED,
      failed: ({ message, case: number }) => {
        fail(`${message}\nrepeat: deno task fuzz --surface ${surface.name} --seed ${SEED} --case ${number}`);
      },
    });
    await surface.open?.();
    try {
      for (const { name, bytes } of await regressionsOf(surface.name)) {
        await test.step(name, () => fuzzer.replay(unpackCase(bytes, surface.caseInputs !== undefined)));
      }
      await fuzzer.slice({ inputs: surface.quick });
    } finally {
      await surface.close?.();
    }
    deepStrictEqual(surface.labels.filter((label) => !fuzzer.labels.has(label)), [], "a branch was never taken");
  });
}

Deno.test("fuzz: every folder of regressions is one of a surface", async () => {
  const folders = await Array.fromAsync(Deno.readDir(new URL("./regressions/", import.meta.url)));
  deepStrictEqual(folders.filter(({ name }) => SURFACES.every((surface) => surface.name !== name)), []);
});
