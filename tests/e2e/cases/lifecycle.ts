/** The life cycle of a lease: bind, renew by unicast, rebind by broadcast, release. */

import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type ClientName, CLIENTS } from "../clients/clients.ts";
import { STEP_MS } from "../clients/real_client.ts";
import { BROADCAST_MAC } from "../lab/dhcp_frame.ts";
import type { Programs } from "../programs/programs.ts";
import { onSite, type SiteOptions } from "./site.ts";

export function lifecycle(programs: Programs, name: ClientName, options: SiteOptions = {}): Promise<void> {
  return onSite(programs, options, async ({ topology, wires: [wire] }) => {
    const host = await topology.client("client1");
    const client = new CLIENTS[name](host);
    await client.start();

    const lease = await client.waitBound();
    ok(/^10\.77\.0\.\d+$/.test(lease.address), `${lease.address} is in the pool of lan0`);
    strictEqual(lease.leaseSeconds, 120);
    strictEqual(lease.subnetMask, "255.255.255.0");
    strictEqual(lease.router, "10.77.0.1");
    strictEqual(lease.nameServer, "10.77.0.53");
    deepStrictEqual(await client.addresses(), [lease.address]);
    const offer = wire.filter({ type: "OFFER", chaddr: host.mac })[0];
    ok(offer !== undefined && !offer.options.has(82), "the relay took option 82 out again (RFC 3046 §2.1)");
    // RFC 2131 §4.1: without the broadcast flag, OFFER and ACK go to the client's hardware and new protocol address.
    if ((offer.flags & 0x8000) === 0) {
      strictEqual(offer.destinationMac, host.mac);
      strictEqual(offer.destination, lease.address);
    } else {
      strictEqual(offer.destinationMac, BROADCAST_MAC);
    }

    let since = wire.frames.length;
    strictEqual((await client.renew()).address, lease.address);
    const renewal = await wire.waitFor({ type: "REQUEST", chaddr: host.mac, ciaddr: lease.address }, STEP_MS, since);
    strictEqual(renewal.source, lease.address);
    strictEqual(renewal.destination, lease.serverIdentifier, "RFC 2131 §4.4.5: renewal is unicast to the server");
    notStrictEqual(renewal.destinationMac, BROADCAST_MAC);
    const renewed = await wire.waitFor({ type: "ACK", xid: renewal.xid }, STEP_MS, since);
    strictEqual(renewed.destination, lease.address);

    since = wire.frames.length;
    strictEqual((await client.rebind()).address, lease.address);
    const rebinding = await wire.waitFor(
      { type: "REQUEST", chaddr: host.mac, ciaddr: lease.address, destination: "255.255.255.255" },
      STEP_MS,
      since,
    );
    ok(!rebinding.options.has(54), "RFC 2131 §4.3.2: a rebinding client names no server");
    await wire.waitFor({ type: "ACK", xid: rebinding.xid }, STEP_MS, since);

    since = wire.frames.length;
    await client.release();
    await wire.waitFor({ type: "RELEASE", ciaddr: lease.address }, STEP_MS, since);
    deepStrictEqual(await client.addresses(), []);
    strictEqual(wire.filter({ type: "NAK" }).length, 0);
  });
}
