import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { MARGIN_MS } from "../../lease/agreement/limits.ts";
import { MEMBERSHIP_FACTS } from "./membership.ts";
import { resetMembership } from "./reset.ts";
import { FACT } from "../sync/disk_identity.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const members = [1, 2, 3].map((id) => ({ id, address: 0x0a630000 + id }));

function facts(extra: Record<string, unknown> = {}, blank = "no"): Map<string, string> {
  const epoch = { epoch: 4, term: 9, members, renewalsOnlyUntil: 0, added: 0, ...extra };
  return new Map([["blank", blank], [MEMBERSHIP_FACTS.membership, JSON.stringify(epoch)]]);
}

function reset(given: Map<string, string>, self = 2): string {
  const result = resetMembership(given, { self, latestMs: NOW, maxLeaseMs: HOUR });
  return result.ok ? `epoch ${result.after.epoch}, until ${result.after.renewalsOnlyUntil - NOW}` : result.problem;
}

Deno.test("reset: the survivor is alone in the next epoch, and grants renewals until no lost lease can run", () => {
  const result = resetMembership(facts(), { self: 2, latestMs: NOW, maxLeaseMs: HOUR });
  const after = {
    epoch: 5,
    term: 9,
    members: [{ id: 2, address: 0x0a630002 }],
    renewalsOnlyUntil: NOW + HOUR + MARGIN_MS,
    added: 0,
  };
  deepStrictEqual(result.ok && result.after, after);
  deepStrictEqual(result.ok && result.facts, [
    [MEMBERSHIP_FACTS.membership, JSON.stringify(after)],
    [FACT.resetFirst, "no"],
  ]);
});

Deno.test("reset: a second one does not end the first one's time earlier", () => {
  const later = NOW + 9 * HOUR;
  strictEqual(reset(facts({ renewalsOnlyUntil: later })), `epoch 5, until ${9 * HOUR}`);
});

Deno.test("reset: an epoch that this disk helped to choose gets no second membership", () => {
  const given = facts();
  const ballot = { round: 9, node: 3 };
  const accepted = { ballot, content: { term: 9, members: members.slice(1), renewalsOnlyUntil: 0, added: 0 } };
  const acceptor = { epoch: 4, promised: ballot, accepted, since: 0, joined: [] };
  given.set(MEMBERSHIP_FACTS.acceptor, JSON.stringify(acceptor));
  match(reset(given), /^epoch 6,/);
  given.set(MEMBERSHIP_FACTS.acceptor, JSON.stringify({ ...acceptor, epoch: 3 }));
  match(reset(given), /^epoch 5,/);
});

Deno.test("reset: a blank disk, a removed node and a node alone are refused", () => {
  match(reset(facts({}, "yes")), /this disk is blank/);
  match(reset(new Map()), /this disk is blank/);
  match(reset(facts(), 7), /node 7 was removed/);
  match(reset(facts({ members: members.slice(1, 2) })), /only member: there is nothing to reset/);
});
