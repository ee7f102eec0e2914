/**
 * The cases of the membership (lease agreement, "Cases"), each told with whole members in virtual time. Case 23 is with
 * the others in `replication/cases_test.ts`; that step 0 chooses one membership is what `paxos_test.ts` shows.
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { MARGIN_MS } from "../../lease/agreement/limits.ts";
import { A, LEASE_MS } from "../../lease/agreement/testing/records.ts";
import { addressOf, formed, TestCluster } from "../testing/test_cluster.ts";
import type { NodeId } from "../wire/messages.ts";
import type { MembershipChange } from "./membership.ts";

/** Changes the membership at a member; what came of it within `ms`. */
function change(cluster: TestCluster, id: NodeId, wanted: MembershipChange, ms = 3_000): string {
  const change = cluster.change(id, wanted);
  cluster.run(ms);
  return change.outcome;
}

const adding = (id: NodeId): MembershipChange => ({ kind: "add", member: addressOf(id) });
const removing = (id: NodeId): MembershipChange => ({ kind: "remove", id });

function epochs(cluster: TestCluster, ...ids: NodeId[]): string[] {
  return ids.map((id) => {
    const { epoch, members } = cluster.member(id).membership;
    return `${epoch}: ${members.map(({ id }) => id)}`;
  });
}

function renewalsOnly(cluster: TestCluster, ...ids: NodeId[]): boolean[] {
  return ids.map((id) => cluster.member(id).isRenewalsOnly(cluster.now(id)));
}

Deno.test("case 30: two of three disks are lost: the survivor goes on after a reset, and others join it", () => {
  const cluster = new TestCluster().form(1, 2, 3).run(15_000);
  strictEqual(cluster.grant(1, A), "committed");
  for (const id of [2, 3]) cluster.loseDisk(id);
  cluster.run(5_000);
  deepStrictEqual(cluster.roles, ["1 follower noQuorum"]);
  cluster.kill(1);
  const reset = cluster.reset(1, { maxLeaseMs: LEASE_MS });
  ok(reset.ok);
  cluster.start(1);
  cluster.run(1_000);
  deepStrictEqual([cluster.roles, epochs(cluster, 1)], [["1 standalone serves"], ["2: 1"]]);
  ok(cluster.said(1).includes("renewalsOnly"));
  strictEqual(cluster.slot(1).client, A, "it has its leases");
  // 30c: a node that is added meanwhile knows no more than the survivor, so it inherits the time.
  cluster.start(2);
  cluster.run(5_000);
  strictEqual(change(cluster, 1, adding(2), 12_000), "epoch 3");
  deepStrictEqual(epochs(cluster, 1, 2), ["3: 1,2", "3: 1,2"]);
  deepStrictEqual(renewalsOnly(cluster, 1, 2), [true, true]);
  strictEqual(cluster.slot(2).client, A);
  // The time is part of the membership of later epochs, too, and ends on all.
  cluster.start(3);
  cluster.run(1_000);
  match(change(cluster, 2, adding(3), 12_000), /^epoch 4$/);
  deepStrictEqual(renewalsOnly(cluster, 1, 2, 3), [true, true, true]);
  strictEqual(new Set([1, 2, 3].map((id) => cluster.member(id).membership.renewalsOnlyUntil)).size, 1);
  cluster.run(LEASE_MS + MARGIN_MS);
  deepStrictEqual(renewalsOnly(cluster, 1, 2, 3), [false, false, false]);
  ok(cluster.said(3).includes("renewalsOnlyOver"));
});

Deno.test("case 30: a lost machine that returns with its old disk is no member, and a learner when it is added", () => {
  const cluster = new TestCluster().form(1, 2, 3).run(15_000);
  for (const id of [1, 2, 3]) cluster.kill(id);
  ok(cluster.reset(1, { maxLeaseMs: LEASE_MS }).ok);
  cluster.start(1);
  cluster.run(5_000);
  cluster.start(2);
  cluster.run(3_000);
  deepStrictEqual(cluster.roles, ["1 standalone serves", "2 follower noQuorum"]);
  const { diskId } = cluster.member(2).identity;
  strictEqual(change(cluster, 1, adding(2), 500), "epoch 3");
  strictEqual(cluster.member(2).synced, false);
  ok(cluster.member(2).identity.diskId !== diskId, "what the old disk promised counts no more");
  cluster.run(10_000);
  deepStrictEqual(epochs(cluster, 1, 2), ["3: 1,2", "3: 1,2"]);
  strictEqual(cluster.member(2).synced, true);
});

