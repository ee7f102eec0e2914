import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { CLIENT_TAG, clientKey } from "../lease/agreement/client_key.ts";
import { NO_DETAIL } from "../lease/agreement/slot.ts";
import type { NodeId } from "./wire/messages.ts";
import { BLANK, FACT } from "./sync/disk_identity.ts";
import type { Decision } from "../lease/agreement/proposer.ts";
import type { ChangeResult } from "./membership/membership.ts";
import { addressOf, MemberCluster } from "./testing/member_cluster.ts";

const X = 0x0a000005;
const client = (octet: number) =>
  clientKey({ subnet: 0x0a000000, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, octet) });

/** Proposes at a member; what came of it within `ms`. */
function grant(company: MemberCluster, id: NodeId, address: number, octet: number, ms = 200): Decision | undefined {
  let result: Decision | undefined;
  const proposal = { address, client: client(octet), xid: octet, leaseMs: 600_000, detail: NO_DETAIL };
  company.member(id).propose(proposal, company.now(id), (outcome) => result = outcome);
  company.run(ms);
  return result;
}

function holders(company: MemberCluster, address: number, ids: NodeId[]): string[] {
  return ids.map((id) => company.table(id).get(address).state);
}

Deno.test("member: three blank machines in any order form a cluster, the highest leads, all serve", () => {
  const company = new MemberCluster();
  company.start(2, [1, 2, 3]);
  company.run(3_000);
  deepStrictEqual(
    company.roles,
    ["2 follower joining"],
    "alone it waits for the others; its clock is not what is wrong",
  );
  company.start(1, [1, 2, 3]);
  company.run(3_000);
  deepStrictEqual(company.roles, ["2 follower joining", "1 follower joining"], "the third may have leases");
  company.start(3, [1, 2, 3]);
  company.run(4_000);
  deepStrictEqual(company.roles, ["2 follower serves", "1 follower serves", "3 leader serves"]);
  const ranges = [1, 2, 3].map((id) => company.table(id).freeOwned(0));
  strictEqual(ranges.reduce((a, b) => a + b), 64, `all addresses are allotted: ${ranges}`);
  ok(Math.min(...ranges) >= 16, `${ranges}`);
});

Deno.test("member: a grant reaches every table; any member renews it; no other client gets the address", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  strictEqual(grant(company, 1, X, 1)?.committed, true);
  deepStrictEqual(holders(company, X, [1, 2, 3]), ["bound", "bound", "bound"]);
  for (const id of [1, 2, 3]) {
    deepStrictEqual(company.table(id).get(X).committedVersion, company.table(id).get(X).version);
  }
  strictEqual(grant(company, 3, X, 1)?.committed, true);
  deepStrictEqual(grant(company, 2, X, 2), { committed: false, reason: "conflict" });
});

Deno.test("member: a new leader within two seconds, grants continue meanwhile, ranges are reallotted", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  company.kill(3);
  strictEqual(grant(company, 1, X, 1)?.committed, true, "a quorum of two is enough");
  company.run(2_000 - 200);
  deepStrictEqual(company.roles, ["1 follower serves", "2 leader serves"]);
  company.run(8_000);
  const ranges = [1, 2].map((id) => company.table(id).freeOwned(0));
  strictEqual(ranges.reduce((a, b) => a + b), 63, `all but the granted one are allotted again: ${ranges}`);
});

Deno.test("member: a partition: the minority grants nothing and says so, the majority goes on, healing repairs", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  company.isolate(1);
  strictEqual(grant(company, 1, X, 1, 3_000)?.committed, false);
  strictEqual(grant(company, 2, X, 2)?.committed, true);
  company.run(2_000);
  deepStrictEqual(company.roles[0], "1 follower noQuorum");
  company.cut.clear();
  company.run(5_000);
  deepStrictEqual(company.roles, ["1 follower serves", "2 follower serves", "3 leader serves"]);
  strictEqual(company.table(1).get(X).client, client(2), "what it missed");
});

Deno.test("member: a restart rejoins immediately; a new disk syncs from the others before it votes", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  strictEqual(grant(company, 3, X, 1)?.committed, true);
  company.kill(2);
  company.run(3_000);
  company.start(2, [1, 2, 3]);
  company.run(2_000);
  ok(company.roles.includes("2 follower serves"));
  company.loseDisk(2);
  company.run(3_000);
  company.start(2, [1, 2, 3]);
  company.run(3_000);
  ok(company.roles.includes("2 follower joining"), "not before two proposal times");
  company.run(4_000);
  ok(company.roles.includes("2 follower serves"));
  strictEqual(company.table(2).get(X).client, client(1));
});

