import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { Membership, membershipHash, type MembershipNotice } from "./membership.ts";
import { WIRE_VERSION } from "../wire/codec.ts";
import type { MemberAddress, Membership as MembershipMessage, NodeId } from "../wire/messages.ts";

const at = (ms: number) => ({ wallMs: 1_700_000_000_000 + ms, monotonicMs: ms });
const member = (id: NodeId): MemberAddress => ({ id, address: 0x0a630000 + id });
const THREE = [member(1), member(2), member(3)];

/** One node's membership; writes wait until `sync`. */
function node(self: NodeId, options: { file?: MemberAddress[]; facts?: [string, string][]; blank?: boolean } = {}) {
  const facts = new Map(options.facts ?? []);
  const writes: { facts: readonly (readonly [string, string])[]; durable: (now: ReturnType<typeof at>) => void }[] = [];
  const sent: { to: NodeId; message: MembershipMessage }[] = [];
  const notices: MembershipNotice[] = [];
  const changed: boolean[] = [];
  const membership = new Membership({
    self,
    file: options.file ?? THREE,
    facts,
    blank: options.blank ?? false,
    effects: {
      send: (to, message) => sent.push({ to, message: message as MembershipMessage }),
      broadcast: () => {},
      persist: ({ facts = [] }, durable) => void writes.push({ facts, durable }),
      notice: (notice) => notices.push(notice),
    },
    changed: (missed) => changed.push(missed),
  });
  return {
    membership,
    sent,
    notices,
    changed,
    facts,
    sync() {
      for (const { facts: written, durable } of writes.splice(0)) {
        for (const [key, value] of written) facts.set(key, value);
        durable(at(0));
      }
    },
  };
}

const envelope = (from: NodeId, epoch: number, members: readonly MemberAddress[]) => ({
  from,
  incarnation: 7,
  epoch,
  membershipHash: membershipHash(members),
  wireVersion: WIRE_VERSION,
});
const message = (epoch: number, ids: NodeId[], term = 1): MembershipMessage => ({
  type: "membership",
  epoch,
  term,
  members: ids.map(member),
});
const LEADS = { leads: true, term: 4, lacking: [] };

Deno.test("membership: the file is epoch 1 while the disk is blank; a complete disk holds against the file", () => {
  const blank = node(1, { blank: true });
  deepStrictEqual([blank.membership.epoch, blank.membership.ids], [1, [1, 2, 3]]);
  const facts = [...blank.membership.facts] as [string, string][];
  const fixed = node(1, { blank: true, facts, file: [member(1), member(2)] });
  deepStrictEqual(fixed.membership.ids, [1, 2], "a blank disk follows a corrected file");
  const complete = node(1, { facts, file: [member(1), member(2)] });
  deepStrictEqual(complete.membership.ids, [1, 2, 3]);
  deepStrictEqual(complete.notices, [{ kind: "membershipFileDiffers", epoch: 1 }]);
});

Deno.test("membership: a change waits until every member has everything of the epoch before (step 5)", () => {
  const leader = node(3);
  const add = { kind: "add", member: member(4) } as const;
  match(String(Object.values(leader.membership.change(add, { ...LEADS, leads: false }))), /does not lead/);
  for (const id of [1, 2]) leader.membership.settled(id);
  const earliest = leader.membership.change(add, LEADS);
  strictEqual(earliest.ok, false);
  match(earliest.ok ? "" : earliest.problem, /members 3 do not have everything of epoch 1/);
  leader.membership.settled(3);
  deepStrictEqual(leader.membership.change(add, LEADS), { ok: true, epoch: 2 });
  strictEqual(leader.membership.epoch, 1, "it holds once it is on disk");
  const twice = leader.membership.change(add, LEADS);
  match(twice.ok ? "" : twice.problem, /on its way/);
  leader.sync();
  deepStrictEqual([leader.membership.epoch, leader.membership.ids, leader.changed], [2, [1, 2, 3, 4], [false]]);
  deepStrictEqual(leader.sent.map(({ to, message }) => [to, message.epoch]), [[1, 2], [2, 2]]);
  const next = leader.membership.change({ kind: "remove", id: 1 }, LEADS);
  strictEqual(next.ok, false, "epoch 2 is not complete");
});

