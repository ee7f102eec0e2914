/**
 * Which socket receives a datagram when several share a port. The relay's security depends on it, so the kernel is
 * tested.
 *
 * The relay's three sockets on port 67 are A (0.0.0.0, bound to the client interface), B (giaddr, bound to it) and C
 * (giaddr, bound to no interface). A client can reach A and B only; C receives from the servers' side only, so that a
 * client cannot pose as a server.
 */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { BROADCAST, parseIpv4 } from "../ipv4.ts";
import { type Namespace, ROOT_TESTS_SKIPPED, wire, withNamespaces } from "../testing/linux.ts";
import { until } from "../testing/until.ts";
import { SocketError, type UdpOptions, type UdpSocket } from "../udp.ts";
import { openLinuxUdp } from "./udp.ts";

function ipv4(text: string): number {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

const GIADDR = ipv4("10.77.0.1");
const RELAY_UPLINK = ipv4("10.99.0.1");
const CLIENT = ipv4("10.77.0.9");
const SERVER = ipv4("10.99.0.11");

/** A client and a server, each on its own wire to a relay. The log has "name<octet>" for each datagram received. */
class Scene {
  readonly log: string[] = [];
  readonly #sockets: UdpSocket[] = [];

  open(namespace: Namespace, options: Partial<UdpOptions>, name?: string): UdpSocket {
    const socket = namespace.run(() =>
      openLinuxUdp({ address: 0, port: 67, reuseAddress: true, broadcast: true, ...options })
    );
    this.#sockets.push(socket);
    if (name !== undefined) socket.receive((bytes) => this.log.push(`${name}${bytes[0]}`));
    return socket;
  }

  /** Takes the log, sorted. */
  async arrived(count: number): Promise<string[]> {
    await until(() => this.log.length >= count, () => `${count} datagrams, is ${this.log.join(" ")}`);
    return this.log.splice(0).toSorted();
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}

function rootTest(
  name: string,
  test: (scene: Scene, spaces: Record<"client" | "relay" | "server", Namespace>) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: ROOT_TESTS_SKIPPED !== undefined,
    sanitizeOps: false,
    fn: () =>
      withNamespaces(["c", "r", "s"], async (client, relay, server) => {
        if (client === undefined || relay === undefined || server === undefined) throw new Error("three namespaces");
        wire({ namespace: client, device: "eth0", address: "10.77.0.9/16" }, {
          namespace: relay,
          device: "lan0",
          address: "10.77.0.1/16",
        });
        wire({ namespace: server, device: "eth0", address: "10.99.0.11/24" }, {
          namespace: relay,
          device: "up0",
          address: "10.99.0.1/24",
        });
        // Replies to giaddr arrive through the uplink. Forged sources are let through to see which socket gets them.
        server.ip("route add 10.77.0.0/16 via 10.99.0.1");
        client.ip("route add 10.99.0.0/24 via 10.77.0.1");
        for (const name of ["all", "lan0", "up0"]) relay.sysctl(`net.ipv4.conf.${name}.rp_filter`, "0");
        const scene = new Scene();
        try {
          await test(scene, { client, relay, server });
        } finally {
          scene.close();
        }
      }),
  });
}

/** Datagrams to one address over one wire stay in order: after the last one no other arrives. */
const LAST = 99;

for (const order of ["ABC", "CBA", "BCA"]) {
  rootTest(`sockets of a relay, opened in the order ${order}, each get their own traffic`, async (scene, spaces) => {
    const { client, relay, server } = spaces;
    const sockets: Record<string, Partial<UdpOptions>> = {
      A: { device: "lan0" },
      B: { address: GIADDR, device: "lan0" },
      C: { address: GIADDR },
    };
    for (const name of order) scene.open(relay, sockets[name] ?? {}, name);
    const fromClient = scene.open(client, { address: CLIENT, port: 68 });
    const fromServer = scene.open(server, { address: SERVER, port: 67 });

    fromClient.send(Uint8Array.of(1), BROADCAST, 67);
    fromClient.send(Uint8Array.of(2), GIADDR, 67);
    fromClient.send(Uint8Array.of(LAST), BROADCAST, 67);
    deepStrictEqual(await scene.arrived(3), ["A1", `A${LAST}`, "B2"], "from the client");

    fromServer.send(Uint8Array.of(3), GIADDR, 67);
    fromServer.send(Uint8Array.of(4), RELAY_UPLINK, 67);
    fromServer.send(Uint8Array.of(5), BROADCAST, 67);
    fromServer.send(Uint8Array.of(LAST), GIADDR, 67);
    deepStrictEqual(await scene.arrived(2), ["C3", `C${LAST}`], "from the server");

    // A client with the server's address and port still reaches B only; at the uplink's address, A only.
    client.ip("address add 10.99.0.11/32 dev eth0");
    const forged = scene.open(client, { address: SERVER, port: 67 });
    forged.send(Uint8Array.of(6), GIADDR, 67);
    forged.send(Uint8Array.of(7), RELAY_UPLINK, 67);
    forged.send(Uint8Array.of(LAST), BROADCAST, 67);
    deepStrictEqual(await scene.arrived(3), ["A7", `A${LAST}`, "B6"], "from the client as the server");
  });
}