Deno.test("member: a node is added: it joins from members of its epoch, all settle, and it is given addresses", () => {
  const company = new MemberCluster().form(1, 2, 3).run(15_000);
  strictEqual(grant(company, 1, X, 1)?.committed, true);
  company.start(4, [1, 2, 3, 4]);
  company.run(5_000);
  const results: ChangeResult[] = [];
  company.member(3).change({ kind: "add", member: addressOf(4) }, company.now(3), (result) => results.push(result));
  company.run(6_000);
  deepStrictEqual(results[0], { ok: true, epoch: 2 });
  deepStrictEqual([1, 2, 3, 4].map((id) => company.member(id).membership.complete), [true, true, true, true]);
  ok(company.roles.includes("4 follower serves"));
  strictEqual(company.table(4).get(X).client, client(1));
  ok(company.table(4).freeOwned(0) > 0);
  company.member(3).change({ kind: "remove", id: 1 }, company.now(3), (result) => results.push(result));
  company.run(3_000);
  deepStrictEqual(results[1], { ok: true, epoch: 3 });
  ok(company.roles.includes("1 follower removed"));
  strictEqual(company.member(4).membership.complete, true);
});

Deno.test("member: the newest configuration that a majority has is served by all; a bad one changes nothing", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  company.activated.length = 0;
  company.member(1).offer({ revision: 2, text: "second" });
  company.run(3_000);
  deepStrictEqual(company.activated.map(({ id, text }) => `${id} ${text}`).sort(), [
    "1 second",
    "2 second",
    "3 second",
  ]);
  company.member(1).offer({ revision: 3, text: "bad" });
  company.run(3_000);
  deepStrictEqual([2, 3].map((id) => company.member(id).configuration?.text), ["second", "second"]);
  ok(company.said(3).includes("configRefused"));
});

Deno.test("member: --bootstrap forms a cluster of a majority of blank machines; the third joins when it comes", () => {
  const company = new MemberCluster();
  for (const id of [1, 2]) company.start(id, [1, 2, 3], { bootstrap: true });
  company.run(5_000);
  deepStrictEqual(company.roles, ["1 follower serves", "2 leader serves"]);
  strictEqual(grant(company, 1, X, 1)?.committed, true);
  company.start(3, [1, 2, 3]);
  company.run(8_000);
  ok(company.roles.some((role) => role.startsWith("3") && role.endsWith("serves")));
  strictEqual(company.table(3).get(X).client, client(1));
});

Deno.test("member: alone it is a cluster of one: everything is its own, and nothing is said", () => {
  const company = new MemberCluster().form(1).run(100);
  deepStrictEqual(company.roles, ["1 standalone serves"]);
  strictEqual(company.table(1).freeOwned(0), 64);
  strictEqual(grant(company, 1, X, 1, 20)?.committed, true);
});

Deno.test("member: an image of a disk from its first boot does not form the cluster again", () => {
  const company = new MemberCluster();
  company.start(1, [1, 2, 3]);
  company.start(3, [1, 2, 3]);
  company.run(3_000);
  // n1 has answered that it is blank.
  const firstBoot = company.copyOf(3);
  company.start(2, [1, 2, 3]);
  company.run(8_000);
  deepStrictEqual(company.roles, ["1 follower serves", "3 leader serves", "2 follower serves"]);
  // n1 and n3 have A's lease; n2 misses it. Then n3's disk is put back, and n1 is cut off.
  company.deaf = (to, message) => to === 2 && message.type !== "clusterStatus";
  strictEqual(grant(company, 1, X, 1)?.committed, true);
  company.deaf = () => false;
  company.isolate(1);
  company.putBack(3, firstBoot);
  company.start(3, [1, 2, 3]);
  company.run(8_000);
  strictEqual(grant(company, 2, X, 2, 3_000)?.committed, false);
  ok(company.roles.includes("3 follower joining"), company.roles.join());
  company.cut.clear();
  company.run(15_000);
  ok(company.roles.every((role) => role.endsWith("serves")), company.roles.join());
  strictEqual(company.table(3).get(X).client, client(1));
});

Deno.test("member: a node that forms the cluster later was blank when the others formed it, or it learns", () => {
  const company = new MemberCluster().form(1, 2, 3);
  // n3 hears that the others are blank, and stops before it is a voter.
  company.deaf = (to, message) => to === 3 && message.type === "helloAnswer";
  company.run(4_000);
  deepStrictEqual(company.roles, ["1 follower serves", "2 leader serves", "3 follower joining"]);
  company.kill(3);
  company.deaf = () => false;
  company.run(2_000);
  company.start(3, [1, 2, 3]);
  company.run(2_000);
  ok(company.roles.includes("3 follower serves") || company.roles.includes("3 leader serves"), company.roles.join());
});

Deno.test("member: the power fails everywhere: no disk went back, and all serve again", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  for (let octet = 1; octet <= 20; octet++) grant(company, 1 + octet % 3, X + octet, octet, 20);
  for (const id of [1, 2, 3]) company.kill(id);
  company.notices.length = 0;
  company.run(100);
  for (const id of [1, 2, 3]) company.start(id, [1, 2, 3]);
  company.run(6_000);
  ok(company.roles.every((role) => role.endsWith("serves")), company.roles.join());
  deepStrictEqual(company.notices.filter(({ notice }) => notice.kind === "fenced"), []);
});

