import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { ANSWER_VALID_MS, NodeTracker } from "./tracker.ts";

const READY = { kind: "answered", ready: true, rttMs: 2 } as const;
const NOT_READY = { kind: "answered", ready: false, rttMs: 3 } as const;
const SILENT = { kind: "silent" } as const;

Deno.test("NodeTracker: before anything is known every node is chosen and none is ready", () => {
  const tracker = new NodeTracker([1, 2]);
  deepStrictEqual(tracker.chosen, [0, 1]);
  strictEqual(tracker.ready, false);
});

Deno.test("NodeTracker: the first node fails, comes back, and is preferred again", () => {
  const tracker = new NodeTracker([1, 2]);
  tracker.probed(0, READY, 0);
  tracker.probed(1, READY, 0);
  deepStrictEqual(tracker.chosen, [0]);
  tracker.probed(0, SILENT, 1000);
  deepStrictEqual(tracker.chosen, [1]);
  deepStrictEqual(tracker.nodes[0], { id: 1, ready: false, reachable: false, chosen: false, rttMs: 2 });
  tracker.probed(0, NOT_READY, 2000);
  deepStrictEqual(tracker.chosen, [1]);
  strictEqual(tracker.nodes[0]?.reachable, true);
  tracker.probed(0, READY, 3000);
  deepStrictEqual(tracker.chosen, [0]);
});

Deno.test("NodeTracker: without HTTP a DHCP answer vouches for a node, for a while", () => {
  const tracker = new NodeTracker([1, 2]);
  tracker.probed(0, SILENT, 0);
  tracker.probed(1, SILENT, 0);
  tracker.answered(1, 100);
  deepStrictEqual(tracker.chosen, [1]);
  strictEqual(tracker.ready, true);
  tracker.probed(1, SILENT, 1000);
  deepStrictEqual(tracker.chosen, [1]);
  tracker.update(100 + ANSWER_VALID_MS);
  deepStrictEqual(tracker.chosen, [0, 1]);
  strictEqual(tracker.ready, false);
});

Deno.test("NodeTracker: once a health URL has answered, its silence outweighs a recent DHCP answer", () => {
  const tracker = new NodeTracker([1]);
  tracker.probed(0, READY, 0);
  tracker.answered(0, 900);
  tracker.probed(0, SILENT, 1000);
  strictEqual(tracker.ready, false);
});

Deno.test("NodeTracker: changes are reported once each", () => {
  const seen: string[] = [];
  const tracker = new NodeTracker([7], (node) => seen.push(`${node.id} ${node.ready} ${node.reachable}`));
  tracker.probed(0, NOT_READY, 0);
  tracker.probed(0, NOT_READY, 1);
  tracker.probed(0, READY, 2);
  tracker.probed(0, SILENT, 3);
  deepStrictEqual(seen, ["7 false true", "7 true true", "7 false false"]);
});
