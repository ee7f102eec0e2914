import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { loadConfig } from "../src/config/load.ts";
import type { NetworkInterface } from "../src/net/interfaces.ts";
import { checkRelay, type RelayConfig, relaySchema } from "./config.ts";
import { describeLink, resolveConfig, ResolveError } from "./resolve.ts";
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
];

function config(relay: string): RelayConfig {
  const text = `relay: { ${relay} }\nnodes: [{ id: 1, address: 10.99.0.11 }]\n`;
  const loaded = loadConfig(text, relaySchema, checkRelay);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues));
  return loaded.value;
}

function resolve(relay: string) {
  return resolveConfig(config(relay), (name) => MACHINE.find((known) => known.name === name));
}

Deno.test("resolveConfig() takes the first address, the name as circuit id and the MAC as remote id", () => {
  const { forward, links } = resolve(
    "interfaces: [{ name: lan0 }], linkSelection: false, serverIdentifierOverride: false",
  );
  strictEqual(forward.interfaces[0]?.giaddr, ip("10.77.0.1"));
  deepStrictEqual(
    forward.interfaces[0]?.information.broadcast,
    Uint8Array.of(1, 4, 0x6c, 0x61, 0x6e, 0x30, 2, 6, 2, 255, 0, 0, 0, 1),
  );
  deepStrictEqual(forward.nodes, [{ id: 1, address: ip("10.99.0.11"), port: 67 }]);
  strictEqual(links[0]?.ethernet, true);
});

Deno.test("resolveConfig() prefers what the file says to what the machine has", () => {
  const { forward } = resolve(
    'interfaces: [{ name: lan1, address: 10.78.0.1, circuitId: "0x09" }], remoteId: "0x0708"',
  );
  strictEqual(forward.interfaces[0]?.giaddr, ip("10.78.0.1"));
  deepStrictEqual(forward.interfaces[0]?.information.broadcast.subarray(0, 7), Uint8Array.of(1, 1, 9, 2, 2, 7, 8));
});

Deno.test("resolveConfig() knows the loopback device by its empty hardware address", () => {
  const [lo] = resolve("interfaces: [{ name: lo }]").links;
  strictEqual(lo && describeLink(lo), "lo (giaddr 127.0.0.1, loopback: for tests and demonstrations only)");
});

Deno.test("resolveConfig() says what to do about an interface that is missing or has no address", () => {
  throws(() => resolve("interfaces: [{ name: lan9 }]"), (error: unknown) => {
    strictEqual(error instanceof ResolveError, true);
    strictEqual(
      (error as Error).message,
      "Cannot relay for lan9: there is no such interface. Create it or correct relay.interfaces[0].name " +
        "(`ip link` shows what there is).",
    );
    return true;
  });
  throws(
    () => resolve("interfaces: [{ name: lan0 }, { name: lan1 }]"),
    /Cannot relay for lan1: it has no IPv4 address\. Give it one .* set relay\.interfaces\[1\]\.address/,
  );
});
