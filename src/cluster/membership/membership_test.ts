import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { WIRE_VERSION } from "../wire/codec.ts";
import type { ClusterMessage, MemberAddress, Membership as MembershipMessage, NodeId } from "../wire/messages.ts";
import {
  type ChangeResult,
  type ChangeView,
  Membership,
  MEMBERSHIP_FACTS,
  type MembershipChange,
  membershipHash,
  type MembershipNotice,
} from "./membership.ts";
import type { PaxosMessage } from "./paxos.ts";

const at = (ms: number) => ({ wallMs: 1_700_000_000_000 + ms, monotonicMs: ms });
const member = (id: NodeId): MemberAddress => ({ id, address: 0x0a630000 + id });
const THREE = [member(1), member(2), member(3)];
const FOLLOWS: ChangeView = { leads: false, term: 0, isMixed: false, lacking: [], notVoting: [] };
const LEADS: ChangeView = { ...FOLLOWS, leads: true, term: 4 };

/** One node's membership. */
class TestNode {
  readonly facts: Map<string, string>;
  readonly sent: { to: NodeId; message: ClusterMessage }[] = [];
  readonly notices: MembershipNotice[] = [];
  /** Whether an epoch was missed, for each that was adopted. */
  readonly changed: boolean[] = [];
  readonly membership: Membership;
  view = FOLLOWS;
  blank: boolean;
  writes: (() => void)[] = [];

  constructor(
    self: NodeId,
    options: { file?: MemberAddress[]; facts?: Iterable<[string, string]>; blank?: boolean } = {},
  ) {
    this.facts = new Map(options.facts ?? []);
    this.blank = options.blank ?? false;
    this.membership = new Membership({
      self,
      file: options.file ?? THREE,
      facts: this.facts,
      blank: this.blank,
      effects: {
        send: (to, message) => this.sent.push({ to, message }),
        broadcast: () => {},
        persist: ({ facts = [] }, durable) =>
          void this.writes.push(() => {
            for (const [key, value] of facts) this.facts.set(key, value);
            durable(at(0));
          }),
        notice: (notice) => this.notices.push(notice),
      },
      changed: () => this.changed.push(this.facts.delete("fenced")),
      missed: () => this.writes.push(() => this.facts.set("fenced", "yes")),
      view: () => this.view,
      isVoter: () => !this.blank,
      diskId: () => "0123456789abcdef",
      random: () => 0.5,
    });
  }

  sync(): void {
    while (this.writes.length > 0) this.writes.shift()?.();
  }

  /** The newest membership that each member was told of. */
  get told(): (readonly [NodeId, number])[] {
    return this.sent.flatMap(({ to, message }) => message.type === "membership" ? [[to, message.epoch] as const] : []);
  }

  change(change: MembershipChange): string {
    let result: ChangeResult | undefined;
    this.membership.change(change, at(0), (done) => result = done);
    if (result === undefined) return "on its way";
    return result.ok ? `epoch ${result.epoch}` : result.problem;
  }
}

/** Nodes that hear each other at once. */
class Company {
  readonly nodes = new Map<NodeId, TestNode>();
  readonly results: string[] = [];
  ms = 0;

  constructor(ids: NodeId[]) {
    for (const id of ids) {
      const node = new TestNode(id, { file: ids.map(member) });
      for (const settled of ids) node.membership.settled(settled);
      this.nodes.set(id, node);
    }
  }

  node(id: NodeId): TestNode {
    return this.nodes.get(id) as TestNode;
  }

  change(id: NodeId, change: MembershipChange): void {
    this.node(id).membership.change(change, at(this.ms), (result) => {
      this.results.push(`${id}: ${result.ok ? `epoch ${result.epoch}` : result.problem}`);
    });
  }

  /** Time passes; messages between these nodes arrive, all others are lost. */
  run(...ids: NodeId[]): void {
    for (let round = 0; round < 8; round++) {
      this.ms += 600;
      for (const id of ids) this.node(id).membership.tick(at(this.ms));
      for (let moved = true; moved;) {
        moved = false;
        for (const id of ids) this.node(id).sync();
        for (const from of ids) {
          for (const { to, message } of this.node(from).sent.splice(0)) {
            if (!ids.includes(to)) continue;
            moved = true;
            this.#deliver(from, to, message);
          }
        }
      }
    }
  }

