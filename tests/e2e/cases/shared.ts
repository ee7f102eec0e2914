/**
 * A link with two subnets, the first of which has one address: the next client gets an address of the second within its
 * first exchange, and keeps it. The same story on Kea and dhcpd shows what operators expect of a shared network.
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type ClientName, CLIENTS } from "../clients/clients.ts";
import type { RealClient } from "../clients/real_client.ts";
import type { Capture } from "../lab/capture.ts";
import { LANS, Topology } from "../lab/topology.ts";
import { type Original, ORIGINALS, startOriginal } from "../programs/originals.ts";
import type { Programs } from "../programs/programs.ts";
import { onSite, type SiteOptions } from "./site.ts";

const [LAN, ELSEWHERE] = LANS;
const SECOND = { subnet: "10.79.0.0/24", gateway: "10.79.0.1" };

const STORY = [
  "first: 10.77.0.20 router 10.77.0.1",
  "second: 10.79.0.20 router 10.79.0.1 after 1 DISCOVER",
  "renewed: 10.79.0.20",
  "rebound: 10.79.0.20",
  "started again: 10.79.0.20",
  "first released, second started again: 10.79.0.20",
  "third: 10.77.0.20 router 10.77.0.1",
];

/** What clients on the link get, in the order in which they come. */
async function storyOf(topology: Topology, wire: Capture, name: ClientName): Promise<string[]> {
  const started = async (host: string) => {
    const client = new CLIENTS[name](await topology.client(host));
    await client.start();
    const { address, router } = await client.waitBound();
    return { client, text: `${address} router ${router}` };
  };
  const first = await started("client1");
  const { client, text } = await started("client2");
  const asked = wire.filter({ type: "DISCOVER", chaddr: client.host.mac }).length;
  const story = [
    `first: ${first.text}`,
    `second: ${text} after ${asked} DISCOVER`,
    `renewed: ${(await client.renew()).address}`,
    `rebound: ${(await client.rebind()).address}`,
    `started again: ${await startedAgain(client)}`,
  ];
  await first.client.release();
  await first.client.stop();
  story.push(`first released, second started again: ${await startedAgain(client)}`);
  story.push(`third: ${(await started("client3")).text}`);
  strictEqual(wire.filter({ type: "NAK" }).length, 0);
  return story;
}

/** The address that a client has after it ended without a DHCPRELEASE and was started again. */
async function startedAgain(client: RealClient): Promise<string> {
  await client.stop();
  const since = client.events.length;
  await client.start();
  return (await client.waitBound(since)).address;
}

export function shared(programs: Programs, name: ClientName, options: SiteOptions = {}): Promise<void> {
  const sharedNetworks = [{
    name: "campus",
    subnets: [
      { subnet: LAN.subnet, pools: ["10.77.0.20-10.77.0.20"], options: { routers: [LAN.gateway] } },
      { subnet: SECOND.subnet, pools: ["10.79.0.20-10.79.0.99"], options: { routers: [SECOND.gateway] } },
    ],
  }];
  const subnets = [{ subnet: ELSEWHERE.subnet, pools: ["10.78.0.20-10.78.0.99"] }];
  const service = { sharedNetworks, subnets };
  return onSite(programs, { ...options, service }, async ({ topology, wires: [wire] }) => {
    await topology.gateway.ip(`address add ${SECOND.gateway}/24 dev ${LAN.name}`);
    deepStrictEqual(await storyOf(topology, wire, name), STORY);
  });
}

const SHARED: Readonly<Record<"kea" | "dhcpd", () => string>> = {
  kea: () =>
    JSON.stringify({
      Dhcp4: {
        "interfaces-config": { interfaces: ["lan0/10.77.0.1"] },
        "lease-database": { type: "memfile", persist: false },
        "valid-lifetime": 120,
        "renew-timer": 4,
        "rebind-timer": 8,
        authoritative: true,
        "shared-networks": [{
          name: "campus",
          subnet4: [
            {
              id: 1,
              subnet: LAN.subnet,
              pools: [{ pool: "10.77.0.20 - 10.77.0.20" }],
              "option-data": [{ name: "routers", data: LAN.gateway }],
            },
            {
              id: 2,
              subnet: SECOND.subnet,
              pools: [{ pool: "10.79.0.20 - 10.79.0.99" }],
              "option-data": [{ name: "routers", data: SECOND.gateway }],
            },
          ],
        }],
        loggers: [{ name: "kea-dhcp4", severity: "INFO", output_options: [{ output: "stdout" }] }],
      },
    }),
  dhcpd: () =>
    `default-lease-time 120; max-lease-time 120; authoritative; ping-check off; ddns-update-style none;
option dhcp-renewal-time 4; option dhcp-rebinding-time 8;
shared-network campus {
  subnet 10.77.0.0 netmask 255.255.255.0 { option routers 10.77.0.1; pool { range 10.77.0.20 10.77.0.20; } }
  subnet 10.79.0.0 netmask 255.255.255.0 { option routers 10.79.0.1; pool { range 10.79.0.20 10.79.0.99; } }
}
`,
};

/** A node returns to the first subnet. Kea goes on with that of its last lease, dhcpd with never used addresses. */
const THIRD_ELSEWHERE = "third: 10.79.0.21 router 10.79.0.1";

/** The same on another server, attached to the link. */
export async function sharedElsewhere(server: keyof typeof SHARED, name: ClientName): Promise<void> {
  await using topology = await Topology.build();
  const { gateway } = topology;
  await gateway.ip(`address add ${SECOND.gateway}/24 dev ${LAN.name}`);
  const wire = await topology.capture(LAN);
  const original: Original = { ...ORIGINALS[server], configuration: SHARED[server] };
  const folder = gateway.folder(server);
  const file = `${folder}/${server}.conf`;
  await Deno.writeTextFile(file, original.configuration(folder, ""));
  await startOriginal(original, gateway, file, folder);
  try {
    deepStrictEqual(await storyOf(topology, wire, name), [...STORY.slice(0, -1), THIRD_ELSEWHERE]);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${topology.report()}`);
  }
}
