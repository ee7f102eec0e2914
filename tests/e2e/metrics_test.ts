/** Prometheus' own checker reads the metrics of node and relay. */

import { match, ok, strictEqual } from "node:assert/strict";
import { withNode } from "../../node/testing/running.ts";
import { run } from "./lab/process.ts";
import { until } from "./lab/wait.ts";
import { e2e } from "./register.ts";

const DEADLINE_MS = 20_000;

/** What promtool finds wrong with metrics; "" when nothing. */
async function faults(metrics: string): Promise<string> {
  return await run(["sh", "-c", "promtool check metrics 2>&1"], { stdin: metrics, mayFail: true });
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url);
  strictEqual(response.status, 200);
  return await response.text();
}

/** Folder of the dashboard and the alerts. */
const MONITORING = new URL("../../scripts/install/monitoring/", import.meta.url).pathname;

/** Names of metrics that the dashboard and the alerts of one program use, without the suffixes of histograms. */
async function used(prefix: RegExp): Promise<string[]> {
  const texts = await Promise.all(
    ["grafana.json", "dhcpcluster.rules.yml"].map((name) => Deno.readTextFile(MONITORING + name)),
  );
  const names = texts.join("\n").match(/dhcpcluster_\w+/g) ?? [];
  return [...new Set(names.map((name) => name.replace(/_bucket$/, "")))].filter((name) => prefix.test(name)).sort();
}

/** Asserts that each of the names is a metric. */
function known(names: readonly string[], metrics: string): void {
  ok(names.length > 5);
  for (const name of names) ok(metrics.includes(`# TYPE ${name} `), `there is no metric ${name}`);
}

e2e("promtool finds nothing wrong with the alert rules, which fire exactly when they should", async () => {
  match(await run(["promtool", "check", "rules", `${MONITORING}dhcpcluster.rules.yml`]), /SUCCESS: \d+ rules found/);
  match(await run(["promtool", "test", "rules", `${MONITORING}dhcpcluster.rules.test.yml`]), /SUCCESS/);
});

e2e("promtool finds nothing wrong with the metrics of a node", () =>
  withNode(async ({ url }) => {
    const metrics = await textOf(`${url}/metrics`);
    known(await used(/^dhcpcluster_(?!relay_)/), metrics);
    match(metrics, /^dhcpcluster_commit_duration_seconds_bucket\{le="0.001"\} \d+$/m);
    strictEqual(await faults(metrics), "");
    ok((await faults(metrics.replaceAll("_total", "_totals"))) !== "", "it would find something");
  }));

e2e("promtool finds nothing wrong with the metrics of a relay", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-metrics-" });
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  await Deno.writeTextFile(
    `${folder}/relay.yaml`,
    [
      `relay: { port: ${port}, clientPort: ${port + 1}, interfaces: [{ name: lo }] }`,
      "nodes: [{ id: 1, address: 127.99.0.1 }]",
      `http: { port: ${port + 2} }`,
    ].join("\n"),
  );
  const main = new URL("../../relay/main.ts", import.meta.url).pathname;
  const relay = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", main, "--config", `${folder}/relay.yaml`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    let metrics = "";
    await until("the relay to answer", DEADLINE_MS, async () => {
      metrics = await textOf(`http://127.0.0.1:${port + 2}/metrics`).catch(() => "");
      return metrics !== "";
    });
    known(await used(/^dhcpcluster_relay_/), metrics);
    match(metrics, /^dhcpcluster_relay_node_hedges_total\{node="1"\} 0$/m);
    strictEqual(await faults(metrics), "");
  } finally {
    relay.kill("SIGTERM");
    await relay.status;
    await Deno.remove(folder, { recursive: true });
  }
});
