/** A client that moves to another network gets a DHCPNAK for its old address and then a new one. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type ClientName, CLIENTS } from "../clients/clients.ts";
import { BROADCAST_MAC } from "../lab/dhcp_frame.ts";
import { LANS } from "../lab/topology.ts";
import type { Programs } from "../programs/programs.ts";
import { onSite, type SiteOptions } from "./site.ts";

/** `unnoticed`: the client does not see the move before it renews, with another server than before. */
export function moved(
  programs: Programs,
  name: ClientName,
  options: SiteOptions & { readonly unnoticed?: boolean } = {},
): Promise<void> {
  return onSite(programs, options, async ({ topology, wires: [, wire] }) => {
    const host = await topology.client("client1");
    const client = new CLIENTS[name](host);
    await client.start();
    const before = await client.waitBound();
    ok(before.address.startsWith("10.77.0."));

    const since = client.events.length;
    await topology.move(host, LANS[1]);
    if (options.unnoticed !== true) await client.noticeMove();
    const after = await client.waitBound(since, 30_000);
    ok(after.address.startsWith("10.78.0."), `${after.address} belongs to lan1`);
    strictEqual(after.router, LANS[1].gateway);
    deepStrictEqual(await client.addresses(), [after.address]);

    const nak = wire.filter({ type: "NAK", chaddr: host.mac })[0];
    ok(nak !== undefined, "the old address was refused");
    strictEqual(nak.destination, "255.255.255.255", "RFC 2131 §4.3.2: through a relay, a DHCPNAK is broadcast");
    strictEqual(nak.destinationMac, BROADCAST_MAC);
    strictEqual(nak.yiaddr, "0.0.0.0");
  });
}
