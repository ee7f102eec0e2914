/** Readiness, status and metrics of the relay, read from the running parts on each request. */

import { toHex } from "../src/bytes/hex.ts";
import type { HttpAccess } from "../src/http/access/access.ts";
import { accessMetric } from "../src/http/access/metric.ts";
import type { Readiness } from "../src/http/health.ts";
import { type Metric, metricsRegistry, processMetrics, type Sample } from "../src/http/metrics.ts";
import { httpMetrics, type HttpTraffic } from "../src/http/traffic.ts";
import { formatIpv4, formatPrefix } from "../src/net/ipv4.ts";
import { VERSION } from "../src/cli/version.ts";
import { OUTCOME_NAMES, type OutcomeCounts, OUTCOMES } from "./forward/outcomes.ts";
import type { Conflicts } from "./conflicts.ts";
import type { Relay } from "./relay.ts";
import { gatewayIn, type Resolved } from "./resolve.ts";
import type { NodeState, NodeTracker } from "./select/tracker.ts";
import type { SocketErrors } from "./sockets/relay_sockets.ts";

/** The parts to read from. */
interface HealthParts {
  readonly service: {
    readonly resolved: Resolved;
    readonly tracker: NodeTracker;
    readonly relay: Pick<Relay, "counts" | "forwarder">;
    readonly sockets: { errorsOf(link: number): SocketErrors };
    readonly conflicts: Pick<Conflicts, "counts">;
  };
  /** Monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Unix time of the start, in milliseconds. */
  readonly startedMs: number;
  readonly traffic: HttpTraffic;
  readonly access: Pick<HttpAccess, "counts">;
}

/** What the relay's HTTP tells. */
interface RelayHealth {
  ready(): Readiness;
  status(): object;
  metrics(): Promise<string>;
}

/** Reads the parts when asked. */
export function relayHealth(parts: HealthParts): RelayHealth {
  const registry = metricsRegistry([
    ...relayMetrics(parts),
    ...httpMetrics("dhcpcluster_relay", parts.traffic),
    accessMetric("dhcpcluster_relay", parts.access),
    ...processMetrics({ version: VERSION, ...parts }),
  ]);
  return {
    ready: () => readiness(parts),
    status: () => status(parts),
    metrics: () => registry.metrics(),
  };
}

function readiness({ service: { tracker, resolved }, now }: HealthParts): Readiness {
  if (resolved.unusable.length === resolved.links.length) {
    return { ready: false, reason: resolved.unusable.map(({ message }) => message).join("; ") };
  }
  const reason = tracker.unreadiness(now());
  return reason === undefined ? { ready: true } : { ready: false, reason };
}

function status(parts: HealthParts): object {
  const { service: { relay, resolved }, now, startedMs } = parts;
  return {
    version: VERSION,
    ...readiness(parts),
    transactions: relay.forwarder.transactions,
    nodes: nodesStatus(parts),
    interfaces: interfacesStatus(parts),
    rogueServers: relay.forwarder.rogues.list().map((rogue) => ({
      interface: resolved.links[rogue.link]?.interface.name,
      server: formatIpv4(rogue.server),
      mac: rogue.mac === undefined ? null : toHex(rogue.mac, ":"),
      replies: rogue.replies,
      requests: rogue.requests,
      secondsAgo: Math.round((now() - rogue.lastSeenMs) / 1000),
    })),
    fullSubnets: fullSubnets(parts).map((network) => ({ ...network, subnet: formatPrefix(network.subnet) })),
    startedAt: new Date(startedMs).toISOString(),
  };
}

/** The subnets without a free address that clients of this relay are in, as the nodes say. */
function fullSubnets({ service: { tracker, resolved }, now }: HealthParts) {
  return tracker.fullNetworks(now()).flatMap((network) => {
    const links = resolved.links.filter((link) => gatewayIn(link, network.subnet));
    return links.length === 0 ? [] : [{ ...network, interfaces: links.map((link) => link.interface.name) }];
  });
}

function nodesStatus({ service: { tracker, resolved }, now }: HealthParts): object[] {
  const states = tracker.states(now());
  const requests = states.reduce((sum, { traffic }) => sum + traffic.requests, 0);
  return states.map(({ traffic, ...state }, index) => {
    const { address = 0, port = 0 } = resolved.forward.nodes[index] ?? {};
    return {
      ...state,
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
  });
}

function interfacesStatus({ service: { resolved, relay, sockets, conflicts } }: HealthParts): object[] {
  return resolved.links.map(({ interface: { name, gateways, trusted } }, index) => {
    const { receiveDrops, sendErrors } = sockets.errorsOf(index);
    return {
      name,
      up: gateways.length > 0,
      reason: resolved.unusable.find((absence) => absence.name === name)?.message ?? null,
      giaddr: gateways[0] === undefined ? null : formatIpv4(gateways[0].giaddr),
      giaddrs: gateways.map(({ giaddr }) => formatIpv4(giaddr)),
      trusted,
      receiveDrops,
      sendErrors: sendErrors.count,
      lastSendError: sendErrors.last ?? null,
      probed: conflicts.counts.get(name) ?? { clear: 0, used: 0 },
      datagrams: relay.counts[index],
    };
  });
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1000) / 1000;
}

