/**
 * Phones, told by their vendor class, and all other clients have a pool each. When the pools change hands, each gets a
 * DHCPNAK at its renewal and an address of the other pool.
 */

import { ok, strictEqual } from "node:assert/strict";
import { type ClientName, CLIENTS } from "../clients/clients.ts";
import { LANS } from "../lab/topology.ts";
import type { Programs, ServiceConfig } from "../programs/programs.ts";
import { onSite } from "./site.ts";

const FIRST = "10.77.0.20-10.77.0.99";
const SECOND = "10.77.0.100-10.77.0.199";

function service(forPhones: string, forOthers: string): Pick<ServiceConfig, "classes" | "subnets"> {
  return {
    classes: [{ name: "phones", match: 'option[60].text.matches("^Acme.* Phone [0-9]+$")' }],
    subnets: [{
      subnet: "10.77.0.0/24",
      pools: [{ range: forPhones, allow: "phones" }, { range: forOthers, deny: "phones" }],
      options: { routers: [LANS[0].gateway] },
    }],
  };
}

export function classes(programs: Programs, name: ClientName): Promise<void> {
  return onSite(programs, { service: service(SECOND, FIRST) }, async ({ topology, wires: [wire], reconfigure }) => {
    const [host, neighbour] = [await topology.client("client1"), await topology.client("client2")];
    const phone = new CLIENTS[name](host, { vendorClass: "Acme Desk Phone 42" });
    const other = new CLIENTS[name](neighbour, { vendorClass: "Acme Desk Phone 42 holder" });
    await Promise.all([phone.start(), other.start()]);
    const [{ address }, { address: otherAddress }] = [await phone.waitBound(), await other.waitBound()];
    ok(isSecond(address), `${address} is in the pool for phones`);
    ok(!isSecond(otherAddress), `${otherAddress} is in the other pool`);
    strictEqual((await phone.renew()).address, address);
    strictEqual((await phone.rebind()).address, address);

    const since = phone.events.length;
    strictEqual(wire.filter({ type: "NAK" }).length, 0);
    await reconfigure(service(FIRST, SECOND));
    // It renews by itself, or on this request, which the DHCPNAK answers.
    phone.renew().catch(() => {});
    const next = await phone.waitBound(since, 30_000);
    ok(!isSecond(next.address), `${next.address} is in the pool that is for phones now`);
    ok(wire.filter({ type: "NAK", chaddr: host.mac }).length > 0);
  });
}

function isSecond(address: string): boolean {
  return /^10\.77\.0\.1\d\d$/.test(address);
}
