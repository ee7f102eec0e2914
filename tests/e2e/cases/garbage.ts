/** Under a flood of garbage, clients get leases, the log stays bounded and memory does not grow. */

import { ok, strictEqual } from "node:assert/strict";
import { CLIENTS } from "../clients/clients.ts";
import { Swarm } from "../clients/raw/swarm.ts";
import type { Process } from "../lab/process.ts";
import { LANS, type Topology } from "../lab/topology.ts";
import { Sender } from "../load/sender.ts";
import type { Programs } from "../programs/programs.ts";
import { onSite } from "./site.ts";

const PER_SECOND = 10_000;
/** Until caches are full, code is compiled and the heap has its size. */
const WARM_UP_SECONDS = 6;
const MEASURED_SECONDS = 32;
/**
 * A leak of 64 octets for each of the 320,000 datagrams of the measured time would be 20 MiB. V8 doubles its young
 * generation at some moment, by 8 MiB.
 */
const GROWTH_KIB_MAX = 16 * 1024;
/** 38 s at a bounded rate of messages; one line per datagram would be 20 MiB. */
const LOG_BYTES_MAX = 128 * 1024;

const FLOODER = "10.77.0.250";

/** Floods the relay from a client network and the node from the server network, 10,000 datagrams/s each. */
export function garbage(programs: Programs): Promise<void> {
  return onSite(programs, { unrecorded: FLOODER }, async (site) => {
    const { topology, node, relay, nodeHost } = site;
    const processes = relay === undefined ? [node] : [node, relay];
    const clientSide = await topology.squatter("badclient", FLOODER);
    const serverSide = await topology.serverLanHost("badserver", "10.99.0.250");
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] as number;
    const rate = { perSecond: PER_SECOND, seed };
    const logBefore = processes.map(({ output }) => output.bytes);
    const senders = [
      Sender.start(clientSide, { ...rate, sourcePort: 68, targets: [LANS[0].gateway, "255.255.255.255"] }),
      // From port 67, like messages of a relay.
      Sender.start(serverSide, { ...rate, sourcePort: 67, targets: [nodeHost.address, "10.99.0.1"] }),
    ];

    const settled = await watch(WARM_UP_SECONDS, processes);
    const [final] = await Promise.all([watch(MEASURED_SECONDS, processes), clientsGetLeases(topology, seed)]);

    for (const sender of senders) {
      const { sent, seconds } = await sender.stop();
      ok(sent / seconds > 0.9 * PER_SECOND, `the sender reached ${Math.round(sent / seconds)} datagrams/s`);
    }
    processes.forEach((process, index) => {
      const growth = (final[index] as number) - (settled[index] as number);
      ok(growth < GROWTH_KIB_MAX, `${process.label} grew by ${growth} KiB from ${settled[index]} KiB; seed ${seed}`);
      const logged = process.output.bytes - (logBefore[index] as number);
      ok(logged < LOG_BYTES_MAX, `${process.label} logged ${logged} bytes; seed ${seed}`);
    });
  });
}

/** A real client and three rounds of emulated ones. */
async function clientsGetLeases(topology: Topology, seed: number): Promise<void> {
  const udhcpc = new CLIENTS.udhcpc(await topology.client("udhcpc"));
  await udhcpc.start();
  ok((await udhcpc.waitBound()).address.startsWith("10.77.0."));
  const swarmHost = await topology.client("swarm");
  for (const first of [1, 21, 41]) {
    const answers = await Swarm.run(swarmHost, { first, clients: 20, inFlight: 4, giveUpMs: 10_000 });
    strictEqual(answers.filter(({ answer }) => answer === "ACK").length, 20, `seed ${seed}`);
  }
}

/** Resident KiB per process over some seconds: the median of the second half, as garbage collection makes waves. */
async function watch(seconds: number, processes: readonly Process[]): Promise<number[]> {
  const samples: number[][] = processes.map(() => []);
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    processes.forEach((process, index) => samples[index]?.push(process.residentKiB()));
    // This wait is the period of the measurement.
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return samples.map((series) => {
    const later = series.slice(series.length >> 1).toSorted((a, b) => a - b);
    return later[later.length >> 1] as number;
  });
}
