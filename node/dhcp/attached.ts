/**
 * The interfaces with clients of this node's own. Each is followed while it disappears, is made again and changes its
 * addresses: sockets bound to an interface that was removed never receive again, also under the same name.
 */

import type { Logger } from "@logtape/logtape";
import { clientDestination } from "../../src/dhcp/delivery.ts";
import { type Message, messageTypeOf } from "../../src/dhcp/message.ts";
import type { Arrival } from "../../src/dhcp/server/query.ts";
import { equalBytes } from "../../src/bytes/equal.ts";
import type { ArpClaim, ArpSocket } from "../../src/net/arp.ts";
import { ArpProber, type Found } from "../../src/net/arp_prober.ts";
import { BROADCAST, formatIpv4, type Ipv4, UNSPECIFIED } from "../../src/net/ipv4.ts";
import type { InterfaceAddress, NetworkInterface } from "../../src/net/network_interface.ts";
import type { PacketSocket } from "../../src/net/packet.ts";
import type { UdpOptions, UdpSocket } from "../../src/net/udp.ts";
import type { ReplySender } from "./dhcp_service.ts";

/** At 300 octets and the kernel's own bookkeeping, room for some 6,000 datagrams: a boot storm's first moments. */
export const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;

const ETHERNET_OCTETS = 6;

/** Takes datagrams. */
export interface ListenerHandler {
  datagram(bytes: Uint8Array, arrival: Arrival, send: ReplySender): void;
  /** A relay's part of an exchange about free addresses (`relay_probes.ts`); returns the answer. */
  probe(bytes: Uint8Array, from: Ipv4): Uint8Array | undefined;
  /** A host uses an address that was found free before (`ArpProber`). */
  overheard(claim: ArpClaim): void;
}

/** What the interfaces and sockets are made with. */
export interface AttachedHost {
  readonly log: Logger;
  readonly listInterfaces: () => readonly NetworkInterface[];
  readonly openUdp: (options: UdpOptions) => Promise<UdpSocket>;
  readonly openPacket: (device: string) => PacketSocket;
  readonly openArp: (device: string, heard: (claim: ArpClaim) => void) => ArpSocket;
}

/** What is known of an attached interface. */
export interface AttachedState {
  readonly name: string;
  /** The primary one first; empty while the interface can't be used. */
  readonly addresses: readonly InterfaceAddress[];
  /** Why its clients get no answer, and what to do; undefined: they are served. */
  readonly problem: string | undefined;
  /** See `ArpProber.probe`. */
  probe(addresses: readonly Ipv4[]): Promise<Found>;
}

/** The sockets of an interface as it was when they were opened. */
interface Opened {
  readonly index: number;
  readonly mac: Uint8Array;
  readonly udp: UdpSocket;
  readonly packets: PacketSocket;
}

