/**
 * Prometheus metrics from a table. The hot path increments plain numbers; prom-client reads them at a
 * scrape, so that metrics cost nothing between scrapes.
 */

import { Counter, Gauge, type Metric as MetricObject, Registry } from "prom-client";
import { assert } from "../assert.ts";
import { LATENCY_BOUNDS, type LatencyHistogram } from "./histogram.ts";

/** One value with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * One metric: a number; or with `label`, an object of numbers by label value; or with `labels`, samples. A value that
 * is undefined or not a number is left out of the scrape.
 */
export type Metric = HistogramMetric | ValueMetric;

/** Durations, whose name ends in `_seconds`. */
interface HistogramMetric {
  readonly kind: "histogram";
  readonly name: string;
  readonly help: string;
  readonly read: () => Pick<LatencyHistogram, "counts" | "count" | "sumSeconds">;
}

type ValueMetric =
  & { readonly kind: "counter" | "gauge"; readonly name: string; readonly help: string }
  & (
    | { readonly read: () => number | undefined; readonly label?: never; readonly labels?: never }
    | { readonly label: string; readonly read: () => Readonly<Record<string, number>>; readonly labels?: never }
    | { readonly labels: readonly string[]; readonly read: () => Iterable<Sample>; readonly label?: never }
  );

/**
 * A registry whose `metrics()` reads the table anew each time.
 *
 * @example
 * ```ts
 * import { match } from "node:assert/strict";
 * const received = { DISCOVER: 2, REQUEST: 1 };
 * const registry = metricsRegistry([
 *   { kind: "counter", name: "demo_received_total", help: "Messages received.", label: "type", read: () => received },
 * ]);
 * match(await registry.metrics(), /demo_received_total\{type="DISCOVER"\} 2/);
 * ```
 */
export function metricsRegistry(table: readonly Metric[]): Registry {
  const registry = new Registry();
  for (const metric of table) register(registry, metric);
  return registry;
}

function register(registry: Registry, metric: Metric): void {
  if (metric.kind === "histogram") return registry.registerMetric(histogram(metric));
  const { kind, name, help } = metric;
  // https://prometheus.io/docs/practices/naming: an accumulating count ends in _total.
  assert((kind === "counter") === name.endsWith("_total"), `${name}: counters, and only they, end in _total`);
  const labelNames = metric.labels ?? (metric.label === undefined ? [] : [metric.label]);
  const settings = { name, help, labelNames, registers: [registry] };
  if (kind === "counter") {
    new Counter({
      ...settings,
      collect() {
        this.reset();
        for (const { labels, value } of samplesOf(metric)) this.inc(labels, value);
      },
    });
  } else {
    new Gauge({
      ...settings,
      collect() {
        this.reset();
        for (const { labels, value } of samplesOf(metric)) this.set(labels, value);
      },
    });
  }
}

/** A metric as prom-client scrapes it; its own histogram cannot be given counts. */
function histogram({ name, help, read }: HistogramMetric): MetricObject {
  assert(name.endsWith("_seconds"), `${name}: durations are in seconds`);
  const own = {
    name,
    help,
    type: "histogram",
    aggregator: "sum",
    reset() {},
    get() {
      const { counts, count, sumSeconds } = read();
      const bucket = (le: number | string, value: number) => ({ metricName: `${name}_bucket`, labels: { le }, value });
      return Promise.resolve({
        name,
        help,
        type: "histogram",
        aggregator: "sum",
        values: [
          ...LATENCY_BOUNDS.map((bound, index) => bucket(bound, counts[index] ?? 0)),
          bucket("+Inf", count),
          { metricName: `${name}_sum`, labels: {}, value: sumSeconds },
          { metricName: `${name}_count`, labels: {}, value: count },
        ],
      });
    },
  };
  return own as unknown as MetricObject;
}

function samplesOf(metric: ValueMetric): Sample[] {
  const samples: Sample[] = [];
  if (metric.labels !== undefined) {
    samples.push(...metric.read());
  } else if (metric.label !== undefined) {
    for (const [label, value] of Object.entries(metric.read())) {
      samples.push({ labels: { [metric.label]: label }, value });
    }
  } else {
    const value = metric.read();
    if (value !== undefined) samples.push({ labels: {}, value });
  }
  return samples.filter(({ value }) => Number.isFinite(value) && (metric.kind === "gauge" || value >= 0));
}

/** Metrics of the process, under the names that Prometheus uses. `startedMs`: since 1970. */
export function processMetrics(program: { version: string; startedMs: number }): Metric[] {
  return [
    {
      kind: "gauge",
      name: "dhcpcluster_build_info",
      help: "Always 1; the version is in its label.",
      label: "version",
      read: () => ({ [program.version]: 1 }),
    },
    {
      kind: "gauge",
      name: "process_start_time_seconds",
      help: "When the process started, in seconds since 1970.",
      read: () => program.startedMs / 1000,
    },
    {
      kind: "gauge",
      name: "process_resident_memory_bytes",
      help: "Resident memory.",
      read: () => Deno.memoryUsage().rss,
    },
    {
      kind: "gauge",
      name: "process_heap_used_bytes",
      help: "JavaScript heap in use.",
      read: () => Deno.memoryUsage().heapUsed,
    },
  ];
}
