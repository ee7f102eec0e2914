/** ARP through a packet socket on one interface: probes out, and what other stations say of their addresses in. */

import { type ArpClaim, arpProbe, type ArpSocket, readArpClaim } from "../arp.ts";
import { type Attempt, refused } from "../errors.ts";
import type { Ipv4 } from "../ipv4.ts";
import {
  AF_PACKET,
  ARPHRD_ETHER,
  ETH_P_ARP,
  LinkAddress,
  MSG_DONTWAIT,
  MSG_TRUNC,
  SO_ATTACH_FILTER,
  SOCK_RAW,
  SOL_SOCKET,
} from "./abi.ts";
import { arpFilter, filterReference } from "./filter.ts";
import { addressOf, libc } from "./libc.ts";
import { DATAGRAM_BYTES_MAX, type ReceiveMemory } from "./memory.ts";
import { BATCH_MAX, reactor, type Source } from "./reactor.ts";
import { Descriptor, interrupted, requiredInterfaceName } from "./socket.ts";

class LinuxArpSocket implements ArpSocket, Source {
  readonly fd: number;
  readonly #descriptor: Descriptor;
  readonly #mac: Uint8Array;
  readonly #to: LinkAddress;
  readonly #heard: (claim: ArpClaim) => void;

  constructor(
    interfaceIndex: number,
    heard: (claim: ArpClaim) => void,
    { descriptor, attempt }: { readonly descriptor: Descriptor; readonly attempt: Attempt },
  ) {
    const program = arpFilter();
    descriptor.set(SOL_SOCKET, SO_ATTACH_FILTER, filterReference(program, addressOf(program.buffer)), attempt);
    const local = new LinkAddress(interfaceIndex, ETH_P_ARP);
    descriptor.bind(local.memory, attempt);
    descriptor.localAddress(local.memory, attempt);
    if (local.hardwareType !== ARPHRD_ETHER) {
      throw refused("EOPNOTSUPP", attempt, "the interface is not an Ethernet interface (EOPNOTSUPP)");
    }
    this.fd = descriptor.fd;
    this.#descriptor = descriptor;
    this.#mac = local.hardware;
    this.#to = new LinkAddress(interfaceIndex, ETH_P_ARP);
    this.#heard = heard;
    reactor().add(this);
  }

  drain(memory: ReceiveMemory): void {
    const { recvfrom } = libc();
    for (let count = 0; count < BATCH_MAX; count++) {
      const length = recvfrom(this.fd, memory.room(), DATAGRAM_BYTES_MAX, MSG_DONTWAIT | MSG_TRUNC, 0, 0);
      if (length < 0) {
        if (interrupted()) continue;
        return;
      }
      const claim = length <= DATAGRAM_BYTES_MAX ? readArpClaim(memory.take(length)) : undefined;
      if (claim !== undefined) this.#heard(claim);
      if (!this.#descriptor.open) return;
    }
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
  const attempt: Attempt = { what: `open an ARP socket on ${device}`, device, capability: "CAP_NET_RAW" };
  const interfaceIndex = libc().if_nametoindex(requiredInterfaceName(device, attempt));
  if (interfaceIndex === 0) throw refused("ENODEV", attempt);
  const descriptor = new Descriptor(AF_PACKET, SOCK_RAW, 0, attempt);
  try {
    return new LinuxArpSocket(interfaceIndex, heard, { descriptor, attempt });
  } catch (error) {
    descriptor.close();
    throw error;
  }
}
