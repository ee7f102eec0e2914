/**
 * Fuzzes every place where octets or text come in from outside.
 *
 * usage: deno task fuzz [--minutes N] [--surface NAME]… [--seed S] [--out FOLDER]
 *        deno task fuzz --surface NAME --seed S --case N     (repeats one case)
 *        deno task fuzz --surface NAME FILE…                 (repeats cases of files)
 *
 * Ends with a line for each surface, and with 1 when something failed. Each failure is told with what repeats it, and
 * stored in the folder, as small as it could be made: a candidate for `regressions/`.
 */

import { parseArgs } from "node:util";
import { unpackCase } from "./case_file.ts";
import { collector, type Failure, Fuzzer } from "./fuzzer.ts";
import { SURFACES } from "./surfaces/mod.ts";
import { watch } from "./watchdog.ts";

/** One surface after the other gets so much of the time, times its weight; between slices garbage is collected. */
const SLICE_MS = 10_000;

const { values, positionals } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    surface: { type: "string", multiple: true },
    seed: { type: "string" },
    case: { type: "string" },
    out: { type: "string" },
  },
  allowPositionals: true,
});

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function usage(message: string): never {
  print(message);
  Deno.exit(2);
}

const names = values.surface ?? SURFACES.map(({ name }) => name);
const unknown = names.find((name) => SURFACES.every((surface) => surface.name !== name));
if (unknown !== undefined) usage(`No surface "${unknown}": ${SURFACES.map(({ name }) => name).join(", ")}`);
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
if (!(minutes > 0) || !Number.isInteger(seed)) usage("--minutes and --seed take numbers");

const folder = values.out ?? await Deno.makeTempDir({ prefix: "dhcpcluster-fuzz-" });
await Deno.mkdir(folder, { recursive: true });
let failures = 0;

async function failed(failure: Failure): Promise<void> {
  failures++;
  const path = `${folder}/${failure.surface}-${failure.seed}-${failure.case}`;
  await Deno.writeFile(path, failure.file);
  print(`FAILED ${failure.surface}: ${failure.message}`);
  print(`  repeat: deno task fuzz --surface ${failure.surface} --seed ${failure.seed} --case ${failure.case}`);
  print(`  smallest case: ${path}`);
}

const { gc } = globalThis as { gc?: () => void };
const collect = gc && collector(gc);
const chosen = SURFACES.filter(({ name }) => names.includes(name));
const watchdog = watch(chosen.map(({ name }) => name));
const options = { seed, failed, progress: watchdog.progress, collect };
const fuzzers = chosen.map((surface) => new Fuzzer(surface, { ...options, first: Number(values.case ?? 0) }));
for (const { surface } of fuzzers) await surface.open?.();
print(`seed ${seed}`);

if (positionals.length > 0) {
  for (const fuzzer of fuzzers) {
    for (const path of positionals) {
      const inputs = unpackCase(await Deno.readFile(path), fuzzer.surface.caseInputs !== undefined);
      try {
        await fuzzer.replay(inputs);
        print(`ok ${path}`);
      } catch (error) {
        failures++;
        print(`FAILED ${path}: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
  }
} else if (values.case !== undefined) {
  for (const fuzzer of fuzzers) await fuzzer.slice({ inputs: 1 });
} else {
  const heaviest = Math.max(...chosen.map(({ weight }) => weight));
  const endMs = performance.now() + 60_000 * minutes;
  while (performance.now() < endMs && fuzzers.some(({ isGivenUp }) => !isGivenUp)) {
    for (const fuzzer of fuzzers) {
      const ms = Math.min(SLICE_MS * fuzzer.surface.weight / heaviest, endMs - performance.now());
      if (ms > 0 && !fuzzer.isGivenUp) await fuzzer.slice({ ms });
    }
  }
}
for (const { surface } of fuzzers) await surface.close?.();
watchdog.stop();

for (const { surface, inputs, elapsedMs, growth, slowestMs, failures, labels } of fuzzers) {
  const rate = Math.round(inputs / Math.max(elapsedMs / 1_000, 0.001));
  const shares = [...labels].toSorted(([, a], [, b]) => b - a).slice(0, 8).map(([label, count]) => `${label} ${count}`);
  print(
    `${surface.name.padEnd(16)} ${String(inputs).padStart(11)} inputs ${String(rate).padStart(8)}/s, ` +
      `slowest ${slowestMs.toFixed(1)} ms, heap ${(growth / 2 ** 20).toFixed(1)} MiB, ${failures} failed: ` +
      shares.join(", "),
  );
}
const total = fuzzers.reduce((sum, { inputs }) => sum + inputs, 0);
print(`${total} inputs, ${failures} failed${collect === undefined ? "; growth was not judged (--expose-gc)" : ""}`);
Deno.exit(failures > 0 ? 1 : 0);
