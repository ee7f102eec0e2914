/**
 * Removals of one safeguard each, as small as possible: transitions of a slot without one of their conditions, messages
 * that are read too permissively, a DHCP server that gets wrong results. The cases are those of
 * `src/lease/agreement/README.md`.
 */

import type { LeaseAgreement } from "../../src/dhcp/server/dhcp_server.ts";
import type { Answer } from "../../src/lease/agreement/rule.ts";
import { accept, AGREEMENT_RULES, type AgreementRules, end, vote } from "../../src/lease/agreement/rule.ts";
import { AnchoredClock, type Bounds, type Instant } from "../../src/lease/agreement/clock.ts";
import { MAX_CLOCK_SKEW_MS, PROPOSAL_MS } from "../../src/lease/agreement/limits.ts";
import { compareVersions, NO_VERSION } from "../../src/lease/agreement/version.ts";
import type { ClusterMessage, LeaseBatch, NodeId } from "../../src/cluster/wire/messages.ts";
import type { Arriving, Mutation, RunNode } from "./run.ts";

/** Replaces parts of the rule on all nodes. */
export function rules(changed: Partial<AgreementRules>): Mutation {
  const { accept: take = accept } = changed;
  const rules = {
    ...AGREEMENT_RULES,
    vote: (...[slot, record, time]: Parameters<typeof vote>) => vote(slot, record, time, take),
  };
  return { safeguards: { rules: { ...rules, ...changed } } };
}

/** Accepts any newer record, also while another client holds the slot. */
export const acceptAnyClient: typeof accept = (slot, record, time) =>
  accept(slot.client === record.client ? slot : { ...slot, lockedUntil: 0 }, record, time);

/** Locks end this much earlier. */
export function lessMargin(ms: number): Mutation {
  const sooner = (time: Bounds) => ({ ...time, earliest: time.earliest + ms });
  return rules({
    accept: (slot, record, time) => accept(slot, record, sooner(time)),
    end: (slot, record, time, mine) => end(slot, record, sooner(time), mine),
  });
}

/** Locks never end. */
export const locksNeverEnd = rules({
  accept: (slot, record, time) => accept(slot, record, { ...time, earliest: -Infinity }),
});

/** Case 1: an abort undoes a lock of its client at the aborted version, also one that consists of several versions. */
export const endWithoutSingleVersion: typeof end = (slot, record, time, mine) => {
  const exact = compareVersions(slot.version, record.replaces) === 0;
  return end(record.kind === "aborted" && exact ? { ...slot, singleVersion: true } : slot, record, time, mine);
};

/** Case 2: a committed record replaces any slot of another client, also one with a higher version. */
export const acceptAnyCertificate: typeof accept = (slot, record, time) => {
  const older = record.committedVersion.clock > 0 && slot.client !== record.client;
  return accept(older ? { ...slot, lockedUntil: 0, version: NO_VERSION } : slot, record, time);
};

/** Case 3: answers "accepted" to a record that is older than the slot of the same client. */
export const acceptOlder: typeof accept = (slot, record, time) => {
  const taken = accept(slot, record, time);
  const known = !taken.answer.ok && taken.answer.reason === "stale" && slot.client === record.client;
  return known ? { slot, answer: { ok: true } } : taken;
};

/** Case 4: the newest lease time counts, though the one before was longer. */
export const acceptShorter: typeof accept = (slot, record, time) => {
  const taken = accept(slot, record, time);
  return taken.answer.ok && taken.slot.version === record.version
    ? { ...taken, slot: { ...taken.slot, lockedUntil: record.lockedUntil } }
    : taken;
};

/** Case 6: a release ends any lease of its client. */
export const releaseAll: typeof end = (slot, record, time, mine) =>
  end(slot, record, time, mine || record.kind === "released");

/** Case 32: a release ends only the versions that its node knew. */
export const endWithoutAge: typeof end = (slot, record, time, mine) => end(slot, { ...record, at: 0 }, time, mine);

/** Cases 27 and 28: no voter says what its slot is, so nothing is proposed once more. */
export function readNoSlots({ message }: Arriving): readonly ClusterMessage[] {
  return message.type === "slotRead" ? [] : [message];
}

/** Case 24: no proposal is late. */
export const neverLate: typeof vote = (slot, record, time) => accept(slot, record, time);

