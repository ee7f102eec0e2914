import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import { CLIENT_MAC, clientInterface, gateway, ip } from "../testing/messages.ts";
import { FakeOpener } from "../testing/sockets.ts";
import type { Link, Ports } from "./plan.ts";
import { RelaySockets } from "./relay_sockets.ts";

const PORTS = { server: 67, client: 68 };
const ethernet = (name: string, index: number, ...addresses: string[]): Link => ({
  interface: clientInterface(name, addresses),
  index,
  mac: Uint8Array.of(2, 0, 0, 0, 1, index),
  medium: "ethernet",
});
const LAN0 = ethernet("lan0", 2, "10.77.0.1");
const LAN1 = ethernet("lan1", 3, "10.78.0.1");
const LO: Link = {
  interface: clientInterface("lo", ["127.0.0.1"]),
  index: 1,
  mac: new Uint8Array(6),
  medium: "loopback",
};
const [GATEWAY0, GATEWAY1] = [gateway("lan0", "10.77.0.1"), gateway("lan1", "10.78.0.1")];
const LOOPBACK = gateway("lo", "127.0.0.1");
const BYTES = Uint8Array.of(1, 2, 3);

/** Wires on fake sockets, and what arrived. */
async function wired(links: readonly Link[], opener = new FakeOpener(), ports: Ports = PORTS) {
  const seen: string[] = [];
  const sockets = new RelaySockets(ports, opener, {
    request: (link, _bytes, from, unicast) =>
      void seen.push(`request ${link} ${formatIpv4(from)} ${unicast ? "unicast" : "broadcast"}`),
    reply: (link, _bytes, from, port, clientSide) =>
      void seen.push(`reply ${link} ${formatIpv4(from)}:${port}${clientSide ? " on the clients' side" : ""}`),
    overheard: (link, _bytes, from) => void seen.push(`overheard ${link} ${formatIpv4(from)}`),
  });
  await sockets.reconcile(links);
  return { sockets, opener, seen };
}

const CLIENT = ip("10.77.1.9");

Deno.test("ethernet: each way to a client has its socket", async () => {
  const { sockets, opener } = await wired([LAN0]);
  sockets.deliver(GATEWAY0, BYTES, { kind: "link", to: CLIENT, mac: CLIENT_MAC, port: 68 });
  sockets.deliver(GATEWAY0, BYTES, { kind: "broadcast", port: 68 });
  sockets.deliver(GATEWAY0, BYTES, { kind: "ip", to: CLIENT, port: 68 });
  sockets.sendUpstream(GATEWAY0.giaddr, BYTES, ip("10.99.0.11"), 67);
  deepStrictEqual(opener.log, [
    "lan0/packets 2:0:0:0:0:1 10.77.0.1:67 to 10.77.1.9:68",
    "lan0/10.77.0.1:67 to 255.255.255.255:68",
    "lan0/10.77.0.1:67 to 10.77.1.9:68",
    "any/10.77.0.1:67 to 10.99.0.11:67",
  ]);
});

Deno.test("ethernet: the socket tells requests from replies", async () => {
  const { opener, seen } = await wired([LAN0, LAN1]);
  const client = ip("10.78.1.9");
  opener.handlers.get("lan1/0.0.0.0:67")?.(BYTES, 0, 68);
  opener.handlers.get("lan1/10.78.0.1:67")?.(BYTES, client, 68);
  opener.handlers.get("lan1/10.77.0.1:67")?.(BYTES, ip("10.99.0.11"), 67);
  opener.handlers.get("any/10.78.0.1:67")?.(BYTES, ip("10.99.0.11"), 67);
  deepStrictEqual(seen, [
    "request 1 0.0.0.0 broadcast",
    "request 1 10.78.1.9 unicast",
    "request 1 10.99.0.11 unicast",
    "reply 1 10.99.0.11:67",
  ]);
});

Deno.test("ethernet: datagrams to the clients' port are overheard", async () => {
  const { opener, seen } = await wired([LAN0]);
  const hear = opener.frames.get("lan0/packets to 68");
  const addressing = {
    sourceMac: CLIENT_MAC,
    destinationMac: CLIENT_MAC,
    source: ip("10.77.0.66"),
    sourcePort: 67,
    destination: 0,
    destinationPort: 68,
  };
  hear?.(new Uint8Array(300).fill(2, 0, 1), addressing);
  deepStrictEqual(seen, ["overheard 0 10.77.0.66"]);
});

Deno.test("ethernet: interfaces with one giaddr share the upstream socket, read once", async () => {
  const twin: Link = {
    ...LAN1,
    interface: { ...LAN1.interface, gateways: [{ ...GATEWAY1, giaddr: GATEWAY0.giaddr }] },
  };
  const { sockets, opener, seen } = await wired([LAN0, twin]);
  strictEqual([...opener.open].filter((name) => name.startsWith("any/")).length, 1);
  opener.handlers.get("any/10.77.0.1:67")?.(BYTES, ip("10.99.0.11"), 67);
  deepStrictEqual(seen, ["reply 0 10.99.0.11:67"]);
  sockets.deliver({ ...GATEWAY1, giaddr: GATEWAY0.giaddr }, BYTES, { kind: "ip", to: CLIENT, port: 68 });
  deepStrictEqual(opener.log, ["lan1/10.78.0.1:67 to 10.77.1.9:68"]);
});

