import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import type { PacketSocket } from "../../src/net/packet.ts";
import { type DatagramHandler, SocketError, type UdpOptions, type UdpSocket } from "../../src/net/udp.ts";
import { CLIENT_MAC, clientInterface, ip } from "../testing/messages.ts";
import { openWires, type SocketOpener } from "./wires.ts";

const PORTS = { server: 67, client: 68 };
const LAN0 = { interface: clientInterface("lan0", "10.77.0.1"), ethernet: true };
const LAN1 = { interface: clientInterface("lan1", "10.78.0.1"), ethernet: true };
const LO = { interface: clientInterface("lo", "127.0.0.1"), ethernet: false };
const BYTES = Uint8Array.of(1, 2, 3);

/** Sockets that write down what is done to them. `refuse` names one that can't be opened. */
class FakeOpener implements SocketOpener {
  readonly log: string[] = [];
  readonly open = new Set<string>();
  readonly handlers = new Map<string, DatagramHandler>();
  readonly #refuse: string | undefined;

  constructor(refuse?: string) {
    this.#refuse = refuse;
  }

  #register(name: string): void {
    if (name === this.#refuse) throw new SocketError("EACCES", `Cannot open ${name}`);
    this.open.add(name);
  }

  openUdp(options: UdpOptions): Promise<UdpSocket> {
    const name = `${options.device ?? "any"}/${formatIpv4(options.address)}:${options.port}`;
    try {
      this.#register(name);
    } catch (error) {
      return Promise.reject(error);
    }
    return Promise.resolve({
      kind: "linux",
      address: options.address,
      port: options.port,
      sendErrors: { count: 0, last: undefined },
      receive: (handler) => void this.handlers.set(name, handler),
      send: (_bytes, to, port) => this.log.push(`${name} to ${formatIpv4(to)}:${port}`) > 0,
      joinMulticast() {},
      setMulticast() {},
      close: () => void this.open.delete(name),
    });
  }

  openPacket(device: string): PacketSocket {
    const name = `${device}/packets`;
    this.#register(name);
    return {
      device,
      interfaceIndex: 2,
      mac: new Uint8Array(6),
      sendErrors: { count: 0, last: undefined },
      malformed: 0,
      receive() {},
      send: (_bytes, { destinationMac, source, sourcePort, destination, destinationPort }) =>
        this.log.push(
          `${name} ${destinationMac.join(":")} ${formatIpv4(source)}:${sourcePort} to ` +
            `${formatIpv4(destination)}:${destinationPort}`,
        ) > 0,
      close: () => void this.open.delete(name),
    };
  }
}

/** Handlers that write down what arrives. */
function recorder() {
  const seen: string[] = [];
  return {
    seen,
    request: (link: number, _bytes: Uint8Array, from: Ipv4, unicast: boolean) =>
      void seen.push(`request ${link} ${formatIpv4(from)} ${unicast ? "unicast" : "broadcast"}`),
    reply: (link: number, _bytes: Uint8Array, from: Ipv4, port: number) =>
      void seen.push(`reply ${link} ${formatIpv4(from)}:${port}`),
  };
}

Deno.test("ethernet: each way to a client has its socket", async () => {
  const opener = new FakeOpener();
  const [wire] = await openWires([LAN0], PORTS, opener);
  wire?.deliver(BYTES, { kind: "link", to: ip("10.77.1.9"), mac: CLIENT_MAC, port: 68 });
  wire?.deliver(BYTES, { kind: "broadcast", port: 68 });
  wire?.deliver(BYTES, { kind: "ip", to: ip("10.77.1.9"), port: 68 });
  wire?.sendUpstream(BYTES, ip("10.99.0.11"), 67);
  deepStrictEqual(opener.log, [
    "lan0/packets 2:0:0:0:0:1 10.77.0.1:67 to 10.77.1.9:68",
    "lan0/10.77.0.1:67 to 255.255.255.255:68",
    "lan0/10.77.0.1:67 to 10.77.1.9:68",
    "any/10.77.0.1:67 to 10.99.0.11:67",
  ]);
});

