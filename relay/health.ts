/** What the relay tells over HTTP: readiness, status and metrics, all read from the running parts when asked. */

import type { HealthSource, Readiness } from "../src/http/health.ts";
import { type Metric, metricsRegistry, processMetrics, type Sample } from "../src/http/metrics.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { VERSION } from "../src/cli/version.ts";
import type { ForwardConfig } from "./forward/config.ts";
import { OUTCOME_NAMES, type OutcomeCounts, OUTCOMES } from "./forward/outcomes.ts";
import type { NodeTracker } from "./select/tracker.ts";
import type { Wire } from "./wires/wires.ts";

/** Where the answers come from. */
export interface HealthParts {
  readonly config: ForwardConfig;
  readonly tracker: NodeTracker;
  readonly wires: readonly Wire[];
  /** One per interface. */
  readonly counts: readonly OutcomeCounts[];
  /** Since 1970. */
  readonly startedMs: number;
}

/** The source for `healthApp`. */
export function relayHealth(parts: HealthParts): HealthSource {
  const registry = metricsRegistry([...relayMetrics(parts), ...processMetrics({ version: VERSION, ...parts })]);
  return {
    ready: () => readiness(parts.tracker),
    status: () => status(parts),
    metrics: () => registry.metrics(),
  };
}

function readiness(tracker: NodeTracker): Readiness {
  if (tracker.ready) return { ready: true };
  const reachable = tracker.nodes.filter((node) => node.reachable).map((node) => node.id);
  const reason = reachable.length === 0
    ? "no node answers: look at the nodes' health URLs and the network to them"
    : `no node is ready, though ${reachable.join(", ")} can be reached: their /readyz says why`;
  return { ready: false, reason };
}

function status({ config, tracker, wires, counts }: HealthParts): object {
  return {
    version: VERSION,
    ...readiness(tracker),
    nodes: tracker.nodes.map((node, index) => {
      const { address = 0, port = 0 } = config.nodes[index] ?? {};
      return { ...node, rttMs: rounded(node.rttMs), address: formatIpv4(address), port };
    }),
    interfaces: config.interfaces.map(({ name, giaddr, trusted }, index) => {
      const wire = wires[index];
      return {
        name,
        giaddr: formatIpv4(giaddr),
        trusted,
        receiveDrops: wire?.receiveDrops ?? 0,
        sendErrors: wire?.sendErrors.count ?? 0,
        lastSendError: wire?.sendErrors.last ?? null,
        datagrams: counts[index],
      };
    }),
  };
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1000) / 1000;
}

/** The relay's own metrics; `README.md` lists them. */
function relayMetrics({ config, tracker, wires, counts }: HealthParts): Metric[] {
  const perNode = (value: (index: number) => number | undefined) => () =>
    tracker.nodes.map(({ id }, index): Sample => ({ labels: { node: String(id) }, value: value(index) ?? NaN }));
  const perInterface = (value: (wire: Wire) => number) => () =>
    wires.map((wire, index): Sample => ({
      labels: { interface: config.interfaces[index]?.name ?? "" },
      value: value(wire),
    }));
  const node = (name: string, help: string, value: (index: number) => number | undefined): Metric => ({
    kind: "gauge",
    name: `dhcpcluster_relay_node_${name}`,
    help,
    labels: ["node"],
    read: perNode(value),
  });
  const wire = (name: string, help: string, value: (wire: Wire) => number): Metric => ({
    kind: "counter",
    name: `dhcpcluster_relay_${name}_total`,
    help,
    labels: ["interface"],
    read: perInterface(value),
  });
  return [
    {
      kind: "counter",
      name: "dhcpcluster_relay_datagrams_total",
      help: "Datagrams by client interface, direction, result and outcome.",
      labels: ["interface", "path", "result", "outcome"],
      read: () => config.interfaces.flatMap(({ name }, index) => outcomeSamples(name, counts[index])),
    },
    wire("receive_drops", "Datagrams the kernel dropped as a receive buffer was full.", (
      { receiveDrops },
    ) => receiveDrops),
    wire("send_errors", "Datagrams the system would not send.", ({ sendErrors }) => sendErrors.count),
    node("ready", "1 while the node can serve.", (index) => Number(tracker.nodes[index]?.ready)),
    node("reachable", "1 while the node answers.", (index) => Number(tracker.nodes[index]?.reachable)),
    node("chosen", "1 while requests go to the node.", (index) => Number(tracker.nodes[index]?.chosen)),
    node("rtt_seconds", "Round trip of the last answered health request.", (index) => {
      const rttMs = tracker.nodes[index]?.rttMs;
      return typeof rttMs === "number" ? rttMs / 1000 : undefined;
    }),
  ];
}

function outcomeSamples(interfaceName: string, counts: OutcomeCounts | undefined): Sample[] {
  if (counts === undefined) return [];
  return OUTCOME_NAMES.map((outcome) => {
    const { path, result } = OUTCOMES[outcome];
    return { labels: { interface: interfaceName, path, result, outcome }, value: counts[outcome] };
  });
}
