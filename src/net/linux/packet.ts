/**
 * Packet sockets through libc: whole Ethernet frames on one interface, for clients that have no address yet.
 *
 * A socket is opened for no protocol, so that it receives nothing. `receive` first attaches the filter and then asks
 * for IPv4, so that no other frame is received in between.
 */

import type { Attempt } from "../errors.ts";
import { FRAME_HEADER_OCTETS, FRAME_PAYLOAD_OCTETS_MAX, readFrame, writeFrame } from "../frame.ts";
import type { PacketAddressing, PacketHandler, PacketSocket } from "../packet.ts";
import {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  ETH_P_IP,
  LinkAddress,
  MSG_DONTWAIT,
  SO_ATTACH_FILTER,
  SOL_SOCKET,
} from "./abi.ts";
import { filterReference, udpPortFilter } from "./filter.ts";
import { addressOf, libc } from "./libc.ts";
import { bindToLink, type LinkSocket, openOnLink, receiveFrames } from "./link_socket.ts";
import type { ReceiveMemory } from "./memory.ts";
import { reactor, type Source } from "./reactor.ts";
import { type Descriptor, SendErrors } from "./socket.ts";

/** Shared by all sockets: a frame is built and passed to the kernel within one call. */
const FRAME = new Uint8Array(FRAME_HEADER_OCTETS + FRAME_PAYLOAD_OCTETS_MAX);

class LinuxPacketSocket implements PacketSocket, Source {
  readonly device: string;
  readonly interfaceIndex: number;
  readonly mac: Uint8Array;
  readonly fd: number;
  readonly sendErrors = new SendErrors();
  malformed = 0;

  readonly #descriptor: Descriptor;
  readonly #attempt: Attempt;
  readonly #to: LinkAddress;
  #handler: PacketHandler | undefined;

  constructor(socket: LinkSocket) {
    const { device, interfaceIndex, descriptor, attempt } = socket;
    this.mac = bindToLink(socket, 0, [ARPHRD_ETHER, ARPHRD_LOOPBACK]);
    this.device = device;
    this.interfaceIndex = interfaceIndex;
    this.fd = descriptor.fd;
    this.#descriptor = descriptor;
    this.#attempt = attempt;
    this.#to = new LinkAddress(interfaceIndex, ETH_P_IP);
  }

  receive(port: number, handler: PacketHandler): void {
    const first = this.#handler === undefined;
    this.#handler = handler;
    if (!this.#descriptor.open) return;
    const program = udpPortFilter(port);
    const reference = filterReference(program, addressOf(program.buffer));
    this.#descriptor.set(SOL_SOCKET, SO_ATTACH_FILTER, reference, this.#attempt);
    if (!first) return;
    this.#descriptor.bind(new LinkAddress(this.interfaceIndex, ETH_P_IP).memory, this.#attempt);
    reactor().add(this);
  }

  drain(memory: ReceiveMemory): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    receiveFrames(this.#descriptor, memory, (frame) => {
      const read = frame && readFrame(frame);
      if (read?.ok === true) handler(read.payload, read.addressing);
      else this.malformed++;
    });
  }

  send(payload: Uint8Array, addressing: Omit<PacketAddressing, "sourceMac">): boolean {
    // A closed descriptor's number may already be another file's.
    if (!this.#descriptor.open) return this.sendErrors.refuse("the socket is closed");
    if (payload.length > FRAME_PAYLOAD_OCTETS_MAX) return this.sendErrors.refuse("the payload is too long for IPv4");
    const length = writeFrame(FRAME, payload, { ...addressing, sourceMac: this.mac });
    const sent = libc().sendto(this.fd, FRAME, length, MSG_DONTWAIT, this.#to.memory, LinkAddress.size);
    return sent >= 0 || this.sendErrors.add();
  }

  close(): void {
    if (!this.#descriptor.open) return;
    if (this.#handler !== undefined) reactor().remove(this);
    this.#descriptor.close();
  }
}

/** Opens a packet socket on an interface. Throws a `SocketError` when the system refuses. */
export function openLinuxPacket(device: string): PacketSocket {
  return openOnLink("a packet socket", device, (socket) => new LinuxPacketSocket(socket));
}
