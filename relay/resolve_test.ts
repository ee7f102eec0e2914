import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { loadConfig } from "../src/config/load.ts";
import type { NetworkInterface } from "../src/net/network_interface.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { checkRelay, type RelayConfig, relaySchema } from "./config.ts";
import { describeLink, resolveConfig, sameLinks } from "./resolve.ts";
import { ip } from "./testing/messages.ts";

const MACHINE: NetworkInterface[] = [
  { name: "lo", index: 1, mac: new Uint8Array(6), addresses: [{ address: ip("127.0.0.1"), prefixLength: 8 }] },
  {
    name: "lan0",
    index: 2,
    mac: Uint8Array.of(2, 255, 0, 0, 0, 1),
    addresses: [{ address: ip("10.77.0.1"), prefixLength: 16 }, { address: ip("10.78.0.1"), prefixLength: 16 }],
  },
  { name: "lan1", index: 3, mac: Uint8Array.of(2, 255, 0, 0, 0, 2), addresses: [] },
  { name: "tun0", index: 4, mac: new Uint8Array(), addresses: [{ address: ip("10.79.0.1"), prefixLength: 24 }] },
];

function config(relay: string): RelayConfig {
  const text = `relay: { ${relay} }\nnodes: [{ id: 1, address: 10.99.0.11 }]\n`;
  const loaded = loadConfig(text, relaySchema, checkRelay);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues));
  return loaded.value;
}

function resolve(relay: string) {
  return resolveConfig(config(relay), MACHINE);
}

Deno.test("resolveConfig() takes the first address, the name as circuit id and the MAC as remote id", () => {
  const { forward, links, unusable } = resolve(
    "interfaces: [{ name: lan0 }], linkSelection: false, serverIdentifierOverride: false",
  );
  const [gateway] = forward.interfaces[0]?.gateways ?? [];
  deepStrictEqual([gateway?.giaddr, gateway?.local], [ip("10.77.0.1"), ip("10.77.0.1")]);
  deepStrictEqual(
    gateway?.information.broadcast,
    Uint8Array.of(1, 4, 0x6c, 0x61, 0x6e, 0x30, 2, 6, 2, 255, 0, 0, 0, 1),
  );
  deepStrictEqual(forward.nodes, [{ id: 1, address: ip("10.99.0.11"), port: 67 }]);
  deepStrictEqual([links[0]?.medium, links[0]?.index, unusable], ["ethernet", 2, []]);
});

Deno.test("resolveConfig() prefers values of the file to those of the machine", () => {
  const { forward } = resolve(
    'interfaces: [{ name: lan1, address: 10.78.0.1, circuitId: "0x09", subscriberId: "0x05" }], ' +
      'remoteId: "0x0708", relayId: "0x06"',
  );
  const [gateway] = forward.interfaces[0]?.gateways ?? [];
  strictEqual(gateway?.giaddr, ip("10.78.0.1"));
  const information = Uint8Array.of(
    ...[1, 1, 9, 2, 2, 7, 8],
    ...[5, 4, 10, 78, 0, 1],
    ...[6, 1, 5],
    ...[10, 1, 0],
    ...[11, 4, 10, 78, 0, 1],
    ...[12, 1, 6],
  );
  deepStrictEqual(gateway?.information.broadcast, information);
});

Deno.test("resolveConfig() makes a gateway of each subnet of an interface, or of those that the file names", () => {
  const giaddrs = (relay: string) =>
    resolve(relay).forward.interfaces[0]?.gateways.map(({ giaddr, local }) => [formatIpv4(giaddr), formatIpv4(local)]);
  const [one, two] = ["10.77.0.1", "10.78.0.1"];
  deepStrictEqual(giaddrs("interfaces: [{ name: lan0 }]"), [[one, one], [two, two]]);
  deepStrictEqual(giaddrs("interfaces: [{ name: lan0, secondary: [] }]"), [[one, one]]);
  deepStrictEqual(giaddrs(`interfaces: [{ name: lan0, address: ${two} }]`), [[two, two], [one, one]]);
  // An address elsewhere: the nodes answer there, and clients see the relay at its addresses on their link.
  deepStrictEqual(giaddrs("interfaces: [{ name: lan0, address: 192.0.2.1 }]"), [
    ["192.0.2.1", one],
    ["192.0.2.1", two],
  ]);
});

Deno.test("resolveConfig() detects the loopback device, and interfaces without hardware address", () => {
  const [lo] = resolve("interfaces: [{ name: lo }]").links;
  strictEqual(lo && describeLink(lo), "lo (giaddr 127.0.0.1, loopback: for tests and demonstrations only)");
  strictEqual(resolve("interfaces: [{ name: tun0 }]").links[0]?.medium, "other");
  // It owns every address of its network, although it lists only one: clients belong to the subnet of giaddr.
  const [gateway, ...further] = resolve("interfaces: [{ name: lo, address: 127.77.0.1 }]").forward.interfaces[0]
    ?.gateways ?? [];
  deepStrictEqual([gateway?.giaddr, gateway?.local, further], [ip("127.77.0.1"), ip("127.77.0.1"), []]);
});

Deno.test("resolveConfig() tells the operator what to do about an interface that is missing or has no address", () => {
  const { unusable, links } = resolve("interfaces: [{ name: lan0 }, { name: lan9 }, { name: lan1 }]");
  deepStrictEqual(unusable.map(({ name }) => name), ["lan9", "lan1"]);
  strictEqual(
    unusable[0]?.message,
    "Cannot relay for lan9: there is no such interface. Create it or correct relay.interfaces[1].name " +
      "(`ip link` lists the interfaces).",
  );
  match(unusable[1]?.message ?? "", /it has no IPv4 address\. Give it one .* set relay\.interfaces\[2\]\.address/);
  deepStrictEqual(links.map(describeLink), [
    "lan0 (giaddr 10.77.0.1 and 10.78.0.1)",
    "lan9 (down)",
    "lan1 (down)",
  ]);
});

Deno.test("sameLinks() detects an interface that was created again, and one whose address changed", () => {
  const given = config("interfaces: [{ name: lan0 }]");
  const seen = (changes: Partial<NetworkInterface>) =>
    resolveConfig(
      given,
      MACHINE.map((known) => known.name === "lan0" ? { ...known, ...changes } : known),
    );
  strictEqual(sameLinks(seen({}), seen({})), true);
  strictEqual(sameLinks(seen({}), seen({ index: 9 })), false);
  strictEqual(sameLinks(seen({}), seen({ mac: Uint8Array.of(2, 2, 2, 2, 2, 2) })), false);
  strictEqual(sameLinks(seen({}), seen({ addresses: [] })), false);
});