Deno.test("case 31: a node that was just added dies: it is removed at once, and the next failure is survived", () => {
  const cluster = new TestCluster().form(1, 2, 3).run(15_000);
  cluster.start(4, { members: [1, 2, 3, 4] });
  cluster.run(2_000);
  strictEqual(change(cluster, 3, adding(4), 300), "epoch 2");
  cluster.kill(4);
  cluster.run(5_000);
  deepStrictEqual(cluster.member(3).membership.unsettled, [4]);
  match(change(cluster, 3, removing(1)), /node 4, which was added last, can be removed: members remove 4/);
  // 31b: another member has just lost its disk: the only other copy of a lease may be on node 4.
  cluster.loseDisk(1);
  cluster.start(1);
  cluster.run(2_000);
  match(change(cluster, 3, removing(4), 100), /only while all other members have all leases: start 1, and wait/);
  cluster.run(10_000);
  strictEqual(change(cluster, 3, removing(4)), "epoch 3");
  deepStrictEqual(epochs(cluster, 1, 2, 3), ["3: 1,2,3", "3: 1,2,3", "3: 1,2,3"]);
  strictEqual(cluster.member(3).membership.complete, true);
  cluster.kill(1);
  cluster.run(3_000);
  strictEqual(cluster.grant(2, A), "committed");
});

Deno.test("case 31b: nor while a member has not heard of the epoch: the next one would make it a learner", () => {
  const cluster = new TestCluster().form(1, 2, 3, 4, 5).run(15_000);
  cluster.start(6, { members: [1, 2, 3, 4, 5, 6] });
  cluster.run(2_000);
  cluster.deaf = (to, message) => to === 1 && message.type === "membership";
  strictEqual(change(cluster, 5, adding(6), 300), "epoch 2");
  cluster.kill(6);
  cluster.run(5_000);
  deepStrictEqual(epochs(cluster, 1, 5), ["1: 1,2,3,4,5", "2: 1,2,3,4,5,6"]);
  match(change(cluster, 5, removing(6)), /only while all other members have all leases: start 1, and wait/);
  cluster.deaf = () => false;
  cluster.run(5_000);
  strictEqual(change(cluster, 5, removing(6)), "epoch 3");
  deepStrictEqual([1, 2, 3, 4, 5].map((id) => cluster.member(id).synced), [true, true, true, true, true]);
});

Deno.test("case 34: two nodes lead for a moment and are given different changes: one membership of the epoch", () => {
  const cluster = new TestCluster().form(1, 2, 3, 4).run(15_000);
  strictEqual(cluster.grant(1, A), "committed");
  // Node 4 leads when it is cut off with node 2; it still believes so when node 3 is elected.
  strictEqual(cluster.member(4).role, "leader");
  const removal = cluster.change(4, removing(1));
  cluster.isolate(1, 3);
  cluster.run(4_000);
  deepStrictEqual(epochs(cluster, 1, 2, 3, 4), ["1: 1,2,3,4", "1: 1,2,3,4", "1: 1,2,3,4", "1: 1,2,3,4"]);
  match(removal.outcome, /no longer leads: the next leader may complete the change/);
  cluster.cut.clear();
  cluster.run(15_000);
  // What node 4's disk has accepted is completed when it leads again, or nothing was accepted.
  strictEqual(new Set(epochs(cluster, 1, 2, 3, 4)).size, 1, `${epochs(cluster, 1, 2, 3, 4)}`);
  strictEqual(cluster.slot(2).client, A);
});

Deno.test("membership: a change is refused while a node of an earlier release is live", () => {
  const cluster = new TestCluster().form(1, 2, 3).run(15_000);
  const leader = cluster.member(3);
  const envelope = { ...cluster.member(1).envelope(), wireVersion: 1 as const, incarnation: 99 };
  cluster.kill(1);
  cluster.run(3_000);
  leader.receive(envelope, { type: "timeProbe", probe: 1 }, cluster.now(3));
  match(change(cluster, 3, removing(2), 0), /install the same release on every node first/);
});