  #deliver(from: NodeId, to: NodeId, message: ClusterMessage): void {
    const { membership } = this.node(to);
    if (message.type === "membership") return membership.receive(message, false, at(0));
    const { epoch, hash } = this.node(from).membership;
    const envelope = { from, incarnation: 7, epoch, membershipHash: hash, wireVersion: WIRE_VERSION };
    if (membership.isCurrent(envelope, at(this.ms))) {
      membership.choose(from, message as PaxosMessage, at(this.ms), true);
    }
  }

  epochs(...ids: NodeId[]): string[] {
    return ids.map((id) => `${this.node(id).membership.epoch}: ${this.node(id).membership.ids}`);
  }
}

const envelope = (from: NodeId, epoch: number, members: readonly MemberAddress[]) => ({
  from,
  incarnation: 7,
  epoch,
  membershipHash: membershipHash(members),
  wireVersion: WIRE_VERSION,
});
const message = (epoch: number, ids: NodeId[], extra: Partial<MembershipMessage> = {}): MembershipMessage => ({
  type: "membership",
  epoch,
  term: 1,
  members: ids.map(member),
  renewalsOnlyUntil: 0,
  added: 0,
  ...extra,
});

Deno.test("membership: the file is epoch 1 while the disk is blank; a complete disk holds against the file", () => {
  const blank = new TestNode(1, { blank: true });
  deepStrictEqual([blank.membership.epoch, blank.membership.ids], [1, [1, 2, 3]]);
  const facts = [...blank.membership.facts] as [string, string][];
  const fixed = new TestNode(1, { blank: true, facts, file: [member(1), member(2)] });
  deepStrictEqual(fixed.membership.ids, [1, 2], "a blank disk follows a corrected file");
  const complete = new TestNode(1, { facts, file: [member(1), member(2)] });
  deepStrictEqual(complete.membership.ids, [1, 2, 3]);
  deepStrictEqual(complete.notices, [{ kind: "membershipFileDiffers", epoch: 1 }]);
});

Deno.test("membership: a fact of the release before is read", () => {
  const stored = JSON.stringify({ epoch: 7, term: 3, members: THREE });
  const { membership } = new TestNode(1, { facts: [[MEMBERSHIP_FACTS.membership, stored]] });
  deepStrictEqual([membership.epoch, membership.hash, membership.renewalsOnlyUntil], [7, membershipHash(THREE), 0]);
});

Deno.test("membership: a change is adopted once a quorum has accepted it, and all members are told (step 0)", () => {
  const company = new Company([1, 2, 3]);
  company.node(3).view = LEADS;
  company.change(3, { kind: "add", member: member(4) });
  match(company.node(3).change({ kind: "remove", id: 1 }), /another change is on its way/);
  company.run(3);
  deepStrictEqual([company.epochs(3), company.results], [["1: 1,2,3"], []], "one is no quorum of three");
  company.run(2, 3);
  deepStrictEqual(company.epochs(1, 2, 3), ["1: 1,2,3", "2: 1,2,3,4", "2: 1,2,3,4"]);
  deepStrictEqual(company.results, ["3: epoch 2"]);
  // Node 1 was not reached: it is told when it says something of epoch 1.
  company.node(2).membership.isCurrent(envelope(1, 1, THREE), at(90_000));
  deepStrictEqual(company.node(2).told.at(-1), [1, 2]);
  strictEqual(company.node(2).membership.renewalsOnlyUntil, 0);
});

Deno.test("case 34: of two leaders that are given different changes, the one without a quorum adopts none", () => {
  const company = new Company([1, 2, 3, 4]);
  company.node(3).view = LEADS;
  company.node(4).view = { ...LEADS, term: 5 };
  company.change(3, { kind: "remove", id: 2 });
  company.change(4, { kind: "remove", id: 1 });
  // With memberships that the leaders adopted alone, {1, 3} and {2, 4} would be quorums of the two.
  company.run(1, 3);
  company.run(2, 4);
  deepStrictEqual(company.epochs(1, 2, 3, 4), ["1: 1,2,3,4", "1: 1,2,3,4", "1: 1,2,3,4", "1: 1,2,3,4"]);
  company.run(1, 2, 3, 4);
  strictEqual(new Set(company.epochs(1, 2, 3, 4)).size, 1, `${company.epochs(1, 2, 3, 4)}`);
  match(company.epochs(1)[0] ?? "", /^2: /);
  deepStrictEqual(company.results.filter((result) => /: epoch 2$/.test(result)).length, 1);
  match(company.results.find((result) => !/: epoch 2$/.test(result)) ?? "", /another change was completed first/);
});

