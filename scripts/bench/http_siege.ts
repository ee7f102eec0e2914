// deno-lint-ignore-file no-console -- a measurement prints to the console
/**
 * What a node's HTTP costs its DHCP: latency of renewals while nothing else happens, while thousands of connections
 * are held open from one and from many addresses, while `/metrics` is requested without pause, and with event streams.
 * On the loopback device, without privileges.
 *
 * usage: deno run -A scripts/bench/http_siege.ts [--subnets N] [--connections N] [--seconds N]
 */

import { parseArgs } from "node:util";
import { until } from "../../tests/e2e/lab/wait.ts";
import { Renewals } from "./siege/renewals.ts";
import type { SiegeOrder, SiegeProgress } from "./siege/hold_main.ts";

const ADDRESS = "127.0.0.1";
const HTTP_PORT = 18_167;
const DHCP_PORT = 16_867;
const READY_MS = 60_000;
const PER_SECOND = 3_000;
/** `USER_HZ`, the unit of processor time in /proc, is 100 on every Linux. */
const TICK_MS = 10;
const ROOT = new URL("../../", import.meta.url).pathname;
const URL_BASE = `http://${ADDRESS}:${HTTP_PORT}`;

function config(stateDir: string, subnets: number): string {
  const others = Array.from({ length: subnets - 1 }, (_, index) => {
    const network = `10.${100 + (index >> 8)}.${index & 255}`;
    return { subnet: `${network}.0/24`, pools: [`${network}.10-${network}.250`] };
  });
  return JSON.stringify({
    node: { id: 1, stateDir },
    dhcp: { address: ADDRESS, port: DHCP_PORT },
    cluster: { nodes: [{ id: 1, address: ADDRESS }], port: DHCP_PORT + 1 },
    http: { address: ADDRESS, port: HTTP_PORT },
    service: {
      revision: 1,
      leaseTime: 3600,
      subnets: [{ subnet: "10.77.0.0/16", pools: ["10.77.1.0-10.77.250.255"] }, ...others],
    },
  });
}

async function readyz(): Promise<number | undefined> {
  const startMs = performance.now();
  const response = await fetch(`${URL_BASE}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status === 200 ? performance.now() - startMs : undefined;
}

/** The processor time and memory of a process. */
function cost(pid: number): { readonly cpuMs: number; readonly megabytes: number } {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
  const rss = /VmRSS:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    megabytes: Math.round(Number(rss?.[1]) / 1_024),
  };
}

async function measure(name: string, pid: number, seconds: number, renewals: Renewals): Promise<void> {
  const before = cost(pid);
  const result = await renewals.measure(seconds);
  const { cpuMs, megabytes } = cost(pid);
  const load = Math.round((cpuMs - before.cpuMs) / seconds / 10);
  console.log(
    `${name.padEnd(44)} ${result.sent} renewals, ${result.unanswered} unanswered, p50 ${result.p50Ms.toFixed(1)} ms, ` +
      `p99 ${result.p99Ms.toFixed(1)} ms, worst ${result.worstMs.toFixed(1)} ms; ${load} % of a core, ${megabytes} MB`,
  );
}

/** Holds connections open while it measures. */
async function besiege(name: string, pid: number, order: SiegeOrder, renewals: Renewals): Promise<void> {
  const siege = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}scripts/bench/siege/hold_main.ts`, JSON.stringify(order)],
    stdout: "piped",
  }).spawn();
  const output = siege.output();
  await measure(name, pid, order.seconds - 1, renewals);
  const during = await readyz();
  const { stdout } = await output;
  const endMs = performance.now();
  const after = await readyz();
  const last = JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1) ?? "{}") as SiegeProgress;
  const ms = (value: number | undefined) => value === undefined ? "unanswered" : `${value.toFixed(0)} ms`;
  console.log(
    `  opened ${last.opened}, closed by the node ${last.closed}, open at the end ${last.open}; ` +
      `/readyz during it: ${ms(during)}, after it: ${ms(after)} (${(performance.now() - endMs).toFixed(0)} ms)`,
  );
}

