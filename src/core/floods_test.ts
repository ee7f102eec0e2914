import { ok, strictEqual } from "node:assert/strict";
import { addressOf, formed, type TestCluster } from "../cluster/testing/test_cluster.ts";
import type { NodeId } from "../cluster/wire/messages.ts";
import { clientMessage } from "../dhcp/server/testing.ts";
import { formatIpv4 } from "../net/ipv4.ts";

/** Of the 64 addresses, half and a quarter: defaults of `strangers`. */
const HALF = 32;
const SHARE = 16;
const relayed = { giaddr: "10.0.0.254" };

let mac = 0;

/** A new client discovers and, unless it is left at that, requests at a node. */
function arrive(cluster: TestCluster, id: NodeId, only?: "DISCOVER"): void {
  mac += 1;
  const { reply: offer } = cluster.ask(id, clientMessage("DISCOVER", mac, relayed));
  if (offer === undefined || only !== undefined) return;
  const server = formatIpv4(addressOf(id).address);
  cluster.ask(id, clientMessage("REQUEST", mac, { ...relayed, server, requested: formatIpv4(offer.yiaddr) }));
}

function halfFull(): TestCluster {
  const cluster = formed(3);
  for (let count = 0; count < HALF; count++) {
    arrive(cluster, 1);
    cluster.run(100);
  }
  return cluster;
}

/** New clients at a node, 20 a second; how many addresses are left. */
function leftAfter(cluster: TestCluster, id: NodeId, clients: number): number {
  for (let count = 0; count < clients; count++) {
    arrive(cluster, id);
    cluster.run(50);
  }
  cluster.run(3_000);
  return cluster.table(id).free(0);
}

Deno.test("floods: a node that sees little of one keeps the share of strangers as well", () => {
  const cluster = halfFull();
  for (let count = 0; count < 5 * HALF; count++) arrive(cluster, 1, "DISCOVER");
  cluster.run(1_000);
  for (let count = 0; count < 4; count++) arrive(cluster, 1, "DISCOVER");
  const left = leftAfter(cluster, 2, 30);
  ok(left >= HALF - SHARE, `${left} addresses left`);
});

Deno.test("floods: without one, new clients get all addresses at any node", () => {
  strictEqual(leftAfter(halfFull(), 2, HALF), 0);
});