Deno.test("upgrade: while a member of the release before is live, the others compute clients' keys as it does", () => {
  const cluster = new TestCluster().form(1, 2, 3).run(15_000);
  const knows = () => [2, 3].map((id) => cluster.member(id).hasEarlierRelease);
  deepStrictEqual(knows(), [false, false]);
  const envelope = { ...cluster.member(1).envelope(), wireVersion: 3 as const, incarnation: 99 };
  cluster.kill(1);
  cluster.run(3_000);
  for (const id of [2, 3]) cluster.member(id).receive(envelope, { type: "timeProbe", probe: 1 }, cluster.now(id));
  deepStrictEqual(knows(), [true, true]);
  cluster.run(5_000);
  deepStrictEqual(knows(), [false, false], "it is gone");
});

Deno.test("upgrade: a configuration that a member of the release before can't read is refused while it is live", () => {
  const cluster = new TestCluster().form(1, 2, 3).run(15_000);
  const leader = cluster.member(3);
  const refusals = (octets: number) => {
    let problems: readonly string[] | undefined;
    const request = { text: "x".repeat(octets), revision: 0, checkOnly: true };
    leader.push(request, cluster.now(3), (result) => problems = result.ok ? [] : result.problems);
    cluster.run(60_000);
    return problems?.filter((problem) => problem.includes("members of the release before")).length;
  };
  strictEqual(refusals(4_200_000), 0);
  const envelope = { ...cluster.member(1).envelope(), wireVersion: 3 as const, incarnation: 99 };
  cluster.kill(1);
  leader.receive(envelope, { type: "timeProbe", probe: 1 }, cluster.now(3));
  strictEqual(refusals(4_200_000), 1);
});

Deno.test("witness: it votes, has no ranges and never leads, whatever its id; one of two servers may fail", () => {
  const cluster = new TestCluster();
  for (const id of [1, 2]) cluster.start(id, { members: [1, 2, 9] });
  cluster.start(9, { members: [1, 2, 9], witness: true });
  cluster.run(20_000);
  deepStrictEqual(cluster.roles, ["1 follower serves", "2 leader serves", "9 follower witness"]);
  strictEqual(cluster.table(9).freeOwned(0), 0);
  strictEqual(cluster.table(1).freeOwned(0) + cluster.table(2).freeOwned(0), 64, "the servers share all addresses");
  strictEqual(cluster.member(9).forceElection(cluster.now(9)), false);
  cluster.kill(2);
  cluster.run(3_000);
  deepStrictEqual(cluster.roles, ["1 leader serves", "9 follower witness"]);
  strictEqual(cluster.grant(1, A), "committed");
  strictEqual(cluster.slot(9).client, A);
  cluster.run(8_000);
  strictEqual(cluster.table(1).freeOwned(0), 63);
  // The last server is lost with its disk: the witness has the lease, and the new one takes it from there.
  cluster.loseDisk(1);
  cluster.loseDisk(2);
  cluster.kill(9);
  ok(cluster.reset(9, { maxLeaseMs: LEASE_MS }).ok);
  cluster.start(9);
  cluster.start(1);
  cluster.run(5_000);
  deepStrictEqual(cluster.roles, ["1 follower joining", "9 standalone witness"]);
  strictEqual(change(cluster, 9, adding(1), 15_000), "epoch 3");
  deepStrictEqual(cluster.roles, ["1 leader serves", "9 follower witness"]);
  strictEqual(cluster.slot(1).client, A);
});

Deno.test("a node is added again after the others got new disks: an older disk of another does not fence it", () => {
  const cluster = formed(3);
  cluster.start(4, { members: [1, 2, 3, 4] });
  match(change(cluster, 3, adding(4), 12_000), /^epoch 2$/);
  const old = cluster.copyOf(3);
  match(change(cluster, 3, removing(4), 12_000), /^epoch 3$/);
  cluster.loseDisk(4);
  for (const id of [1, 2, 3]) {
    cluster.loseDisk(id);
    cluster.start(id);
    cluster.run(20_000);
  }
  cluster.start(4, { members: [1, 2, 3, 4] });
  match(change(cluster, 3, adding(4), 12_000), /^epoch 4$/);
  cluster.run(20_000);
  for (const id of [1, 2, 3, 4]) cluster.said(id);
  cluster.putBack(3, old);
  cluster.start(3);
  cluster.run(20_000);
  deepStrictEqual([1, 2, 4].filter((id) => cluster.said(id).includes("fenced")), []);
  ok(cluster.said(3).includes("fenced"));
  ok(cluster.roles.every((role) => role.endsWith("serves")), cluster.roles.join());
});