Deno.test("ethernet: an interface with two addresses listens on both, and replies from the right one", async () => {
  const { sockets, opener } = await wired([ethernet("lan0", 2, "10.77.0.1", "10.78.0.1")]);
  sockets.deliver(gateway("lan0", "10.78.0.1"), BYTES, { kind: "ip", to: CLIENT, port: 68 });
  sockets.sendUpstream(ip("10.78.0.1"), BYTES, ip("10.99.0.11"), 67);
  deepStrictEqual(opener.log, ["lan0/10.78.0.1:67 to 10.77.1.9:68", "any/10.78.0.1:67 to 10.99.0.11:67"]);
});

Deno.test("ethernet: the socket tells replies on the clients' side; a broadcast one is none", async () => {
  const { opener, seen } = await wired([LAN0, LAN1]);
  const node = ip("10.99.0.11");
  for (const name of ["lan1/10.78.0.1:67", "lan1/10.77.0.1:67", "lan1/0.0.0.0:67"]) {
    opener.handlers.get(name)?.(Uint8Array.of(2), node, 67);
  }
  deepStrictEqual(seen, [
    "reply 1 10.99.0.11:67 on the clients' side",
    "reply 1 10.99.0.11:67 on the clients' side",
    "request 1 10.99.0.11 broadcast",
  ]);
});

Deno.test("other links: clients without an address are reached by broadcast", async () => {
  const { sockets, opener } = await wired([{ ...LAN0, medium: "other" }]);
  sockets.deliver(GATEWAY0, BYTES, { kind: "link", to: CLIENT, mac: CLIENT_MAC, port: 68 });
  deepStrictEqual(opener.log, ["lan0/10.77.0.1:67 to 255.255.255.255:68"]);
});

Deno.test("loopback: one socket, and nothing ever leaves for the address a client was given", async () => {
  const { sockets, opener, seen } = await wired([LO], new FakeOpener(), { server: 6700, client: 6800 });
  const handler = opener.handlers.get("any/127.0.0.1:6700");
  handler?.(Uint8Array.of(1), ip("127.0.0.1"), 6800);
  handler?.(Uint8Array.of(2), ip("127.0.0.1"), 6701);
  deepStrictEqual(seen, ["request 0 127.0.0.1 broadcast", "reply 0 127.0.0.1:6701"]);
  sockets.deliver(LOOPBACK, BYTES, { kind: "ip", to: CLIENT, port: 68 });
  sockets.deliver(LOOPBACK, BYTES, { kind: "link", to: CLIENT, mac: CLIENT_MAC, port: 68 });
  sockets.deliver(LOOPBACK, BYTES, { kind: "broadcast", port: 68 });
  deepStrictEqual(opener.log, Array(3).fill("any/127.0.0.1:6700 to 127.0.0.1:6800"));
});

for (
  const sendFailed of ["lan1/0.0.0.0:67", "lan1/10.78.0.1:67", "lan1/10.77.0.1:67", "lan1/packets", "any/10.78.0.1:67"]
) {
  Deno.test(`reconcile() leaves nothing open when ${sendFailed} is refused`, async () => {
    const opener = new FakeOpener(sendFailed);
    await rejects(wired([LAN0, LAN1], opener), { name: "SocketError", message: `Cannot open ${sendFailed}` });
    deepStrictEqual([...opener.open], []);
  });
}

Deno.test("reconcile(): sockets that stay are not touched, new ones are opened, old ones are closed", async () => {
  const { sockets, opener, seen } = await wired([LAN0, LAN1]);
  const before = new Set(opener.open);
  const gone: Link = { ...LAN1, interface: { ...LAN1.interface, gateways: [] } };
  await sockets.reconcile([LAN0, gone]);
  deepStrictEqual([...before].filter((name) => !opener.open.has(name)).toSorted(), [
    "any/10.78.0.1:67",
    "lan0/10.78.0.1:67",
    "lan1/0.0.0.0:67",
    "lan1/10.77.0.1:67",
    "lan1/10.78.0.1:67",
    "lan1/packets",
  ]);
  strictEqual(sockets.sendUpstream(GATEWAY1.giaddr, BYTES, ip("10.99.0.11"), 67), false);
  strictEqual(sockets.deliver(GATEWAY1, BYTES, { kind: "broadcast", port: 68 }), false);
  await sockets.reconcile([LAN1, LAN0]);
  deepStrictEqual(new Set(opener.open), before);
  opener.handlers.get("lan0/10.77.0.1:67")?.(BYTES, CLIENT, 68);
  deepStrictEqual(seen, ["request 1 10.77.1.9 unicast"]);
});

Deno.test("reconcile() opens the packet socket again when the hardware address changes", async () => {
  const opened: string[] = [];
  const opener = new FakeOpener();
  const openPacket = opener.openPacket.bind(opener);
  opener.openPacket = (device) => {
    opened.push(device);
    return openPacket(device);
  };
  const { sockets } = await wired([LAN0, LAN1], opener);
  await sockets.reconcile([{ ...LAN0, mac: Uint8Array.of(2, 0, 0, 0, 9, 9) }, LAN1]);
  deepStrictEqual(opened, ["lan0", "lan1", "lan0"]);
});

Deno.test("reconcile() keeps what is open when something new cannot be opened", async () => {
  const { sockets, opener } = await wired([LAN0]);
  const before = [...opener.open];
  opener.refuse = "lan1/packets";
  await rejects(sockets.reconcile([LAN0, LAN1]));
  deepStrictEqual([...opener.open], before);
  strictEqual(sockets.deliver(GATEWAY0, BYTES, { kind: "broadcast", port: 68 }), true);
});

Deno.test("close() closes every socket", async () => {
  const { sockets, opener } = await wired([LAN0, LAN1, LO]);
  strictEqual(opener.open.size, 11);
  sockets.close();
  deepStrictEqual([...opener.open], []);
});
