/** What Prometheus is told of a node. */

import { VERSION } from "../../src/cli/version.ts";
import { LINK_LIMITS } from "../../src/dhcp/server/link_budgets.ts";
import { type Metric, processMetrics } from "../../src/http/metrics.ts";
import { formatPrefix, formatRange } from "../../src/net/ipv4.ts";
import { readClocks } from "../clocks.ts";
import type { Node } from "../node.ts";

const REQUEST_TYPES = ["DISCOVER", "REQUEST", "DECLINE", "RELEASE", "INFORM"] as const;
const REPLY_TYPES = ["OFFER", "ACK", "NAK"] as const;

/** The counters of some keys: series that can never move are noise. */
function only<Key extends string>(counts: Readonly<Record<Key, number>>, keys: readonly Key[]): Record<string, number> {
  return Object.fromEntries(keys.map((key) => [key, counts[key]]));
}

function gauge(name: string, help: string, read: () => number): Metric {
  return { kind: "gauge", name: `dhcpcluster_${name}`, help, read };
}

function plain(name: string, help: string, read: () => number): Metric {
  return { kind: "counter", name: `dhcpcluster_${name}_total`, help, read };
}

/** A counter for each value of a label. */
function counter(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): Metric {
  return { kind: "counter", name: `dhcpcluster_${name}_total`, help, label, read };
}

/** All metrics of a node. */
export function nodeMetrics(node: Node): Metric[] {
  const { counters } = node;
  const links = () => node.parts.service.linkReports();
  return [
    ...processMetrics({ version: VERSION, startedMs: node.startedMs }),
    gauge("ready", "1 while this node can grant leases.", () => node.readiness().ready ? 1 : 0),
    gauge("healthy", "1 while this node serves, or is a witness that votes.", () => {
      const { ready, healthy = ready } = node.readiness();
      return healthy ? 1 : 0;
    }),
    gauge("witness", "1 on a witness, which is never ready.", () => Number(node.config.node.witness)),
    gauge("renewals_only_seconds", "How long only renewals are served (members reset); 0: all are.", () => {
      const now = readClocks();
      const { member } = node.parts;
      if (!member.isRenewalsOnly(now)) return 0;
      return Math.max(1, Math.ceil((member.membership.renewalsOnlyUntil - now.wallMs) / 1_000));
    }),
    ...clusterMetrics(node),
    gauge("leases_stored", "Addresses that were ever leased.", () => node.parts.service.table.size),
    {
      kind: "gauge",
      name: "dhcpcluster_pool_addresses",
      help: "Addresses of each pool by use.",
      labels: ["pool", "use"],
      *read() {
        for (const { pool, use } of node.parts.service.poolUse()) {
          const range = formatRange(pool.range);
          for (const [name, value] of Object.entries(use)) {
            if (name !== "addresses") yield { labels: { pool: range, use: name }, value };
          }
        }
      },
    },
    {
      kind: "gauge",
      name: "dhcpcluster_range_free_addresses",
      help: "Addresses of each pool that this node can give from its own share.",
      labels: ["pool"],
      *read() {
        const { compiled, table } = node.parts.service;
        for (const { number, range } of compiled.pools) {
          yield { labels: { pool: formatRange(range) }, value: table.freeOwned(number) };
        }
      },
    },
    {
      kind: "gauge",
      name: "dhcpcluster_interface_up",
      help: "1 while an interface with clients of the node's own exists and has an IPv4 address.",
      labels: ["interface"],
      read: () =>
        (node.parts.listeners?.interfaces ?? []).map(({ name, problem }) => ({
          labels: { interface: name },
          value: Number(problem === undefined),
        })),
    },
    gauge("drained", "1 while an operator has taken this node out.", () => Number(node.drained)),
    gauge(
      "config_revision",
      "Revision of the service section that is served; 0 while none is known.",
      () => node.parts.member.configuration?.revision ?? 0,
    ),
    gauge(
      "problems",
      "Things that are wrong now and say in /status what to do.",
      () => node.notices.problems(node.parts.transport?.problems() ?? []).length,
    ),
    gauge(
      "clock_stepped_seconds",
      "After the clock was set ahead, addresses become free this much later, for the longest lease time.",
      () => node.parts.member.stepped.steppedMs / 1_000,
    ),
    plain(
      "clock_steps",
      "Times that the clock was set by more than the nodes' clocks may differ.",
      () => node.notices.counters.clockSet ?? 0,
    ),
    {
      kind: "histogram",
      name: "dhcpcluster_commit_duration_seconds",
      help: "From a proposed lease to a majority having it on disk.",
      read: () => counters.commits,
    },
    {
      kind: "histogram",
      name: "dhcpcluster_answer_duration_seconds",
      help: "From a request to its answer, in this node.",
      read: () => counters.answers,
    },
    counter("requests_received", "Requests by message type.", "type", () => only(counters.received, REQUEST_TYPES)),
    counter("replies_sent", "Replies by message type.", "type", () => only(counters.sent, REPLY_TYPES)),
    counter("datagrams_undecodable", "Datagrams that are no DHCP message.", "kind", () => counters.undecodable),
    counter("requests_dropped", "Requests that got no answer.", "reason", () => counters.dropped),
    {
      kind: "counter",
      name: "dhcpcluster_discovers_unanswered_total",
      help: "DHCPDISCOVERs that got no answer because no address of their subnet was free.",
      labels: ["subnet"],
      *read() {
        for (const { prefix } of node.parts.service.compiled.subnets) {
          yield { labels: { subnet: formatPrefix(prefix) }, value: counters.fullSubnets.unanswered(prefix) };
        }
      },
    },
    {
      kind: "counter",
      name: "dhcpcluster_link_dropped_total",
      help: "Requests dropped because their link exceeds a limit.",
      labels: ["link", "limit"],
      read: () =>
        links().flatMap(({ link, dropped }) =>
          LINK_LIMITS.map((limit) => ({ labels: { link, limit }, value: dropped[limit] }))
        ),
    },
    {
      kind: "gauge",
      name: "dhcpcluster_link_strangers_per_second",
      help: "Messages of clients without a lease or a record, on links that exceeded a limit.",
      labels: ["link"],
      read: () => links().map(({ link, perSecond }) => ({ labels: { link }, value: perSecond })),
    },
    counter("grants_failed", "Leases that were proposed and not committed.", "reason", () => counters.failedGrants),
    plain("leases_granted", "Leases granted or extended.", () => counters.granted),
    plain("leases_released", "Leases ended by DHCPRELEASE.", () => counters.released),
    plain("leases_declined", "Addresses put to rest by DHCPDECLINE.", () => counters.declined),
    counter(
      "conflicts",
      "Free addresses that a host used without a lease, by what followed (conflictDetection).",
      "result",
      () => counters.conflicts,
    ),
    {
      kind: "gauge",
      name: "dhcpcluster_range_probed_addresses",
      help: "Free addresses of each pool that no host answered for, which are offered next (conflictDetection).",
      labels: ["pool"],
      *read() {
        const { compiled } = node.parts.service;
        for (const { number, range } of compiled.pools) {
          yield { labels: { pool: formatRange(range) }, value: node.parts.service.probedIn(number) };
        }
      },
    },
    counter(
      "rests_shortened",
      "Declined addresses whose rest is short, as the client, the circuit or the pool has too many.",
      "limit",
      () => counters.restsShortened,
    ),
    plain(
      "rests_ended",
      "Declined addresses used before their rest was over, as nothing else was free.",
      () => counters.restsEnded,
    ),
    plain("replies_shortened", "Replies that lost options for lack of room.", () => counters.shortened),
    counter(
      "requests_unserved",
      "Requests that came while this node did not serve.",
      "reason",
      () => counters.unserved,
    ),
    plain("request_faults", "Requests on which the program itself failed.", () => counters.faults),
    plain("replies_unsent", "Replies the system did not take.", () => counters.unsent),
    plain("store_commits", "Commits to stable storage.", () => node.parts.store.counters.commits),
    plain("store_rows", "Rows committed to stable storage.", () => node.parts.store.counters.rows),
    plain("store_failures", "Commits that failed and were retried.", () => node.parts.store.counters.failures),
  ];
}

