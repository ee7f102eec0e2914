/** Commands that read: `status`, `leases`, `ranges`, `audit`. */

import type { z } from "zod";
import { EXIT } from "../../src/cli/arguments.ts";
import type { CommandSpec } from "../../src/cli/commands.ts";
import { jsonText, span, table } from "../../src/cli/table.ts";
import { printable } from "../../src/unseen.ts";
import { type Lease, LEASE_STATES } from "../admin/leases.ts";
import type { describeRanges } from "../admin/ranges.ts";
import { membersTable } from "./members_table.ts";
import { AUDIT } from "../admin/audit_route.ts";
import type { nodeStatus } from "../admin/status.ts";
import { ADMIN_OPTIONS, adminClient, bodyOf, JSON_OPTION } from "./admin_client.ts";

type Status = ReturnType<typeof nodeStatus>;
type Ranges = ReturnType<typeof describeRanges>;

const status: CommandSpec = {
  name: "status",
  summary: "State of the node and the cluster; exits 0 when this node serves (a witness: when it votes), else 1",
  options: [...ADMIN_OPTIONS, JSON_OPTION],
  examples: ["status", "status --url http://10.99.0.12:8067", "status --json | jq .cluster.members"],
  run: async (call) => {
    const send = await adminClient(call);
    const status = bodyOf<Status>(await send({ path: "/status" }));
    if (status.cluster === undefined) {
      throw new Error(
        "this is not a node: use a node's address and http.port; for relays use dhcpcluster-relay status",
      );
    }
    call.print(call.options.json === true ? jsonText(status) : describeStatus(status));
    // An older release has no `healthy`.
    return status.healthy ?? status.ready ? EXIT.ok : EXIT.failure;
  },
};

/** The state for people. */
function describeStatus(status: Status): string {
  const { cluster, subnets } = status;
  const serving = cluster.members.filter(({ present, ready }) => present && ready === true).length;
  const servers = cluster.members.filter(({ witness }) => witness !== true).length;
  const what = status.ready
    ? (status.reason ?? "serves")
    : status.witness && status.healthy
    ? status.reason
    : `does NOT ${status.witness ? "vote" : "serve"}: ${status.reason}`;
  const lead = status.role === "standalone"
    ? "it serves alone"
    : status.leader === null
    ? "no leader"
    : `node ${status.leader} leads (term ${status.term})`;
  const pools = subnets.flatMap(({ subnet, pools }) =>
    pools.map(({ range, addresses, bound, free }) => [
      subnet,
      range,
      String(addresses),
      String(bound),
      String(free),
      percent(bound, addresses),
    ])
  );
  return [
    `Node ${status.id}: ${what}`,
    `${serving} of ${servers} nodes serve; ${lead}; ` +
    `${status.quorum ? "majority present" : "NO majority"}`,
    `Configuration revision ${status.revision ?? "unknown"}; ${status.leases.stored} leases stored; ` +
    `version ${status.version}, up ${span(status.uptimeSeconds)}`,
    // A node of an earlier release says nothing of it.
    ...(status.clock?.note ? [printable(status.clock.note)] : []),
    ...cluster.problems.map(({ message }) => `Problem: ${printable(message)}`),
    "",
    membersTable(status),
    "",
    ...table(["subnet", "pool", "addresses", "leased", "free", "used"], pools, {
      right: ["addresses", "leased", "free", "used"],
    }),
  ].join("\n").trimEnd();
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "" : `${Math.round(100 * part / whole)} %`;
}

const PAGE = 1_000;

const leases: CommandSpec = {
  name: "leases",
  summary: "List leases",
  options: [
    ...ADMIN_OPTIONS,
    JSON_OPTION,
    { flags: "--state <state>", description: "which leases", default: "bound", choices: [...LEASE_STATES, "all"] },
    { flags: "--address <addresses>", description: "an address, a prefix (10.77.0.0/16 or 10.77.) or a range" },
    {
      flags: "--client <octets>",
      description: "hardware address or client identifier in hexadecimal, or its first octets",
    },
    { flags: "--hostname <part>", description: "part of the host name" },
    { flags: "--subnet <prefix>", description: "a subnet, such as 10.77.0.0/16" },
    { flags: "--limit <count>", description: "maximum number; 0: all", default: "100" },
  ],
  examples: ["leases", "leases --hostname printer", "leases --client 02:00:00 --state all", "leases --limit 0 --json"],
  run: async (call) => {
    const send = await adminClient(call);
    const { options } = call;
    const limit = Number(options.limit);
    if (!Number.isInteger(limit) || limit < 0) throw new Error("--limit must be a whole number");
    const given = ["state", "address", "client", "hostname", "subnet"].flatMap((key): [string, string][] => {
      const value = options[key];
      return typeof value === "string" ? [[key, value]] : [];
    });
    const found: Lease[] = [];
    let next: string | null = null;
    do {
      const left = limit === 0 ? PAGE : Math.min(PAGE, limit - found.length);
      const query = new URLSearchParams([
        ...given,
        ["limit", String(left)],
        ...(next === null ? [] : [["after", next]]),
      ]);
      const page: { leases: Lease[]; next: string | null } = bodyOf(await send({ path: `/leases?${query}` }));
      found.push(...page.leases);
      next = page.next;
    } while (next !== null && (limit === 0 || found.length < limit));
    if (options.json === true) call.print(jsonText(found));
    else {
      call.print(describeLeases(found));
      if (next !== null) call.warn(`More leases follow ${next}: --limit 0 shows all`);
    }
    return EXIT.ok;
  },
};