/** Requests a path without pause on some connections. */
async function hammer(path: string, parallel: number, seconds: number): Promise<string> {
  const endMs = performance.now() + seconds * 1_000;
  let answered = 0;
  let bytes = 0;
  await Promise.all(Array.from({ length: parallel }, async () => {
    while (performance.now() < endMs) {
      const response = await fetch(`${URL_BASE}${path}`);
      bytes += (await response.arrayBuffer()).byteLength;
      answered++;
    }
  }));
  return `${Math.round(answered / seconds)} answers of ${Math.round(bytes / answered / 1_000)} kB per second`;
}

async function watch(streams: number, seconds: number): Promise<string> {
  const ending = AbortSignal.timeout(seconds * 1_000);
  let bytes = 0;
  const read = async () => {
    const response = await fetch(`${URL_BASE}/events`, { signal: ending });
    for await (const chunk of response.body ?? []) bytes += chunk.length;
  };
  await Promise.all(Array.from({ length: streams }, () => read().catch(() => {})));
  return `${Math.round(bytes / seconds / 1_000)} kB per second`;
}

async function answerTime(path: string): Promise<string> {
  const startMs = performance.now();
  const response = await fetch(`${URL_BASE}${path}`);
  const { byteLength } = await response.arrayBuffer();
  return `${path}: ${Math.round(performance.now() - startMs)} ms, ${Math.round(byteLength / 1_000)} kB`;
}

async function main(subnets: number, connections: number, seconds: number): Promise<void> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/node.yaml`, config(`${folder}/state`, subnets));
  const node = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "node/main.ts", "--config", `${folder}/node.yaml`],
    cwd: ROOT,
    stdout: "null",
    stderr: "null",
  }).spawn();
  const { pid } = node;
  let renewals: Renewals | undefined;
  try {
    await until("the node to be ready", READY_MS, async () => await readyz() !== undefined);
    renewals = await Renewals.open({ node: ADDRESS, port: DHCP_PORT, clients: 100, perSecond: 200 });
    console.log(`${subnets} subnets`);
    const idle = cost(pid);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    console.log(`idle: ${((cost(pid).cpuMs - idle.cpuMs) / seconds / 10).toFixed(1)} % of a core`);
    await measure("quiet", pid, seconds, renewals);
    for (const path of ["/status", "/metrics", "/ranges"]) console.log(await answerTime(path));
    const order = { hostname: ADDRESS, port: HTTP_PORT, connections, perSecond: PER_SECOND, path: "/metrics" } as const;
    const held = (sources: number, kinds: SiegeOrder["kinds"]) => ({ ...order, sources, kinds, seconds: seconds + 2 });
    if (connections > 0) {
      await besiege(`${connections} connections of one address`, pid, held(1, ["idle", "half", "unread"]), renewals);
      await besiege(`${connections} connections of 8,192 addresses`, pid, held(8_192, ["idle", "half"]), renewals);
      await besiege(`${connections} of 512, a third never reads`, pid, held(512, ["idle", "half", "unread"]), renewals);
    }
    const [metrics] = await Promise.all([
      hammer("/metrics", 8, seconds),
      measure("8 connections request /metrics", pid, seconds, renewals),
    ]);
    console.log(`  ${metrics}`);
    const [status] = await Promise.all([
      hammer("/status", 8, seconds),
      measure("8 connections request /status", pid, seconds, renewals),
    ]);
    console.log(`  ${status}`);
    for (const streams of [1, 8]) {
      const [events] = await Promise.all([
        watch(streams, seconds),
        measure(`${streams} event streams`, pid, seconds, renewals),
      ]);
      console.log(`  ${events}`);
    }
    await measure("quiet again", pid, seconds, renewals);
  } finally {
    renewals?.close();
    node.kill("SIGTERM");
    await node.status;
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      subnets: { type: "string", default: "1" },
      connections: { type: "string", default: "17000" },
      seconds: { type: "string", default: "10" },
    },
  });
  await main(Number(values.subnets), Number(values.connections), Number(values.seconds));
}
