/**
 * Reservations of real clients: one address for two machines in turn, the address of a place, and a name that is valid
 * in all subnets; with options that are sent although no client asks for them.
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type ClientName, CLIENTS } from "../clients/clients.ts";
import { LANS } from "../lab/topology.ts";
import type { Programs } from "../programs/programs.ts";
import { onSite } from "./site.ts";

const SHARED = "10.77.0.50";
const OF_PLACE = "10.77.0.51";

export function reserved(programs: Programs, name: ClientName): Promise<void> {
  return onSite(programs, {}, async (site) => {
    const { topology, wires: [wire] } = site;
    const hosts = [await topology.client("docked"), await topology.client("undocked"), await topology.client("camera")];
    const [docked, undocked, camera] = hosts.map((host) => ({ mac: host.mac, client: new CLIENTS[name](host) }));
    if (docked === undefined || undocked === undefined || camera === undefined) throw new Error("there are three");
    await site.reconfigure({
      optionDefinitions: [
        { name: "provisioning", code: 224, type: "string" },
        { name: "controller", code: 1, space: "unifi", type: "ipv4-address" },
      ],
      reservations: [
        // The relay's circuit id is the name of its interface.
        { circuitId: LANS[0].name, address: OF_PLACE, options: { "unifi.controller": "10.77.0.9" } },
        { hardware: undocked.mac, hostname: "unused" },
      ],
      subnets: [{
        subnet: "10.77.0.0/24",
        pools: ["10.77.0.20-10.77.0.29"],
        reservations: [{ hardware: [docked.mac, undocked.mac], address: SHARED, hostname: "notebook" }],
        options: { provisioning: "x", "unifi.2": "0x07" },
        alwaysSend: ["provisioning", "unifi.controller"],
      }],
    });

    await docked.client.start();
    strictEqual((await docked.client.waitBound()).address, SHARED);
    await undocked.client.start();
    strictEqual((await undocked.client.waitBound()).address, "10.77.0.20", "the other is live");
    await camera.client.start();
    strictEqual((await camera.client.waitBound()).address, OF_PLACE);
    strictEqual((await camera.client.renew()).address, OF_PLACE);
    strictEqual(wire.filter({ type: "NAK" }).length, 0);
    const given = (mac: string) => {
      const options = wire.filter({ type: "ACK", chaddr: mac })[0]?.options;
      return [12, 224, 43].map((code) => [...options?.get(code) ?? []].map((octet) => octet.toString(16)).join(" "));
    };
    deepStrictEqual(given(docked.mac), ["6e 6f 74 65 62 6f 6f 6b", "78", "2 1 7"]);
    deepStrictEqual(given(camera.mac), ["", "78", "2 1 7 1 4 a 4d 0 9"]);

    await docked.client.release();
    const since = undocked.client.events.length;
    // It renews by itself, or on this request, which the DHCPNAK answers.
    undocked.client.renew().catch(() => {});
    strictEqual((await undocked.client.waitBound(since, 30_000)).address, SHARED);
  });
}
