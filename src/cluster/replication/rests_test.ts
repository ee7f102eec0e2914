/** The early end of a declined address's rest: at every member, and at those that were away. */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { A, B } from "../../lease/agreement/testing/records.ts";
import { formed, type TestCluster, X } from "../testing/test_cluster.ts";

const DAY_MS = 86_400_000;

/** Three members that all have X declined by A. */
function declined(): TestCluster {
  const cluster = formed(3);
  strictEqual(cluster.grant(1, A), "committed");
  cluster.decline(1, A, DAY_MS);
  cluster.run(200);
  deepStrictEqual(states(cluster), ["declined", "declined", "declined"]);
  strictEqual(cluster.grant(2, B), "conflict");
  return cluster;
}

function states(cluster: TestCluster): string[] {
  return [1, 2, 3].map((id) => cluster.slot(id).state);
}

Deno.test("rests: one that a member ends is over at all, and another client gets the address", () => {
  const cluster = declined();
  const ended = cluster.command(2, { kind: "endRest", address: X });
  cluster.run(200);
  strictEqual(ended.result, true);
  deepStrictEqual(states(cluster), ["released", "released", "released"]);
  strictEqual(cluster.grant(3, B), "committed");
  const again = cluster.command(1, { kind: "endRest", address: X });
  cluster.run(200);
  strictEqual(again.result, false, "nothing rests there");
  deepStrictEqual([1, 2, 3].map((id) => cluster.slot(id).client), [B, B, B]);
});

Deno.test("rests: a member that was away learns of the end, and of a lease after it", () => {
  const cluster = declined();
  cluster.isolate(3);
  cluster.command(1, { kind: "endRest", address: X });
  cluster.run(200);
  deepStrictEqual(states(cluster), ["released", "released", "declined"]);
  cluster.cut.clear();
  cluster.run(60_000);
  deepStrictEqual(states(cluster), ["released", "released", "released"]);
});

Deno.test("rests: a member that missed the decline and its end has neither the lease nor a rest afterwards", () => {
  const cluster = formed(3);
  strictEqual(cluster.grant(1, A), "committed");
  cluster.run(2_000);
  cluster.isolate(3);
  cluster.decline(1, A, DAY_MS);
  cluster.run(200);
  cluster.command(2, { kind: "endRest", address: X });
  cluster.run(200);
  deepStrictEqual(states(cluster), ["released", "released", "bound"]);
  strictEqual(cluster.grant(1, B), "committed");
  cluster.cut.clear();
  cluster.run(60_000);
  deepStrictEqual([1, 2, 3].map((id) => cluster.slot(id).client), [B, B, B]);
});