/** Case 29: repair has no leases that run for longer than a maximum. */
export function repairUpTo(maxLeaseMs: number): Required<Pick<Mutation, "arriving">> {
  return {
    arriving: ({ to, message }) => {
      if (message.type !== "syncChunk" || to.member?.synced !== true) return [message];
      const latestMs = to.now().wallMs + maxLeaseMs;
      return [{ ...message, rows: message.rows.filter(({ slot }) => slot.lockedUntil <= latestMs) }];
    },
  };
}

/** No messages of these types arrive. */
export function lost(...types: ClusterMessage["type"][]): Required<Pick<Mutation, "arriving">> {
  return { arriving: ({ message }) => types.includes(message.type) ? [] : [message] };
}

/** Case 22: a certificate does not replace a running lock. */
export const acceptNoCertificate: typeof accept = (slot, record, time) => {
  const taken = accept(slot, { ...record, committedVersion: NO_VERSION }, time);
  return taken.answer.ok ? accept(slot, record, time) : taken;
};

/** Cases 13 and 14: the wall clock alone decides which locks still run. */
export class WallBoundsClock extends AnchoredClock {
  override bounds(now: Instant): Bounds | undefined {
    const bounds = super.bounds(now);
    return bounds && { ...bounds, earliest: now.wallMs };
  }
}

/** Case 25: locks end by the new time after a step of all clocks. */
export class UnsteppedClock extends AnchoredClock {
  override bounds(now: Instant): Bounds | undefined {
    const bounds = super.bounds(now);
    return bounds && { ...bounds, earliest: bounds.now };
  }
}

/** Case 13: the wall clock alone, and a node proposes without a fault of the clock ever being detected. */
export class WallClock extends AnchoredClock {
  override bounds(now: Instant): Bounds {
    return { latest: now.wallMs, now: now.wallMs, earliest: now.wallMs };
  }
  override fault(): undefined {
    return undefined;
  }
}

/** Case 7: a request joins any earlier proposal of its client. */
export const joinAnyProposal = (_node: RunNode, agreement: LeaseAgreement): LeaseAgreement => ({
  ...agreement,
  propose: (proposal, now, decided) => agreement.propose({ ...proposal, xid: 0 }, now, decided),
});