Deno.test("membership: what can't be is refused with what to do", () => {
  const { membership } = node(3);
  for (const id of [1, 2, 3]) membership.settled(id);
  const refused = (change: Parameters<Membership["change"]>[0]) => {
    const result = membership.change(change, LEADS);
    return result.ok ? "" : result.problem;
  };
  match(refused({ kind: "add", member: member(2) }), /member already/);
  match(refused({ kind: "add", member: { id: 9, address: member(2).address } }), /this address/);
  match(refused({ kind: "remove", id: 9 }), /no member/);
  match(refused({ kind: "remove", id: 3 }), /this node leads/);
  const lacking = { ...LEADS, lacking: [1] };
  const away = membership.change({ kind: "remove", id: 2 }, lacking);
  match(away.ok ? "" : away.problem, /members 1 are away/);
  strictEqual(membership.change({ kind: "remove", id: 1 }, lacking).ok, true, "a member that is away can be removed");
});

Deno.test("membership: a sender of an earlier epoch is told, at a bounded rate; other epochs are dropped", () => {
  const { membership, sync, sent } = node(3);
  for (const id of [1, 2, 3]) membership.settled(id);
  membership.change({ kind: "add", member: member(4) }, LEADS);
  sync();
  sent.length = 0;
  strictEqual(membership.isCurrent(envelope(1, 1, THREE), at(0)), false);
  strictEqual(membership.isCurrent(envelope(1, 1, THREE), at(100)), false);
  strictEqual(membership.isCurrent(envelope(1, 1, THREE), at(600)), false);
  deepStrictEqual(sent.map(({ to, message }) => [to, message.epoch]), [[1, 2], [1, 2]]);
  strictEqual(membership.isCurrent(envelope(2, 2, [...THREE, member(4)]), at(0)), true);
  strictEqual(membership.isCurrent(envelope(2, 3, THREE), at(0)), false, "for later");
});

Deno.test("membership: the next epoch is adopted, never an earlier one; a node that missed one becomes blank", () => {
  const follower = node(1);
  follower.membership.receive(message(2, [1, 2, 3, 4]), false);
  follower.sync();
  deepStrictEqual([follower.membership.epoch, follower.changed], [2, [false]]);
  follower.membership.receive(message(1, [1, 2, 3]), false);
  follower.sync();
  strictEqual(follower.membership.epoch, 2);
  follower.membership.receive(message(4, [1, 2, 5]), false);
  follower.sync();
  deepStrictEqual([follower.membership.epoch, follower.changed], [4, [false, true]], "epoch 3 passed without it");
  const newcomer = node(5, { blank: true, file: [member(1), member(5)] });
  newcomer.membership.receive(message(4, [1, 2, 5]), true);
  newcomer.sync();
  deepStrictEqual(newcomer.changed, [false], "a blank disk has nothing to forget");
});

Deno.test("membership: of two memberships for one epoch the later leader's holds, unless the epoch is complete", () => {
  const { membership, sync, notices } = node(1);
  membership.receive(message(2, [1, 2, 3, 4], 5), false);
  sync();
  membership.receive(message(2, [1, 2], 4), false);
  sync();
  deepStrictEqual(membership.ids, [1, 2, 3, 4]);
  strictEqual(membership.isCurrent(envelope(2, 2, [member(1), member(2)]), at(0)), false);
  deepStrictEqual(notices.at(-1), { kind: "membershipConflict", from: 2, epoch: 2 });
  membership.receive(message(2, [1, 2], 6), false);
  sync();
  deepStrictEqual(membership.ids, [1, 2]);
  for (const id of [1, 2]) membership.settled(id);
  membership.receive(message(2, [1, 2, 3], 9), false);
  sync();
  deepStrictEqual(membership.ids, [1, 2]);
});

Deno.test("membership: a removed node knows it", () => {
  const { membership, sync } = node(1);
  membership.receive(message(2, [2, 3]), false);
  sync();
  deepStrictEqual([membership.includesSelf, membership.others], [false, [2, 3]]);
});

Deno.test("membership: the hash tells addresses and members apart", () => {
  const hashes = [THREE, [member(1), member(2)], [member(1), member(2), { id: 3, address: 9 }]].map(membershipHash);
  strictEqual(new Set(hashes).size, 3);
});
