/**
 * A client interface on Ethernet. Several sockets, since each does what the others can't:
 *
 * | socket      | bound to              | takes                              | sends                               |
 * |-------------|-----------------------|------------------------------------|-------------------------------------|
 * | broadcasts  | the device, any:67    | clients' broadcasts                |                                     |
 * | unicasts    | the device, giaddr:67 | renewals to the relay's address    | to clients that have an address; all |
 * | strays      | the device, the giaddr of each other interface | what this LAN sends there |                  |
 * | packets     | the device            |                                    | to clients that have none yet       |
 * | upstream    | giaddr:67             | replies of the nodes               | to the nodes                        |
 *
 * A datagram to giaddr goes to the unicast socket when it entered through the device, else to the upstream one: the
 * kernel prefers the socket that says more about where it listens (`src/net/linux/selection_test.ts`). The strays keep a
 * client of one LAN from posing as a node at the upstream socket of another. Interfaces with the same address share the
 * upstream socket.
 */

import { BROADCAST, type Ipv4, UNSPECIFIED } from "../../src/net/ipv4.ts";
import type { PacketSocket } from "../../src/net/packet.ts";
import type { UdpSocket } from "../../src/net/udp.ts";
import { unreachable } from "../../src/assert.ts";
import type { ClientDestination } from "../../src/dhcp/delivery.ts";
import {
  type Link,
  type Ports,
  RECEIVE_BUFFER_BYTES,
  type SocketOpener,
  type Wire,
  type WireHandlers,
} from "./wires.ts";

interface Sockets {
  readonly broadcasts: UdpSocket;
  readonly unicasts: UdpSocket;
  /** What clients of this interface send to the relay's other addresses; without these it would look like upstream. */
  readonly strays: readonly UdpSocket[];
  readonly packets: PacketSocket;
  readonly upstream: UdpSocket;
  /** Whether the upstream socket belongs to this interface and not to an earlier one with the same address. */
  readonly ownUpstream: boolean;
}

/** Opens the sockets of one interface. `shared.upstreams` has those that are open already, and gets a new one. */
export async function openEthernetWire(
  link: Link,
  ports: Ports,
  opener: SocketOpener,
  shared: { readonly upstreams: Map<Ipv4, UdpSocket>; readonly giaddrs: ReadonlySet<Ipv4> },
): Promise<Wire> {
  const { name: device, giaddr } = link.interface;
  const common = { port: ports.server, reuseAddress: true, receiveBufferBytes: RECEIVE_BUFFER_BYTES };
  const opened: { close(): void }[] = [];
  const keep = <Socket extends { close(): void }>(socket: Socket): Socket => {
    opened.push(socket);
    return socket;
  };
  try {
    const broadcasts = keep(await opener.openUdp({ ...common, address: UNSPECIFIED, device, broadcast: true }));
    const unicasts = keep(await opener.openUdp({ ...common, address: giaddr, device, broadcast: true }));
    const strays: UdpSocket[] = [];
    for (const address of shared.giaddrs) {
      if (address !== giaddr) strays.push(keep(await opener.openUdp({ ...common, address, device })));
    }
    const packets = keep(opener.openPacket(device));
    const open = shared.upstreams.get(giaddr);
    const upstream = open ?? keep(await opener.openUdp({ ...common, address: giaddr }));
    shared.upstreams.set(giaddr, upstream);
    return new EthernetWire(giaddr, ports, {
      broadcasts,
      unicasts,
      packets,
      upstream,
      strays,
      ownUpstream: open === undefined,
    });
  } catch (error) {
    for (const socket of opened) socket.close();
    throw error;
  }
}

class EthernetWire implements Wire {
  readonly #giaddr: Ipv4;
  readonly #ports: Ports;
  readonly #sockets: Sockets;

  constructor(giaddr: Ipv4, ports: Ports, sockets: Sockets) {
    this.#giaddr = giaddr;
    this.#ports = ports;
    this.#sockets = sockets;
  }

  receive(link: number, handlers: WireHandlers): void {
    const { broadcasts, unicasts, strays, upstream, ownUpstream } = this.#sockets;
    broadcasts.receive((bytes, from) => handlers.request(link, bytes, from, false));
    for (const socket of [unicasts, ...strays]) {
      socket.receive((bytes, from) => handlers.request(link, bytes, from, true));
    }
    if (ownUpstream) upstream.receive((bytes, from, port) => handlers.reply(link, bytes, from, port));
  }

  sendUpstream(bytes: Uint8Array, to: Ipv4, port: number): boolean {
    return this.#sockets.upstream.send(bytes, to, port);
  }

  deliver(bytes: Uint8Array, destination: ClientDestination): boolean {
    const { packets, unicasts } = this.#sockets;
    const port = this.#ports.client;
    switch (destination.kind) {
      case "link":
        return packets.send(bytes, {
          destinationMac: destination.mac,
          source: this.#giaddr,
          sourcePort: this.#ports.server,
          destination: destination.to,
          destinationPort: port,
        });
      case "broadcast":
        return unicasts.send(bytes, BROADCAST, port);
      case "ip":
        return unicasts.send(bytes, destination.to, port);
      default:
        return unreachable(destination);
    }
  }

  get receiveDrops(): number {
    const { broadcasts, unicasts, strays, upstream, ownUpstream } = this.#sockets;
    const receiving = [broadcasts, unicasts, ...strays, ...(ownUpstream ? [upstream] : [])];
    return receiving.reduce((sum, { dropped }) => sum + (dropped ?? 0), 0);
  }

  get sendErrors(): Wire["sendErrors"] {
    const { unicasts, packets, upstream, ownUpstream } = this.#sockets;
    const sockets = ownUpstream ? [unicasts, packets, upstream] : [unicasts, packets];
    return {
      count: sockets.reduce((sum, { sendErrors }) => sum + sendErrors.count, 0),
      last: sockets.find(({ sendErrors }) => sendErrors.last !== undefined)?.sendErrors.last,
    };
  }

  close(): void {
    const { broadcasts, unicasts, strays, packets, upstream, ownUpstream } = this.#sockets;
    for (const socket of [broadcasts, unicasts, ...strays, packets]) socket.close();
    if (ownUpstream) upstream.close();
  }
}
