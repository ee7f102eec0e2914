import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { parsePrefix, type Prefix } from "../../src/net/ipv4.ts";
import { SELECT } from "./limits.ts";
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
  match(scene.reason(0), /^no node is reachable: requests go to all 2, within the hedge budget/);
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
    if (event.kind === "full") return "full";
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

/** What three healthy nodes, probed until all is calm, ask of their surroundings. */
function calm() {
  const asked: string[] = [];
  const events: TrackerEvent[] = [];
  const tracker = new NodeTracker([node(1), node(2), node(3)], {
    onEvent: (event) => events.push(event),
    onProbe: () => asked.push("probe"),
    onVerify: (index) => asked.push(`verify ${index}`),
  });
  const scene = { tracker, asked, events, nowMs: 0 };
  /** By node: "" for its usual distance, another one in milliseconds, "-" for silence, "x" for not ready. */
  const round = (told: readonly string[] = ["", "", ""], full: readonly string[] = []) => {
    scene.nowMs += 1000;
    const intervals = tracker.nextRound();
    for (const [index, word = ""] of [told[0], told[1], told[2]].entries()) {
      const rttMs = Number(word) || 2 + index;
      tracker.pinged(index, word === "-" ? { kind: "silent" } : { kind: "answered", rttMs });
      tracker.healthAsked(
        index,
        word === "-" ? { kind: "silent" } : {
          kind: "answered",
          ready: word !== "x",
          rttMs: 3,
          full: full.map((subnet) => ({ subnet: parsePrefix(subnet) as Prefix, unanswered: 2 })),
        },
        scene.nowMs,
      );
      tracker.roundEnded(index, scene.nowMs);
    }
    return intervals;
  };
  const settle = (told?: readonly string[]) => {
    for (let rounds = 0; rounds < 60; rounds++) {
      if (round(told) === SELECT.calmIntervalsMax) return;
    }
    throw new Error("It never gets calm");
  };
  settle();
  asked.length = 0;
  return { ...scene, round, settle };
}

const CLIENTS = { giaddr: 0x0a4e0001, local: 0x0a4e0001 };

Deno.test("tracker: probes become rare while nothing changes, and are back at once when a client waits", () => {
  const disturbances: Record<string, (scene: ReturnType<typeof calm>) => void> = {
    "a request is hedged": ({ tracker }) => tracker.silent(),
    "a ping is lost": ({ tracker }) => tracker.pinged(1, { kind: "silent" }),
    "a health URL is late": ({ tracker }) => tracker.healthAsked(1, { kind: "silent" }, 99_000),
    "a node says that it is not ready": ({ tracker }) =>
      tracker.healthAsked(2, { kind: "answered", ready: false, rttMs: 1 }, 99_000),
    "a node becomes suspect": ({ tracker }) => tracker.beaten(0, 99_000, 99_260),
    "answers become slower": ({ tracker }) => [3, 3, 3, 3, 60, 60].forEach((ms) => tracker.answered(0, ms, 99_000)),
  };
  for (const [what, disturb] of Object.entries(disturbances)) {
    const scene = calm();
    scene.tracker.answered(0, 3, 98_000);
    deepStrictEqual(scene.asked, [], what);
    disturb(scene);
    deepStrictEqual(scene.asked, ["probe"], what);
    strictEqual(scene.round(), 1, what);
  }
});

Deno.test("tracker: a node whose delay jumps while probes are rare is left within five intervals", () => {
  const { tracker, asked, round, nowMs } = calm();
  for (let answers = 0; answers < 20; answers++) tracker.answered(0, 3 + answers % 2, nowMs);
  deepStrictEqual([tracker.order[0], asked], [0, []]);
  for (const answerMs of [63, 64]) tracker.answered(0, answerMs, nowMs);
  deepStrictEqual(asked, ["probe"]);
  let intervals = 0;
  while (tracker.order[0] === 0) {
    strictEqual(round(["60"]), 1);
    if (++intervals > 5) throw new Error("It is not left");
  }
});

Deno.test("tracker: a node that stays down costs no more probes; without a healthy node they stay frequent", () => {
  const scene = calm();
  scene.round(["", "x", ""]);
  strictEqual(scene.round(["", "x", ""]), 1);
  scene.settle(["", "x", ""]);
  for (let rounds = 0; rounds < 60; rounds++) strictEqual(scene.round(["x", "x", "x"]) === 1 || rounds === 0, true);
});

Deno.test("tracker: while a nearer node is about to replace the chosen one, probes are frequent", () => {
  const scene = new Scene(node(1), node(2)).second("2 10", 60);
  scene.second("10 2", 8);
  strictEqual(scene.tracker.nextRound(), 1);
});

Deno.test("tracker: a doubt is resolved by the node's own word, at once", () => {
  const { tracker, asked, nowMs } = calm();
  tracker.beaten(0, 90_000, 90_260, CLIENTS);
  tracker.beaten(0, 90_001, 90_261, CLIENTS);
  deepStrictEqual(asked, ["verify 0"]);
  strictEqual(tracker.gradeOf(0), "healthy");
  const subnet = parsePrefix("10.78.0.0/16") as Prefix;
  tracker.verified(0, { kind: "answered", ready: true, rttMs: 1, full: [{ subnet, unanswered: 1 }] }, nowMs);
  strictEqual(tracker.gradeOf(0), "healthy");
  strictEqual(tracker.isFull(0, CLIENTS), true);
  tracker.beaten(1, 90_000, 90_260, CLIENTS);
  tracker.verified(1, { kind: "answered", ready: true, rttMs: 1, full: [] }, nowMs);
  strictEqual(tracker.gradeOf(1), "suspect");
});

Deno.test("tracker: a full subnet is reported once, with the nodes that say so, and again when it is not full", () => {
  const { tracker, events, round, nowMs } = calm();
  const told = () => events.flatMap((event) => event.kind === "full" ? [event.full] : []);
  round(["", "", "x"], ["10.78.0.0/16"]);
  round(["", "", "x"], ["10.78.0.0/16"]);
  const [network] = tracker.fullNetworks(nowMs);
  deepStrictEqual([network?.nodes, network?.unanswered, told()], [[1, 2], 4, [true]]);
  round();
  deepStrictEqual([tracker.fullNetworks(nowMs), told()], [[], [true, false]]);
});
