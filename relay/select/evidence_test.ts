import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { type HealthResult, NodeEvidence, type PingResult } from "./evidence.ts";
import { SELECT } from "./limits.ts";

const PONG: PingResult = { kind: "answered", rttMs: 2 };
const LOST: PingResult = { kind: "silent" };
const NO_PING: PingResult = { kind: "impossible", reason: "ping is not installed" };
const READY: HealthResult = { kind: "answered", ready: true, rttMs: 5 };
const NOT_READY: HealthResult = { kind: "answered", ready: false, rttMs: 5, reason: "no majority" };
const SILENT: HealthResult = { kind: "silent" };
const REFUSED: HealthResult = { kind: "refused" };
const UNRESOLVED: HealthResult = { kind: "impossible", reason: "its name does not resolve" };

/** A node with one probe round per second. */
class Scene {
  readonly node = new NodeEvidence();
  nowMs = 0;

  round(ping: PingResult, health: HealthResult, times = 1): this {
    for (let count = 0; count < times; count++) {
      this.nowMs += 1000;
      this.node.pinged(ping);
      this.node.healthAsked(health);
      this.node.roundEnded(this.nowMs);
    }
    return this;
  }

  get grade() {
    return this.node.grade(this.nowMs);
  }

  get fault() {
    return this.node.fault(this.nowMs);
  }
}

const healthy = () => new Scene().round(PONG, READY);

Deno.test("a node is healthy from its first good probe on", () => {
  strictEqual(new Scene().grade, "unreachable");
  strictEqual(healthy().grade, "healthy");
  strictEqual(healthy().fault, undefined);
});

const FAULTS: [what: string, ping: PingResult, health: HealthResult, rounds: number, grade: string, fault: RegExp][] = [
  ["says that it is not ready", PONG, NOT_READY, 1, "notReady", /not ready: no majority/],
  ["refuses the connection", PONG, REFUSED, 1, "notReady", /nothing listens at its health URL/],
  ["does not answer HTTP twice", PONG, SILENT, 2, "notReady", /its health URL does not answer any more/],
  ["answers nothing twice", LOST, SILENT, 2, "unreachable", /unreachable: answers neither ping/],
  [
    "has a name that does not resolve",
    PONG,
    UNRESOLVED,
    1,
    "notReady",
    /cannot be requested: its name does not resolve/,
  ],
];
for (const [what, ping, health, rounds, grade, fault] of FAULTS) {
  Deno.test(`a node that ${what} is ${grade}, and healthy again after three good probes`, () => {
    const scene = healthy().round(ping, health, rounds);
    strictEqual(scene.grade, grade);
    match(scene.fault ?? "", fault);
    for (let probe = 1; probe < SELECT.goodProbes; probe++) {
      strictEqual(scene.round(PONG, READY).grade, "probation");
      match(scene.fault ?? "", /on probation: \d more good probes? needed/);
    }
    strictEqual(scene.round(PONG, READY).grade, "healthy");
  });
}

Deno.test("one lost probe of each kind changes nothing", () => {
  strictEqual(healthy().round(LOST, SILENT).grade, "healthy");
});

Deno.test("a node without HTTP is ready while it serves", () => {
  const scene = new Scene().round(PONG, SILENT, 3);
  strictEqual(scene.grade, "notReady");
  scene.node.answered(3, scene.nowMs);
  strictEqual(scene.round(PONG, SILENT, 3).grade, "healthy");
  strictEqual(scene.round(PONG, SILENT, 10).grade, "notReady");
});

Deno.test("a request that another node answered first makes a node suspect at once", () => {
  const scene = healthy();
  strictEqual(scene.node.beaten(scene.nowMs, scene.nowMs), true);
  strictEqual(scene.grade, "suspect");
  match(scene.fault ?? "", /DHCP requests unanswered for/);
  strictEqual(scene.node.beaten(scene.nowMs, scene.nowMs), false);
});

Deno.test("a node that has answered anything since is busy, and not suspect", () => {
  const scene = healthy();
  scene.node.answered(3, scene.nowMs + 10);
  strictEqual(scene.node.beaten(scene.nowMs, scene.nowMs + 260), false);
  for (let request = 0; request < SELECT.unansweredMax; request++) {
    strictEqual(scene.node.unanswered(scene.nowMs, scene.nowMs + 260), false);
  }
  strictEqual(scene.node.beaten(scene.nowMs + 11, scene.nowMs + 270), true);
});

