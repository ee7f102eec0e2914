import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import { TestCluster, X, Y } from "../testing/test_cluster.ts";

const WAITING_ROWS_MAX = 40;
const client = (number: number) => `client ${number}` as ClientKey;

/** Three nodes, of which the first has little room for what waits for its disk. */
function cluster(): TestCluster {
  const cluster = new TestCluster();
  for (const id of [1, 2, 3]) cluster.start(id, { members: [1, 2, 3], waitingRowsMax: WAITING_ROWS_MAX });
  return cluster.run(5_000);
}

Deno.test("slow disk: a follower whose disk hangs queues no more than it may, says so, and catches up", () => {
  const nodes = cluster();
  nodes.hung.add(1);
  let most = 0;
  for (let number = 0; number < 300; number++) {
    strictEqual(nodes.grant(3, client(number % 10), X + number % 10, 40), "committed");
    most = Math.max(most, nodes.waiting(1));
  }
  ok(most >= WAITING_ROWS_MAX / 2, `the limit was reached with ${most} writes`);
  nodes.run(60_000);
  ok(nodes.waiting(1) < 2 * WAITING_ROWS_MAX, `${nodes.waiting(1)} writes wait`);
  match(nodes.reason(1) ?? "", /^store: it is slower than the cluster's records/);
  nodes.hung.delete(1);
  nodes.run(20_000);
  strictEqual(nodes.reason(1), undefined);
  for (let at = 0; at < 10; at++) deepStrictEqual(nodes.slot(1, X + at), nodes.slot(3, X + at), `address ${at}`);
});

Deno.test("slow disk: pages that others ask for don't pile up either", () => {
  const nodes = cluster();
  strictEqual(nodes.grant(3, client(1), Y), "committed");
  nodes.hung.add(1);
  const before = nodes.waiting(1);
  for (let request = 1; request <= 100; request++) {
    nodes.say(2, 1, { type: "syncRequest", request, purpose: "repair", after: -1, diskId: "00", bootCount: 1 });
    nodes.deliver(2, 1);
  }
  ok(nodes.waiting(1) - before <= 2, `${nodes.waiting(1) - before} wait`);
});
