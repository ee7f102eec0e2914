/**
 * A client "interface" on the loopback device, for tests and demonstrations without privileges. Nothing here is how
 * DHCP works on a network: one UDP socket, on the interface's address and the relay's port, takes requests and replies
 * alike, and every reply goes by UDP to the client port of that same address, where emulated clients share a socket.
 * The loopback device has no hardware addresses and no broadcast, and what clients are given is no address of this
 * machine: sending there would leave it.
 */

import { AT } from "../../src/dhcp/layout.ts";
import { BOOTREPLY } from "../../src/dhcp/message.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { UdpSocket } from "../../src/net/udp.ts";
import {
  type Link,
  type Ports,
  RECEIVE_BUFFER_BYTES,
  type SocketOpener,
  type Wire,
  type WireHandlers,
} from "./wires.ts";

/** Opens the one socket of a loopback interface. */
export async function openLoopbackWire(link: Link, ports: Ports, opener: SocketOpener): Promise<Wire> {
  const socket = await opener.openUdp({
    address: link.interface.giaddr,
    port: ports.server,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
  });
  return new LoopbackWire(socket, ports.client);
}

class LoopbackWire implements Wire {
  readonly #socket: UdpSocket;
  readonly #clientPort: number;

  constructor(socket: UdpSocket, clientPort: number) {
    this.#socket = socket;
    this.#clientPort = clientPort;
  }

  receive(link: number, handlers: WireHandlers): void {
    this.#socket.receive((bytes, from, port) => {
      if (bytes[AT.op] === BOOTREPLY) handlers.reply(link, bytes, from, port);
      // Clients can't broadcast here, so no request is told apart as a unicast one.
      else handlers.request(link, bytes, from, false);
    });
  }

  sendUpstream(bytes: Uint8Array, to: Ipv4, port: number): boolean {
    return this.#socket.send(bytes, to, port);
  }

  deliver(bytes: Uint8Array): boolean {
    return this.#socket.send(bytes, this.#socket.address, this.#clientPort);
  }

  get receiveDrops(): number {
    return this.#socket.dropped ?? 0;
  }

  get sendErrors(): Wire["sendErrors"] {
    return this.#socket.sendErrors;
  }

  close(): void {
    this.#socket.close();
  }
}