Deno.test("member: --bootstrap: a quorum of blank machines forms no cluster beside a member that has leases", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  strictEqual(grant(company, 3, X, 1)?.committed, true);
  for (const id of [1, 2]) company.loseDisk(id);
  for (const id of [1, 2]) company.start(id, [1, 2, 3], { bootstrap: true });
  company.run(10_000);
  deepStrictEqual(company.roles.slice(0, 2), ["1 follower joining", "2 follower joining"]);
});

Deno.test("member: restored disks, all of them learners', do not form the cluster again without leases", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  strictEqual(grant(company, 1, X, 1)?.committed, true);
  for (const id of [1, 2, 3]) {
    const { facts } = company.copyOf(id);
    facts.set(FACT.diskId, `${id}`.repeat(16)).set(FACT.blank, BLANK.fenced).set(FACT.diskGeneration, "0");
    company.putBack(id, { facts, rows: new Map() });
  }
  for (const id of [1, 2, 3]) company.start(id, [1, 2, 3], { bootstrap: true });
  company.run(10_000);
  deepStrictEqual(company.roles, ["1 follower joining", "2 follower joining", "3 follower joining"]);
  match(company.reason(1) ?? "", /lost for good, see dhcpcluster-node restore --help/);
});

Deno.test("member: a lease that became durable is no reason for a tick, though the lsn came with it", () => {
  const company = new MemberCluster().form(1).run(1_000);
  const member = company.member(1);
  const before = member.nextDeadline(company.now(1));
  ok(before > company.now(1).monotonicMs);
  const proposal = { address: X, client: client(1), xid: 1, leaseMs: 600_000, detail: NO_DETAIL };
  let committed = false;
  member.propose(proposal, company.now(1), (outcome) => committed = outcome.committed);
  company.settle();
  ok(committed);
  ok(member.nextDeadline(company.now(1)) > company.now(1).monotonicMs);
});

Deno.test("member: the survivor of two lost disks is not ready: the others are heard, and cannot vote", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  for (const id of [1, 2]) {
    company.loseDisk(id);
    company.start(id, [1, 2, 3]);
  }
  company.run(10_000);
  strictEqual(grant(company, 3, X, 1, 3_000)?.committed, false);
  deepStrictEqual(company.roles, ["1 follower joining", "2 follower joining", "3 leader noQuorum"]);
});

Deno.test("member: a node whose proposals all time out is not ready, and tries again by itself", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  const deaf = company.deaf;
  // Their disks hang: they hear and send everything else.
  company.deaf = (to, message) => to === 1 && message.type === "leaseAck";
  for (const octet of [1, 2]) strictEqual(grant(company, 1, X + octet, octet, 2_100)?.committed, false);
  strictEqual(company.roles[0], "1 follower serves", "two may be bad luck");
  strictEqual(grant(company, 1, X + 3, 3, 2_100)?.committed, false);
  strictEqual(company.roles[0], "1 follower proposalsTimeOut");
  company.run(5_000);
  strictEqual(company.roles[0], "1 follower serves");
  strictEqual(grant(company, 1, X + 4, 4, 2_100)?.committed, false);
  company.run(5_000);
  strictEqual(company.roles[0], "1 follower proposalsTimeOut", "the next attempt is later");
  company.deaf = deaf;
  company.run(5_000);
  strictEqual(company.roles[0], "1 follower serves");
  strictEqual(grant(company, 1, X + 5, 5)?.committed, true);
});

Deno.test("member: proposals that the others refuse say nothing about the node", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  company.deaf = (to, message) =>
    to === 1 && message.type !== "leaseAck" && message.type !== "clusterStatus" &&
    !(message.type === "leaseBatch" && message.records.length === 0);
  for (const octet of [1, 2, 3, 4]) {
    strictEqual(grant(company, 2, X + octet, octet)?.committed, true);
    strictEqual(grant(company, 1, X + octet, octet + 10, 2_100)?.committed, false, "node 1 missed that lease");
  }
  strictEqual(company.roles[0], "1 follower serves");
});

Deno.test("member: many proposals that timed out in a partition don't keep a node from serving after it", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  // The others do not hear node 1; its clients have not gone elsewhere yet.
  company.cut.add("1>2").add("1>3");
  for (let octet = 1; octet <= 40; octet++) grant(company, 1, X + octet, octet, 100);
  company.run(5_000);
  company.cut.clear();
  company.run(4_000);
  deepStrictEqual(company.roles, ["1 follower serves", "2 follower serves", "3 leader serves"]);
});

Deno.test("member: the others hear at once that a member serves, or no longer does", () => {
  const company = new MemberCluster().form(1, 2, 3).run(5_000);
  const serves = () => company.member(1).serves(addressOf(2).address, company.now(1));
  company.isolate(2);
  company.run(5_000);
  strictEqual(serves(), false);
  company.cut.clear();
  while (!company.roles.includes("2 follower serves")) company.run(20);
  company.run(40);
  strictEqual(serves(), true);
});
