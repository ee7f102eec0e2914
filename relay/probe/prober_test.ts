import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { HealthResult, PingResult } from "../select/evidence.ts";
import { PING_RETRY_MS, Prober } from "./prober.ts";
import type { Pinger } from "./ping.ts";

const READY: HealthResult = { kind: "answered", ready: true, rttMs: 5 };
const PONG: PingResult = { kind: "answered", rttMs: 2 };
const NO_PING: PingResult = { kind: "impossible", reason: "not installed" };

/** Runs a prober of two nodes until it has reported `count` results, and returns them. */
async function told(
  count: number,
  options: { ping?: Pinger; health?: (url: string) => Promise<HealthResult>; now?: () => number },
): Promise<string[]> {
  const lines: string[] = [];
  const enough = Promise.withResolvers<void>();
  const tell = (line: string) => {
    lines.push(line);
    if (lines.length === count) enough.resolve();
  };
  const prober = new Prober({
    nodes: [{ address: 1, health: "one" }, { address: 2, health: "two" }],
    intervalMs: 5,
    timeoutMs: 5,
    sink: {
      nextRound: () => 1,
      verified: (index, result) => tell(`${index} verified ${result.kind}`),
      pinged: (index, result) => tell(`${index} ping ${result.kind}`),
      healthAsked: (index, result) => tell(`${index} health ${result.kind}`),
      roundEnded: (index) => tell(`${index} ended`),
    },
    ping: options.ping,
    askHealth: options.health ?? (() => Promise.resolve(READY)),
    now: options.now ?? (() => 0),
  });
  await enough.promise;
  prober.close();
  return lines.slice(0, count);
}

Deno.test("prober: probes every node, reports each result and then the end of the round", async () => {
  const lines = await told(6, { ping: () => Promise.resolve(PONG) });
  deepStrictEqual(lines.toSorted(), [
    "0 ended",
    "0 health answered",
    "0 ping answered",
    "1 ended",
    "1 health answered",
    "1 ping answered",
  ]);
  for (const node of ["0", "1"]) strictEqual(lines.filter((line) => line.startsWith(node)).at(-1), `${node} ended`);
});

Deno.test("prober: a node that hangs delays no other node, and gets no second probe at the same time", async () => {
  let asked = 0;
  const lines = await told(40, {
    ping: () => Promise.resolve(PONG),
    health: (url) => {
      if (url === "two") return Promise.resolve(READY);
      asked++;
      return new Promise(() => {});
    },
  });
  strictEqual(asked, 1);
  ok(lines.filter((line) => line === "1 ended").length > 3);
});

Deno.test("prober: a ping that cannot be run is not tried every time, but again later", async () => {
  let runs = 0;
  let nowMs = 0;
  const ping = () => {
    runs++;
    return Promise.resolve(NO_PING);
  };
  await told(30, { ping, now: () => nowMs });
  // Both nodes' first rounds start together.
  strictEqual(runs, 2);
  await told(30, { ping, now: () => (nowMs += PING_RETRY_MS) });
  ok(runs > 4);
});

Deno.test("prober: without ping every round reports that", async () => {
  ok((await told(6, {})).includes("0 ping impossible"));
});

/** A prober of one node whose rounds the test ends by hand. */
function single(askHealth: () => Promise<HealthResult>, nextRound: () => number = () => 1) {
  const lines: string[] = [];
  let wake = Promise.withResolvers<void>();
  const tell = (line: string) => {
    lines.push(line);
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const prober = new Prober({
    nodes: [{ address: 1, health: "one" }],
    intervalMs: 20,
    timeoutMs: 20,
    sink: {
      nextRound,
      pinged: () => {},
      healthAsked: (_, result) => tell(result.kind),
      roundEnded: () => tell("ended"),
      verified: (_, result) => tell(`verified ${result.kind}`),
    },
    ping: undefined,
    askHealth,
    now: () => 0,
  });
  const until = async (wanted: (lines: readonly string[]) => boolean) => {
    const giveUp = setTimeout(() => wake.reject(new Error(lines.join(", "))), 5_000);
    while (!wanted(lines)) await wake.promise;
    clearTimeout(giveUp);
  };
  return { prober, lines, until };
}

Deno.test("prober: a late answer is lost first, then an answer; meanwhile there is no second request", async () => {
  const first = Promise.withResolvers<HealthResult>();
  let asked = 0;
  const { prober, lines, until } = single(() => ++asked === 1 ? first.promise : Promise.resolve(READY));
  await until((told) => told.filter((line) => line === "ended").length === 3);
  deepStrictEqual([lines.slice(0, 4), asked], [["silent", "ended", "silent", "ended"], 1]);
  first.resolve(READY);
  await until((told) => told.includes("answered"));
  deepStrictEqual(lines.filter((line) => line !== "silent" && line !== "ended").slice(0, 2), ["late", "answered"]);
  prober.close();
});

Deno.test("prober: rounds are as rare as the tracker says, and begin at once when it wants them", async () => {
  const { prober, lines, until } = single(() => Promise.resolve(READY), () => 1_000_000);
  await until((told) => told.length === 2);
  prober.probe();
  await until((told) => told.length === 4);
  await prober.verify(0, 20);
  deepStrictEqual(lines, ["answered", "ended", "answered", "ended", "verified answered"]);
  prober.close();
  prober.probe();
});