/** The relay's own metrics; `README.md` lists them. */
function relayMetrics(parts: HealthParts): Metric[] {
  const { service, now } = parts;
  const names = () => service.resolved.links.map((link) => link.interface.name);
  const perNode = (value: (node: NodeState) => number | null) => () =>
    service.tracker.states(now()).map((node): Sample => ({
      labels: { node: String(node.id) },
      value: value(node) ?? NaN,
    }));
  const perInterface = (value: (link: number) => number) => () =>
    names().map((name, link): Sample => ({ labels: { interface: name }, value: value(link) }));
  const node = (name: string, help: string, value: (node: NodeState) => number | null): Metric => ({
    kind: name.endsWith("_total") ? "counter" : "gauge",
    name: `dhcpcluster_relay_node_${name}`,
    help,
    labels: ["node"],
    read: perNode(value),
  });
  const link = (name: string, help: string, value: (link: number) => number): Metric => ({
    kind: name.endsWith("_total") ? "counter" : "gauge",
    name: `dhcpcluster_relay_${name}`,
    help,
    labels: ["interface"],
    read: perInterface(value),
  });
  const trouble = (index: number) => service.sockets.errorsOf(index);
  return [
    {
      kind: "counter",
      name: "dhcpcluster_relay_datagrams_total",
      help: "Datagrams by client interface, direction, result and outcome.",
      labels: ["interface", "path", "result", "outcome"],
      read: () => names().flatMap((name, index) => outcomeSamples(name, service.relay.counts[index])),
    },
    link(
      "receive_drops_total",
      "Datagrams dropped by the kernel because a receive buffer was full.",
      (index) => trouble(index).receiveDrops,
    ),
    link("send_errors_total", "Datagrams the kernel refused to send.", (index) => trouble(index).sendErrors.count),
    link(
      "interface_up",
      "1 while the interface exists and has an IPv4 address.",
      (index) => Number((service.resolved.links[index]?.interface.gateways.length ?? 0) > 0),
    ),
    {
      kind: "counter",
      name: "dhcpcluster_relay_probes_total",
      help: "Free addresses probed for the nodes, by whether a host used them.",
      labels: ["interface", "result"],
      read: () =>
        [...service.conflicts.counts].flatMap(([name, counts]) =>
          Object.entries(counts).map(([result, value]) => ({ labels: { interface: name, result }, value }))
        ),
    },
    link(
      "strangers_per_second",
      "Messages of clients without a lease through this relay.",
      (index) => service.relay.forwarder.strangersPerSecond(index, now()),
    ),
    link(
      "rogue_sightings_total",
      "Sightings of rogue DHCP servers on the clients' link.",
      (index) => service.relay.forwarder.rogues.count(index),
    ),
    {
      kind: "gauge",
      name: "dhcpcluster_relay_interface_subnet_full",
      help: "1 while nodes say that a subnet of the interface's clients has no free address.",
      labels: ["interface"],
      read: () => {
        const full = new Set(fullSubnets(parts).flatMap(({ interfaces }) => interfaces));
        return names().map((name): Sample => ({ labels: { interface: name }, value: Number(full.has(name)) }));
      },
    },
    {
      kind: "gauge",
      name: "dhcpcluster_relay_transactions",
      help: "Transactions in memory.",
      read: () => service.relay.forwarder.transactions,
    },
    node("ready", "1 while the node can serve.", ({ ready }) => Number(ready)),
    node("reachable", "1 while the node answers ping, HTTP or DHCP.", ({ reachable }) => Number(reachable)),
    node("chosen", "1 while requests go to the node.", ({ chosen }) => Number(chosen)),
    node(
      "suspect",
      "1 while the node leaves requests unanswered that it should answer.",
      ({ suspect }) => Number(suspect),
    ),
    node("rtt_seconds", "Smoothed round-trip time.", ({ rttMs }) => seconds(rttMs)),
    node("rtt_deviation_seconds", "Smoothed RTT deviation (RFC 6298).", ({ deviationMs }) => seconds(deviationMs)),
    node("rtt_jitter_seconds", "Jitter (RFC 3550).", ({ jitterMs }) => seconds(jitterMs)),
    node("loss_ratio", "Share of the last 20 probes that were lost.", ({ loss }) => loss),
    node("answer_seconds", "Smoothed time from a request to the node's answer.", ({ answerMs }) => seconds(answerMs)),
    node("requests_total", "Requests sent to the node first.", ({ traffic }) => traffic.requests),
    node("hedges_total", "Hedges: sent to it because another node was silent.", ({ traffic }) => traffic.hedges),
    node("trials_total", "Trials: copies of requests sent to a suspect.", ({ traffic }) => traffic.trials),
    node("answers_total", "Answers of the node.", ({ traffic }) => traffic.answers),
    node("late_answers_total", "Answers after the request had been hedged.", ({ traffic }) => traffic.late),
    node("unanswered_total", "Requests without an answer within 250 ms.", ({ traffic }) => traffic.unanswered),
    node("delivered_total", "Answers of the node delivered to clients.", ({ traffic }) => traffic.delivered),
    node("failovers_total", "Failovers: it lost the choice, not healthy.", ({ traffic }) => traffic.failovers),
  ];
}

function outcomeSamples(interfaceName: string, counts: OutcomeCounts | undefined): Sample[] {
  if (counts === undefined) return [];
  return OUTCOME_NAMES.map((outcome) => {
    const { path, result } = OUTCOMES[outcome];
    return { labels: { interface: interfaceName, path, result, outcome }, value: counts[outcome] };
  });
}