/** Case 12: the client gets the proposed lease time, not the rest of it; the server's reserve is removed as well. */
export const grantFullTime = (_node: RunNode, agreement: LeaseAgreement): LeaseAgreement => ({
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

/** Case 16: without a majority, a client gets the rest of its lease as this node knows it. */
export const confirmAlone = (node: RunNode, agreement: LeaseAgreement): LeaseAgreement => ({
  ...agreement,
  propose: (proposal, now, decided) =>
    agreement.propose(proposal, now, (outcome, at) => {
      const slot = node.table?.get(proposal.address);
      const leaseMs = slot?.state === "bound" && slot.client === proposal.client ? slot.lockedUntil - at.wallMs : 0;
      decided(outcome.committed || leaseMs <= 0 ? outcome : { committed: true, leaseMs }, at);
    }),
});

/** (i): one node's slot is enough for a DHCPNAK. */
export const refuseAlone = (_node: RunNode, agreement: LeaseAgreement): LeaseAgreement => ({
  ...agreement,
  denyLease: (_address, _client, now, denied) => denied(now),
});

/** Case 5: an aborted proposal is committed when its accepts arrive late. */
export function countLateAccepts(): Mutation {
  interface Late {
    readonly accepted: Set<NodeId>;
    /** Set after the abort. */
    commit: ((now: Instant) => void) | undefined;
  }
  const byVersion = new Map<number, Late>();
  const latest = (clock: number): Late => {
    const known = byVersion.get(clock) ?? { accepted: new Set(), commit: undefined };
    byVersion.set(clock, known);
    return known;
  };
  const streams = new WeakMap<RunNode, { incarnation: number; clocks: number[] }>();
  const proposed = (node: RunNode, { first, records }: LeaseBatch) => {
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

/** Case 8: an answer covers all earlier records. */
export function acknowledgeCumulatively({ message }: Arriving): readonly ClusterMessage[] {
  if (message.type !== "leaseAck" || message.first === 1) return [message];
  const answers = new Array<Answer>(message.first - 1).fill(OK);
  return [{ ...message, first: 1, answers }, message];
}

/** Case 9: an answer counts for any process of the node. */
export function answerAnyProcess({ to, message }: Arriving): readonly ClusterMessage[] {
  return message.type === "leaseAck" ? [{ ...message, incarnation: to.incarnation }] : [message];
}

/** Case 10: a node that has synced from a member acknowledges all records that the member received. */
export function acknowledgeSync({ run, to, envelope, message }: Arriving): readonly ClusterMessage[] {
  const source = run.nodes.get(envelope.from)?.member;
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
    run.links.carry(
      { from: to.id, to: origin, path: "unicast", message: ack },
      () => run.nodes.get(origin)?.receive(own, ack),
    );
  }
  return [message];
}

/** Case 11: commit notes say "committed through n". */
export function certifyThrough({ message }: Arriving): readonly ClusterMessage[] {
  if (message.type !== "leaseBatch" || message.committed.length === 0) return [message];
  const last = Math.max(...message.committed.map(({ last }) => last));
  return [{ ...message, committed: [{ first: 1, last }] }];
}

/** Case 17: a new disk takes the slots of its first source only, not the union. */
export function syncFromFirst(): Required<Pick<Mutation, "arriving">> {
  const known = new WeakMap<RunNode, { incarnation: number; source: NodeId }>();
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

/** Case 20: no member remembers the disks of the others. */
export function rememberNoDisk({ run, message }: Arriving): readonly ClusterMessage[] {
  const { nowMs } = run.events;
  const disk = { diskId: "0".repeat(16), bootCount: nowMs + 1, lsnFound: nowMs, lsn: nowMs };
  switch (message.type) {
    case "leaseBatch":
    case "syncRequest":
      return [{ ...message, ...disk }];
    case "timeProbe":
      return [message.disk === undefined ? message : { ...message, disk: { ...message.disk, ...disk } }];
    case "staleIdentity":
      return [];
    default:
      return [message];
  }
}

/** Case 20: every node was blank when any disk first asked. */
export function alwaysBlank({ message }: Arriving): readonly ClusterMessage[] {
  return [message.type === "helloAnswer" ? { ...message, blank: true } : message];
}

/** Case 23: every member counts as settled at once. */
export function settleAtOnce({ message }: Arriving): readonly ClusterMessage[] {
  return [message.type === "leaseBatch" ? { ...message, settled: true, complete: true } : message];
}

/** Case 34: a leader takes a membership for chosen as soon as one member hears of it. */
export function chooseAlone({ run, envelope, message }: Arriving): readonly ClusterMessage[] {
  const proposer = run.nodes.get(envelope.from);
  if (message.type !== "membershipPrepare" && message.type !== "membershipAccept") return [message];
  const { round } = message;
  const promised = { round, node: envelope.from };
  for (const { id, member } of run.nodes.values()) {
    if (member === undefined || proposer === undefined || id === envelope.from) continue;
    const said = { round, ok: true, promised } as const;
    const disk = { diskId: member.identity.diskId, since: 0, joined: [], accepted: undefined };
    const answer: ClusterMessage = message.type === "membershipPrepare"
      ? { type: "membershipPromise", ...said, ...disk }
      : { type: "membershipAccepted", ...said };
    const from = member.envelope();
    run.events.after(1, () => proposer.receive(from, answer));
  }
  return [];
}

/** Case 31: no membership is accepted that has fewer members. */
export function removeNoMember({ to, message }: Arriving): readonly ClusterMessage[] {
  const now = to.member?.membership.members.length ?? 0;
  return message.type === "membershipAccept" && message.content.members.length < now ? [] : [message];
}

/** (c): a candidate counts every answer as a vote. */
export function countRefusals(): Mutation {
  const terms = new WeakMap<RunNode, number>();
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

/** (e): every node takes every allocation. */
export function shareAllocations({ run, message, envelope }: Arriving): readonly ClusterMessage[] {
  if (message.type !== "rangeAllocation" || message.report) return [message];
  for (const node of run.nodes.values()) node.member?.receive(envelope, message, node.now());
  return [];
}

/** Case 15: a margin of two skews instead of three. */
export const ONE_SKEW = lessMargin(MAX_CLOCK_SKEW_MS);
