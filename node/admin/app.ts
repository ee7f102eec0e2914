/**
 * The node over HTTP: one app for the network, where commands need a token, and one for the Unix socket, where they
 * don't. What it can be asked is in the route files of this folder, and described at `/openapi.json`.
 */

import { z } from "zod";
import { VERSION } from "../../src/cli/version.ts";
import type { Guards, HttpAccess } from "../../src/http/access/access.ts";
import { serveDashboard } from "../../src/http/dashboard/serve.ts";
import { CachedAnswer } from "../../src/http/cached_answer.ts";
import { healthApp, type HttpApp } from "../../src/http/health.ts";
import { metricsRegistry } from "../../src/http/metrics.ts";
import { openApi } from "../../src/http/openapi.ts";
import { type Change, mount, type Route, route } from "../../src/http/routes.ts";
import { httpMetrics, type HttpTraffic } from "../../src/http/traffic.ts";
import { accessMetric } from "../../src/http/access/metric.ts";
import type { AuditLog } from "./audit.ts";
import { auditRoute, entryOf } from "./audit_route.ts";
import { logger } from "../../src/log/configure.ts";
import PAGE from "../dashboard/index.html" with { type: "text" };
import SCRIPT from "../dashboard/page.js" with { type: "text" };
import { nodeMetrics } from "./metrics.ts";
import { readClocks } from "../clocks.ts";
import type { Node } from "../node.ts";
import { Operations } from "./operations.ts";
import { interfaceStatus } from "./status.ts";
import { type EventFeed, eventRoutes } from "./events.ts";
import { leaseRoutes } from "./leases.ts";
import { operationRoutes } from "./operation_routes.ts";
import { rangeRoutes } from "./ranges.ts";

/** Makes apps of one node that differ in who may give commands. */
export function nodeApps(
  node: Node,
  { status, feed, audit, access, traffic }: {
    readonly status: CachedAnswer;
    readonly feed: EventFeed;
    readonly audit: AuditLog;
    readonly access: HttpAccess;
    readonly traffic: HttpTraffic;
  },
): (guards: Guards) => HttpApp {
  const log = logger("node", "http");
  const registry = metricsRegistry([
    ...nodeMetrics(node),
    ...httpMetrics("dhcpcluster", traffic),
    accessMetric("dhcpcluster", access),
  ]);
  const metrics = new CachedAnswer(async () => {
    await node.parts.service.countPools();
    return new TextEncoder().encode(await registry.metrics());
  });
  const routes = nodeRoutes(node, feed, audit);
  const changed = (change: Change) => audit.add(entryOf(change));
  return (guards) => {
    const app = healthApp({
      ready: () => node.readiness(),
      readyDetail: () => readyDetail(node),
      status,
      metrics,
      failed: (path, error) => log.error("{path} failed: {error}", { path, error: error.stack ?? error.message }),
    }, guards);
    mount(app, routes, { guards, changed });
    serveDashboard(app, { "/": PAGE, "/assets/page.js": SCRIPT });
    return app;
  };
}

/** Everything but what `healthApp` has. */
function nodeRoutes(node: Node, feed: EventFeed, audit: AuditLog): Route[] {
  const routes = [
    ...leaseRoutes(node),
    ...rangeRoutes(node),
    ...eventRoutes(feed),
    ...operationRoutes(new Operations(node)),
    auditRoute(audit),
  ];
  return [
    ...routes,
    route({
      method: "get",
      path: "/openapi.json",
      access: "read",
      summary: "This description.",
      handle: () => ({ body: describeNodeApi(routes) }),
    }),
  ];
}

/** The OpenAPI document of a node. */
function describeNodeApi(routes: readonly Route[]): object {
  const info = {
    title: "dhcpcluster-node",
    version: VERSION,
    description:
      "Leases, ranges and state of a node of a DHCP cluster, and commands to it. Commands over the network " +
      "need a token of the role that each names; over the Unix socket in its state directory they don't.",
  };
  return openApi(info, [...HEALTH, ...routes]);
}

/** What this node leaves unanswered on purpose, which relays read, and the interfaces that it can't use. */
function readyDetail({ counters: { dropped, fullSubnets, shedSubnets }, parts: { listeners } }: Node): object {
  const reasons = Object.entries(dropped).filter(([, count]) => count > 0);
  const { monotonicMs } = readClocks();
  const unusable = listeners?.interfaces.filter(({ problem }) => problem !== undefined) ?? [];
  return {
    ...(unusable.length === 0 ? {} : { interfaces: unusable.map(interfaceStatus) }),
    probes: true,
    unanswered: Object.fromEntries(reasons),
    full: fullSubnets.list(monotonicMs),
    shed: shedSubnets.list(monotonicMs),
  };
}

function subnets(unanswered: string) {
  return z.array(z.object({ subnet: z.string(), unanswered: z.number().describe(unanswered) }));
}

const READINESS = z.object({
  ready: z.boolean(),
  reason: z.string().optional(),
  interfaces: z.array(z.object({ name: z.string(), up: z.boolean(), reason: z.string().nullable() }))
    .describe("Interfaces with clients of the node's own that can't be used now.").optional(),
  probes: z.boolean().describe("Relays may ask it which addresses to probe (conflict detection)."),
  unanswered: z.record(z.string(), z.number())
    .describe("Requests that got no answer on purpose since the start, by reason."),
  full: subnets("DHCPDISCOVERs without an answer since the start.")
    .describe("Subnets without a free address for a client in the last minute, the latest first."),
  shed: subnets("Requests dropped since the start.")
    .describe("Subnets in which strangers exceeded a limit in the last minute, the latest first."),
});

/** What `healthApp` has. */
const HEALTH: readonly Route[] = [
  { path: "/healthz", summary: "Whether the process runs.", answer: z.object({ alive: z.literal(true) }) },
  { path: "/readyz", summary: "Whether this node can grant leases; else 503 with the reason.", answer: READINESS },
  { path: "/status", summary: "The whole state of the node.", answer: z.record(z.string(), z.unknown()) },
  { path: "/metrics", summary: "Metrics in the Prometheus text format." },
].map((spec) => ({ ...spec, method: "get", access: "read", handle: () => new Response() }) as Route);
