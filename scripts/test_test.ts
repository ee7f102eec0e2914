import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { endToEndStages, lastLine, readSummary, suiteStages, totalsOf, unitStages } from "./test.ts";

Deno.test("readSummary() takes the last summary, with and without steps and ignored tests", () => {
  const output = [
    "ok | 1 passed | 0 failed (1ms)",
    "FAILED | 12 passed (3 steps) | 2 failed (1 step) | 4 ignored (1 step) (3s)",
  ].join("\n");
  deepStrictEqual(readSummary(output), { passed: 12, failed: 2, skipped: 4 });
  deepStrictEqual(readSummary("ok | 5 passed | 0 failed (1ms)"), { passed: 5, failed: 0, skipped: 0 });
  strictEqual(readSummary("a test printed: ok | 5 passed"), undefined);
});

Deno.test("totalsOf() counts a run that broke down as a failure", () => {
  strictEqual(totalsOf("error: Module not found", 1).failed, 1);
  strictEqual(totalsOf("ok | 5 passed | 0 failed (1ms)", 1).failed, 1);
  strictEqual(totalsOf("FAILED | 5 passed | 2 failed (1ms)", 1).failed, 2);
  strictEqual(totalsOf("ok | 5 passed | 0 failed (1ms)", 0).failed, 0);
});

Deno.test("lastLine() sums the stages and mentions skipped tests only when there are some", () => {
  strictEqual(
    lastLine([{ passed: 1, failed: 0, skipped: 0 }, { passed: 2, failed: 3, skipped: 0 }]),
    "3 passed, 3 failed",
  );
  strictEqual(lastLine([{ passed: 1, failed: 0, skipped: 2 }]), "1 passed, 0 failed, 2 skipped");
});

Deno.test("unitStages() gives pure folders no permission and leaves them out of the rest", () => {
  const [pure, rest] = unitStages((path) => ["src", "src/dhcp", "node"].includes(path));
  deepStrictEqual(pure?.args, ["--doc", "--no-prompt", "src/dhcp"]);
  deepStrictEqual(rest?.args, ["--doc", "-A", "--ignore=src/dhcp,scripts/test.ts", "src", "node"]);
});

Deno.test("unitStages() ends with a fixed set of simulator seeds, which the simulator's own stage leaves out", () => {
  deepStrictEqual(unitStages(() => true).at(-1)?.args, ["-A", "tests/sim/fixed_test.ts"]);
  deepStrictEqual(suiteStages(["sim"])[0]?.args, ["-A", "--ignore=tests/sim/fixed_test.ts", "tests/sim"]);
});

Deno.test("suiteStages() runs every folder of tests/ but those with real processes", () => {
  deepStrictEqual(suiteStages(["sim", "chaos", "e2e", "fuzz"]).map((stage) => stage.name), ["tests/fuzz", "tests/sim"]);
});

Deno.test("endToEndStages() runs everything with executables, if they were made, and a little from source", () => {
  const used = (dist: string | undefined) =>
    endToEndStages({ dist }).map(({ name, env }) => [name, env?.["DHCPCLUSTER_DIST"]]);
  ok(used(undefined).every(([, dist]) => dist === ""));
  deepStrictEqual(used("dist").filter(([, dist]) => dist !== "dist"), [["end-to-end tests from source", ""]]);
});

Deno.test("endToEndStages() says why no machine can boot", () => {
  const stages = endToEndStages({ dist: "dist", machineObstacle: "no control groups" });
  deepStrictEqual(
    stages.filter(({ obstacle }) => obstacle !== undefined).map(({ name, obstacle }) => [name, obstacle]),
    [
      ["installed on clean machines", "no control groups"],
    ],
  );
});