/** All attached interfaces. */
export class AttachedInterfaces {
  readonly #interfaces: readonly AttachedInterface[];
  readonly #host: AttachedHost;
  /** Serialises checks. */
  #checking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(names: readonly string[], port: number, handler: ListenerHandler, host: AttachedHost) {
    this.#interfaces = names.map((name) => new AttachedInterface(name, port, handler, host));
    this.#host = host;
  }

  /** Opens what can be served now. Rejects when a socket can't be opened, or an interface never can be served. */
  async open(): Promise<void> {
    const found = this.#host.listInterfaces();
    for (const one of this.#interfaces) await one.follow(findIn(found, one.name), true);
  }

  /** Follows what changed. */
  check(): Promise<void> {
    return this.#checking = this.#checking.then(async () => {
      if (this.#closed) return;
      const found = this.#host.listInterfaces();
      for (const one of this.#interfaces) await one.follow(findIn(found, one.name));
    });
  }

  get states(): readonly AttachedState[] {
    return this.#interfaces;
  }

  get sockets(): readonly (UdpSocket | PacketSocket)[] {
    return this.#interfaces.flatMap((one) => one.sockets);
  }

  close(): void {
    this.#closed = true;
    for (const one of this.#interfaces) one.close();
  }
}

function findIn(interfaces: readonly NetworkInterface[], name: string): NetworkInterface | undefined {
  return interfaces.find((candidate) => candidate.name === name);
}

class AttachedInterface implements AttachedState {
  readonly name: string;
  addresses: readonly InterfaceAddress[] = [];
  problem: string | undefined = "the sockets are not open yet";
  readonly #port: number;
  readonly #handler: ListenerHandler;
  readonly #host: AttachedHost;
  readonly #prober: ArpProber;
  #opened: Opened | undefined;

  constructor(name: string, port: number, handler: ListenerHandler, host: AttachedHost) {
    this.name = name;
    this.#port = port;
    this.#handler = handler;
    this.#host = host;
    this.#prober = new ArpProber((heard) => host.openArp(name, heard), (claim) => handler.overheard(claim));
  }

  probe(addresses: readonly Ipv4[]): Promise<Found> {
    return this.#prober.probe(addresses);
  }

  get sockets(): (UdpSocket | PacketSocket)[] {
    return this.#opened === undefined ? [] : [this.#opened.udp, this.#opened.packets];
  }

  /** Takes over how the interface is now; undefined: there is none. At the start a fault is the operator's to mend. */
  async follow(found: NetworkInterface | undefined, isStart = false): Promise<void> {
    const before = this.#outline;
    if (found === undefined || !this.#isSame(found)) this.#closeSockets();
    this.problem = explainUnusable(this.name, found);
    this.addresses = found !== undefined && this.problem === undefined ? found.addresses : [];
    try {
      if (found !== undefined && found.mac.length !== ETHERNET_OCTETS) throw new Error(explainLink(this.name));
      if (found !== undefined && this.problem === undefined) this.#opened ??= await this.#open(found);
    } catch (error) {
      if (isStart) throw error;
      // It may be gone again, or another program may have its port: the next check tries again.
      this.problem = error instanceof Error ? error.message : String(error);
      this.addresses = [];
    }
    if (this.#outline === before) return;
    if (this.problem !== undefined) {
      this.#host.log.warn("{interface} is not served: {problem}", { interface: this.name, problem: this.problem });
    } else if (!isStart) {
      this.#host.log.info("{interface} is served as {addresses}", {
        interface: this.name,
        addresses: this.addresses.map(({ address }) => formatIpv4(address)).join(" and "),
      });
    }
  }

  close(): void {
    this.#closeSockets();
    this.addresses = [];
    this.problem = "the node ends";
  }

  get #outline(): string {
    return JSON.stringify([this.problem, this.addresses, this.#opened?.index]);
  }

  /** A new index is a new interface; frames are sent from the hardware address that the sockets were opened with. */
  #isSame({ index, mac }: NetworkInterface): boolean {
    return this.#opened?.index === index && equalBytes(this.#opened.mac, mac);
  }

  #closeSockets(): void {
    for (const socket of this.sockets) socket.close();
    this.#prober.close();
    this.#opened = undefined;
  }

  async #open({ index, mac }: NetworkInterface): Promise<Opened> {
    const udp = await this.#host.openUdp({
      address: UNSPECIFIED,
      port: this.#port,
      device: this.name,
      reuseAddress: true,
      broadcast: true,
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    });
    try {
      const packets = this.#host.openPacket(this.name);
      udp.receive((bytes, from) => this.#receive(bytes, from));
      return { index, mac, udp, packets };
    } catch (error) {
      udp.close();
      throw error;
    }
  }

  #receive(bytes: Uint8Array, from: number): void {
    const [address, ...further] = this.addresses.map(({ address }) => address);
    if (address === undefined) return;
    this.#handler.datagram(
      bytes,
      { from, serverIdentifier: address, receivedOn: address, onLink: true, further },
      (reply, message, arrival) => this.#send(reply, message, arrival),
    );
  }

  #send(bytes: Uint8Array, reply: Message, { receivedOn }: Arrival): boolean {
    if (this.#opened === undefined) return false;
    const { udp, packets } = this.#opened;
    if (reply.giaddr !== UNSPECIFIED) return udp.send(bytes, reply.giaddr, this.#port);
    const destination = clientDestination({ ...reply, messageType: messageTypeOf(reply) ?? 0 });
    switch (destination.kind) {
      case "ip":
        return udp.send(bytes, destination.to, destination.port);
      case "broadcast":
        return udp.send(bytes, BROADCAST, destination.port);
      case "link":
        return packets.send(bytes, {
          destinationMac: destination.mac,
          source: receivedOn,
          sourcePort: this.#port,
          destination: destination.to,
          destinationPort: destination.port,
        });
    }
  }
}

/** Why an interface can't be used now, and what to do; undefined when it can. */
function explainUnusable(name: string, found: NetworkInterface | undefined): string | undefined {
  if (found === undefined) return `there is no interface ${name}; make it, or correct dhcp.interfaces (see ip link)`;
  if (found.addresses.length > 0) return undefined;
  return `${name} has no IPv4 address; give it one, in the subnet its clients are to get`;
}

function explainLink(name: string): string {
  return `dhcp.interfaces: ${name} is not an Ethernet interface; put a relay in front of its clients`;
}
