/**
 * Safeguards taken away, each as small a change as can be: transitions of a slot that leave out a condition, messages that are
 * read too generously, a DHCP server that is told too much.
 */

import type { LeaseAgreement } from "../../src/dhcp/server/dhcp_server.ts";
import type { Answer } from "../../src/lease/agreement/rule.ts";
import { accept, AGREEMENT_RULES, type AgreementRules, end } from "../../src/lease/agreement/rule.ts";
import { AnchoredClock, type Bounds, type Instant } from "../../src/lease/agreement/clock.ts";
import { MAX_CLOCK_SKEW_MS, PROPOSAL_MS } from "../../src/lease/agreement/limits.ts";
import { compareVersions, NO_VERSION } from "../../src/lease/agreement/version.ts";
import type { ClusterMessage, LeaseBatch, NodeId } from "../../src/cluster/wire/messages.ts";
import type { SimNode } from "./node.ts";
import type { Arriving, Tampering } from "./tampering.ts";

/** Other rules for all nodes. */
export function rules(changed: Partial<AgreementRules>): Tampering {
  return { safeguards: { rules: { ...AGREEMENT_RULES, ...changed } } };
}

/** Accepts whatever is newer, whoever holds the slot. */
export const acceptAnyClient: typeof accept = (slot, record, time, maxLeaseMs) =>
  accept(slot.client === record.client ? slot : { ...slot, lockedUntil: 0 }, record, time, maxLeaseMs);

/** Locks end this much earlier. */
export function lessMargin(ms: number): Tampering {
  const sooner = (time: Bounds) => ({ ...time, earliest: time.earliest + ms });
  return rules({
    accept: (slot, record, time, maxLeaseMs) => accept(slot, record, sooner(time), maxLeaseMs),
    end: (slot, record, time, mine) => end(slot, record, sooner(time), mine),
  });
}

/** Locks never end. */
export const lockForEver = rules({
  accept: (slot, record, time, maxLeaseMs) => accept(slot, record, { ...time, earliest: -Infinity }, maxLeaseMs),
});

/** Case 1: an abort undoes any lock of its client at the aborted version, whatever else it consists of. */
export const endWithoutSingleVersion: typeof end = (slot, record, time, mine) => {
  const exact = compareVersions(slot.version, record.replaces) === 0;
  return end(record.kind === "aborted" && exact ? { ...slot, singleVersion: true } : slot, record, time, mine);
};

/** Case 2: what is known to be committed is taken over everything, whatever its version. */
export const acceptAnyCertificate: typeof accept = (slot, record, time, maxLeaseMs) => {
  const older = record.committedVersion.clock > 0 && slot.client !== record.client;
  return accept(older ? { ...slot, lockedUntil: 0, version: NO_VERSION } : slot, record, time, maxLeaseMs);
};

/** Case 3: a record that is older than what the slot has of its client is "accepted". */
export const acceptOlder: typeof accept = (slot, record, time, maxLeaseMs) => {
  const taken = accept(slot, record, time, maxLeaseMs);
  const known = !taken.answer.ok && taken.answer.reason === "stale" && slot.client === record.client;
  return known ? { slot, answer: { ok: true } } : taken;
};

/** Case 4: the newest lease time holds, though the one before was longer. */
export const acceptShorter: typeof accept = (slot, record, time, maxLeaseMs) => {
  const taken = accept(slot, record, time, maxLeaseMs);
  return taken.answer.ok && taken.slot.version === record.version
    ? { ...taken, slot: { ...taken.slot, lockedUntil: record.lockedUntil } }
    : taken;
};

/** Case 6: a release ends whatever its client has. */
export const releaseAll: typeof end = (slot, record, time, mine) =>
  end(slot, record, time, mine || record.kind === "released");

/** Case 22: no certificate counts against a running lock. */
export const acceptNoCertificate: typeof accept = (slot, record, time, maxLeaseMs) => {
  const taken = accept(slot, { ...record, committedVersion: NO_VERSION }, time, maxLeaseMs);
  return taken.answer.ok ? accept(slot, record, time, maxLeaseMs) : taken;
};

/** Cases 13 and 14: the wall clock decides which locks still run. */
export class WallBoundsClock extends AnchoredClock {
  override bounds(now: Instant): Bounds | undefined {
    return super.bounds(now) && { latest: now.wallMs, earliest: now.wallMs };
  }
}

