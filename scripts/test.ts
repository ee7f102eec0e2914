/**
 * Runs the tests in stages, a line for each: what `deno task test` and, with the argument `unit`, `deno task ok` call.
 *
 * The last line is `N passed, N failed`, with `, N skipped` after it when some were; the exit code is 1 when anything
 * failed. What a test needs from Debian is installed first when that is possible. What can't run here is skipped, and
 * the stage's line says why.
 *
 * usage: deno run -A scripts/test.ts [unit]
 */

import { exists } from "../src/cli/files.ts";
import { machineObstacle } from "../tests/e2e/lab/machine.ts";
import { obstacle } from "../tests/e2e/lab/requirements.ts";
import { ensureTools } from "./setup/debian.ts";
import { TEST_TOOLS } from "./setup/packages.ts";

/** Folders whose tests get no permission at all; the purity lint plugin has the same list. */
const PURE = [
  "src/bytes",
  "src/dhcp",
  "src/lease",
  "src/cluster",
  "src/core",
  "src/convert",
  "relay/forward",
  "relay/select",
];
const SOURCES = ["src", "node", "relay", "scripts"];
/** A fixed set of simulator seeds, and every scripted schedule: some seconds. */
const SIMULATOR = "tests/sim/fixed_test.ts";
/** The one file that measures rates and memory, and so wants the machine to itself. */
const FLOOD = "tests/e2e/garbage_test.ts";
/** They measure how long takeovers take, and so want the machine to themselves, too. */
const CLUSTERS = "tests/e2e/cluster";
/** Real processes too, which must not share the machine with other tests. */
const CHAOS = "tests/chaos";
/** What is run from source, too, where all else is run with executables. */
const FROM_SOURCE = "tests/e2e/udhcpc_test.ts";
/** These need executables. */
const CONFINED = "tests/e2e/confined_test.ts";
const MACHINES = "tests/e2e/machine_test.ts";
/** End-to-end tests wait more than they compute. */
const E2E_JOBS = "4";

/** One run of `deno test`. */
export interface Stage {
  readonly name: string;
  /** Arguments of `deno test`. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Print a line per test as it ends, for stages that take minutes. */
  readonly live?: boolean;
  /** Why its tests will ignore themselves. */
  readonly obstacle?: string | undefined;
}

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Reads the summary of `deno test`; undefined when it printed none.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual(readSummary("ok | 7 passed (2 steps) | 0 failed | 1 ignored (3s)"), {
 *   passed: 7,
 *   failed: 0,
 *   skipped: 1,
 * });
 * ```
 */
export function readSummary(output: string): Totals | undefined {
  const summary = /^(?:ok|FAILED) \| (\d+) passed[^|\n]*\| (\d+) failed(?:[^|\n]*\| (\d+) ignored)?/gm;
  const last = [...output.matchAll(summary)].at(-1);
  return last && { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3] ?? 0) };
}

/** The totals of a stage that ended with an exit code. A run that broke down counts as a failure. */
export function totalsOf(output: string, code: number): Totals {
  const totals = readSummary(output) ?? { passed: 0, failed: 0, skipped: 0 };
  return code !== 0 && totals.failed === 0 ? { ...totals, failed: 1 } : totals;
}

/** The runner's last line. */
export function lastLine(totals: readonly Totals[]): string {
  const sum = (key: keyof Totals) => totals.reduce((total, one) => total + one[key], 0);
  const skipped = sum("skipped");
  return `${sum("passed")} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Tests that stand beside their source, and a little of the simulator. */
export function unitStages(exists: (path: string) => boolean): Stage[] {
  const pure = PURE.filter(exists);
  const ignore = `--ignore=${[...pure, "scripts/test.ts"].join(",")}`;
  return [
    { name: "unit tests of the pure folders, without permissions", args: ["--doc", "--no-prompt", ...pure] },
    { name: "unit tests of the rest", args: ["--doc", "-A", ignore, ...SOURCES.filter(exists)] },
    ...[SIMULATOR].filter(exists).map((file) => ({ name: "simulator, a fixed set of seeds", args: ["-A", file] })),
  ];
}

/** Every other folder of `tests/` without real processes: fuzzing, the rest of the simulator, conformance. */
export function suiteStages(suites: readonly string[]): Stage[] {
  return suites.filter((suite) => !["tests/e2e", CHAOS].includes(`tests/${suite}`)).toSorted().map((suite) => ({
    name: `tests/${suite}`,
    args: ["-A", `--ignore=${SIMULATOR}`, `tests/${suite}`],
  }));
}

/** What the end-to-end tests find here. */
export interface Surroundings {
  /** Folder of the executables, where there are some: what is shipped is what is tested. */
  readonly dist?: string | undefined;
  /** Why there can be no laboratory. */
  readonly obstacle?: string | undefined;
  /** Why no machine can boot in it. */
  readonly machineObstacle?: string | undefined;
}

