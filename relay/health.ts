/** What the relay tells over HTTP: readiness, status and metrics, all read from the running parts when asked. */

import type { HealthSource, Readiness } from "../src/http/health.ts";
import { type Metric, metricsRegistry, processMetrics, type Sample } from "../src/http/metrics.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { VERSION } from "../src/cli/version.ts";
import type { ForwardConfig } from "./forward/config.ts";
import { OUTCOME_NAMES, type OutcomeCounts, OUTCOMES } from "./forward/outcomes.ts";
import type { NodeState, NodeTracker } from "./select/tracker.ts";
import type { Wire } from "./wires/wires.ts";

/** Where the answers come from. */
export interface HealthParts {
  readonly config: ForwardConfig;
  readonly tracker: NodeTracker;
  readonly wires: readonly Wire[];
  /** One per interface. */
  readonly counts: readonly OutcomeCounts[];
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
  /** Since 1970. */
  readonly startedMs: number;
}

/** The source for `healthApp`. */
export function relayHealth(parts: HealthParts): HealthSource {
  const registry = metricsRegistry([...relayMetrics(parts), ...processMetrics({ version: VERSION, ...parts })]);
  return {
    ready: () => readiness(parts),
    status: () => status(parts),
    metrics: () => registry.metrics(),
  };
}

function readiness({ tracker, now }: HealthParts): Readiness {
  const nowMs = now();
  if (tracker.ready(nowMs)) return { ready: true };
  const reachable = tracker.states(nowMs).filter((node) => node.reachable);
  const reason = reachable.length === 0
    ? "no node answers: look at the nodes' health URLs and the network to them"
    : `no node is ready: ${reachable.map(({ id, fault }) => `node ${id}: ${fault}`).join("; ")}`;
  return { ready: false, reason };
}

function status(parts: HealthParts): object {
  const { config, tracker, wires, counts, now } = parts;
  const states = tracker.states(now());
  const requests = states.reduce((sum, { traffic }) => sum + traffic.requests, 0);
  return {
    version: VERSION,
    ...readiness(parts),
    nodes: states.map((state, index) => {
      const { address = 0, port = 0 } = config.nodes[index] ?? {};
      const { traffic, ...rest } = state;
      return {
        ...rest,
        rttMs: rounded(state.rttMs),
        deviationMs: rounded(state.deviationMs),
        jitterMs: rounded(state.jitterMs),
        answerMs: rounded(state.answerMs),
        hedgeDelayMs: rounded(state.hedgeDelayMs),
        share: requests === 0 ? 0 : rounded(traffic.requests / requests),
        ...traffic,
        address: formatIpv4(address),
        port,
      };
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

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1000) / 1000;
}

/** The relay's own metrics; `README.md` lists them. */
function relayMetrics({ config, tracker, wires, counts, now }: HealthParts): Metric[] {
  const perNode = (value: (node: NodeState) => number | null) => () =>
    tracker.states(now()).map((node): Sample => ({ labels: { node: String(node.id) }, value: value(node) ?? NaN }));
  const perInterface = (value: (wire: Wire) => number) => () =>
    wires.map((wire, index): Sample => ({
      labels: { interface: config.interfaces[index]?.name ?? "" },
      value: value(wire),
    }));
  const node = (name: string, help: string, value: (node: NodeState) => number | null): Metric => ({
    kind: name.endsWith("_total") ? "counter" : "gauge",
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
    node("ready", "1 while the node can serve.", ({ ready }) => Number(ready)),
    node("reachable", "1 while the node answers.", ({ reachable }) => Number(reachable)),
    node("chosen", "1 while requests go to the node.", ({ chosen }) => Number(chosen)),
    node("suspect", "1 while the node leaves DHCP requests unanswered.", ({ suspect }) => Number(suspect)),
    node("rtt_seconds", "Smoothed round-trip time.", ({ rttMs }) => seconds(rttMs)),
    node("rtt_deviation_seconds", "Its smoothed deviation (RFC 6298).", ({ deviationMs }) => seconds(deviationMs)),
    node("rtt_jitter_seconds", "Jitter (RFC 3550).", ({ jitterMs }) => seconds(jitterMs)),
    node("loss_ratio", "Share of the last probes that got no answer.", ({ loss }) => loss),
    node("answer_seconds", "Smoothed time from a request to the node's answer.", ({ answerMs }) => seconds(answerMs)),
    node("requests_total", "Requests sent to the node first.", ({ traffic }) => traffic.requests),
    node("hedges_total", "Requests sent to it as another node was silent.", ({ traffic }) => traffic.hedges),
    node("trials_total", "Copies sent to see whether it answers again.", ({ traffic }) => traffic.trials),
    node("answers_total", "Answers of the node.", ({ traffic }) => traffic.answers),
    node("late_answers_total", "Answers after another node had been asked.", ({ traffic }) => traffic.late),
    node("unanswered_total", "Requests that the node left unanswered.", ({ traffic }) => traffic.unanswered),
    node("delivered_total", "Answers of the node that went to clients.", ({ traffic }) => traffic.delivered),
    node("failovers_total", "How often the node was left as it failed.", ({ traffic }) => traffic.failovers),
  ];
}

function outcomeSamples(interfaceName: string, counts: OutcomeCounts | undefined): Sample[] {
  if (counts === undefined) return [];
  return OUTCOME_NAMES.map((outcome) => {
    const { path, result } = OUTCOMES[outcome];
    return { labels: { interface: interfaceName, path, result, outcome }, value: counts[outcome] };
  });
}