const ROLES = ["leader", "follower", "candidate", "standalone"] as const;

function clusterMetrics(node: Node): Metric[] {
  const member = () => node.parts.member;
  const perMember = (
    name: string,
    help: string,
    read: (peer: ReturnType<Node["parts"]["member"]["peers"]>[number]) => number,
  ): Metric => ({
    kind: "gauge",
    name: `dhcpcluster_${name}`,
    help,
    labels: ["member"],
    read: () =>
      member().peers(readClocks()).map((peer) => ({ labels: { member: String(peer.id) }, value: read(peer) })),
  });
  return [
    gauge("term", "Term of the leader this node follows.", () => member().term),
    gauge("leader", "Id of the leader; 0 while there is none.", () => member().leader ?? 0),
    gauge("quorum", "1 while this node knows of a quorum.", () => member().hasQuorum(readClocks()) ? 1 : 0),
    gauge("epoch", "Epoch of the membership.", () => member().membership.epoch),
    {
      kind: "gauge",
      name: "dhcpcluster_role",
      help: "1 for the role this node has.",
      labels: ["role"],
      read: () => ROLES.map((role) => ({ labels: { role }, value: member().role === role ? 1 : 0 })),
    },
    perMember("member_present", "1 while this node hears the member.", ({ live }) => live ? 1 : 0),
    perMember("member_lag", "Records of this node that the member has not said it has.", ({ said }) => {
      const mine = said?.seen.find(({ origin }) => origin === node.config.node.id);
      return mine === undefined ? 0 : Math.max(0, member().positions.own - mine.sequence);
    }),
    perMember(
      "member_clock_offset_seconds",
      "The member's clock less this node's.",
      ({ clock }) => (clock?.offsetMs ?? 0) / 1_000,
    ),
    perMember(
      "member_last_seen_seconds",
      "How long ago the member was last heard.",
      ({ lastSeenMs }) => lastSeenMs === undefined ? NaN : (readClocks().monotonicMs - lastSeenMs) / 1_000,
    ),
    counter(
      "replication",
      "Batches, records and answers of the lease streams.",
      "what",
      () => ({ ...member().counters }),
    ),
    counter(
      "cluster_refused",
      "Cluster messages that were dropped.",
      "reason",
      () => node.parts.transport?.refused ?? {},
    ),
    gauge(
      "members_sent_unicast",
      "Members that do not hear this node's multicast and are sent unicast.",
      () => node.parts.transport?.sentUnicast ?? 0,
    ),
    counter("cluster_datagrams", "Datagrams of the cluster.", "what", () => ({ ...node.parts.transport?.counters })),
  ];
}
