import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { A, B, client } from "../lease/agreement/testing/records.ts";
import { NO_DETAIL } from "../lease/agreement/slot.ts";
import { BLANK, FACT } from "./sync/disk_identity.ts";
import { addressOf, formed, TestCluster, X } from "./testing/test_cluster.ts";

Deno.test("member: three blank machines in any order form a cluster, the highest leads, all serve", () => {
  const cluster = new TestCluster();
  cluster.start(2, { members: [1, 2, 3] });
  cluster.run(3_000);
  deepStrictEqual(
    cluster.roles,
    ["2 follower joining"],
    "alone it waits for the others; its clock is not what is wrong",
  );
  cluster.start(1, { members: [1, 2, 3] });
  cluster.run(3_000);
  deepStrictEqual(cluster.roles, ["2 follower joining", "1 follower joining"], "the third may have leases");
  cluster.start(3, { members: [1, 2, 3] });
  cluster.run(4_000);
  deepStrictEqual(cluster.roles, ["2 follower serves", "1 follower serves", "3 leader serves"]);
  const ranges = [1, 2, 3].map((id) => cluster.table(id).freeOwned(0));
  strictEqual(ranges.reduce((a, b) => a + b), 64, `all addresses are allotted: ${ranges}`);
  ok(Math.min(...ranges) >= 16, `${ranges}`);
});

Deno.test("member: a grant reaches every table; any member renews it; no other client gets the address", () => {
  const cluster = formed(3);
  strictEqual(cluster.grant(1, A), "committed");
  for (const id of [1, 2, 3]) {
    strictEqual(cluster.slot(id).state, "bound");
    deepStrictEqual(cluster.slot(id).committedVersion, cluster.slot(id).version);
  }
  strictEqual(cluster.grant(3, A), "committed");
  strictEqual(cluster.grant(2, B), "conflict");
});

Deno.test("member: a new leader within two seconds, grants continue meanwhile, ranges are reallotted", () => {
  const cluster = formed(3);
  cluster.kill(3);
  strictEqual(cluster.grant(1, A), "committed", "a quorum of two is enough");
  cluster.run(2_000 - 200);
  deepStrictEqual(cluster.roles, ["1 follower serves", "2 leader serves"]);
  cluster.run(8_000);
  const ranges = [1, 2].map((id) => cluster.table(id).freeOwned(0));
  strictEqual(ranges.reduce((a, b) => a + b), 63, `all but the granted one are allotted again: ${ranges}`);
});

Deno.test("member: a partition: the minority grants nothing and says so, the majority goes on, healing repairs", () => {
  const cluster = formed(3);
  cluster.isolate(1);
  strictEqual(cluster.grant(1, A, X, 3_000), "timeout");
  strictEqual(cluster.grant(2, B), "committed");
  cluster.run(2_000);
  deepStrictEqual(cluster.roles[0], "1 follower noQuorum");
  cluster.cut.clear();
  cluster.run(5_000);
  deepStrictEqual(cluster.roles, ["1 follower serves", "2 follower serves", "3 leader serves"]);
  strictEqual(cluster.slot(1).client, B, "what it missed");
});

Deno.test("member: a restart rejoins immediately; a new disk syncs from the others before it votes", () => {
  const cluster = formed(3);
  strictEqual(cluster.grant(3, A), "committed");
  cluster.kill(2);
  cluster.run(3_000);
  cluster.start(2);
  cluster.run(2_000);
  ok(cluster.roles.includes("2 follower serves"));
  cluster.loseDisk(2);
  cluster.run(3_000);
  cluster.start(2);
  cluster.run(3_000);
  ok(cluster.roles.includes("2 follower joining"), "not before two proposal times");
  cluster.run(4_000);
  ok(cluster.roles.includes("2 follower serves"));
  strictEqual(cluster.slot(2).client, A);
});

Deno.test("member: a node is added: it joins from members of its epoch, all settle, and it is given addresses", () => {
  const cluster = new TestCluster().form(1, 2, 3).run(15_000);
  strictEqual(cluster.grant(1, A), "committed");
  cluster.start(4, { members: [1, 2, 3, 4] });
  cluster.run(5_000);
  const addition = cluster.change(3, { kind: "add", member: addressOf(4) });
  cluster.run(6_000);
  strictEqual(addition.outcome, "epoch 2");
  deepStrictEqual([1, 2, 3, 4].map((id) => cluster.member(id).membership.complete), [true, true, true, true]);
  ok(cluster.roles.includes("4 follower serves"));
  strictEqual(cluster.slot(4).client, A);
  ok(cluster.table(4).freeOwned(0) > 0);
  const removal = cluster.change(3, { kind: "remove", id: 1 });
  cluster.run(3_000);
  strictEqual(removal.outcome, "epoch 3");
  ok(cluster.roles.includes("1 follower removed"));
  strictEqual(cluster.member(4).membership.complete, true);
});

