import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parsePrefix, type Prefix } from "../../src/net/ipv4.ts";
import { ip } from "../testing/messages.ts";
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
      this.node.healthAsked(health, this.nowMs);
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
  ["does not answer HTTP any more", PONG, SILENT, 5, "notReady", /its health URL does not answer any more/],
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
  strictEqual(scene.node.beaten(scene.nowMs, scene.nowMs), "suspect");
  strictEqual(scene.grade, "suspect");
  match(scene.fault ?? "", /DHCP requests unanswered for/);
  strictEqual(scene.node.beaten(scene.nowMs, scene.nowMs), "nothing");
});

Deno.test("a node that has answered anything since is busy, and not suspect", () => {
  const scene = healthy();
  scene.node.answered(3, scene.nowMs + 10);
  strictEqual(scene.node.beaten(scene.nowMs, scene.nowMs + 260), "nothing");
  for (let request = 0; request < SELECT.ignoredMax; request++) {
    strictEqual(scene.node.ignored(scene.nowMs, scene.nowMs + 260), "nothing");
  }
  strictEqual(scene.node.beaten(scene.nowMs + 11, scene.nowMs + 270), "suspect");
});

Deno.test("requests for its own offers that a node ignores make it suspect when there are several in a row", () => {
  const scene = healthy();
  strictEqual(scene.node.ignored(scene.nowMs, scene.nowMs), "nothing");
  scene.node.answered(3, scene.nowMs);
  for (let request = 1; request < SELECT.ignoredMax; request++) {
    strictEqual(scene.node.ignored(scene.nowMs, scene.nowMs), "nothing");
  }
  strictEqual(scene.node.ignored(scene.nowMs, scene.nowMs), "suspect");
});

const NETWORK = { giaddr: ip("10.78.0.1"), local: ip("10.78.0.1") };
const full = (...subnets: string[]): HealthResult => ({
  kind: "answered",
  ready: true,
  rttMs: 5,
  full: subnets.map((subnet) => ({ subnet: parsePrefix(subnet) as Prefix, unanswered: 1 })),
});

Deno.test("a DISCOVER that another node answered does not count when the node says that the subnet is full", () => {
  const scene = new Scene().round(PONG, full("10.78.0.0/16"));
  strictEqual(scene.node.isFull(NETWORK), true);
  strictEqual(scene.node.beaten(scene.nowMs, scene.nowMs + 260, NETWORK), "nothing");
  // It may have become full since it was asked last.
  scene.round(PONG, full());
  strictEqual(scene.node.beaten(scene.nowMs, scene.nowMs + 260, NETWORK), "doubt");
  strictEqual(scene.node.beaten(scene.nowMs, scene.nowMs + 261, NETWORK), "nothing", "it is asked once");
  strictEqual(scene.node.beaten(scene.nowMs, scene.nowMs + 260 + 2 * SELECT.verifyMsMax, NETWORK), "doubt");
  strictEqual(scene.grade, "healthy");
  strictEqual(scene.node.verified(full("10.78.0.0/16"), scene.nowMs + 265), "nothing");
  deepStrictEqual([scene.grade, scene.node.isFull(NETWORK)], ["healthy", true]);

  for (const word of [full("10.79.0.0/16"), SILENT, REFUSED, NOT_READY]) {
    const doubted = new Scene().round(PONG, full());
    strictEqual(doubted.node.beaten(doubted.nowMs, doubted.nowMs + 260, NETWORK), "doubt");
    strictEqual(doubted.node.verified(word, doubted.nowMs + 265), "suspect", word.kind);
  }
});

Deno.test("an answer to any client ends a doubt", () => {
  const scene = new Scene().round(PONG, full());
  scene.node.beaten(scene.nowMs, scene.nowMs + 260, NETWORK);
  scene.node.answered(3, scene.nowMs + 262);
  strictEqual(scene.node.verified(full(), scene.nowMs + 265), "nothing");
});

Deno.test("the word on a doubt may take little longer than its health URL usually does", () => {
  const scene = new Scene().round(PONG, full(), 20);
  strictEqual(scene.node.verifyMs, SELECT.verifyMsMin);
  for (let round = 0; round < 20; round++) scene.round(PONG, { ...full(), rttMs: 300 } as HealthResult);
  ok(scene.node.verifyMs >= 300 && scene.node.verifyMs <= SELECT.verifyMsMax);
});

Deno.test("a health URL that answers late puts a node on probation: what it says counts", () => {
  const late = (ready: boolean): HealthResult => ({ kind: "late", ready, rttMs: 900 });
  const scene = healthy();
  for (let round = 0; round < 60; round++) {
    scene.round(PONG, SILENT);
    scene.node.healthAsked(late(true), scene.nowMs + 400);
    if (round > 0) strictEqual(scene.grade, "probation", `round ${round}`);
  }
  match(scene.fault ?? "", /answers late/);
  scene.node.healthAsked(late(false), scene.nowMs + 500);
  strictEqual(scene.grade, "notReady");
  scene.node.healthAsked(late(true), scene.nowMs + 600);
  strictEqual(scene.round(PONG, READY, SELECT.goodProbes).grade, "healthy");
});

Deno.test("a health URL that stays silent counts as not ready, unless the node serves", () => {
  const scene = healthy().round(PONG, SILENT, 2);
  deepStrictEqual([scene.grade, scene.node.ready(scene.nowMs)], ["probation", true]);
  scene.node.answered(3, scene.nowMs);
  scene.round(PONG, SILENT, SELECT.answerValidMs / 1000 - 1);
  strictEqual(scene.grade, "probation");
  scene.round(PONG, SILENT, 2);
  strictEqual(scene.grade, "notReady");
  match(scene.fault ?? "", /its health URL does not answer any more/);
});

Deno.test("answers that are slower than usual, twice in a row, call for a measurement", () => {
  const scene = healthy();
  for (let count = 0; count < 30; count++) strictEqual(scene.node.answered(3 + count % 2, scene.nowMs), false);
  strictEqual(scene.node.answered(60, scene.nowMs), false);
  strictEqual(scene.node.answered(3, scene.nowMs), false);
  for (let count = 0; count < 30; count++) scene.node.answered(3 + count % 2, scene.nowMs);
  deepStrictEqual([60, 61].map((answerMs) => scene.node.answered(answerMs, scene.nowMs)), [false, true]);
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