/** Leases for people. */
function describeLeases(leases: readonly Lease[]): string {
  if (leases.length === 0) return "No lease matches.";
  const rows = leases.map(({ address, state, client, hostname, remainingSeconds, expires, restsUntil, node }) => [
    address,
    client.chaddr,
    client.identifier === null ? "" : client.identifier,
    printable(hostname ?? ""),
    state === "bound" ? (remainingSeconds > 0 ? `${span(remainingSeconds)} left` : "running") : state,
    // A node of an earlier release does not say how long an address rests.
    (restsUntil ?? expires)?.slice(0, 19).replace("T", " ") ?? "",
    String(node),
  ]);
  return table(["address", "hardware", "client id", "host name", "state", "until (UTC)", "node"], rows).join("\n");
}

const ranges: CommandSpec = {
  name: "ranges",
  summary: "Pool usage, and the ranges that each node allocates from (complete on the leader)",
  options: [...ADMIN_OPTIONS, JSON_OPTION],
  examples: ["ranges", "ranges --json"],
  run: async (call) => {
    const send = await adminClient(call);
    const answer = bodyOf<Ranges>(await send({ path: "/ranges" }));
    call.print(call.options.json === true ? jsonText(answer) : describeShares(answer));
    return EXIT.ok;
  },
};

/** Pools and shares for people. */
function describeShares({ pools }: Ranges): string {
  const blocks = pools.map(({ range, subnet, use, nodes }) =>
    [
      `${range} in ${subnet}: ${use.bound} leased, ${use.free} free, ${use.offered} offered, ` +
      `${use.reserved} reserved, ${use.resting} resting (${percent(use.bound, use.addresses)} used)`,
      ...table(
        ["  node", "addresses", "free", "ranges"],
        nodes.map(({ id, addresses, free, ranges }) => {
          const more = ranges.length > RANGES_SHOWN ? `, and ${ranges.length - RANGES_SHOWN} more` : "";
          return [`  ${id}`, String(addresses), String(free), `${ranges.slice(0, RANGES_SHOWN).join(", ")}${more}`];
        }),
        { right: ["addresses", "free"] },
      ),
    ].join("\n")
  );
  return blocks.length === 0 ? "This node has no configuration yet." : blocks.join("\n\n");
}

const RANGES_SHOWN = 3;

const audit: CommandSpec = {
  name: "audit",
  summary: "The newest changes on this node: who, when, from where, what",
  options: [
    ...ADMIN_OPTIONS,
    { flags: "--limit <number>", description: "how many", default: "20" },
    { flags: "--json", description: "print a JSON object per line" },
  ],
  examples: ["audit", "audit --limit 1000 --json | jq 'select(.status != 200)'"],
  run: async (call) => {
    const send = await adminClient(call);
    const path = `/audit?limit=${encodeURIComponent(String(call.options.limit))}`;
    const { entries } = AUDIT.parse(bodyOf(await send({ path })));
    call.print(
      call.options.json === true ? entries.map((entry) => JSON.stringify(entry)).join("\n") : auditTable(entries),
    );
    return EXIT.ok;
  },
};

/** Entries for people. */
function auditTable(entries: z.output<typeof AUDIT>["entries"]): string {
  if (entries.length === 0) return "No changes are noted on this node.";
  const rows = entries.map(({ time, who, role, from, action, request, status }) => [
    time.slice(0, 19).replace("T", " "),
    printable(who),
    role,
    printable(from),
    printable(action),
    status === 200 ? "done" : `refused (${status})`,
    request === undefined ? "" : printable(JSON.stringify(request).slice(0, 120)),
  ]);
  return table(["time (UTC)", "who", "role", "from", "action", "outcome", "request"], rows).join("\n");
}

export const SHOW_COMMANDS: readonly CommandSpec[] = [status, leases, ranges, audit];
