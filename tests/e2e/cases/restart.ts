/** Acknowledged leases survive the end of the node, by SIGTERM or by SIGKILL. */

import { ok, strictEqual } from "node:assert/strict";
import { CLIENTS } from "../clients/clients.ts";
import { Swarm, type SwarmAnswer, type SwarmLease } from "../clients/raw/swarm.ts";
import type { Host } from "../lab/topology.ts";
import { until } from "../lab/wait.ts";
import type { Programs } from "../programs/programs.ts";
import { onSite, type Site } from "./site.ts";

/** A node that is stopped and started knows every lease and renews it. */
export function restarted(programs: Programs): Promise<void> {
  return onSite(programs, {}, async (site) => {
    const { topology, wires: [wire] } = site;
    const clients = await Promise.all(
      Object.entries(CLIENTS).map(async ([name, Client]) => new Client(await topology.client(name))),
    );
    for (const client of clients) await client.start();
    const before = await Promise.all(clients.map((client) => client.waitBound()));

    strictEqual((await site.node.terminate(5_000)).code, 0, "SIGTERM ends a node within 5 s with exit code 0");
    await site.restartNode();

    await coveted(await topology.client("strangers"), before.map((lease) => lease.address));
    const after = await Promise.all(clients.map((client) => client.renew()));
    after.forEach((lease, index) => strictEqual(lease.address, before[index]?.address));
    strictEqual(wire.filter({ type: "NAK" }).length, 0);
  });
}

const ROUNDS = 4;
const CLIENTS_PER_ROUND = 400;

/** `kill -9` right after a DHCPACK, with many more exchanges in flight, loses no acknowledged lease. */
export function killedAfterAck(programs: Programs): Promise<void> {
  const pool = "10.77.0.10-10.77.15.250";
  const service = {
    leaseTime: 3_600,
    renewTime: 1_800,
    rebindTime: 3_000,
    subnets: [{ subnet: "10.77.0.0/16", pools: [pool] }],
  };
  return onSite(programs, { service }, async (site) => {
    const host = await site.topology.client("swarm");
    const acknowledged: SwarmLease[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const first = 1 + round * CLIENTS_PER_ROUND;
      acknowledged.push(...await killAtAck(site, first, 20 + round * 15));
    }
    const addresses = acknowledged.map((lease) => lease.address);
    strictEqual(new Set(addresses).size, addresses.length);
    await coveted(host, addresses);
    const order = { leases: acknowledged, inFlight: 16, giveUpMs: 5_000 };
    const confirmed = new Map((await Swarm.run(host, order)).map((answer) => [answer.client, answer]));
    for (const lease of acknowledged) {
      const answer = confirmed.get(lease.client);
      strictEqual(describe(answer), lease.address, `client ${lease.client} was acknowledged before a kill`);
    }
  });
}

/**
 * New clients ask for the leased addresses and get others. They ask before the leases' own clients, which would get
 * their addresses again even from a node that has lost everything.
 */
async function coveted(host: Host, addresses: readonly string[]): Promise<void> {
  const order = { first: 100_001, clients: addresses.length, wishes: addresses, inFlight: 16, giveUpMs: 5_000 };
  for (const answer of await Swarm.run(host, order)) {
    strictEqual(answer.answer, "ACK");
    ok(answer.answer === "ACK" && !addresses.includes(answer.address), `${describe(answer)} went to a stranger`);
  }
}

/** Serves clients until `count` of them have their DHCPACK, kills the node at that moment, and starts it again. */
async function killAtAck(site: Site, first: number, count: number): Promise<SwarmLease[]> {
  const host = await site.topology.client(`swarm${first}`);
  const order = { first, clients: CLIENTS_PER_ROUND, inFlight: 16, giveUpMs: 60_000 };
  const swarm = await Swarm.start(host, order);
  await until(`${count} acknowledgements`, 20_000, () => {
    swarm.process.mustRun();
    return swarm.leases.length >= count;
  });
  await site.node.kill();
  await swarm.process.kill();
  await site.restartNode();
  return swarm.leases;
}

function describe(answer: SwarmAnswer | undefined): string {
  return answer?.answer === "ACK" ? answer.address : answer?.answer ?? "no answer";
}
