/**
 * The relay's sockets: opened and closed according to `plan.ts` when interfaces change. `../forward/` decides what is
 * sent to which destination.
 */

import { unreachable } from "../../src/assert.ts";
import type { ClientDestination } from "../../src/dhcp/delivery.ts";
import { AT } from "../../src/dhcp/layout.ts";
import { BOOTREPLY } from "../../src/dhcp/message.ts";
import { BROADCAST, type Ipv4 } from "../../src/net/ipv4.ts";
import type { PacketSocket } from "../../src/net/packet.ts";
import type { UdpOptions, UdpSocket } from "../../src/net/udp.ts";
import type { Gateway } from "../forward/config.ts";
import type { Outlet } from "../relay.ts";
import { type Link, planSockets, type Ports, type SocketPlan } from "./plan.ts";

/** Opens sockets. */
export interface SocketOpener {
  openUdp(options: UdpOptions): Promise<UdpSocket>;
  openPacket(device: string): PacketSocket;
}

/** Receives datagrams. `link` is the index of the client interface. The bytes are valid only during the call. */
export interface SocketHandlers {
  /** From a client interface. */
  request(link: number, bytes: Uint8Array, from: Ipv4, unicast: boolean): void;
  /**
   * To one of the relay's addresses; `clientSide`: through a client interface, because the nodes' way to that address
   * leads through another router, or forged by a client.
   */
  reply(link: number, bytes: Uint8Array, from: Ipv4, port: number, clientSide: boolean): void;
  /** A datagram to the clients' port, overheard on the clients' own link. */
  overheard(link: number, bytes: Uint8Array, from: Ipv4, mac: Uint8Array): void;
}

/** Errors of an interface's sockets. */
export interface SocketErrors {
  /** Datagrams dropped by the kernel because a receive buffer was full. */
  readonly receiveDrops: number;
  /** Datagrams the kernel refused to send, and the last error. */
  readonly sendErrors: { readonly count: number; readonly last: string | undefined };
}

type Opened =
  & { plan: SocketPlan }
  & ({ readonly kind: "udp"; readonly socket: UdpSocket } | {
    readonly kind: "packets";
    readonly socket: PacketSocket;
  });

/** All sockets; none is open before the first {@link RelaySockets.reconcile}. */
export class RelaySockets implements Outlet {
  readonly #ports: Ports;
  readonly #opener: SocketOpener;
  readonly #handlers: SocketHandlers;
  readonly #open = new Map<string, Opened>();
  /** Sockets to send from: by giaddr; by device and local address; by device. */
  #upstream = new Map<Ipv4, UdpSocket>();
  #unicast = new Map<string, UdpSocket>();
  #packets = new Map<string, PacketSocket>();
  #loopback = new Map<Ipv4, UdpSocket>();

  constructor(ports: Ports, opener: SocketOpener, handlers: SocketHandlers) {
    this.#ports = ports;
    this.#opener = opener;
    this.#handlers = handlers;
  }