Deno.test("requests that no node answers make a node suspect only when there are several in a row", () => {
  const scene = healthy();
  strictEqual(scene.node.unanswered(scene.nowMs, scene.nowMs), false);
  scene.node.answered(3, scene.nowMs);
  for (let request = 1; request < SELECT.unansweredMax; request++) {
    strictEqual(scene.node.unanswered(scene.nowMs, scene.nowMs), false);
  }
  strictEqual(scene.node.unanswered(scene.nowMs, scene.nowMs), true);
});

Deno.test("trials of a suspect back off exponentially; its answer and good probes clear it", () => {
  const scene = healthy();
  scene.node.beaten(scene.nowMs, scene.nowMs);
  const trials: number[] = [];
  for (let ms = 0; ms < 20_000; ms += 100) if (scene.node.takeTrial(scene.nowMs + ms)) trials.push(ms);
  deepStrictEqual(trials, [1000, 3000, 7000, 15_000]);
  strictEqual(scene.round(PONG, READY, 9).grade, "suspect");
  scene.node.answered(3, scene.nowMs);
  strictEqual(scene.grade, "probation");
  strictEqual(scene.round(PONG, READY, SELECT.goodProbes).grade, "healthy");
});

Deno.test("a suspicion ends by itself when no trial is possible", () => {
  const scene = healthy();
  scene.node.beaten(scene.nowMs, scene.nowMs);
  scene.node.expire(scene.nowMs + SELECT.suspectMsMax);
  strictEqual(scene.grade, "probation");
});

Deno.test("a node that becomes suspect again and again needs more good probes each time", () => {
  const scene = healthy();
  const needed = [1, 2, 3, 4, 5].map(() => {
    scene.node.beaten(scene.nowMs, scene.nowMs);
    scene.node.answered(3, scene.nowMs);
    for (let probes = 1;; probes++) if (scene.round(PONG, READY).grade === "healthy") return probes;
  });
  deepStrictEqual(needed, [3, 6, 12, 24, 24]);
});

Deno.test("distance: by ping; by HTTP where ICMP is filtered or ping cannot run, with the reason", () => {
  const scene = healthy();
  deepStrictEqual([scene.node.rttSource, scene.node.noPing], ["icmp", undefined]);
  scene.round(LOST, READY, SELECT.filteredPings);
  strictEqual(scene.node.rttSource, "http");
  match(scene.node.noPing ?? "", /ICMP is filtered/);
  strictEqual(scene.node.loss, 0);
  strictEqual(scene.grade, "healthy");
  scene.round(PONG, READY);
  strictEqual(scene.node.rttSource, "icmp");
  scene.round(NO_PING, READY);
  deepStrictEqual([scene.node.rttSource, scene.node.noPing], ["http", "ping is not installed"]);
});

Deno.test("distance: by DHCP when there is nothing else", () => {
  const scene = new Scene().round(NO_PING, SILENT);
  strictEqual(scene.node.rttSource, undefined);
  scene.node.answered(7, scene.nowMs);
  deepStrictEqual([scene.node.rttSource, scene.node.rtt.smoothedMs], ["dhcp", 7]);
});

Deno.test("a node that loses many probes is on probation until it loses few", () => {
  const scene = healthy();
  for (let round = 0; round < 12; round++) scene.round(round % 2 === 0 ? LOST : PONG, READY);
  strictEqual(scene.grade, "probation");
  match(scene.fault ?? "", /% of the probes are lost/);
  scene.round(PONG, READY, SELECT.lossWindow);
  strictEqual(scene.grade, "healthy");
});

Deno.test("an outage does not count as loss once the node is back", () => {
  const scene = healthy().round(LOST, SILENT, 60).round(PONG, READY, SELECT.goodProbes);
  deepStrictEqual([scene.grade, scene.node.loss], ["healthy", 0]);
});

Deno.test("the hedging delay adapts to the node's own answers, within bounds", () => {
  const { node } = healthy();
  strictEqual(node.hedgeDelayMs, SELECT.hedgeMsMax);
  for (let count = 0; count < 50; count++) node.answered(3, 0);
  strictEqual(node.hedgeDelayMs, SELECT.hedgeMsMin);
  for (let count = 0; count < 50; count++) node.answered(count % 2 === 0 ? 100 : 60, 0);
  ok(node.hedgeDelayMs > 100 && node.hedgeDelayMs <= SELECT.hedgeMsMax);
  for (let count = 0; count < 50; count++) node.answered(900, 0);
  strictEqual(node.hedgeDelayMs, SELECT.hedgeMsMax);
});
