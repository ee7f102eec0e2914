/**
 * Prometheus metrics from a table. The hot path increments plain numbers, which are read at a scrape, so that metrics
 * cost nothing between scrapes.
 *
 * The text is written here, and not by prom-client 15.1.3, which is made for counting with objects of its own: thirty
 * thousand series took it two thirds of a second without a pause.
 */

import { assert } from "../assert.ts";
import { LATENCY_BOUNDS, type LatencyHistogram } from "./histogram.ts";
import { Slices } from "./slices.ts";

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
export function metricsRegistry(table: readonly Metric[]): MetricsRegistry {
  return new MetricsRegistry(table);
}

/** The metrics of a table in the text exposition format, made in slices. */
export class MetricsRegistry {
  readonly #table: readonly Metric[];

  constructor(table: readonly Metric[]) {
    for (const { kind, name } of table) {
      // https://prometheus.io/docs/practices/naming: an accumulating count ends in _total.
      assert((kind === "counter") === name.endsWith("_total"), `${name}: counters, and only they, end in _total`);
      assert(kind !== "histogram" || name.endsWith("_seconds"), `${name}: durations are in seconds`);
    }
    assert(new Set(table.map(({ name }) => name)).size === table.length, "Each metric has a name of its own");
    this.#table = table;
  }

  /** Reads every metric. */
  async metrics(): Promise<string> {
    const slices = new Slices();
    const parts: string[] = [];
    for (const metric of this.#table) {
      const { name, help, kind } = metric;
      parts.push(`# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${kind}\n`);
      let step = 0;
      for (const line of metric.kind === "histogram" ? histogramLines(metric) : valueLines(metric)) {
        parts.push(line);
        if (++step % STEP === 0 && slices.isOver) await slices.next();
      }
      if (slices.isOver) await slices.next();
    }
    return parts.join("");
  }
}

/** Lines that are written between two looks at the clock. */
const STEP = 32;

function* histogramLines({ name, read }: HistogramMetric): Iterable<string> {
  const { counts, count, sumSeconds } = read();
  for (const [index, bound] of LATENCY_BOUNDS.entries()) yield `${name}_bucket{le="${bound}"} ${counts[index] ?? 0}\n`;
  yield `${name}_bucket{le="+Inf"} ${count}\n`;
  yield `${name}_sum ${sumSeconds}\n`;
  yield `${name}_count ${count}\n`;
}

function* valueLines(metric: ValueMetric): Iterable<string> {
  for (const { labels, value } of samplesOf(metric)) {
    // A value that is not known now is left out.
    if (!Number.isFinite(value) || (metric.kind === "counter" && value < 0)) continue;
    const texts = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    yield texts.length === 0 ? `${metric.name} ${value}\n` : `${metric.name}{${texts.join(",")}} ${value}\n`;
  }
}

function* samplesOf(metric: ValueMetric): Iterable<Sample> {
  if (metric.labels !== undefined) {
    yield* metric.read();
  } else if (metric.label !== undefined) {
    for (const [label, value] of Object.entries(metric.read())) yield { labels: { [metric.label]: label }, value };
  } else {
    const value = metric.read();
    if (value !== undefined) yield { labels: {}, value };
  }
}

// https://prometheus.io/docs/instrumenting/exposition_formats: backslashes and line feeds, in labels quotes as well.
function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
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
