/**
 * The node's DHCP sockets: one on `dhcp.address`, where relays and renewing clients reach it, and a pair per
 * interface with
 * clients of its own. What they receive goes to one handler together with how to answer it.
 */

import { clientDestination } from "../../src/dhcp/delivery.ts";
import { CLIENT_PORT, type Message, messageTypeOf } from "../../src/dhcp/message.ts";
import type { Arrival } from "../../src/dhcp/server/query.ts";
import { findInterface } from "../../src/net/interfaces.ts";
import { BROADCAST, type Ipv4, UNSPECIFIED } from "../../src/net/ipv4.ts";
import { openPacket, openUdp } from "../../src/net/open.ts";
import type { PacketSocket } from "../../src/net/packet.ts";
import type { UdpSocket } from "../../src/net/udp.ts";
import type { ReplySender } from "./dhcp_service.ts";

/** Takes datagrams. */
interface ListenerHandler {
  datagram(bytes: Uint8Array, arrival: Arrival, send: ReplySender): void;
}

/** The open sockets. */
export interface Listeners {
  /** Which implementation serves, for the log. */
  readonly kind: UdpSocket["kind"];
  readonly sendErrors: { readonly count: number; readonly last: string | undefined };
  /** Datagrams that came while the receive buffers were full, or that were too long. */
  readonly dropped: number;
  close(): void;
}

/** At 300 octets and the kernel's own bookkeeping, room for some 6,000 datagrams: a boot storm's first moments. */
const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;

const ETHERNET_OCTETS = 6;

/** Opens them all or none. Rejects with one line that says what is missing. */
export async function openListeners(
  config: { address: Ipv4; port: number; interfaces: readonly { readonly name: string }[] },
  handler: ListenerHandler,
): Promise<Listeners> {
  const sockets: (UdpSocket | PacketSocket)[] = [];
  try {
    const main = await openUdp({
      address: config.address,
      port: config.port,
      reuseAddress: config.interfaces.length > 0,
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    });
    sockets.push(main);
    for (const { name } of config.interfaces) sockets.push(...await openAttached(name, config.port, handler));
    receiveRouted(main, config, handler);
    return {
      kind: main.kind,
      get sendErrors() {
        return {
          count: sockets.reduce((sum, socket) => sum + socket.sendErrors.count, 0),
          last: sockets.find((socket) => socket.sendErrors.last !== undefined)?.sendErrors.last,
        };
      },
      get dropped() {
        return sockets.reduce((sum, socket) => sum + ("dropped" in socket ? socket.dropped ?? 0 : 0), 0);
      },
      close: () => sockets.forEach((socket) => socket.close()),
    };
  } catch (error) {
    for (const socket of sockets) socket.close();
    throw error;
  }
}

/** Relays, and clients that renew by unicast. */
function receiveRouted(socket: UdpSocket, config: { address: Ipv4; port: number }, handler: ListenerHandler): void {
  const send = (bytes: Uint8Array, reply: Message, arrival: Arrival) => {
    // RFC 2131 §4.1: "the server sends any return messages to the 'DHCP server' port on the BOOTP relay agent".
    if (reply.giaddr !== UNSPECIFIED) return socket.send(bytes, reply.giaddr, config.port);
    // A client that reached us by unicast is on no link of ours: what §4.1 would broadcast goes where it came from.
    const to = reply.ciaddr !== UNSPECIFIED ? reply.ciaddr : arrival.from;
    return socket.send(bytes, to, CLIENT_PORT);
  };
  socket.receive((bytes, from) => {
    handler.datagram(
      bytes,
      { from, serverIdentifier: config.address, receivedOn: config.address, onLink: false },
      send,
    );
  });
}

/** Clients on a link of the node's own. */
async function openAttached(
  device: string,
  port: number,
  handler: ListenerHandler,
): Promise<[UdpSocket, PacketSocket]> {
  const found = findInterface(device);
  const address = found?.addresses[0]?.address;
  if (found === undefined) throw new Error(`dhcp.interfaces: there is no interface ${device}; ip link lists them`);
  if (address === undefined) {
    throw new Error(
      `dhcp.interfaces: ${device} has no IPv4 address; give it one, in the subnet its clients are to get`,
    );
  }
  if (found.mac.length !== ETHERNET_OCTETS) {
    throw new Error(`dhcp.interfaces: ${device} is not an Ethernet interface; put a relay in front of its clients`);
  }
  const udp = await openUdp({
    address: UNSPECIFIED,
    port,
    device,
    reuseAddress: true,
    broadcast: true,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
  });
  const packets = openPacket(device);
  const send = (bytes: Uint8Array, reply: Message): boolean => {
    if (reply.giaddr !== UNSPECIFIED) return udp.send(bytes, reply.giaddr, port);
    const messageType = messageTypeOf(reply) ?? 0;
    const destination = clientDestination({ ...reply, messageType });
    switch (destination.kind) {
      case "ip":
        return udp.send(bytes, destination.to, destination.port);
      case "broadcast":
        return udp.send(bytes, BROADCAST, destination.port);
      case "link":
        return packets.send(bytes, {
          destinationMac: destination.mac,
          source: address,
          sourcePort: port,
          destination: destination.to,
          destinationPort: destination.port,
        });
    }
  };
  udp.receive((bytes, from) => {
    handler.datagram(bytes, { from, serverIdentifier: address, receivedOn: address, onLink: true }, send);
  });
  return [udp, packets];
}
