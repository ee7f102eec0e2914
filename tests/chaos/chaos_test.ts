/** A short run, and one in which more happens than the rule permits: the judge notices what that does to clients. */

import { deepStrictEqual, ok } from "node:assert/strict";
import { say } from "../e2e/cluster/bars.ts";
import { until } from "../e2e/lab/wait.ts";
import { e2e } from "../e2e/register.ts";
import { describeReport, describeViolation } from "./report.ts";
import { type ChaosRun, runChaos } from "./run.ts";

const SEED = 7;
const FAULTS_MS = 15_000;
/** The bound of `deno task chaos` is for a machine that does nothing else. */
const SERVICE_BACK_MS = 30_000;
const CLIENTS = 100;
const HELD = 60;
const NEWCOMERS = 3 * CLIENTS;
const AHEAD_SECONDS = 7_200;
const STEP_MS = 30_000;

e2e("chaos: faults from a seed, three nodes: no promise to a client is broken", async () => {
  const report = await runChaos({
    nodes: 3,
    seed: SEED,
    faultsMs: FAULTS_MS,
    clients: 2 * CLIENTS,
    perSecond: 40,
    serviceBackMs: SERVICE_BACK_MS,
    violationsMax: 1,
  });
  say(describeReport(report));
  deepStrictEqual(report.violations, [], report.violations.map((one) => describeViolation(one, report)).join("\n"));
  ok(report.rounds > 0 && report.nodesProbed > 0 && report.counts.acknowledged.acknowledged > CLIENTS);
});

e2e(
  "chaos: all clocks are set ahead while no node runs, which is too much: the judge sees shared addresses",
  async () => {
    const common = { nodes: 3, seed: SEED, faultsMs: 0, clients: CLIENTS, perSecond: 50, violationsMax: 1 };
    const report = await runChaos({ ...common, script: clocksAheadWhileDown });
    ok(report.violations.some(({ rule }) => rule === "shared"), describeReport(report));
  },
);

/** Every node takes all leases for ended, and gives their addresses to newcomers. */
async function clocksAheadWhileDown({ scene, judge, clients }: ChaosRun): Promise<void> {
  await until("clients to hold leases", STEP_MS, () => judge.held(scene.nowMs) >= HELD);
  judge.disturbed();
  await Promise.all(scene.members.map((member) => member.kill()));
  scene.clocks.step(AHEAD_SECONDS);
  for (const member of scene.members) await scene.start(member);
  await scene.site.serves(STEP_MS);
  await clients.tell({ kind: "newcomers", count: NEWCOMERS });
  await until("the judge to notice", STEP_MS, () => judge.violations.some(({ rule }) => rule === "shared"));
}
