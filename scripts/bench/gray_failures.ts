// deno-lint-ignore-file no-console -- a measurement prints to the console
/**
 * What faults of one node cost clients: three nodes, our relay and emulated clients in network namespaces, and one
 * fault at a time under load. A fault of one node must not leave the clients without an acknowledgement for longer than
 * two seconds; no client may fail, get a DHCPNAK that it does not deserve, or share an address. `kill -9` of all nodes,
 * twice, has no bound of its own: it is printed beside the others.
 *
 * usage (root, Debian packages faketime and nftables):
 *   deno run -A scripts/bench/gray_failures.ts [--seconds N] [--only WORD]
 */

import { parseArgs } from "node:util";
import { fill, mustMount } from "../../node/store/testing/mount.ts";
import type { Member } from "../../tests/e2e/cluster/member.ts";
import { type ClusterSite, onCluster } from "../../tests/e2e/cluster/site.ts";
import { WrongClock } from "../../tests/e2e/lab/wrong_clock.ts";
import { describeLoad, type LoadReport } from "../../tests/e2e/load/client_load.ts";

const PER_SECOND = 100;
const CLIENTS = 20_000;
/** More addresses than clients, or they would be refused for want of one. */
const POOL = "10.77.1.0-10.77.200.255";
const WARM_UP_EXCHANGES = 300;
/** What a client that lost a message waits before it asks again, at the most, and once more. */
const SETTLE_MS = 12_000;
const GAP_MS_MAX = 2_000;
const DISK_KIB = 16 * 1024;

/** The site, the node that the relay prefers, and how long the fault lasts. */
interface Scene {
  readonly site: ClusterSite;
  readonly victim: Member;
  readonly seconds: number;
}

interface Fault {
  readonly name: string;
  /** The node that has the fault: the leader, or the follower that the relay prefers. */
  readonly victim: "leader" | "follower";
  /** Whether it is a fault of all nodes, which has no bound. */
  readonly unbounded?: boolean;
  /** Before the nodes start. */
  readonly prepare?: (site: ClusterSite) => void;
  /** Returns when the fault is over. */
  readonly run: (scene: Scene) => Promise<void>;
}

const clocks = new Map<number, WrongClock>();

function wrongClock(seconds: number): Fault["run"] {
  return async (scene) => {
    clocks.get(scene.victim.id)?.set(seconds);
    await passes(scene.seconds);
    clocks.get(scene.victim.id)?.set(0);
  };
}

function fakeClocks(site: ClusterSite): void {
  for (const member of site.members) {
    const clock = new WrongClock(member.host.namespace.folder("clock"));
    clocks.set(member.id, clock);
    member.env = clock.env;
  }
}

function cut(direction: "in" | "out"): Fault["run"] {
  return async ({ victim, seconds }) => {
    await victim.firewall.drop({ direction });
    await passes(seconds);
    await victim.firewall.open();
  };
}

const lossy: Fault["run"] = async ({ victim, seconds }) => {
  await victim.firewall.drop({ ratio: 0.6 });
  await passes(seconds);
  await victim.firewall.open();
};

const stalled: Fault["run"] = async ({ victim, seconds }) => {
  victim.pause();
  await passes(seconds);
  victim.resume();
};

const FAULTS: readonly Fault[] = [
  {
    name: "SIGSTOP of the leader",
    victim: "leader",
    run: stalled,
  },
  {
    name: "SIGSTOP of a follower",
    victim: "follower",
    run: stalled,
  },
  { name: "the leader cannot send", victim: "leader", run: cut("out") },
  { name: "the leader cannot receive", victim: "leader", run: cut("in") },
  {
    name: "60 % loss at a follower",
    victim: "follower",
    run: lossy,
  },
  {
    name: "60 % loss at the leader",
    victim: "leader",
    run: lossy,
  },
  {
    name: "full disk at the leader",
    victim: "leader",
    prepare: (site) => {
      for (const { config: { node } } of site.members) {
        mustMount(["-t", "tmpfs", "-o", `size=${DISK_KIB}k`, "dhcpcluster-bench", node.stateDir]);
      }
    },
    run: async ({ site, victim, seconds }) => {
      const filler = `${victim.config.node.stateDir}/filler`;
      fill(filler);
      await passes(seconds);
      await Deno.remove(filler);
      await site.serves();
    },
  },
  { name: "the leader's clock 2 h ahead", victim: "leader", prepare: fakeClocks, run: wrongClock(7_200) },
  { name: "the leader's clock 2 h back", victim: "leader", prepare: fakeClocks, run: wrongClock(-7_200) },
  {
    name: "kill -9 of the leader",
    victim: "leader",
    run: async ({ victim, seconds }) => {
      await victim.kill();
      await passes(seconds);
      await victim.start();
    },
  },
  {
    name: "kill -9 of all, twice",
    victim: "leader",
    unbounded: true,
    run: async ({ site }) => {
      for (let times = 0; times < 2; times++) {
        await Promise.all(site.members.map((member) => member.kill()));
        for (const member of site.members) await member.start();
        await passes(2);
      }
    },
  },
];

function passes(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}

async function measure(fault: Fault, seconds: number): Promise<LoadReport> {
  const { promise, resolve } = Promise.withResolvers<LoadReport>();
  await onCluster({ pool: POOL }, async (site) => {
    fault.prepare?.(site);
    await site.start();
    const { leader } = site;
    const victim = fault.victim === "leader" ? leader : site.others(leader.id)[0];
    if (victim === undefined) throw new Error("There is no follower");
    await site.relayTo([victim.id, ...site.others(victim.id).map(({ id }) => id)]);
    const load = await site.clients.start({ first: 1, clients: CLIENTS, perSecond: PER_SECOND });
    await load.completes(WARM_UP_EXCHANGES, 20_000);
    await fault.run({ site, victim, seconds });
    await passes(SETTLE_MS / 1_000);
    const report = await load.stop();
    await site.serves(30_000);
    await site.agrees(60_000);
    resolve(report);
  });
  return await promise;
}

const { values } = parseArgs({
  args: Deno.args,
  options: { seconds: { type: "string", default: "20" }, only: { type: "string", default: "" } },
});
let failed = 0;
for (const fault of FAULTS.filter(({ name }) => name.includes(values.only))) {
  const report = await measure(fault, Number(values.seconds));
  const { acquired, renewed, conflicts, moved, silenceMs } = report;
  const naks = acquired.naks + renewed.naks;
  const lost = acquired.failed + renewed.failed;
  const isGood = (fault.unbounded === true || silenceMs <= GAP_MS_MAX) && naks + lost + conflicts.length + moved === 0;
  if (!isGood) failed += 1;
  console.log(
    `${isGood ? "ok  " : "MISS"} ${fault.name}: longest gap ${
      Math.round(silenceMs)
    } ms, ${lost} failed, ${naks} NAK, ` +
      `${conflicts.length} conflicts, ${moved} moved, ${
        acquired.retransmitted + renewed.retransmitted
      } retransmitted of ` +
      `${acquired.count + renewed.count}`,
  );
  if (!isGood) console.log(describeLoad(report).replaceAll(/^/gm, "       "));
}
if (failed > 0) Deno.exit(1);
