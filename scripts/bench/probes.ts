// deno-lint-ignore-file no-console -- a measurement prints to the console
/**
 * What the probes of many relays cost one node: the processor time of the node's process while they request `/readyz`
 * and ping its machine, for each given interval between two probes of a relay. On the loopback device, without
 * privileges.
 *
 * usage: deno run -A scripts/bench/probes.ts [--relays N] [--seconds N] [--intervals MS,MS]
 */

import { until } from "../../tests/e2e/lab/wait.ts";
import type { ProbeOrder, ProbeResult } from "./probes/load_main.ts";

const ADDRESS = "127.0.0.1";
const PORT = 18067;
const DHCP_PORT = 16767;
const READY_MS = 30_000;
/** `USER_HZ`, the unit of processor time in /proc, is 100 on every Linux. */
const TICK_MS = 10;
const ROOT = new URL("../../", import.meta.url).pathname;

function config(stateDir: string): string {
  return JSON.stringify({
    node: { id: 1, stateDir },
    dhcp: { address: ADDRESS, port: DHCP_PORT },
    cluster: { nodes: [{ id: 1, address: ADDRESS }], port: DHCP_PORT + 1 },
    http: { address: ADDRESS, port: PORT },
    log: { level: "warning", format: "text" },
    service: {
      revision: 1,
      leaseTime: 3600,
      subnets: [{ subnet: "10.77.0.0/16", pools: ["10.77.1.0-10.77.250.255"] }],
    },
  });
}

async function main(relays: number, seconds: number, intervals: readonly number[]): Promise<void> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/node.yaml`, config(`${folder}/state`));
  const node = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "node/main.ts", "--config", `${folder}/node.yaml`],
    cwd: ROOT,
    stdout: "null",
  }).spawn();
  try {
    await until("the node to be ready", READY_MS, async () => {
      const response = await fetch(`http://${ADDRESS}:${PORT}/readyz`).catch(() => undefined);
      await response?.body?.cancel();
      return response?.status === 200;
    });
    console.log(`idle: ${await percentOfCore(node.pid, seconds)} % of a core`);
    for (const intervalMs of intervals) await measure(node.pid, { relays, seconds, intervalMs });
  } finally {
    node.kill("SIGTERM");
    await node.status;
    await Deno.remove(folder, { recursive: true });
  }
}

async function measure(
  pid: number,
  { relays, seconds, intervalMs }: { readonly relays: number; readonly seconds: number; readonly intervalMs: number },
): Promise<void> {
  const order: ProbeOrder = { hostname: ADDRESS, port: PORT, relays, intervalMs };
  const load = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/bench/probes/load_main.ts", JSON.stringify(order)],
    cwd: ROOT,
    stdout: "piped",
  }).spawn();
  let last: ProbeResult | undefined;
  let ready = false;
  const reading = (async () => {
    let rest = "";
    for await (const chunk of load.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "ready") ready = true;
        else last = JSON.parse(line) as ProbeResult;
      }
    }
  })();
  const pings = startPings(relays / intervalMs, seconds);
  await until("the relays to be connected", READY_MS, () => ready);
  await percentOfCore(pid, 2);
  const before = last ?? { asked: 0, answered: 0, others: 0 };
  const percent = await percentOfCore(pid, seconds);
  const after = last ?? before;
  console.log(
    `${relays} relays every ${intervalMs} ms: ${percent} % of a core, ` +
      `${((after.answered - before.answered) / seconds).toFixed(0)} answers/s, ${after.others} failed, ` +
      `${(await residentMib(pid)).toFixed(0)} MiB`,
  );
  load.kill("SIGTERM");
  await load.status;
  await reading;
  for (const ping of pings) await ping.status;
}

/** Echo requests to the node's machine, which the kernel answers: up to a thousand per second and process. */
function startPings(perMs: number, seconds: number): Deno.ChildProcess[] {
  const processes = Math.max(1, Math.ceil(perMs));
  return Array.from({ length: processes }, () =>
    new Deno.Command("ping", {
      args: ["-q", "-n", "-i", (processes / perMs / 1_000).toFixed(4), "-w", String(seconds + 2), ADDRESS],
      stdout: "null",
      stderr: "null",
    }).spawn());
}

/** The processor time that a process takes, in percent of a core. */
async function percentOfCore(pid: number, seconds: number): Promise<string> {
  const startMs = performance.now();
  const before = await processorMs(pid);
  await new Promise((resolve) => setTimeout(resolve, 1_000 * seconds));
  const spentMs = await processorMs(pid) - before;
  return (100 * spentMs / (performance.now() - startMs)).toFixed(1);
}

async function processorMs(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // proc(5): utime and stime are fields 14 and 15; the second field, the name, may contain spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}

async function residentMib(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

function textAfter(flag: string, fallback: string): string {
  const at = Deno.args.indexOf(flag);
  return at === -1 ? fallback : Deno.args[at + 1] ?? fallback;
}

if (import.meta.main) {
  const intervals = textAfter("--intervals", "1000,8000").split(",").map(Number);
  await main(Number(textAfter("--relays", "3000")), Number(textAfter("--seconds", "30")), intervals);
}
