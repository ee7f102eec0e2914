/**
 * What classes cost: `deno bench scripts/bench/classes_bench.ts`. The targets are 2 µs per request and condition, and
 * 10 % of an exchange (DISCOVER to ACK, without network and disk) for 500 classes that ask for a whole text or its
 * beginning. 500 conditions that all have to be looked at are shown beside it.
 */

import { serviceSchema } from "../../src/config/service_schema.ts";
import type { Request } from "../../src/dhcp/expression/facts.ts";
import { ClientClasses } from "../../src/dhcp/server/client_classes.ts";
import { clientMessage, SERVER, TestServer } from "../../src/dhcp/server/testing.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";

const encoder = new TextEncoder();
const VENDOR_CLASS = "Cisco Systems, Inc. IP Phone CP-7962G";
const CIRCUIT_ID = encoder.encode("edge1 eth 1/7");

/** Keeps results, so that no measured work is optimised away. */
let sink = 0;

function section(classes: readonly object[]) {
  const subnets = [{ subnet: "10.77.0.0/16", pools: ["10.77.0.10-10.77.255.250"] }];
  return serviceSchema.parse({ revision: 1, rapidCommit: true, classes, subnets });
}

const request: Request = {
  message: {
    options: new Map([[60, encoder.encode(VENDOR_CLASS)]]),
    htype: 1,
    chaddr: Uint8Array.of(2, 0, 0x5e, 0x10, 1, 2),
    ciaddr: 0,
  },
  giaddr: 0x0a4d0001,
  agent: (code) => code === 1 ? CIRCUIT_ID : undefined,
  known: false,
};

/** Each as a class alone, which reads its field anew, and 100 times, for the part of one of many. */
const CONDITIONS = [
  'option[60].text == "Cisco Systems, Inc. IP Phone CP-7962G"',
  'option[60].text.startsWith("Cisco") && !known',
  'option[60].text.contains("Phone")',
  'option[60].text.matches("^Cisco.*(AP|Phone) CP-[0-9]{4}G$")',
  'agent["circuit-id"].hex.startsWith("6564") && hardware.startsWith("02:00:5e")',
  'cidr("10.77.0.0/16").containsIP(giaddr)',
];
for (const match of CONDITIONS) {
  for (const count of [1, 100]) {
    const { classes } = section(Array.from({ length: count }, (_, index) => ({ name: `c${index}`, match })));
    const compiled = new ClientClasses(classes);
    Deno.bench(`${count} × ${match}`, { group: match }, () => {
      sink += compiled.of(request, undefined).classes.length;
    });
  }
}

const many = (match: (index: number) => string) =>
  Array.from({ length: 500 }, (_, index) => ({
    name: `c${index}`,
    match: match(index),
  }));
const SERVICES: Readonly<Record<string, readonly object[]>> = {
  "without classes": [],
  "500 classes by whole text or beginning": many((index) =>
    index % 2 === 0 ? `option[60].text == "phone ${index}"` : `option[60].text.startsWith("${index} phone")`
  ),
  "500 classes by parts of text": many((index) => `option[60].text.contains("phone ${index}")`),
};
for (const [name, classes] of Object.entries(SERVICES)) {
  const server = new TestServer(section(classes));
  let number = 0;
  const options: [number, Uint8Array][] = [[60, encoder.encode(VENDOR_CLASS)]];
  Deno.bench(name, { group: "exchange", baseline: classes.length === 0 }, () => {
    // Renewed again and again by clients that ask from the start.
    const parts = { giaddr: "10.77.0.1", options, xid: number++ };
    const mac = number % 10_000;
    const offer = server.handle(clientMessage("DISCOVER", mac, parts));
    if (typeof offer === "string") throw new Error(offer);
    server.wait(0);
    const ack = server.handle(
      clientMessage("REQUEST", mac, { ...parts, server: SERVER, requested: formatIpv4(offer.yiaddr) }),
    );
    if (typeof ack === "string") throw new Error(ack);
    sink += ack.yiaddr;
  });
}