rootTest("without B, unicast from a client reaches C: B is what keeps it away", async (scene, spaces) => {
  const { client, relay } = spaces;
  scene.open(relay, { device: "lan0" }, "A");
  scene.open(relay, { address: GIADDR }, "C");
  const fromClient = scene.open(client, { address: CLIENT, port: 68 });
  fromClient.send(Uint8Array.of(1), GIADDR, 67);
  deepStrictEqual(await scene.arrived(1), ["C1"]);
});

rootTest(
  "clients of another interface reach C as well, unless giaddr is bound on that one too",
  async (scene, spaces) => {
    const { relay, server } = spaces;
    scene.open(relay, { address: GIADDR, device: "lan0" }, "B");
    scene.open(relay, { address: GIADDR }, "C");
    // Another client interface's own socket on 0.0.0.0 does not help: the exact address comes first.
    scene.open(relay, { device: "up0" }, "A2");
    const other = scene.open(server, { address: SERVER, port: 68 });
    other.send(Uint8Array.of(1), GIADDR, 67);
    deepStrictEqual(await scene.arrived(1), ["C1"]);
    scene.open(relay, { address: GIADDR, device: "up0" }, "B2");
    other.send(Uint8Array.of(2), GIADDR, 67);
    deepStrictEqual(await scene.arrived(1), ["B22"]);
  },
);

rootTest("a socket bound to a device hears and sends through that device only", async (scene, spaces) => {
  const { client, relay, server } = spaces;
  const lan = scene.open(relay, { device: "lan0" }, "lan");
  const up = scene.open(relay, { device: "up0" }, "up");
  const fromClient = scene.open(client, { device: "eth0" }, "client");
  const fromServer = scene.open(server, { device: "eth0" }, "server");
  fromClient.send(Uint8Array.of(1), BROADCAST, 67);
  fromClient.send(Uint8Array.of(2), GIADDR, 67);
  fromServer.send(Uint8Array.of(3), BROADCAST, 67);
  fromServer.send(Uint8Array.of(4), RELAY_UPLINK, 67);
  // Broadcast comes back to the sender's own socket as well.
  deepStrictEqual(await scene.arrived(6), ["client1", "lan1", "lan2", "server3", "up3", "up4"]);

  lan.send(Uint8Array.of(5), BROADCAST, 67);
  up.send(Uint8Array.of(6), BROADCAST, 67);
  deepStrictEqual(await scene.arrived(4), ["client5", "lan5", "server6", "up6"]);

  // The server's network cannot be reached through the client's wire: no host on it has the address.
  lan.send(Uint8Array.of(7), SERVER, 67);
  up.send(Uint8Array.of(8), SERVER, 67);
  deepStrictEqual(await scene.arrived(1), ["server8"]);
});

rootTest("a broadcast needs the option", async (scene, spaces) => {
  const { relay } = spaces;
  await Promise.resolve();
  const socket = scene.open(relay, { device: "lan0", broadcast: false });
  strictEqual(socket.send(Uint8Array.of(1), BROADCAST, 67), false);
  deepStrictEqual({ ...socket.sendErrors }, { count: 1, last: "permission denied (EACCES)" });
});

rootTest("a socket outlives its interface going down and up", async (scene, spaces) => {
  const { client, relay } = spaces;
  scene.open(relay, { device: "lan0" }, "lan");
  const sender = scene.open(client, { device: "eth0", address: 0, port: 68 });
  relay.ip("link set lan0 down");
  relay.ip("link set lan0 up");
  await until(() => {
    sender.send(Uint8Array.of(1), BROADCAST, 67);
    return scene.log.length > 0;
  }, "a datagram after the interface came back");
});

rootTest("an interface that does not exist is an error that says so", async (scene, spaces) => {
  await Promise.resolve();
  throws(() => scene.open(spaces.relay, { device: "lan9" }), (error) => {
    strictEqual(error instanceof SocketError && error.code, "ENODEV");
    strictEqual(
      (error as Error).message,
      "Cannot bind 0.0.0.0:67 on lan9: no such interface (ENODEV). " +
        "Create lan9 first (`ip link` shows what there is) or configure another one.",
    );
    return true;
  });
});
