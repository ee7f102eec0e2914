// deno-lint-ignore-file no-console -- a command prints to the console
/**
 * What changes of a large configuration cost clients: three nodes as real processes on loopback with 20,000
 * reservations serve a constant load, while addresses are reserved, a whole section is pushed, and a node gets SIGHUP.
 * For each: how long it took, the slowest exchange that began meanwhile, and what it cost the threads that
 * serve. Times are of this machine with everything
 * on it; "nothing" is the measure beside them.
 *
 * usage: deno run -A scripts/bench/reservations.ts [--reservations 20000] [--rate 100] [--rounds 3]
 */

import { stringify } from "yaml";
import { localAdminClient } from "../../node/admin/local_socket.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../src/net/ipv4.ts";
import { quantile } from "./cluster/load.ts";
import { startCluster } from "./cluster/nodes.ts";
import { SteadyLoad } from "./cluster/steady.ts";

function option(name: string, fallback: number): number {
  const at = Deno.args.indexOf(`--${name}`);
  return at === -1 ? fallback : Number(Deno.args[at + 1] ?? fallback);
}

const count = option("reservations", 20_000);
const rounds = option("rounds", 3);
const FIRST = parseIpv4("127.201.0.1") as Ipv4;
const PATIENCE_MS = 120_000;

function hardware(number: number): string {
  return `02:ff:${[24, 16, 8, 0].map((shift) => ((number >>> shift) & 255).toString(16).padStart(2, "0")).join(":")}`;
}

function section(reservations: number) {
  return [{
    subnet: "127.0.0.0/8",
    pools: ["127.200.0.0-127.200.255.255"],
    reservations: Array.from({ length: reservations }, (_, number) => ({
      hardware: hardware(number),
      address: formatIpv4(FIRST + number),
      hostname: `host-${number}`,
    })),
  }];
}

/** Processor time of a process, and of its first thread, which serves, in ms; see proc_pid_stat(5). */
function usedMs(pid: number): { readonly serving: number; readonly all: number } {
  const [serving = 0, all = 0] = [`/proc/${pid}/task/${pid}/stat`, `/proc/${pid}/stat`].map((path) => {
    const fields = Deno.readTextFileSync(path).split(") ").at(-1)?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  });
  return { serving, all };
}

/** Of the kernel's accounting. */
const TICK_MS = 10;

const cluster = await startCluster(3, (text) => console.error(text), section(count));
let load: SteadyLoad | undefined;
try {
  const [first, , leader] = cluster.nodes;
  if (first === undefined || leader === undefined) throw new Error("There are three nodes");
  const nodes = cluster.nodes.map(({ address }) => address);
  const steady = load = await SteadyLoad.start({ ...cluster, nodes, perSecond: option("rate", 100) });

  const revisions = async () => await Promise.all(cluster.nodes.map(async (node) => (await node.status()).revision));
  /** Waits until all nodes serve a revision. */
  const served = async (revision: number) => {
    const endMs = performance.now() + PATIENCE_MS;
    while ((await revisions()).some((one) => one !== revision)) {
      if (performance.now() > endMs) throw new Error(`Not all nodes serve revision ${revision}: ${await revisions()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const during = async (what: string, run: () => Promise<string>) => {
    const fromMs = performance.now();
    const before = cluster.nodes.map(({ program }) => usedMs(program.pid));
    const came = await run();
    const endMs = performance.now();
    const used = cluster.nodes.map(({ program }, at) => {
      const [then, now] = [before[at] ?? { serving: 0, all: 0 }, usedMs(program.pid)];
      return `${now.serving - then.serving} of ${now.all - then.all}`;
    });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const exchanges = steady.between(fromMs, Math.max(endMs, fromMs + 500));
    const answered = exchanges.filter((ms) => ms !== Infinity);
    const told = [0.5, 0.99, 1].map((share) => quantile(answered, share).toFixed(1));
    console.log(
      `${what}: ${Math.round(endMs - fromMs)} ms (${came}); ${exchanges.length} exchanges meanwhile, ` +
        `${exchanges.length - answered.length} without an answer; p50, p99, slowest: ${told.join(", ")} ms; ` +
        `processor time of the serving thread, of each node's: ${used.join(", ")} ms`,
    );
  };
  const memory = () => {
    const sizes = cluster.nodes.map(({ program }) => {
      const status = Deno.readTextFileSync(`/proc/${program.pid}/status`);
      const [now, most] = ["VmRSS", "VmHWM"].map((name) =>
        Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1_024)
      );
      return `${now} (at most ${most}) MiB`;
    });
    console.log(`memory: ${sizes.join(", ")}`);
  };

  let revision = 1;
  const asked = async (node: typeof first, request: Parameters<ReturnType<typeof localAdminClient>>[0]) => {
    const { status, body } = await localAdminClient(node.stateDir)(request);
    if (status !== 200) return `refused: ${JSON.stringify(body).slice(0, 300)}`;
    revision = (body as { revision: number }).revision;
    return `revision ${revision}`;
  };
  await served(1);
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  memory();
  await during("nothing", async () => {
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    return "for comparison";
  });
  for (let round = 0; round < rounds; round++) {
    for (const [where, node] of [["the leader", leader], ["a follower", first]] as const) {
      const number = count + 1_000 + 2 * round + (node === leader ? 0 : 1);
      const body = { address: formatIpv4(FIRST + number), hardware: hardware(number) };
      await during(`reserve on ${where}`, () => asked(node, { method: "POST", path: "/reservations", body }));
      await served(revision);
      await during(
        `unreserve on ${where}`,
        () => asked(node, { method: "DELETE", path: `/reservations/${body.address}` }),
      );
      await served(revision);
    }
    const body = stringify({ leaseTime: 3_600, subnets: section(count - round) });
    await during("config push on a follower", () => asked(first, { method: "PUT", path: "/config", body }));
    await served(revision);
    const service = { revision: revision + 1, leaseTime: 3_600, subnets: section(count - round - 1) };
    await Deno.writeTextFile(first.file, stringify({ ...first.settings, service }));
    await during("SIGHUP on a follower, until all serve it", async () => {
      first.program.reload();
      await served(service.revision);
      return `revision ${service.revision}`;
    });
    memory();
  }
} finally {
  load?.stop();
  await cluster.stop();
}
