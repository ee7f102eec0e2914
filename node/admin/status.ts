/** What `/status` shows of a node, and `dhcpcluster-node members` prints. */

import { rangesOf } from "../../src/cluster/leadership/pool_split.ts";
import { VERSION } from "../../src/cli/version.ts";
import { CachedAnswer } from "../../src/http/cached_answer.ts";
import { jsonInSlices, lazyList } from "../../src/http/json.ts";
import type { LatencyHistogram } from "../../src/http/histogram.ts";
import { formatIpv4, formatPrefix, formatRange } from "../../src/net/ipv4.ts";
import { readClocks } from "../clocks.ts";
import { explainStepped } from "./operator_log.ts";
import type { AttachedState } from "../dhcp/attached.ts";
import type { Node } from "../node.ts";

/** The octets of `/status`, made in slices. */
export function statusAnswer(node: Node): CachedAnswer {
  return new CachedAnswer(async () => {
    await node.parts.service.countPools();
    return await jsonInSlices(nodeStatus(node));
  });
}

/** The whole state as plain values; its long lists are made when they are written. */
export function nodeStatus(node: Node) {
  const { service, store, listeners, member } = node.parts;
  const { ready, healthy = ready, reason } = node.readiness();
  const { id } = node.config.node;
  const uses = new Map(service.poolUse().map(({ pool, use }) => [pool, use]));
  const now = readClocks();
  return {
    id,
    version: VERSION,
    role: member.role,
    term: member.term,
    leader: member.leader ?? null,
    quorum: member.hasQuorum(now),
    ready,
    /** It does what it is for: serves, or is a witness that votes. */
    healthy,
    witness: node.config.node.witness,
    renewalsOnlyUntil: member.isRenewalsOnly(now) ? new Date(member.membership.renewalsOnlyUntil).toISOString() : null,
    drained: node.drained,
    reason: reason ?? null,
    uptimeSeconds: Math.round((Date.now() - node.startedMs) / 1_000),
    revision: member.configuration?.revision ?? null,
    leases: { stored: service.table.size, pending: member.pending },
    subnets: listed(service.compiled.subnets, (subnet) => ({
      subnet: formatPrefix(subnet.prefix),
      sharedNetwork: subnet.network.name ?? null,
      pools: subnet.pools.flatMap((pool) => {
        const use = uses.get(pool);
        const probed = service.probedIn(pool.number);
        return use === undefined ? [] : [{ range: formatRange(pool.range), ...use, probed }];
      }),
      reservations: subnet.reservations,
      unanswered: node.counters.fullSubnets.unanswered(subnet.prefix),
    })),
    latency: {
      commits: latencyStatus(node.counters.commits),
      answers: latencyStatus(node.counters.answers),
    },
    clock: clockStatus(node),
    cluster: clusterStatus(node),
    interfaces: listeners?.interfaces.map(interfaceStatus) ?? [],
    sockets: {
      implementation: listeners?.kind ?? null,
      sendErrors: listeners?.sendErrors ?? null,
      dropped: listeners?.dropped ?? 0,
    },
    store: { ...store.health, ...store.counters },
    counters: countersStatus(node),
  };
}

/** One entry for each: made when it is written. */
function listed<Item, Entry>(items: readonly Item[], describe: (item: Item, index: number) => Entry): readonly Entry[] {
  return lazyList(function* () {
    for (const [index, item] of items.entries()) yield describe(item, index);
  });
}

/** An interface with clients of the node's own. */
export function interfaceStatus({ name, addresses, problem }: AttachedState) {
  const [primary] = addresses;
  return {
    name,
    up: problem === undefined,
    reason: problem ?? null,
    /** The server identifier there. */
    address: primary === undefined ? null : formatIpv4(primary.address),
    addresses: addresses.map(({ address, prefixLength }) => `${formatIpv4(address)}/${prefixLength}`),
  };
}

function clockStatus({ parts: { member }, notices }: Node) {
  const { steppedMs, untilMs } = member.stepped;
  return {
    fault: member.clockFault(readClocks()) ?? null,
    /** How often it was set by more than the nodes' clocks may differ, since the start. */
    steps: notices.counters.clockSet ?? 0,
    /** After steps ahead, addresses become free this much later, until then. */
    steppedSeconds: Math.round(steppedMs / 1_000),
    steppedUntil: steppedMs === 0 ? null : new Date(untilMs).toISOString(),
    note: steppedMs === 0 ? null : `The clock was set: ${explainStepped(member.stepped)}`,
  };
}

/** Of the last ten seconds. */
function latencyStatus(histogram: LatencyHistogram) {
  const { count, p50Ms, p99Ms } = histogram.recent(performance.now());
  return { count, p50Ms: p50Ms ?? null, p99Ms: p99Ms ?? null };
}

function countersStatus(
  { counters: { commits: _commits, answers: _answers, fullSubnets: _full, shedSubnets: _shed, ...counters } }: Node,
) {
  return counters;
}

function clusterStatus(node: Node) {
  const { member, transport, service } = node.parts;
  const now = readClocks();
  const { membership, positions, ranges, identity, divisions } = member;
  return {
    epoch: membership.epoch,
    complete: membership.complete,
    unsettled: membership.unsettled,
    disk: identity.diskId,
    synced: member.synced,
    slots: member.slotState,
    members: membership.members.map(({ id, address }) => {
      const peer = member.peers(now).find((peer) => peer.id === id);
      const self = { id, address: formatIpv4(address), self: peer === undefined };
      if (peer === undefined) {
        const { ready } = node.readiness();
        return { ...self, present: true, ready, synced: member.synced, witness: node.config.node.witness };
      }
      const { live, lastSeenMs, incarnation, clock, said, received } = peer;
      const mine = said?.seen.find((position) => position.origin === node.config.node.id);
      return {
        ...self,
        present: live,
        lastSeenMs: lastSeenMs === undefined ? null : now.monotonicMs - lastSeenMs,
        incarnation: incarnation ?? null,
        // The last heartbeat of a silent member says nothing of now.
        ready: live ? said?.ready ?? null : null,
        synced: said?.synced ?? null,
        witness: said?.witness ?? false,
        settled: said?.settled ?? null,
        revision: said?.revision ?? null,
        clockOffsetMs: clock === undefined ? null : Math.round(clock.offsetMs),
        stream: {
          /** Its records that were received here without a gap, and those known to exist beyond. */
          received: received ?? null,
          behind: received === undefined || said === undefined ? null : Math.max(0, said.first - 1 - received),
          /** Records of this node that it has not said it has. */
          lag: mine === undefined ? null : Math.max(0, positions.own - mine.sequence),
        },
      };
    }),
    stream: { sent: positions.own },
    ranges: {
      term: ranges.term,
      version: ranges.version,
      pools: listed(ranges.ranges, (list, pool) => ({
        pool,
        ranges: list.map(formatRange),
        free: service.table.freeOwned(pool),
      })),
      divisions: divisions === undefined ? null : listed(divisions, (division) => ({
        pool: formatRange(division.pool),
        nodes: membership.members.map(({ id }) => ({ id, ranges: rangesOf(division, id).map(formatRange) })),
      })),
    },
    problems: node.notices.problems(transport?.problems() ?? []),
    counters: {
      replication: member.counters,
      notices: node.notices.counters,
      transport: transport?.counters ?? null,
      refused: transport?.refused ?? null,
      streams: transport?.streams ?? null,
      lost: transport?.lost ?? 0,
    },
    /** How many keys it opens messages with: two during a rotation. Their ids are in the log only. */
    keys: transport?.keyIds.length ?? 0,
  };
}
