/** An address that a client declined, because another host uses it, is not offered again. */

import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert/strict";
import { type ClientName, CLIENTS } from "../clients/clients.ts";
import { dotted } from "../lab/dhcp_frame.ts";
import { Swarm } from "../clients/raw/swarm.ts";
import type { Programs } from "../programs/programs.ts";
import { onSite } from "./site.ts";

/**
 * A pool of two: one client leases the first address, another host uses the second without a lease. The client under
 * test can only be offered the second, declines it, and gets the first once it is released.
 */
export function declined(programs: Programs, name: ClientName): Promise<void> {
  // Else the host would be found before the client is offered its address.
  const options = { pool: "10.77.0.20-10.77.0.21", service: { conflictDetection: false } };
  return onSite(programs, options, async ({ topology, wires: [wire] }) => {
    const holder = new CLIENTS.udhcpc(await topology.client("holder"));
    await holder.start();
    const held = (await holder.waitBound()).address;
    const squatted = held === "10.77.0.20" ? "10.77.0.21" : "10.77.0.20";
    await topology.squatter("squatter", squatted);

    const host = await topology.client("client1");
    const client = new CLIENTS[name](host, { probe: true });
    await client.start();
    const decline = await wire.waitFor({ type: "DECLINE", chaddr: host.mac }, 20_000);
    strictEqual(dotted(decline.options.get(50) ?? new Uint8Array()), squatted);
    const since = wire.frames.indexOf(decline) + 1;

    const [newcomer] = await Swarm.run(await topology.client("newcomer"), {
      first: 1,
      clients: 1,
      wishes: [squatted],
      inFlight: 1,
      giveUpMs: 1_500,
    });
    deepStrictEqual(newcomer, { client: 1, answer: "none" }, "no address is left for a newcomer");

    await holder.release();
    const lease = await client.waitBound(0, 40_000);
    strictEqual(lease.address, held);
    notStrictEqual(lease.address, squatted);
    for (const type of ["OFFER", "ACK"] as const) {
      strictEqual(
        wire.filter({ type, yiaddr: squatted }, since).length,
        0,
        `no ${type} of ${squatted} after its decline`,
      );
    }
  });
}
