import { ok, strictEqual } from "node:assert/strict";
import { addressOf, formed, type TestCluster } from "../cluster/testing/test_cluster.ts";
import type { ClusterMessage, NodeId } from "../cluster/wire/messages.ts";
import { clientMessage } from "../dhcp/server/testing.ts";
import { formatIpv4 } from "../net/ipv4.ts";

/** Of the 64 addresses, half and a quarter: defaults of `strangers`. */
const HALF = 32;
const SHARE = 16;
const NODES = [1, 2, 3];
/** Each node leaves one to each other one that may be on its way. */
const LEFT = NODES.length - 1;
const relayed = { giaddr: "10.0.0.254" };

let mac = 0;

/** A new client discovers and requests at a node. */
function arrive(cluster: TestCluster, id: NodeId): void {
  mac += 1;
  const { reply: offer } = cluster.ask(id, clientMessage("DISCOVER", mac, relayed));
  if (offer === undefined) return;
  const server = formatIpv4(addressOf(id).address);
  cluster.ask(id, clientMessage("REQUEST", mac, { ...relayed, server, requested: formatIpv4(offer.yiaddr) }));
}

function halfFull(): TestCluster {
  const cluster = formed(3);
  for (let count = 0; count < HALF - LEFT; count++) {
    arrive(cluster, 1);
    cluster.run(200);
  }
  strictEqual(cluster.table(1).onProbation(0), 0);
  return cluster;
}

/** First leases of the cluster, the same at all nodes once every proposal is decided. */
function firstLeases(cluster: TestCluster): number {
  cluster.run(3_000);
  const [first = 0, ...others] = NODES.map((id) => cluster.table(id).onProbation(0));
  for (const other of others) strictEqual(other, first);
  return first;
}

/** The share is used, and not exceeded. */
function keepsShare(cluster: TestCluster): void {
  const leases = firstLeases(cluster);
  ok(leases <= SHARE && leases >= SHARE - LEFT, `${leases} first leases`);
}

Deno.test("first leases: nodes that grant at once, before they hear of each other, keep the share together", () => {
  const cluster = halfFull();
  for (const id of NODES) {
    for (let count = 0; count < 100; count++) arrive(cluster, id);
  }
  ok(firstLeases(cluster) <= SHARE);
  for (let round = 0; round < 100; round++) {
    for (const id of NODES) arrive(cluster, id);
    cluster.run(20);
  }
  keepsShare(cluster);
});

Deno.test("first leases: the nodes keep the share while the half of the subnet fills up, too", () => {
  const cluster = formed(3);
  for (let round = 0; round < 200; round++) {
    for (const id of NODES) {
      arrive(cluster, id);
      arrive(cluster, id);
    }
    cluster.run(20);
  }
  ok(firstLeases(cluster) <= SHARE);
  ok(cluster.table(1).free(0) <= 64 - HALF - SHARE + 2 * LEFT);
});

Deno.test("first leases: one node grants the whole share when the clients ask no other", () => {
  const cluster = halfFull();
  for (let round = 0; round < 100; round++) {
    arrive(cluster, 1);
    cluster.run(20);
  }
  keepsShare(cluster);
});

Deno.test("first leases: a node that misses the others' records once does not exceed the share", () => {
  const cluster = halfFull();
  const missed = new Set<string>();
  cluster.deaf = (to: NodeId, message: ClusterMessage) => {
    if (to !== 3 || message.type !== "leaseBatch" || message.records.length === 0) return false;
    const key = JSON.stringify([message.first, message.records[0]?.address]);
    if (missed.has(key)) return false;
    missed.add(key);
    return true;
  };
  for (let round = 0; round < 200; round++) {
    for (const id of NODES) arrive(cluster, id);
    cluster.pass(5);
    cluster.settle();
  }
  ok(missed.size > 0);
  ok(firstLeases(cluster) <= SHARE);
});