Deno.test("member: the newest configuration that a majority has is served by all; a bad one changes nothing", () => {
  const cluster = formed(3);
  cluster.member(1).offer({ revision: 2, text: "second" });
  cluster.run(3_000);
  deepStrictEqual([1, 2, 3].map((id) => cluster.served(id)), Array(3).fill("second"));
  cluster.member(1).offer({ revision: 3, text: "bad" });
  cluster.run(3_000);
  deepStrictEqual([2, 3].map((id) => cluster.served(id)), ["second", "second"]);
  ok(cluster.said(3).includes("configRefused"));
});

Deno.test("member: --bootstrap forms a cluster of a majority of blank machines; the third joins when it comes", () => {
  const cluster = new TestCluster();
  for (const id of [1, 2]) cluster.start(id, { members: [1, 2, 3], bootstrap: true });
  cluster.run(5_000);
  deepStrictEqual(cluster.roles, ["1 follower serves", "2 leader serves"]);
  strictEqual(cluster.grant(1, A), "committed");
  cluster.start(3, { members: [1, 2, 3] });
  cluster.run(8_000);
  ok(cluster.roles.some((role) => role.startsWith("3") && role.endsWith("serves")));
  strictEqual(cluster.slot(3).client, A);
});

Deno.test("member: alone it is a cluster of one: everything is its own, and nothing is said", () => {
  const cluster = new TestCluster().form(1).run(100);
  deepStrictEqual(cluster.roles, ["1 standalone serves"]);
  strictEqual(cluster.table(1).freeOwned(0), 64);
  strictEqual(cluster.grant(1, A, X, 20), "committed");
});

Deno.test("member: an image of a disk from its first boot does not form the cluster again", () => {
  const cluster = new TestCluster();
  cluster.start(1, { members: [1, 2, 3] });
  cluster.start(3, { members: [1, 2, 3] });
  cluster.run(3_000);
  // n1 has answered that it is blank.
  const firstBoot = cluster.copyOf(3);
  cluster.start(2, { members: [1, 2, 3] });
  cluster.run(8_000);
  deepStrictEqual(cluster.roles, ["1 follower serves", "3 leader serves", "2 follower serves"]);
  // n1 and n3 have A's lease; n2 misses it. Then n3's disk is put back, and n1 is cut off.
  cluster.deaf = (to, message) => to === 2 && message.type !== "clusterStatus";
  strictEqual(cluster.grant(1, A), "committed");
  cluster.deaf = () => false;
  cluster.isolate(1);
  cluster.putBack(3, firstBoot);
  cluster.start(3);
  cluster.run(8_000);
  strictEqual(cluster.grant(2, B, X, 3_000), "timeout");
  ok(cluster.roles.includes("3 follower joining"), cluster.roles.join());
  cluster.cut.clear();
  cluster.run(15_000);
  ok(cluster.roles.every((role) => role.endsWith("serves")), cluster.roles.join());
  strictEqual(cluster.slot(3).client, A);
});

Deno.test("member: a node that forms the cluster later was blank when the others formed it, or it learns", () => {
  const cluster = new TestCluster().form(1, 2, 3);
  // n3 hears that the others are blank, and stops before it is a voter.
  cluster.deaf = (to, message) => to === 3 && message.type === "helloAnswer";
  cluster.run(4_000);
  deepStrictEqual(cluster.roles, ["1 follower serves", "2 leader serves", "3 follower joining"]);
  cluster.kill(3);
  cluster.deaf = () => false;
  cluster.run(2_000);
  cluster.start(3);
  cluster.run(2_000);
  ok(cluster.roles.includes("3 follower serves") || cluster.roles.includes("3 leader serves"), cluster.roles.join());
});

Deno.test("member: a disk that formed the cluster may vote, also after a crash at that moment", () => {
  const cluster = new TestCluster().form(1, 2, 3);
  // The power of n3 fails as soon as it has formed the cluster: what it would write next is lost.
  while (!cluster.said(3).includes("joined")) {
    cluster.pass(20);
    for (const from of [1, 2, 3]) for (const to of [1, 2, 3]) cluster.deliver(from, to);
    for (const id of [1, 2, 3]) cluster.fsync(id);
  }
  cluster.kill(3);
  cluster.run(2_000);
  // Each would have to learn the terms from both others.
  cluster.loseDisk(1);
  cluster.start(1);
  cluster.start(3);
  cluster.run(15_000);
  ok(cluster.roles.every((role) => role.endsWith("serves")), cluster.roles.join());
});

Deno.test("member: the power fails everywhere: no disk went back, and all serve again", () => {
  const cluster = formed(3);
  for (let octet = 1; octet <= 20; octet++) cluster.grant(1 + octet % 3, client(octet), X + octet, 20);
  for (const id of [1, 2, 3]) cluster.kill(id);
  cluster.notices.length = 0;
  cluster.run(100);
  for (const id of [1, 2, 3]) cluster.start(id);
  cluster.run(6_000);
  ok(cluster.roles.every((role) => role.endsWith("serves")), cluster.roles.join());
  deepStrictEqual(cluster.notices.filter(({ notice }) => notice.kind === "fenced"), []);
});