Deno.test("membership: the next leader completes what its own disk has accepted, without a command", () => {
  const company = new Company([1, 2, 3]);
  company.node(3).view = LEADS;
  company.change(3, { kind: "add", member: member(4) });
  // All accept it; then the leader is gone before it can adopt it.
  const leader = company.node(3);
  leader.membership.tick(at(0));
  leader.sync();
  for (const id of [1, 2]) {
    for (let step = 0; step < 2; step++) {
      for (const { to, message } of leader.sent.splice(0)) {
        if (to === id) company.node(id).membership.choose(3, message as PaxosMessage, at(0), true);
      }
      company.node(id).sync();
      for (const { message } of company.node(id).sent.splice(0)) {
        if (message.type === "membershipPromise") leader.membership.choose(id, message, at(0), true);
      }
    }
    leader.sync();
  }
  ok(company.node(1).facts.get(MEMBERSHIP_FACTS.acceptor)?.includes('"accepted"'));
  const restarted = new TestNode(1, { facts: company.node(1).facts });
  for (const id of [1, 2, 3]) restarted.membership.settled(id);
  company.nodes.set(1, restarted);
  company.run(1, 2);
  deepStrictEqual(company.epochs(1, 2), ["1: 1,2,3", "1: 1,2,3"], "none of them leads");
  restarted.view = { ...LEADS, term: 6, lacking: [2] };
  company.run(1, 2);
  deepStrictEqual(company.epochs(1, 2), ["1: 1,2,3", "1: 1,2,3"], "node 2 has to be settled first, as for a command");
  restarted.view = { ...LEADS, term: 6 };
  company.run(1, 2);
  deepStrictEqual(company.epochs(1, 2), ["2: 1,2,3,4", "2: 1,2,3,4"]);
});

Deno.test("membership: a leader that steps down says that the change may still be completed", () => {
  const company = new Company([1, 2, 3]);
  company.node(3).view = LEADS;
  company.change(3, { kind: "remove", id: 1 });
  company.run(3);
  company.node(3).view = FOLLOWS;
  company.run(3);
  match(company.results[0] ?? "", /no longer leads: the next leader may complete the change; look at `members`/);
});

Deno.test("membership: a change waits until every member has everything of the epoch before (step 5)", () => {
  const node = new TestNode(1, { file: [member(1)] });
  const add = (id: NodeId) => ({ kind: "add", member: member(id) }) as const;
  match(node.change(add(2)), /does not lead/);
  node.view = LEADS;
  match(node.change(add(2)), /members 1 do not have everything of epoch 1/);
  node.membership.settled(1);
  strictEqual(node.change(add(2)), "on its way");
  strictEqual(node.membership.epoch, 1, "it holds once it is on disk");
  node.sync();
  deepStrictEqual([node.membership.epoch, node.membership.ids, node.changed], [2, [1, 2], [false]]);
  deepStrictEqual(node.told, [[2, 2]]);
  match(node.change(add(3)), /members 1, 2 do not have everything of epoch 2/);
});

Deno.test("case 31: the node that was added last can be removed at once, if all others are voters", () => {
  const company = new Company([1, 2, 3]);
  company.node(3).view = LEADS;
  company.change(3, { kind: "add", member: member(4) });
  company.run(1, 2, 3);
  const leader = company.node(3);
  match(leader.change({ kind: "remove", id: 1 }), /node 4, which was added last, can be removed: members remove 4/);
  match(leader.change({ kind: "add", member: member(5) }), /members remove 4/);
  // 31b: node 2 has just lost its disk, so the only copy of a lease may be on node 4.
  leader.view = { ...LEADS, lacking: [1, 2, 4], notVoting: [2, 4] };
  match(leader.change({ kind: "remove", id: 4 }), /only while all other members have all leases: start 2, and wait/);
  leader.view = { ...LEADS, lacking: [1, 2, 4], notVoting: [4] };
  company.change(3, { kind: "remove", id: 4 });
  company.run(1, 2, 3);
  deepStrictEqual(company.results, ["3: epoch 2", "3: epoch 3"]);
  deepStrictEqual(company.epochs(1, 2, 3), ["3: 1,2,3", "3: 1,2,3", "3: 1,2,3"]);
});

Deno.test("membership: what can't be is refused with what to do", () => {
  const node = new TestNode(3);
  for (const id of [1, 2, 3]) node.membership.settled(id);
  node.view = { ...LEADS, isMixed: true };
  match(node.change({ kind: "remove", id: 1 }), /install the same release on every node first/);
  node.view = LEADS;
  match(node.change({ kind: "add", member: member(2) }), /member already: .* as node 2 with an empty stateDir/);
  match(node.change({ kind: "add", member: { id: 9, address: member(2).address } }), /this address/);
  match(node.change({ kind: "remove", id: 9 }), /no member/);
  match(node.change({ kind: "remove", id: 3 }), /this node leads/);
  node.view = { ...LEADS, lacking: [1] };
  match(node.change({ kind: "remove", id: 2 }), /members 1 are away, .*empty stateDir where the disk is lost/);
  strictEqual(node.change({ kind: "remove", id: 1 }), "on its way", "a member that is away can be removed");
});

