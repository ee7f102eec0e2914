/** Packet sockets on a virtual wire: frames sent, frames that the filter passes, and frames that it drops. */

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { existsSync } from "node:fs";
import { FRAME_PAYLOAD_OCTETS_MAX } from "../frame.ts";
import { BROADCAST, type Ipv4, parseIpv4 } from "../ipv4.ts";
import { findInterface } from "../interfaces.ts";
import type { PacketAddressing, PacketSocket } from "../packet.ts";
import { type Namespace, ROOT_TESTS_SKIPPED, wire, withNamespaces, withoutCapabilities } from "../testing/linux.ts";
import { until } from "../testing/until.ts";
import { SocketError, type UdpOptions, type UdpSocket } from "../udp.ts";
import { openLinuxPacket } from "./packet.ts";
import { openLinuxUdp } from "./udp.ts";

function ipv4(text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

const CLIENT_MAC = Uint8Array.of(2, 0, 0, 0, 0, 9);
const RELAY_MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const BROADCAST_MAC = Uint8Array.of(255, 255, 255, 255, 255, 255);
const RELAY = ipv4("10.77.0.1");
const CLIENT = ipv4("10.77.0.9");
/** Leased to the client, not yet on its interface. */
const OFFERED = ipv4("10.77.1.1");
/** Sent last: frames on one wire stay in order, so that no other frame comes after it. */
const LAST = 99;

interface Packet {
  readonly payload: Uint8Array;
  readonly addressing: PacketAddressing;
}

/** A relay with an address and a client, with or without one, on one wire. */
class Scene {
  readonly client: Namespace;
  readonly relay: Namespace;
  readonly #sockets: (UdpSocket | PacketSocket)[] = [];

  constructor(client: Namespace, relay: Namespace, clientAddress: string | undefined) {
    this.client = client;
    this.relay = relay;
    wire({
      namespace: client,
      device: "eth0",
      mac: "02:00:00:00:00:09",
      ...(clientAddress === undefined ? {} : { address: clientAddress }),
    }, { namespace: relay, device: "lan0", mac: "02:00:00:00:00:01", address: "10.77.0.1/16" });
  }

  packet(side: "client" | "relay"): PacketSocket {
    const socket = this[side].run(() => openLinuxPacket(side === "client" ? "eth0" : "lan0"));
    this.#sockets.push(socket);
    return socket;
  }

  udp(side: "client" | "relay", options: Partial<UdpOptions>): UdpSocket {
    const socket = this[side].run(() => openLinuxUdp({ address: 0, port: 0, ...options }));
    this.#sockets.push(socket);
    return socket;
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}

function rootTest(
  name: string,
  test: (scene: Scene) => Promise<void>,
  clientAddress: string | undefined = undefined,
): void {
  Deno.test({
    name: `packet socket: ${name}`,
    ignore: ROOT_TESTS_SKIPPED !== undefined,
    sanitizeOps: false,
    fn: () =>
      withNamespaces(["c", "r"], async (client, relay) => {
        if (client === undefined || relay === undefined) throw new Error("two namespaces");
        const scene = new Scene(client, relay, clientAddress);
        try {
          await test(scene);
        } finally {
          scene.close();
        }
      }),
  });
}

function collect(socket: PacketSocket, port: number): Packet[] {
  const packets: Packet[] = [];
  socket.receive(port, (payload, addressing) => packets.push({ payload, addressing }));
  return packets;
}

function marks(packets: readonly Packet[]): (number | undefined)[] {
  return packets.map(({ payload }) => payload[0]);
}

async function last(packets: readonly Packet[]): Promise<void> {
  await until(() => marks(packets).includes(LAST), () => `the last packet; there are ${marks(packets).join(" ")}`);
}

const REPLY = { source: RELAY, sourcePort: 67, destination: OFFERED, destinationPort: 68 } as const;

rootTest("a reply reaches a client that has no address, without ARP", async (scene) => {
  const packets = collect(scene.packet("client"), 68);
  const relay = scene.packet("relay");
  strictEqual(relay.device, "lan0");
  strictEqual(relay.interfaceIndex, scene.relay.run(() => findInterface("lan0")?.index));
  deepStrictEqual(relay.mac, RELAY_MAC);
  const payload = new Uint8Array(301).map((_, index) => index);
  strictEqual(relay.send(payload, { ...REPLY, destinationMac: CLIENT_MAC }), true);
  await until(() => packets.length > 0, "the reply");
  deepStrictEqual(packets, [{ payload, addressing: { ...REPLY, sourceMac: RELAY_MAC, destinationMac: CLIENT_MAC } }]);
  strictEqual(scene.relay.ip("neigh show to 10.77.1.1"), "", "no ARP request was sent for the address");
});

rootTest("the kernel's own UDP takes the frames, with and without a payload, odd and even", async (scene) => {
  const receiver = scene.udp("client", { address: CLIENT, port: 68 });
  const lengths: number[] = [];
  receiver.receive((bytes, from, port) => {
    deepStrictEqual([from, port], [RELAY, 67]);
    lengths.push(bytes.length);
  });
  const relay = scene.packet("relay");
  for (const length of [0, 1, 2, 17, 18, 300, 1471, 1472]) {
    const payload = new Uint8Array(length).fill(0xfd);
    relay.send(payload, { ...REPLY, destination: CLIENT, destinationMac: CLIENT_MAC });
  }
  await until(() => lengths.length === 8, () => `8 datagrams, is ${lengths.join(" ")}`);
  deepStrictEqual(lengths, [0, 1, 2, 17, 18, 300, 1471, 1472]);
}, "10.77.0.9/16");

rootTest("a broadcast reaches the client's ordinary socket", async (scene) => {
  const receiver = scene.udp("client", { port: 68, device: "eth0" });
  const received: number[] = [];
  receiver.receive((bytes) => received.push(bytes.length));
  scene.packet("relay").send(new Uint8Array(300), { ...REPLY, destination: BROADCAST, destinationMac: BROADCAST_MAC });
  await until(() => received.length > 0, "the broadcast");
  deepStrictEqual(received, [300]);
});

rootTest("other ports, fragments and own frames are not delivered", async (scene) => {
  const client = scene.packet("client");
  const packets = collect(client, 68);
  const relay = scene.packet("relay");
  const to = { ...REPLY, destinationMac: CLIENT_MAC };
  relay.send(Uint8Array.of(1), { ...to, destinationPort: 67 });
  relay.send(Uint8Array.of(2), { ...to, destinationPort: 69 });
  relay.send(Uint8Array.of(3), { ...to, sourcePort: 68, destinationPort: 1068 });
  client.send(Uint8Array.of(4), { ...to, destinationMac: RELAY_MAC });
  // 3,000 octets in a link of 1,500: the kernel sends fragments, the first of which shows port 68.
  scene.relay.ip("neigh add 10.77.0.9 lladdr 02:00:00:00:00:09 dev lan0");
  const datagrams = scene.udp("relay", { address: RELAY, port: 67 });
  strictEqual(datagrams.send(new Uint8Array(3_000).fill(5), CLIENT, 68), true);
  relay.send(Uint8Array.of(LAST), to);
  await last(packets);
  deepStrictEqual(marks(packets), [LAST]);
  strictEqual(client.malformed, 0, "the filter dropped them, not the parser");
});

rootTest("what the kernel sends without a finished checksum is delivered", async (scene) => {
  const client = scene.packet("client");
  const packets = collect(client, 68);
  scene.relay.ip("neigh add 10.77.0.9 lladdr 02:00:00:00:00:09 dev lan0");
  const datagrams = scene.udp("relay", { address: RELAY, port: 67, broadcast: true, device: "lan0" });
  datagrams.send(new Uint8Array(300).fill(1), CLIENT, 68);
  datagrams.send(new Uint8Array(301).fill(LAST), BROADCAST, 68);
  await last(packets);
  deepStrictEqual(packets.map(({ payload, addressing }) => [payload.length, addressing.destination]), [
    [300, CLIENT],
    [301, BROADCAST],
  ]);
  strictEqual(client.malformed, 0);
});

rootTest("a socket that only sends receives nothing, even what came before receive()", async (scene) => {
  const client = scene.packet("client");
  const witness = collect(scene.packet("client"), 68);
  const relay = scene.packet("relay");
  const to = { ...REPLY, destinationMac: CLIENT_MAC };
  relay.send(Uint8Array.of(LAST), to);
  await last(witness);
  const packets = collect(client, 68);
  relay.send(Uint8Array.of(1), to);
  await until(() => packets.length > 0, "a packet after receive()");
  deepStrictEqual(marks(packets), [1]);
});

rootTest("frames to other stations are delivered with their destination", async (scene) => {
  const packets = collect(scene.packet("client"), 68);
  const other = Uint8Array.of(2, 0, 0, 0, 7, 7);
  scene.packet("relay").send(Uint8Array.of(LAST), { ...REPLY, destinationMac: other });
  await last(packets);
  deepStrictEqual(packets[0]?.addressing.destinationMac, other);
});

rootTest("5,000 packets arrive unchanged, and receive() may change the port", async (scene) => {
  const client = scene.packet("client");
  const packets = collect(client, 68);
  const relay = scene.packet("relay");
  const to = { ...REPLY, destinationMac: CLIENT_MAC };
  for (let index = 0; index < 5_000; index++) {
    relay.send(new Uint8Array(300).fill(index), to);
    if (index % 50 === 49) await until(() => packets.length === index + 1, () => `${index + 1} packets`);
  }
  for (const [index, { payload }] of packets.entries()) {
    ok(payload.length === 300 && payload.every((octet) => octet === index % 256), `packet ${index} is unchanged`);
  }
  const others = collect(client, 1068);
  relay.send(Uint8Array.of(1), to);
  relay.send(Uint8Array.of(LAST), { ...to, destinationPort: 1068 });
  await last(others);
  deepStrictEqual([packets.length, marks(others)], [5_000, [LAST]]);
});

rootTest("what can't be sent is counted with its reason", async (scene) => {
  await Promise.resolve();
  const relay = scene.packet("relay");
  const to = { ...REPLY, destinationMac: CLIENT_MAC };
  strictEqual(relay.send(new Uint8Array(1473), to), false);
  deepStrictEqual({ ...relay.sendErrors }, { count: 1, last: "message too long (EMSGSIZE)" });
  strictEqual(relay.send(new Uint8Array(FRAME_PAYLOAD_OCTETS_MAX + 1), to), false);
  scene.relay.ip("link set lan0 down");
  strictEqual(relay.send(new Uint8Array(1), to), false);
  deepStrictEqual({ ...relay.sendErrors }, { count: 3, last: "interface is down (ENETDOWN)" });
  relay.close();
  relay.close();
  strictEqual(relay.send(new Uint8Array(1), to), false);
});

rootTest("it outlives its interface going down and up", async (scene) => {
  const packets = collect(scene.packet("client"), 68);
  const relay = scene.packet("relay");
  scene.client.ip("link set eth0 down");
  scene.client.ip("link set eth0 up");
  await until(() => {
    relay.send(Uint8Array.of(LAST), { ...REPLY, destinationMac: CLIENT_MAC });
    return packets.length > 0;
  }, "a packet after the interface came back");
});

rootTest("close() in the middle of a batch ends delivery at once", async (scene) => {
  const client = scene.packet("client");
  const witness = collect(scene.packet("client"), 68);
  let handled = 0;
  client.receive(68, () => {
    handled++;
    if (handled === 3) client.close();
  });
  const relay = scene.packet("relay");
  for (let index = 0; index < 10; index++) relay.send(Uint8Array.of(index), { ...REPLY, destinationMac: CLIENT_MAC });
  relay.send(Uint8Array.of(LAST), { ...REPLY, destinationMac: CLIENT_MAC });
  await last(witness);
  strictEqual(handled, 3);
});

rootTest("an interface without an address is found, with its hardware address", async (scene) => {
  await Promise.resolve();
  const found = scene.client.run(() => findInterface("eth0"));
  deepStrictEqual([found?.mac, found?.addresses], [CLIENT_MAC, []]);
  strictEqual(found?.index, scene.packet("client").interfaceIndex);
  scene.client.ip("address add 10.77.0.9/20 dev eth0");
  scene.client.ip("address add 10.77.0.8/32 dev eth0");
  deepStrictEqual(scene.client.run(() => findInterface("eth0"))?.addresses, [
    { address: CLIENT, prefixLength: 20 },
    { address: CLIENT - 1, prefixLength: 32 },
  ]);
});

rootTest("a missing interface and a missing capability are errors that say so", async (scene) => {
  await Promise.resolve();
  throws(() => scene.relay.run(() => openLinuxPacket("lan9")), {
    name: "SocketError",
    code: "ENODEV",
    message: "Cannot open a packet socket on lan9: no such interface (ENODEV). " +
      "Create lan9 first (`ip link` shows what there is) or configure another one.",
  });
  throws(() => scene.relay.run(() => openLinuxPacket("a name that is too long")), SocketError);
  throws(() => scene.relay.run(() => withoutCapabilities(() => openLinuxPacket("lan0"))), {
    name: "SocketError",
    code: "EPERM",
    message: "Cannot open a packet socket on lan0: operation not permitted (EPERM). " +
      "Run as root or give the program CAP_NET_RAW.",
  });
});

rootTest("an interface that is not Ethernet is an error that says so", async (scene) => {
  await Promise.resolve();
  // Containers often lack it, and no other non-Ethernet interface can be made everywhere.
  if (!existsSync("/dev/net/tun")) return;
  scene.relay.ip("tuntap add dev tun0 mode tun");
  throws(() => scene.relay.run(() => openLinuxPacket("tun0")), {
    name: "SocketError",
    code: "EOPNOTSUPP",
    message: "Cannot open a packet socket on tun0: the interface is not an Ethernet interface (EOPNOTSUPP). " +
      "Check the interface and address in the configuration.",
  });
});

rootTest("a low port without the capability is an error that says so", async (scene) => {
  await Promise.resolve();
  scene.relay.sysctl("net.ipv4.ip_unprivileged_port_start", "1024");
  throws(() => scene.relay.run(() => withoutCapabilities(() => openLinuxUdp({ address: RELAY, port: 67 }))), {
    name: "SocketError",
    code: "EACCES",
    message: "Cannot bind 10.77.0.1:67: permission denied (EACCES). " +
      "Run as root or give the program CAP_NET_BIND_SERVICE.",
  });
});
