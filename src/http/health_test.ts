import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { CachedAnswer } from "./cached_answer.ts";
import { jsonInSlices } from "./json.ts";
import { healthApp, type HealthSource, type Readiness } from "./health.ts";
import { type Metric, metricsRegistry, processMetrics } from "./metrics.ts";

function source(changes: Partial<HealthSource> = {}): HealthSource {
  return {
    ready: () => ({ ready: true }),
    status: new CachedAnswer(() => jsonInSlices({ id: 1, role: "standalone" })),
    metrics: new CachedAnswer(() => Promise.resolve(new TextEncoder().encode("a_total 1\n"))),
    ...changes,
  };
}

Deno.test("/healthz answers 200 while the process runs", async () => {
  const response = await healthApp(source({ ready: () => ({ ready: false }) })).request("/healthz");
  strictEqual(response.status, 200);
  strictEqual(response.headers.get("cache-control"), "no-store");
  deepStrictEqual(await response.json(), { alive: true });
});

Deno.test("/readyz answers 503 and says why while the program can't serve", async () => {
  let readiness: Readiness = { ready: false, reason: "no majority" };
  const app = healthApp(source({ ready: () => readiness }));
  const closed = await app.request("/readyz");
  strictEqual(closed.status, 503);
  deepStrictEqual(await closed.json(), { ready: false, reason: "no majority" });
  readiness = { ready: true };
  const open = await app.request("/readyz");
  strictEqual(open.status, 200);
  strictEqual(open.headers.get("cache-control"), "no-store");
  deepStrictEqual(await open.json(), { ready: true });
});

Deno.test("/status answers JSON, HEAD has no body", async () => {
  const app = healthApp(source());
  const response = await app.request("/status");
  match(response.headers.get("content-type") ?? "", /^application\/json/);
  deepStrictEqual(await response.json(), { id: 1, role: "standalone" });
  const head = await app.request("/status", { method: "HEAD" });
  strictEqual(head.status, 200);
  strictEqual(await head.text(), "");
});

Deno.test("/metrics answers in the Prometheus text format", async () => {
  const response = await healthApp(source()).request("/metrics");
  strictEqual(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  strictEqual(await response.text(), "a_total 1\n");
});

Deno.test("anything else is 404 in JSON, and a program's own routes come before it", async () => {
  const app = healthApp(source());
  app.get("/leases", (context) => context.json([]));
  strictEqual((await app.request("/leases")).status, 200);
  for (const [path, method] of [["/nothing", "GET"], ["/readyz", "POST"], ["/../etc/passwd", "GET"]] as const) {
    const response = await app.request(path, { method });
    strictEqual(response.status, 404);
    strictEqual(response.headers.get("cache-control"), "no-store");
    strictEqual((await response.json()).error, "not found");
  }
});

Deno.test("a source that throws is a 500 that the program hears of", async () => {
  const failures: string[] = [];
  const app = healthApp(source({
    status: new CachedAnswer(() => Promise.reject(new Error("secret detail"))),
    failed: (path, error) => failures.push(`${path} ${error.message}`),
  }));
  const response = await app.request("/status");
  strictEqual(response.status, 500);
  strictEqual((await response.text()).includes("secret"), false);
  deepStrictEqual(failures, ["/status secret detail"]);
});

Deno.test("metricsRegistry() reads plain counters anew at every scrape", async () => {
  const counters = { DISCOVER: 1, REQUEST: 0 };
  let pools = [{ labels: { subnet: "10.0.0.0/24", state: "free" }, value: 7 }];
  let gauge: number | undefined = 2;
  const table: Metric[] = [
    { kind: "counter", name: "x_received_total", help: "Received.", label: "type", read: () => counters },
    { kind: "counter", name: "x_dropped_total", help: "Dropped.", read: () => counters.REQUEST },
    { kind: "gauge", name: "x_ready", help: "Ready.", read: () => gauge },
    { kind: "gauge", name: "x_addresses", help: "Addresses.", labels: ["subnet", "state"], read: () => pools },
  ];
  const registry = metricsRegistry(table);
  const scrape = async () => (await registry.metrics()).split("\n").filter((line) => !/^(#|$)/.test(line));
  deepStrictEqual(await scrape(), [
    'x_received_total{type="DISCOVER"} 1',
    'x_received_total{type="REQUEST"} 0',
    "x_dropped_total 0",
    "x_ready 2",
    'x_addresses{subnet="10.0.0.0/24",state="free"} 7',
  ]);
  counters.DISCOVER += 1;
  pools = [];
  gauge = undefined;
  deepStrictEqual((await scrape()).slice(0, 1), ['x_received_total{type="DISCOVER"} 2']);
  strictEqual((await scrape()).some((line) => line.startsWith("x_addresses{")), false, "what is gone is not reported");
  strictEqual((await scrape()).includes("x_ready 2"), false);
});

Deno.test("processMetrics() has version, start and memory", async () => {
  const text = await metricsRegistry(processMetrics({ version: "1.2.3", startedMs: 5000 })).metrics();
  match(text, /^dhcpcluster_build_info\{version="1\.2\.3"\} 1$/m);
  match(text, /^process_start_time_seconds 5$/m);
  match(text, /^process_resident_memory_bytes [1-9]\d+$/m);
});

Deno.test("/readyz: readiness is never outdated, further properties are made again after a moment", async () => {
  let readiness: Readiness = { ready: true };
  let made = 0;
  const app = healthApp(source({ ready: () => readiness, readyDetail: () => ({ full: ++made }) }));
  const get = async () => await (await app.request("/readyz")).json();
  deepStrictEqual([await get(), await get()], [{ ready: true, full: 1 }, { ready: true, full: 1 }]);
  readiness = { ready: false, reason: "drained" };
  deepStrictEqual(await get(), { ready: false, reason: "drained", full: 2 });
  const startMs = performance.now();
  for (const patienceMs = 5_000; made < 3;) {
    await get();
    ok(performance.now() - startMs < patienceMs, "it is never made again");
  }
  for (const [path, method] of [["/readyz?x=1", "GET"], ["/readyz", "HEAD"]] as const) {
    strictEqual((await app.request(path, { method })).status, 503);
  }
  strictEqual((await app.request("/x/readyz")).status, 404);
});
