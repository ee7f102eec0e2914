import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { NodeTracker, type TrackedNode, type TrackerEvent } from "./tracker.ts";

const node = (id: number, changes: Partial<TrackedNode> = {}): TrackedNode => ({
  id,
  weight: 1,
  local: false,
  ...changes,
});

/** Nodes whose every second is given as "distance", "-" for silence, "x" for not ready. */
class Scene {
  readonly events: TrackerEvent[] = [];
  readonly tracker: NodeTracker;
  nowMs = 0;

  constructor(...nodes: TrackedNode[]) {
    this.tracker = new NodeTracker(nodes, { onEvent: (event) => this.events.push(event) });
  }

  second(told: string, times = 1): this {
    for (let count = 0; count < times; count++) {
      this.nowMs += 1000;
      for (const [index, word] of told.split(" ").entries()) {
        const rttMs = Number(word.replace("x", ""));
        this.tracker.pinged(index, word === "-" ? { kind: "silent" } : { kind: "answered", rttMs });
        const ready = !word.startsWith("x");
        const health = word === "-" ? { kind: "silent" } as const : { kind: "answered", ready, rttMs } as const;
        this.tracker.healthAsked(index, health, this.nowMs);
        this.tracker.roundEnded(index, this.nowMs);
      }
    }
    return this;
  }

  get chosen(): number[] {
    return this.tracker.states(this.nowMs).filter(({ chosen }) => chosen).map(({ id }) => id);
  }

  reason(index: number): string {
    return this.tracker.states(this.nowMs)[index]?.reason ?? "";
  }
}

Deno.test("tracker: before the first probe every node gets requests and none is ready", () => {
  const scene = new Scene(node(1), node(2));
  deepStrictEqual(scene.chosen, [1, 2]);
  strictEqual(scene.tracker.ready(0), false);
  match(scene.tracker.unreadiness(0) ?? "", /^no node answers/);
  match(scene.reason(0), /^no node is ready: requests go to all 2 that may still serve/);
});

Deno.test("tracker: the nearest serves, fails, comes back, and serves again after probation and hysteresis", () => {
  const scene = new Scene(node(1), node(2), node(3)).second("2 10 40", 20);
  deepStrictEqual(scene.chosen, [1]);
  scene.second("- 10 40", 2);
  deepStrictEqual(scene.chosen, [2]);
  scene.second("2 10 40", 2);
  deepStrictEqual(scene.chosen, [2]);
  match(scene.reason(0), /good probe/);
  scene.second("2 10 40", 25);
  deepStrictEqual(scene.chosen, [1]);
  strictEqual(scene.tracker.traffic(0).failovers, 1);
  strictEqual(scene.tracker.traffic(1).failovers, 0);
});

Deno.test("tracker: each node has a reason why it is chosen or not", () => {
  const scene = new Scene(node(1), node(2), node(3), node(4)).second("2 2.1 10 x2", 10);
  match(scene.reason(0), /^2\.00 ms: no ready node is clearly nearer$/);
  match(scene.reason(1), /^farther: 2\.10 ms, node 1 2\.00 ms$/);
  match(scene.reason(2), /^farther: 10\.0 ms, node 1 2\.00 ms$/);
  match(scene.reason(3), /^not ready: /);
  scene.second("2.2 2 10 x2", 30);
  match(scene.reason(1), /^not nearer by the hysteresis of 0\.50 ms: 2\.0/);
  scene.second("9 2 10 x2", 1);
  deepStrictEqual(scene.chosen, [1]);
});

Deno.test("tracker: a weight divides the distance, and the own site is preferred at any distance", () => {
  const weighed = new Scene(node(1), node(2, { weight: 10 })).second("2 10", 9);
  deepStrictEqual(weighed.chosen, [2]);
  match(weighed.reason(1), /at weight 10/);
  const sited = new Scene(node(1), node(2, { local: true })).second("2 40", 9);
  deepStrictEqual(sited.chosen, [2]);
  match(sited.reason(0), /node 2 is in this relay's site/);
});

Deno.test("tracker: suspicion moves the choice at once, an answer to a trial starts probation", () => {
  const scene = new Scene(node(1), node(2)).second("2 10", 20);
  scene.tracker.beaten(0, scene.nowMs, scene.nowMs);
  deepStrictEqual(scene.chosen, [2]);
  strictEqual(scene.tracker.takeTrial(scene.nowMs + 100), -1);
  strictEqual(scene.tracker.takeTrial(scene.nowMs + 1000), 0);
  scene.tracker.answered(0, 3, scene.nowMs + 1000);
  deepStrictEqual(scene.chosen, [2]);
  scene.second("2 10", 25);
  deepStrictEqual(scene.chosen, [1]);
});

Deno.test("tracker: the order of the first probes does not matter: of equals the first in the file is chosen", () => {
  const { tracker } = new Scene(node(1), node(2));
  for (const index of [1, 0]) {
    tracker.pinged(index, { kind: "answered", rttMs: 0.3 });
    tracker.healthAsked(index, { kind: "answered", ready: true, rttMs: 1 }, 1000);
    tracker.roundEnded(index, 1000);
  }
  deepStrictEqual([tracker.order, tracker.fanOut], [[0, 1], 1]);
});

Deno.test("tracker: every change is reported once", () => {
  const scene = new Scene(node(1), node(2)).second("2 10", 5).second("x2 10", 3).second("2 10", 30);
  const told = scene.events.map((event) => {
    if (event.kind === "grade") return `${event.id} ${event.grade}`;
    return event.kind === "chosen" ? `${event.instead ?? "none"} → ${event.id}` : `${event.id} ${event.reason}`;
  });
  deepStrictEqual(told, [
    "1 healthy",
    "none → 1",
    "2 healthy",
    "1 notReady",
    "1 → 2",
    "1 probation",
    "1 healthy",
    "2 → 1",
  ]);
});

Deno.test("tracker: the state of an unchanged node survives a reload, that of a moved one does not", () => {
  const scene = new Scene(node(1), node(2, { endpoint: "a" })).second("10 2", 5);
  const next = new NodeTracker([node(2, { endpoint: "a" }), node(3)], { previous: scene.tracker });
  next.roundEnded(0, scene.nowMs);
  deepStrictEqual([next.order, next.fanOut], [[0, 1], 1]);
  const moved = new NodeTracker([node(1), node(2, { endpoint: "b" })], { previous: scene.tracker });
  deepStrictEqual(moved.states(scene.nowMs).map(({ ready }) => ready), [true, false]);
});