Deno.test("ethernet: what arrives is told apart by its socket", async () => {
  const opener = new FakeOpener();
  const wires = await openWires([LAN0, LAN1], PORTS, opener);
  const handlers = recorder();
  for (const [link, wire] of wires.entries()) wire.receive(link, handlers);
  const client = ip("10.78.1.9");
  opener.handlers.get("lan1/0.0.0.0:67")?.(BYTES, 0, 68);
  opener.handlers.get("lan1/10.78.0.1:67")?.(BYTES, client, 68);
  opener.handlers.get("lan1/10.77.0.1:67")?.(BYTES, ip("10.99.0.11"), 67);
  opener.handlers.get("any/10.78.0.1:67")?.(BYTES, ip("10.99.0.11"), 67);
  deepStrictEqual(handlers.seen, [
    "request 1 0.0.0.0 broadcast",
    "request 1 10.78.1.9 unicast",
    "request 1 10.99.0.11 unicast",
    "reply 1 10.99.0.11:67",
  ]);
});

Deno.test("ethernet: interfaces with one address share the upstream socket, read once", async () => {
  const opener = new FakeOpener();
  const twin = { interface: { ...LAN1.interface, giaddr: LAN0.interface.giaddr }, ethernet: true };
  const wires = await openWires([LAN0, twin], PORTS, opener);
  const handlers = recorder();
  for (const [link, wire] of wires.entries()) wire.receive(link, handlers);
  strictEqual([...opener.open].filter((name) => name.startsWith("any/")).length, 1);
  opener.handlers.get("any/10.77.0.1:67")?.(BYTES, ip("10.99.0.11"), 67);
  deepStrictEqual(handlers.seen, ["reply 0 10.99.0.11:67"]);
});

Deno.test("loopback: one socket, and nothing ever leaves for the address a client was given", async () => {
  const opener = new FakeOpener();
  const [wire] = await openWires([LO], { server: 6700, client: 6800 }, opener);
  const handlers = recorder();
  wire?.receive(0, handlers);
  const handler = opener.handlers.get("any/127.0.0.1:6700");
  handler?.(Uint8Array.of(1), ip("127.0.0.1"), 6800);
  handler?.(Uint8Array.of(2), ip("127.0.0.1"), 6701);
  deepStrictEqual(handlers.seen, ["request 0 127.0.0.1 broadcast", "reply 0 127.0.0.1:6701"]);
  wire?.deliver(BYTES, { kind: "ip", to: ip("10.77.1.9"), port: 68 });
  wire?.deliver(BYTES, { kind: "link", to: ip("10.77.1.9"), mac: CLIENT_MAC, port: 68 });
  wire?.deliver(BYTES, { kind: "broadcast", port: 68 });
  deepStrictEqual(opener.log, Array(3).fill("any/127.0.0.1:6700 to 127.0.0.1:6800"));
});

for (
  const refused of ["lan1/0.0.0.0:67", "lan1/10.78.0.1:67", "lan1/10.77.0.1:67", "lan1/packets", "any/10.78.0.1:67"]
) {
  Deno.test(`openWires() leaves nothing open when ${refused} is refused`, async () => {
    const opener = new FakeOpener(refused);
    await rejects(openWires([LAN0, LAN1], PORTS, opener), { name: "SocketError", message: `Cannot open ${refused}` });
    deepStrictEqual([...opener.open], []);
  });
}

Deno.test("closing the wires closes every socket", async () => {
  const opener = new FakeOpener();
  const wires = await openWires([LAN0, LAN1, LO], PORTS, opener);
  strictEqual(opener.open.size, 11);
  for (const wire of wires) wire.close();
  deepStrictEqual([...opener.open], []);
});
