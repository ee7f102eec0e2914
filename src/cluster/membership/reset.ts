/**
 * Forced recovery (membership): so many disks are lost for good that no quorum can be reached any more. On the word of
 * an operator, one surviving voter is alone in the next epoch. Leases that only the lost disks knew may still run:
 * until all of them are over, every member of this and of later epochs grants renewals only (cases 30b, 30c).
 *
 * A node that is alone needs it when its own disk lacks leases that it has acknowledged.
 *
 * It works on the facts of a stopped node. The lost disks must never come back.
 */

import { MARGIN_MS } from "../../lease/agreement/limits.ts";
import { FACT } from "../sync/disk_identity.ts";
import type { NodeId } from "../wire/messages.ts";
import { type Epoch, MEMBERSHIP_FACTS, readAcceptor, readEpoch } from "./membership.ts";

export type ResetResult =
  | {
    readonly ok: true;
    readonly before: Epoch;
    readonly after: Epoch;
    /** To be made durable in one transaction. */
    readonly facts: readonly (readonly [key: string, value: string])[];
  }
  /** Why not, and what to do. */
  | { readonly ok: false; readonly problem: string };

/**
 * Makes node `self` the only member. `latestMs`: the time now, ms since 1970; `maxLeaseMs`: the longest lease that any
 * configuration of this cluster ever gave.
 */
export function resetMembership(
  facts: ReadonlyMap<string, string>,
  { self, latestMs, maxLeaseMs, isBehind = false }: {
    self: NodeId;
    latestMs: number;
    maxLeaseMs: number;
    /** This disk lacks what it has acknowledged. */
    isBehind?: boolean;
  },
): ResetResult {
  const before = readEpoch(facts.get(MEMBERSHIP_FACTS.membership));
  if (before === undefined || facts.get(FACT.blank) !== "no") {
    return refused("this disk is blank: it has no lease to continue from; use the disk of a node that served");
  }
  const member = before.members.find(({ id }) => id === self);
  if (member === undefined) {
    return refused(`node ${self} was removed from the cluster: use the disk of a member`);
  }
  if (before.members.length === 1 && !isBehind) {
    return refused(`node ${self} is the only member: there is nothing to reset`);
  }
  // An epoch that this disk helped to choose may be in use somewhere: it must not get a second membership.
  const isBegun = readAcceptor(facts, before.epoch).accepted !== undefined;
  const after: Epoch = {
    epoch: before.epoch + (isBegun ? 2 : 1),
    term: before.term,
    members: [member],
    renewalsOnlyUntil: Math.max(before.renewalsOnlyUntil, latestMs + maxLeaseMs + MARGIN_MS),
    added: 0,
  };
  return {
    ok: true,
    before,
    after,
    facts: [[MEMBERSHIP_FACTS.membership, JSON.stringify(after)], [FACT.resetFirst, "no"]],
  };
}

function refused(problem: string): ResetResult {
  return { ok: false, problem };
}