Deno.test("membership: a sender of an earlier epoch is told, at a bounded rate; other epochs are dropped", () => {
  const node = new TestNode(3);
  node.membership.receive(message(2, [1, 2, 3, 4]), false, at(0));
  node.sync();
  node.sent.length = 0;
  strictEqual(node.membership.isCurrent(envelope(1, 1, THREE), at(0)), false);
  strictEqual(node.membership.isCurrent(envelope(1, 1, THREE), at(100)), false);
  strictEqual(node.membership.isCurrent(envelope(1, 1, THREE), at(600)), false);
  deepStrictEqual(node.told, [[1, 2], [1, 2]]);
  strictEqual(node.membership.isCurrent(envelope(2, 2, [...THREE, member(4)]), at(0)), true);
  strictEqual(node.membership.isCurrent(envelope(2, 3, THREE), at(0)), false, "for later");
});

Deno.test("membership: the next epoch is adopted, never an earlier one; who missed or joined one is a learner", () => {
  const follower = new TestNode(1);
  const receives = (node: TestNode, given: MembershipMessage) => {
    node.membership.receive(given, node.blank, at(0));
    node.sync();
  };
  receives(follower, message(2, [1, 2, 3, 4]));
  deepStrictEqual([follower.membership.epoch, follower.changed], [2, [false]]);
  receives(follower, message(1, [1, 2, 3]));
  receives(follower, message(2, [2, 3]));
  deepStrictEqual([follower.membership.epoch, follower.membership.ids], [2, [1, 2, 3, 4]], "one membership per epoch");
  receives(follower, message(4, [1, 2, 5]));
  deepStrictEqual([follower.membership.epoch, follower.changed], [4, [false, true]], "epoch 3 passed without it");
  receives(follower, message(5, [2, 5]));
  receives(follower, message(6, [1, 2, 5], { added: 1 }));
  deepStrictEqual(follower.changed.slice(2), [false, true], "a node that returns is a learner");
  const newcomer = new TestNode(5, { blank: true, file: [member(1), member(5)] });
  receives(newcomer, message(4, [1, 2, 5], { added: 5 }));
  deepStrictEqual(newcomer.changed, [false], "a blank disk has nothing to forget");
  const standalone = new TestNode(5, { file: [member(5)] });
  receives(standalone, message(2, [1, 5], { added: 5 }));
  deepStrictEqual(standalone.changed, [true], "what a new node has on its disk is not this cluster's");
});

Deno.test("membership: power fails while a missed epoch is written: no process votes in it with older slots", () => {
  const node = new TestNode(1);
  node.membership.receive(message(3, [1, 2, 3]), false, at(0));
  node.writes.shift()?.();
  deepStrictEqual([node.facts.get("fenced"), node.facts.has(MEMBERSHIP_FACTS.membership)], ["yes", false]);
});

Deno.test("membership: a removed node knows it", () => {
  const node = new TestNode(1);
  node.membership.receive(message(2, [2, 3]), false, at(0));
  node.sync();
  deepStrictEqual([node.membership.includesSelf, node.membership.others], [false, [2, 3]]);
});

Deno.test("membership: a blank disk may vote once it has learned what its lost disk promised", () => {
  const company = new Company([1, 2, 3]);
  const blank = new TestNode(2, { blank: true });
  company.nodes.set(2, blank);
  strictEqual(blank.membership.mayVote(at(0)), false);
  company.run(1, 2);
  strictEqual(blank.membership.mayVote(at(0)), false, "two others are needed");
  company.run(1, 2, 3);
  strictEqual(blank.membership.mayVote(at(0)), true);
  blank.membership.fence();
  strictEqual(blank.membership.mayVote(at(0)), false);
  blank.view = { ...FOLLOWS, isMixed: true };
  strictEqual(blank.membership.mayVote(at(0)), true, "nothing is chosen while an earlier release takes part");
});

Deno.test("membership: the hash tells addresses, members and a forced recovery apart", () => {
  const hashes = [THREE, [member(1), member(2)], [member(1), member(2), { id: 3, address: 9 }]].map((members) =>
    membershipHash(members)
  );
  strictEqual(new Set([...hashes, membershipHash(THREE, 1_700_000_000_000)]).size, 4);
});