  /**
   * Opens the sockets these interfaces need, then closes those no longer needed; the others stay open and lose nothing.
   * Rejects with a `SocketError`, with nothing changed, when a socket cannot be opened.
   */
  async reconcile(links: readonly Link[]): Promise<void> {
    const plans = planSockets(links, this.#ports);
    const fresh: Opened[] = [];
    try {
      for (const plan of plans) if (!this.#open.has(plan.key)) fresh.push(await this.#openSocket(plan));
    } catch (error) {
      for (const { socket } of fresh) socket.close();
      throw error;
    }
    for (const plan of plans) {
      const known = this.#open.get(plan.key);
      if (known !== undefined) known.plan = plan;
    }
    for (const opened of fresh) this.#open.set(opened.plan.key, opened);
    const needed = new Set(plans.map(({ key }) => key));
    for (const [key, { socket }] of this.#open) {
      if (needed.has(key)) continue;
      socket.close();
      this.#open.delete(key);
    }
    this.#index();
    for (const opened of fresh) this.#listen(opened);
  }

  sendUpstream(giaddr: Ipv4, bytes: Uint8Array, to: Ipv4, port: number): boolean {
    const socket = this.#upstream.get(giaddr) ?? this.#loopback.get(giaddr);
    return socket?.send(bytes, to, port) === true;
  }

  deliver(gateway: Gateway, bytes: Uint8Array, destination: ClientDestination): boolean {
    const loopback = this.#loopback.get(gateway.giaddr);
    if (loopback !== undefined) return loopback.send(bytes, loopback.address, this.#ports.client);
    const socket = this.#unicast.get(unicastKey(gateway.device, gateway.local));
    if (socket === undefined) return false;
    const port = this.#ports.client;
    switch (destination.kind) {
      case "link": {
        const packets = this.#packets.get(gateway.device);
        if (packets === undefined) return socket.send(bytes, BROADCAST, port);
        return packets.send(bytes, {
          destinationMac: destination.mac,
          source: gateway.local,
          sourcePort: this.#ports.server,
          destination: destination.to,
          destinationPort: port,
        });
      }
      case "broadcast":
        return socket.send(bytes, BROADCAST, port);
      case "ip":
        return socket.send(bytes, destination.to, port);
      default:
        return unreachable(destination);
    }
  }

  /** Errors of the sockets that are open now. */
  errorsOf(link: number): SocketErrors {
    const own = [...this.#open.values()].filter(({ plan }) => plan.link === link);
    return {
      receiveDrops: own.reduce((sum, { kind, socket }) => sum + (kind === "udp" ? socket.dropped ?? 0 : 0), 0),
      sendErrors: {
        count: own.reduce((sum, { socket }) => sum + socket.sendErrors.count, 0),
        last: own.find(({ socket }) => socket.sendErrors.last !== undefined)?.socket.sendErrors.last,
      },
    };
  }

  close(): void {
    for (const { socket } of this.#open.values()) socket.close();
    this.#open.clear();
    this.#index();
  }

  async #openSocket(plan: SocketPlan): Promise<Opened> {
    if (plan.role === "packets") return { plan, kind: "packets", socket: this.#opener.openPacket(plan.device) };
    return { plan, kind: "udp", socket: await this.#opener.openUdp(plan.udp) };
  }

  #index(): void {
    this.#upstream = new Map();
    this.#unicast = new Map();
    this.#packets = new Map();
    this.#loopback = new Map();
    for (const { plan, kind, socket } of this.#open.values()) {
      if (kind === "packets") this.#packets.set(plan.device, socket);
      else if (plan.role === "upstream") this.#upstream.set(socket.address, socket);
      else if (plan.role === "loopback") this.#loopback.set(socket.address, socket);
      else if (plan.role === "unicast") this.#unicast.set(unicastKey(plan.device, socket.address), socket);
    }
  }

  /** An interface's index may change while its socket stays open, so the plan is read for each datagram. */
  #listen(opened: Opened): void {
    const handlers = this.#handlers;
    if (opened.kind === "packets") {
      opened.socket.receive(this.#ports.client, (payload, { source, sourceMac }) => {
        handlers.overheard(opened.plan.link, payload, source, sourceMac);
      });
      return;
    }
    const { role } = opened.plan;
    const clientSide = role === "unicast" || role === "stray";
    opened.socket.receive((bytes, from, port) => {
      const isReply = role === "upstream" || (role !== "broadcast" && bytes[AT.op] === BOOTREPLY);
      if (isReply) handlers.reply(opened.plan.link, bytes, from, port, clientSide);
      // The loopback device has no broadcast, so requests on it never count as unicast.
      else handlers.request(opened.plan.link, bytes, from, clientSide);
    });
  }
}

function unicastKey(device: string, local: Ipv4): string {
  return `${device}/${local}`;
}
