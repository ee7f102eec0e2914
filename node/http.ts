/** The node over HTTP: readiness, status and metrics. */

import type { Hono } from "hono";
import { VERSION } from "../src/cli/version.ts";
import { healthApp } from "../src/http/health.ts";
import { type Metric, metricsRegistry, processMetrics } from "../src/http/metrics.ts";
import { logger } from "../src/log/configure.ts";
import { formatPrefix, formatRange } from "../src/net/ipv4.ts";
import type { Node } from "./node.ts";

/** The app of a node. */
export function nodeApp(node: Node): Hono {
  const log = logger("node", "http");
  const registry = metricsRegistry(metricsOf(node));
  return healthApp({
    ready: () => node.readiness(),
    status: () => statusOf(node),
    metrics: () => registry.metrics(),
    failed: (path, error) => log.error("GET {path} failed: {error}", { path, error: error.stack ?? error.message }),
  });
}

function statusOf(node: Node) {
  const { service, store, listeners } = node.parts;
  const { ready, reason } = node.readiness();
  const { id } = node.config.node;
  const uses = service.poolUse();
  return {
    id,
    version: VERSION,
    role: "standalone",
    term: 0,
    leader: id,
    quorum: true,
    ready,
    reason: reason ?? null,
    uptimeSeconds: Math.round((Date.now() - node.startedMs) / 1_000),
    revision: service.policy.config.revision,
    leases: { stored: service.table.size, pending: service.pending },
    subnets: service.policy.subnets.map((subnet) => ({
      subnet: formatPrefix(subnet.prefix),
      pools: uses.filter(({ pool }) => subnet.pools.includes(pool))
        .map(({ pool, use }) => ({ range: formatRange(pool.range), ...use })),
      reservations: subnet.config.reservations.length,
    })),
    sockets: {
      implementation: listeners?.kind ?? null,
      sendErrors: listeners?.sendErrors ?? null,
      dropped: listeners?.dropped ?? 0,
    },
    store: { ...store.health, ...store.counters },
    counters: node.counters,
  };
}

const REQUEST_TYPES = ["DISCOVER", "REQUEST", "DECLINE", "RELEASE", "INFORM"] as const;
const REPLY_TYPES = ["OFFER", "ACK", "NAK"] as const;

/** The counters of some keys: series that can never move are noise. */
function only<Key extends string>(counts: Readonly<Record<Key, number>>, keys: readonly Key[]): Record<string, number> {
  return Object.fromEntries(keys.map((key) => [key, counts[key]]));
}

function metricsOf(node: Node): Metric[] {
  const { counters } = node;
  const counter = (
    name: string,
    help: string,
    label: string,
    read: () => Readonly<Record<string, number>>,
  ): Metric => ({
    kind: "counter",
    name: `dhcpcluster_${name}_total`,
    help,
    label,
    read,
  });
  const plain = (name: string, help: string, read: () => number): Metric => ({
    kind: "counter",
    name: `dhcpcluster_${name}_total`,
    help,
    read,
  });
  return [
    ...processMetrics({ version: VERSION, startedMs: node.startedMs }),
    {
      kind: "gauge",
      name: "dhcpcluster_ready",
      help: "1 while this node can grant leases.",
      read: () => node.readiness().ready ? 1 : 0,
    },
    {
      kind: "gauge",
      name: "dhcpcluster_leases_stored",
      help: "Addresses that were ever leased.",
      read: () => node.parts.service.table.size,
    },
    {
      kind: "gauge",
      name: "dhcpcluster_pool_addresses",
      help: "Addresses of each pool by use.",
      labels: ["pool", "use"],
      read: () =>
        node.parts.service.poolUse().flatMap(({ pool, use }) =>
          Object.entries(use).filter(([name]) => name !== "addresses")
            .map(([name, value]) => ({ labels: { pool: formatRange(pool.range), use: name }, value }))
        ),
    },
    counter("requests_received", "Requests by message type.", "type", () => only(counters.received, REQUEST_TYPES)),
    counter("replies_sent", "Replies by message type.", "type", () => only(counters.sent, REPLY_TYPES)),
    counter("datagrams_undecodable", "Datagrams that are no DHCP message.", "kind", () => counters.undecodable),
    counter("requests_dropped", "Requests that got no answer.", "reason", () => counters.dropped),
    counter("grants_failed", "Leases that were proposed and not committed.", "reason", () => counters.failedGrants),
    plain("leases_granted", "Leases granted or extended.", () => counters.granted),
    plain("leases_released", "Leases ended by DHCPRELEASE.", () => counters.released),
    plain("leases_declined", "Addresses put to rest by DHCPDECLINE.", () => counters.declined),
    plain("replies_shortened", "Replies that lost options for lack of room.", () => counters.shortened),
    plain("requests_without_clock", "Requests dropped while the clock could not be used.", () => counters.clockless),
    plain("requests_without_store", "Requests dropped while the store could not be written.", () => counters.storeless),
    plain("requests_overrun", "Requests beyond what is held during a reload.", () => counters.overrun),
    plain("request_faults", "Requests on which the program itself failed.", () => counters.faults),
    plain("replies_unsent", "Replies the system did not take.", () => counters.unsent),
    plain("store_commits", "Commits to stable storage.", () => node.parts.store.counters.commits),
    plain("store_rows", "Rows committed to stable storage.", () => node.parts.store.counters.rows),
    plain("store_failures", "Commits that failed and were retried.", () => node.parts.store.counters.failures),
  ];
}
