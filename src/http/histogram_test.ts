import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { LATENCY_BOUNDS, LatencyHistogram } from "./histogram.ts";
import { metricsRegistry } from "./metrics.ts";

Deno.test("histogram: counts are cumulative, and what is longer than all bounds counts only in the whole", async () => {
  const latency = new LatencyHistogram();
  for (const ms of [0.1, 0.2, 1.5, 900, 60_000]) latency.observe(ms, 0);
  strictEqual(latency.counts[0], 2);
  strictEqual(latency.counts.at(-1), 4);
  const registry = metricsRegistry([
    { kind: "histogram", name: "demo_duration_seconds", help: "How long.", read: () => latency },
  ]);
  const text = await registry.metrics();
  for (
    const line of [
      "# TYPE demo_duration_seconds histogram",
      'demo_duration_seconds_bucket{le="0.0002"} 2',
      'demo_duration_seconds_bucket{le="0.002"} 3',
      `demo_duration_seconds_bucket{le="${LATENCY_BOUNDS.at(-1)}"} 4`,
      'demo_duration_seconds_bucket{le="+Inf"} 5',
      "demo_duration_seconds_count 5",
    ]
  ) ok(text.split("\n").includes(line), `${line}\n${text}`);
});

Deno.test("histogram: percentiles are those of the last seconds", () => {
  const latency = new LatencyHistogram();
  for (let index = 0; index < 100; index++) latency.observe(index < 98 ? 2 : 50, 0);
  const { count, p50Ms = 0, p99Ms = 0 } = latency.recent(4_000);
  strictEqual(count, 100);
  ok(p50Ms >= 2 && p50Ms < 2.2, `${p50Ms}`);
  ok(p99Ms >= 50 && p99Ms < 55, `${p99Ms}`);
  strictEqual(latency.recent(6_000).count, 100);
  deepStrictEqual(latency.recent(20_000), { count: 0, p50Ms: undefined, p99Ms: undefined });
});