Deno.test("member: --bootstrap: a quorum of blank machines forms no cluster beside a member that has leases", () => {
  const cluster = formed(3);
  strictEqual(cluster.grant(3, A), "committed");
  for (const id of [1, 2]) cluster.loseDisk(id);
  for (const id of [1, 2]) cluster.start(id, { members: [1, 2, 3], bootstrap: true });
  cluster.run(10_000);
  deepStrictEqual(cluster.roles.slice(0, 2), ["1 follower joining", "2 follower joining"]);
});

Deno.test("member: restored disks, all of them learners', do not form the cluster again without leases", () => {
  const cluster = formed(3);
  strictEqual(cluster.grant(1, A), "committed");
  for (const id of [1, 2, 3]) {
    const { facts } = cluster.copyOf(id);
    facts.set(FACT.diskId, `${id}`.repeat(16)).set(FACT.blank, BLANK.fenced).set(FACT.diskGeneration, "0");
    cluster.putBack(id, { facts, rows: new Map() });
  }
  for (const id of [1, 2, 3]) cluster.start(id, { members: [1, 2, 3], bootstrap: true });
  cluster.run(10_000);
  deepStrictEqual(cluster.roles, ["1 follower joining", "2 follower joining", "3 follower joining"]);
  match(cluster.reason(1) ?? "", /lost for good, see dhcpcluster-node restore --help/);
});

Deno.test("member: a lease that became durable is no reason for a tick, though the lsn came with it", () => {
  const cluster = new TestCluster().form(1).run(1_000);
  const member = cluster.member(1);
  const before = member.nextDeadline(cluster.now(1));
  ok(before > cluster.now(1).monotonicMs);
  const proposal = { address: X, client: A, xid: 1, leaseMs: 600_000, detail: NO_DETAIL };
  let committed = false;
  member.propose(proposal, cluster.now(1), (outcome) => committed = outcome.committed);
  cluster.settle();
  ok(committed);
  ok(member.nextDeadline(cluster.now(1)) > cluster.now(1).monotonicMs);
});

Deno.test("member: the survivor of two lost disks is not ready: the others are heard, and cannot vote", () => {
  const cluster = formed(3);
  for (const id of [1, 2]) {
    cluster.loseDisk(id);
    cluster.start(id);
  }
  cluster.run(10_000);
  strictEqual(cluster.grant(3, A, X, 3_000), "timeout");
  deepStrictEqual(cluster.roles, ["1 follower joining", "2 follower joining", "3 leader noQuorum"]);
});

Deno.test("member: a node whose proposals all time out is not ready, and tries again by itself", () => {
  const cluster = formed(3);
  const deaf = cluster.deaf;
  // Their disks hang: they hear and send everything else.
  cluster.deaf = (to, message) => to === 1 && message.type === "leaseAck";
  for (const octet of [1, 2]) strictEqual(cluster.grant(1, client(octet), X + octet, 2_100), "timeout");
  strictEqual(cluster.roles[0], "1 follower serves", "two may be bad luck");
  strictEqual(cluster.grant(1, client(3), X + 3, 2_100), "timeout");
  strictEqual(cluster.roles[0], "1 follower proposalsTimeOut");
  cluster.run(5_000);
  strictEqual(cluster.roles[0], "1 follower serves");
  strictEqual(cluster.grant(1, client(4), X + 4, 2_100), "timeout");
  cluster.run(5_000);
  strictEqual(cluster.roles[0], "1 follower proposalsTimeOut", "the next attempt is later");
  cluster.deaf = deaf;
  cluster.run(5_000);
  strictEqual(cluster.roles[0], "1 follower serves");
  strictEqual(cluster.grant(1, client(5), X + 5), "committed");
});

Deno.test("member: proposals that the others refuse say nothing about the node", () => {
  const cluster = formed(3);
  cluster.deaf = (to, message) =>
    to === 1 && message.type !== "leaseAck" && message.type !== "clusterStatus" &&
    !(message.type === "leaseBatch" && message.records.length === 0);
  for (const octet of [1, 2, 3, 4]) {
    strictEqual(cluster.grant(2, client(octet), X + octet), "committed");
    strictEqual(cluster.grant(1, client(octet + 10), X + octet, 2_100), "conflict", "node 1 missed that lease");
  }
  strictEqual(cluster.roles[0], "1 follower serves");
});

Deno.test("member: many proposals that timed out in a partition don't keep a node from serving after it", () => {
  const cluster = formed(3);
  // The others do not hear node 1; its clients have not gone elsewhere yet.
  cluster.cut.add("1>2").add("1>3");
  for (let octet = 1; octet <= 40; octet++) cluster.grant(1, client(octet), X + octet, 100);
  cluster.run(5_000);
  cluster.cut.clear();
  cluster.run(4_000);
  deepStrictEqual(cluster.roles, ["1 follower serves", "2 follower serves", "3 leader serves"]);
});

Deno.test("member: the others hear at once that a member serves, or no longer does", () => {
  const cluster = formed(3);
  const serves = () => cluster.member(1).serves(addressOf(2).address, cluster.now(1));
  cluster.isolate(2);
  cluster.run(5_000);
  strictEqual(serves(), false);
  cluster.cut.clear();
  while (!cluster.roles.includes("2 follower serves")) cluster.run(20);
  cluster.run(40);
  strictEqual(serves(), true);
});