/** Case 13: nor does anything keep a node from proposing by it. */
export class WallClock extends AnchoredClock {
  override bounds(now: Instant): Bounds {
    return { latest: now.wallMs, earliest: now.wallMs };
  }
  override fault(): undefined {
    return undefined;
  }
}

/** Case 7: a request joins whatever its client proposed before. */
export const joinAnyProposal = (_node: SimNode, agreement: LeaseAgreement): LeaseAgreement => ({
  ...agreement,
  propose: (proposal, now, decided) => agreement.propose({ ...proposal, xid: 0 }, now, decided),
});

/** Case 12: the client is told the time that was proposed, not what is left of it; the server's own reserve is gone, too. */
export const tellAll = (_node: SimNode, agreement: LeaseAgreement): LeaseAgreement => ({
  ...agreement,
  propose: (proposal, now, decided) => {
    const leaseMs = proposal.leaseMs - PROPOSAL_MS;
    agreement.propose(
      { ...proposal, leaseMs },
      now,
      (outcome, at) => decided(outcome.committed ? { ...outcome, leaseMs } : outcome, at),
    );
  },
});

/** Case 16: without a majority a client is told what its lease has left here. */
export const confirmAlone = (node: SimNode, agreement: LeaseAgreement): LeaseAgreement => ({
  ...agreement,
  propose: (proposal, now, decided) =>
    agreement.propose(proposal, now, (outcome, at) => {
      const slot = node.table?.get(proposal.address);
      const leaseMs = slot?.state === "bound" && slot.client === proposal.client ? slot.lockedUntil - at.wallMs : 0;
      decided(outcome.committed || leaseMs <= 0 ? outcome : { committed: true, leaseMs }, at);
    }),
});

/** (i): a client is refused by what one node knows. */
export const refuseAlone = (_node: SimNode, agreement: LeaseAgreement): LeaseAgreement => ({
  ...agreement,
  denyLease: (_address, _client, now, contradicted) => contradicted(now),
});

/** Case 5: a proposal that was aborted is committed once its accepts have come after all. */
export function countLateAccepts(): Tampering {
  interface Late {
    readonly accepted: Set<NodeId>;
    /** Set once it was aborted. */
    commit: ((now: Instant) => void) | undefined;
  }
  const byVersion = new Map<number, Late>();
  const latest = (clock: number): Late => {
    const known = byVersion.get(clock) ?? { accepted: new Set(), commit: undefined };
    byVersion.set(clock, known);
    return known;
  };
  const streams = new WeakMap<SimNode, { incarnation: number; clocks: number[] }>();
  const proposed = (node: SimNode, { first, records }: LeaseBatch) => {
    const known = streams.get(node);
    const stream = known?.incarnation === node.incarnation ? known : { incarnation: node.incarnation, clocks: [] };
    streams.set(node, stream);
    records.forEach((record, index) => stream.clocks[first + index] = record.record.version.clock);
  };
  return {
    sending: (node, message) => {
      if (message.type === "leaseBatch") proposed(node, message);
    },
    arriving: ({ to, envelope, message }) => {
      if (message.type !== "leaseAck" || message.incarnation !== to.incarnation) return [message];
      message.answers.forEach((answer, index) => {
        const clock = streams.get(to)?.clocks[message.first + index];
        if (!answer.ok || clock === undefined) return;
        const { accepted, commit } = latest(clock);
        accepted.add(envelope.from);
        if (2 * (accepted.size + 1) > (to.member?.membership.members.length ?? Infinity)) commit?.(to.now());
      });
      return [message];
    },
    agreement: (node, agreement) => ({
      ...agreement,
      propose: (proposal, now, decided) => {
        const mine: { clock?: number | undefined } = {};
        agreement.propose(proposal, now, (outcome, at) => {
          if (outcome.committed || outcome.reason !== "timeout" || mine.clock === undefined) {
            return decided(outcome, at);
          }
          const waiting = latest(mine.clock);
          waiting.commit = (then) => {
            waiting.commit = undefined;
            const leaseMs = proposal.leaseMs - (then.monotonicMs - now.monotonicMs);
            if (leaseMs > PROPOSAL_MS) decided({ committed: true, leaseMs }, then);
          };
        });
        mine.clock = node.table?.get(proposal.address).version.clock;
      },
    }),
  };
}

