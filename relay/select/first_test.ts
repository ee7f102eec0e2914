import { deepStrictEqual } from "node:assert/strict";
import { type NodeHealth, selectNodes } from "./first.ts";

const READY: NodeHealth = { ready: true, reachable: true };
const REACHABLE: NodeHealth = { ready: false, reachable: true };
const DOWN: NodeHealth = { ready: false, reachable: false };

const CASES: [string, NodeHealth[], number[]][] = [
  ["the first of several ready nodes, in configured order", [READY, READY, READY], [0]],
  ["the first ready one after nodes that are down", [DOWN, DOWN, READY, READY], [2]],
  ["a ready node before a reachable one that is not ready", [REACHABLE, READY], [1]],
  ["the first reachable one when none is ready", [DOWN, REACHABLE, REACHABLE], [1]],
  ["every node when none can be reached", [DOWN, DOWN, DOWN], [0, 1, 2]],
];

for (const [what, nodes, expected] of CASES) {
  Deno.test(`selectNodes() chooses ${what}`, () => deepStrictEqual(selectNodes(nodes), expected));
}