/** Real programs in network namespaces. */
export function endToEndStages({ dist = "", obstacle, machineObstacle }: Surroundings): Stage[] {
  const common = { live: true, obstacle, env: { DHCPCLUSTER_DIST: dist } };
  const programs = dist === "" ? "from source" : `with the programs in ${dist}`;
  const stages: Stage[] = [
    {
      ...common,
      name: `end-to-end tests ${programs}`,
      args: ["-A", "--parallel", `--ignore=${[FLOOD, CLUSTERS, CONFINED, MACHINES].join(",")}`, "tests/e2e"],
      env: { ...common.env, DENO_JOBS: E2E_JOBS },
    },
    { ...common, name: `end-to-end with several nodes ${programs}`, args: ["-A", CLUSTERS] },
    { ...common, name: `end-to-end under garbage ${programs}`, args: ["-A", FLOOD] },
    { ...common, name: `chaos ${programs}`, args: ["-A", CHAOS] },
  ];
  if (dist === "") return stages;
  return [
    ...stages,
    { ...common, name: "end-to-end tests from source", args: ["-A", FROM_SOURCE], env: { DHCPCLUSTER_DIST: "" } },
    { ...common, name: "what executables may do", args: ["-A", CONFINED] },
    { ...common, name: "installed on clean machines", args: ["-A", MACHINES], obstacle: obstacle ?? machineObstacle },
  ];
}

const running = new Set<Deno.ChildProcess>();

async function runStage(stage: Stage): Promise<Totals> {
  const start = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--permit-no-files", ...stage.args],
    env: { NO_COLOR: "1", ...stage.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  running.add(child);
  const onLine = stage.live ? showTest : () => {};
  const [output, errors, { code }] = await Promise.all([
    collect(child.stdout, onLine),
    collect(child.stderr, () => {}),
    child.status,
  ]);
  running.delete(child);
  const totals = totalsOf(output, code);
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  if (totals.failed > 0) print(`\n${output}\n${errors}\n`);
  const skipped = totals.skipped === 0
    ? ""
    : `, ${totals.skipped} skipped${stage.obstacle ? `: ${stage.obstacle}` : ""}`;
  const verdict = totals.failed > 0 ? "FAILED" : "ok";
  print(`${verdict} ${stage.name}: ${totals.passed} passed, ${totals.failed} failed${skipped} (${seconds} s)`);
  return totals;
}

/** Runs stages, at most `width` at a time. */
async function runStages(stages: readonly Stage[], width: number): Promise<Totals[]> {
  const queue = [...stages];
  const totals: Totals[] = [];
  await Promise.all(Array.from({ length: width }, async () => {
    for (let stage = queue.shift(); stage !== undefined; stage = queue.shift()) totals.push(await runStage(stage));
  }));
  return totals;
}

async function collect(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<string> {
  let text = "";
  let lineStart = 0;
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n", lineStart); end >= 0; end = text.indexOf("\n", lineStart)) {
      onLine(text.slice(lineStart, end));
      lineStart = end + 1;
    }
  }
  return text;
}

function showTest(line: string): void {
  const match = /^(\S.*) \.\.\. (ok|FAILED) (\(.*\))$/.exec(line);
  if (match !== null) print(`   ${match[2]} ${match[1]} ${match[3]}`);
  // What a test measured, and its bar.
  else if (/^ {2}\S.* ms \(at most \d+\)$/.test(line)) print(`      ${line.trim()}`);
}

async function installTools(): Promise<void> {
  const start = performance.now();
  const result = await ensureTools(TEST_TOOLS);
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  const outcome = result.kind === "present"
    ? "ok, all present"
    : result.kind === "installed"
    ? `ok, installed ${result.packages.join(", ")}`
    : `skipped: ${result.reason}`;
  print(`Debian packages: ${outcome} (${seconds} s)`);
}

async function main(args: readonly string[]): Promise<number> {
  if (args.length > 1 || (args[0] ?? "unit") !== "unit") {
    print(`Unknown arguments "${args.join(" ")}": usage: deno run -A scripts/test.ts [unit]`);
    return 2;
  }
  Deno.chdir(new URL("..", import.meta.url));
  // SIGTERM must not leave children running; in a terminal they get Ctrl-C themselves.
  Deno.addSignalListener("SIGTERM", () => {
    for (const child of running) child.kill("SIGTERM");
    Deno.exit(143);
  });
  const width = navigator.hardwareConcurrency > 1 ? 2 : 1;
  const totals: Totals[] = [];
  if (args[0] === "unit") {
    totals.push(...await runStages(unitStages(exists), width));
  } else {
    await installTools();
    const suites = (await Array.fromAsync(Deno.readDir("tests"))).filter((entry) => entry.isDirectory);
    const inProcess = [...unitStages(exists), ...suiteStages(suites.map((entry) => entry.name))];
    totals.push(...await runStages(inProcess, width));
    const dist = Deno.env.get("DHCPCLUSTER_DIST");
    const stages = endToEndStages({ dist, obstacle: obstacle(), machineObstacle: machineObstacle() });
    totals.push(...await runStages(stages, 1));
  }
  print(lastLine(totals));
  return totals.some(({ failed }) => failed > 0) ? 1 : 0;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