const OK: Answer = { ok: true };

/** Case 8: an answer covers all records before it. */
export function acknowledgeCumulatively({ message }: Arriving): readonly ClusterMessage[] {
  if (message.type !== "leaseAck" || message.first === 1) return [message];
  const answers = new Array<Answer>(message.first - 1).fill(OK);
  return [{ ...message, first: 1, answers }, message];
}

/** Case 9: an answer is for whoever runs now. */
export function answerAnyProcess({ to, message }: Arriving): readonly ClusterMessage[] {
  return message.type === "leaseAck" ? [{ ...message, incarnation: to.incarnation }] : [message];
}

/** Case 10: whoever has synced from a member has what that one received, and says so to everybody. */
export function acknowledgeSync({ cluster, to, envelope, message }: Arriving): readonly ClusterMessage[] {
  const source = cluster.nodes.get(envelope.from)?.member;
  const own = to.member?.envelope();
  if (message.type !== "syncChunk" || message.more || source === undefined || own === undefined) return [message];
  for (const { origin, incarnation, sequence } of source.positions.received) {
    if (sequence === 0 || origin === to.id) continue;
    const ack: ClusterMessage = {
      type: "leaseAck",
      incarnation,
      first: 1,
      answers: new Array<Answer>(sequence).fill(OK),
    };
    cluster.links.carry({ from: to.id, to: origin, message: ack }, () => cluster.nodes.get(origin)?.receive(own, ack));
  }
  return [message];
}

/** Case 11: what is committed is said as "through n". */
export function certifyThrough({ message }: Arriving): readonly ClusterMessage[] {
  if (message.type !== "leaseBatch" || message.committed.length === 0) return [message];
  const last = Math.max(...message.committed.map(({ last }) => last));
  return [{ ...message, committed: [{ first: 1, last }] }];
}

/** Case 17: a new disk takes what its first source has, and of the others only what that one does not have. */
export function syncFromFirst(): Required<Pick<Tampering, "arriving">> {
  const known = new WeakMap<SimNode, { incarnation: number; source: NodeId }>();
  return {
    arriving: ({ to, envelope, message }) => {
      if (message.type !== "syncChunk" || to.member?.synced !== false) return [message];
      const before = known.get(to);
      const first = before?.incarnation === to.incarnation ? before : {
        incarnation: to.incarnation,
        source: envelope.from,
      };
      known.set(to, first);
      return [first.source === envelope.from ? message : { ...message, rows: [], more: false }];
    },
  };
}

/** Case 20: nobody remembers anybody's disk. */
export function rememberNoDisk({ cluster, message }: Arriving): readonly ClusterMessage[] {
  const disk = { diskId: "0".repeat(16), bootCount: cluster.world.nowMs + 1, diskGeneration: 1 };
  switch (message.type) {
    case "leaseBatch":
    case "syncRequest":
      return [{ ...message, ...disk }];
    case "staleIdentity":
      return [];
    default:
      return [message];
  }
}

/** Case 23: everybody passes for settled at once. */
export function settleAtOnce({ message }: Arriving): readonly ClusterMessage[] {
  return [message.type === "leaseBatch" ? { ...message, settled: true, complete: true } : message];
}

/** (c): a candidate takes every answer for a vote. */
export function countRefusals(): Tampering {
  const terms = new WeakMap<SimNode, number>();
  return {
    sending: (node, message) => {
      if (message.type === "coordinator" && message.term > 0) terms.set(node, message.term);
    },
    arriving: ({ to, message }) => {
      const term = terms.get(to);
      return message.type === "accepted" && term !== undefined ? [{ ...message, ok: true, term }] : [message];
    },
  };
}

/** (e): an allocation is taken by everybody. */
export function shareAllocations({ cluster, message, envelope }: Arriving): readonly ClusterMessage[] {
  if (message.type !== "rangeAllocation" || message.report) return [message];
  for (const node of cluster.nodes.values()) node.member?.receive(envelope, message, node.now());
  return [];
}

/** Case 15: what a margin of two skews lacks. */
export const ONE_SKEW = lessMargin(MAX_CLOCK_SKEW_MS);
