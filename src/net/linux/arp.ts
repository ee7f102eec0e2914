/** ARP through a packet socket on one interface: probes out, and what other stations say of their addresses in. */

import { type ArpClaim, arpProbe, type ArpSocket, readArpClaim } from "../arp.ts";
import type { Ipv4 } from "../ipv4.ts";
import { ARPHRD_ETHER, ETH_P_ARP, LinkAddress, MSG_DONTWAIT, SO_ATTACH_FILTER, SOL_SOCKET } from "./abi.ts";
import { arpFilter, filterReference } from "./filter.ts";
import { addressOf, libc } from "./libc.ts";
import { bindToLink, type LinkSocket, openOnLink, receiveFrames } from "./link_socket.ts";
import type { ReceiveMemory } from "./memory.ts";
import { reactor, type Source } from "./reactor.ts";
import type { Descriptor } from "./socket.ts";

class LinuxArpSocket implements ArpSocket, Source {
  readonly fd: number;
  readonly #descriptor: Descriptor;
  readonly #mac: Uint8Array;
  readonly #to: LinkAddress;
  readonly #heard: (claim: ArpClaim) => void;

  constructor(socket: LinkSocket, heard: (claim: ArpClaim) => void) {
    const { interfaceIndex, descriptor, attempt } = socket;
    const program = arpFilter();
    descriptor.set(SOL_SOCKET, SO_ATTACH_FILTER, filterReference(program, addressOf(program.buffer)), attempt);
    this.#mac = bindToLink(socket, ETH_P_ARP, [ARPHRD_ETHER]);
    this.fd = descriptor.fd;
    this.#descriptor = descriptor;
    this.#to = new LinkAddress(interfaceIndex, ETH_P_ARP);
    this.#heard = heard;
    reactor().add(this);
  }

  drain(memory: ReceiveMemory): void {
    receiveFrames(this.#descriptor, memory, (frame) => {
      const claim = frame && readArpClaim(frame);
      if (claim !== undefined) this.#heard(claim);
    });
  }

  probe(address: Ipv4): boolean {
    if (!this.#descriptor.open) return false;
    const frame = arpProbe(this.#mac, address);
    return libc().sendto(this.fd, frame, frame.length, MSG_DONTWAIT, this.#to.memory, LinkAddress.size) >= 0;
  }

  close(): void {
    if (!this.#descriptor.open) return;
    reactor().remove(this);
    this.#descriptor.close();
  }
}

/** Opens an ARP socket on an interface. Throws a `SocketError` when the system refuses. */
export function openLinuxArp(device: string, heard: (claim: ArpClaim) => void): ArpSocket {
  return openOnLink("an ARP socket", device, (socket) => new LinuxArpSocket(socket, heard));
}
