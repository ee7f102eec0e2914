/**
 * A client keeps its address through what an operator changes: its own lease made static and back, its subnet widened,
 * the pool moved. Only an address that is now another client's is refused, and that client gets it at once.
 */

import { ok, strictEqual } from "node:assert/strict";
import { type ClientName, CLIENTS } from "../clients/clients.ts";
import type { RealClient } from "../clients/real_client.ts";
import { LANS } from "../lab/topology.ts";
import type { Programs, ServiceConfig } from "../programs/programs.ts";
import { onSite } from "./site.ts";

type Subnet = ServiceConfig["subnets"][number];

const POOL = "10.77.0.20-10.77.0.99";
const MOVED = "10.77.0.100-10.77.0.199";

function network(subnet: string, pool: string, reservations: Subnet["reservations"] = []): readonly Subnet[] {
  return [{ subnet, pools: [pool], reservations, options: { routers: [LANS[0].gateway] } }];
}

export function identity(programs: Programs, name: ClientName): Promise<void> {
  const narrow = "10.77.0.0/24";
  return onSite(programs, { service: { subnets: network(narrow, POOL) } }, async (site) => {
    const { topology, wires: [wire] } = site;
    const host = await topology.client("client1");
    const client = new CLIENTS[name](host);
    await client.start();
    const { address } = await client.waitBound();
    const changes: readonly (readonly [string, readonly Subnet[]])[] = [
      ["made static", network(narrow, POOL, [{ hardware: host.mac, address }])],
      ["no longer static", network(narrow, POOL)],
      // Another network address.
      ["in a wider subnet", network("10.76.0.0/15", POOL)],
    ];
    for (const [what, subnets] of changes) {
      await site.reconfigure({ subnets });
      strictEqual((await client.renew()).address, address, `renewed, ${what}`);
      strictEqual((await client.rebind()).address, address, `rebound, ${what}`);
      strictEqual(await restarted(client), address, `started again, ${what}`);
    }

    await site.reconfigure({ subnets: network(narrow, MOVED) });
    strictEqual((await client.renew()).address, address, "renewed outside the pool");
    strictEqual((await client.rebind()).address, address, "rebound outside the pool");
    const kept = await restarted(client);
    ok(kept === address || isMoved(kept), `${kept} is the client's address, or one of the pool`);
    strictEqual(wire.filter({ type: "NAK" }).length, 0);

    const neighbour = await topology.client("client2");
    await site.reconfigure({ subnets: network(narrow, MOVED, [{ hardware: neighbour.mac, address: kept }]) });
    const since = client.events.length;
    // It renews by itself, or on this request, which the DHCPNAK answers.
    client.renew().catch(() => {});
    const other = await client.waitBound(since, 30_000);
    ok(other.address !== kept && isMoved(other.address), `${other.address} is a new address`);
    ok(wire.filter({ type: "NAK", chaddr: host.mac }).length > 0);
    const next = new CLIENTS[name](neighbour);
    await next.start();
    strictEqual((await next.waitBound()).address, kept, "the client it is reserved for has it at once");
    strictEqual(wire.filter({ type: "NAK", chaddr: neighbour.mac }).length, 0);
  });
}

/** The address that a client has after it ended without a DHCPRELEASE and was started again. */
async function restarted(client: RealClient): Promise<string> {
  await client.stop();
  const since = client.events.length;
  await client.start();
  return (await client.waitBound(since)).address;
}

function isMoved(address: string): boolean {
  return /^10\.77\.0\.1\d\d$/.test(address);
}
