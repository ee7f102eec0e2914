/**
 * The relay's sockets. Client interfaces on Ethernet are served by `ethernet.ts`, the loopback interface by
 * `loopback.ts`; this module opens them all or none. What is sent where is decided in `../forward/`.
 */

import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { PacketSocket } from "../../src/net/packet.ts";
import type { UdpOptions, UdpSocket } from "../../src/net/udp.ts";
import type { ForwardInterface } from "../forward/config.ts";
import type { ClientDestination } from "../../src/dhcp/delivery.ts";
import { openEthernetWire } from "./ethernet.ts";
import { openLoopbackWire } from "./loopback.ts";

/** A client interface as the system has it. */
export interface Link {
  readonly interface: ForwardInterface;
  /** False for the loopback interface: no hardware addresses, no broadcast. */
  readonly ethernet: boolean;
}

/** UDP ports; 67 and 68 outside of tests and demonstrations (RFC 2131 §4.1). */
export interface Ports {
  /** Where clients and nodes reach the relay. */
  readonly server: number;
  /** Where the relay reaches clients. */
  readonly client: number;
}

/** How sockets are opened. */
export interface SocketOpener {
  openUdp(options: UdpOptions): Promise<UdpSocket>;
  openPacket(device: string): PacketSocket;
}

/** Takes what comes in. `link` is the index of the client interface. */
export interface WireHandlers {
  /** From a client interface. */
  request(link: number, bytes: Uint8Array, from: Ipv4, unicast: boolean): void;
  /** From anywhere else, to the interface's address. */
  reply(link: number, bytes: Uint8Array, from: Ipv4, port: number): void;
}

/** The sockets of one client interface. */
export interface Wire {
  receive(link: number, handlers: WireHandlers): void;
  /** Sends to a node, from the interface's address. False when the system would not take it. */
  sendUpstream(bytes: Uint8Array, to: Ipv4, port: number): boolean;
  /** Sends to a client on the interface. False when the system would not take it. */
  deliver(bytes: Uint8Array, destination: ClientDestination): boolean;
  /** What the system lost on the way in, because the relay was too slow. */
  readonly receiveDrops: number;
  /** What the system would not send, and why the last one was refused. */
  readonly sendErrors: { readonly count: number; readonly last: string | undefined };
  close(): void;
}

/**
 * Kernel buffer of each receiving socket: at 300 octets and the kernel's own bookkeeping room for some 3,000
 * datagrams, a tenth of a second at the rate the relay is built for.
 */
export const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Opens the sockets of all interfaces, in their order. Rejects with a `SocketError` and leaves nothing open. */
export async function openWires(links: readonly Link[], ports: Ports, opener: SocketOpener): Promise<Wire[]> {
  const wires: Wire[] = [];
  /** Interfaces may share an address; of several sockets bound to it only one would receive. */
  const upstreams = new Map<Ipv4, UdpSocket>();
  const giaddrs = new Set(links.filter((link) => link.ethernet).map((link) => link.interface.giaddr));
  try {
    for (const link of links) {
      wires.push(
        link.ethernet
          ? await openEthernetWire(link, ports, opener, { upstreams, giaddrs })
          : await openLoopbackWire(link, ports, opener),
      );
    }
    return wires;
  } catch (error) {
    for (const wire of wires) wire.close();
    throw error;
  }
}
