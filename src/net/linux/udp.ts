/**
 * UDP sockets through libc: bound to a device on request, read in batches without waiting, sent at once or not at all.
 */

import { bindAttempt } from "../errors.ts";
import { formatIpv4, type Ipv4 } from "../ipv4.ts";
import type { DatagramHandler, UdpOptions, UdpSocket } from "../udp.ts";
import {
  addresses,
  AF_INET,
  int32,
  InternetAddress,
  IP_ADD_MEMBERSHIP,
  IP_MULTICAST_ALL,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IPPROTO_IP,
  MSG_DONTWAIT,
  MSG_TRUNC,
  SO_ATTACH_FILTER,
  SO_BINDTODEVICE,
  SO_BROADCAST,
  SO_DETACH_FILTER,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOL_SOCKET,
} from "./abi.ts";
import { filterReference, sourcesFilter } from "./filter.ts";
import { addressOf, fixedMemory, libc } from "./libc.ts";
import { DATAGRAM_BYTES_MAX, ReceiveMemory } from "./memory.ts";
import { BATCH_MAX, reactor, type Source } from "./reactor.ts";
import { Descriptor, interrupted, owned, requiredInterfaceName, SendErrors } from "./socket.ts";

function bound(options: UdpOptions): Descriptor {
  const { address, port, device } = options;
  const attempt = bindAttempt(address, port, device);
  const descriptor = new Descriptor(AF_INET, SOCK_DGRAM, 0, attempt);
  return owned(descriptor, () => {
    if (options.reuseAddress === true) descriptor.set(SOL_SOCKET, SO_REUSEADDR, int32(1), attempt);
    if (options.broadcast === true) descriptor.set(SOL_SOCKET, SO_BROADCAST, int32(1), attempt);
    // Without it, a socket on 0.0.0.0 gets the groups that any program on this machine joined.
    descriptor.set(IPPROTO_IP, IP_MULTICAST_ALL, int32(0), attempt);
    if (options.receiveBufferBytes !== undefined) descriptor.setReceiveBuffer(options.receiveBufferBytes, attempt);
    if (device !== undefined) {
      const name = requiredInterfaceName(device, attempt);
      descriptor.set(SOL_SOCKET, SO_BINDTODEVICE, name, { ...attempt, capability: "CAP_NET_RAW" });
    }
    const local = new InternetAddress();
    local.set(address, port);
    descriptor.bind(local.memory, attempt);
    return descriptor;
  });
}

/** Shared by all transient sockets, as one handler runs at a time. */
let transientMemory: ReceiveMemory | undefined;

class LinuxUdpSocket implements UdpSocket, Source {
  readonly kind = "linux";
  readonly address: Ipv4;
  readonly port: number;
  readonly fd: number;
  readonly sendErrors = new SendErrors();

  readonly #descriptor: Descriptor;
  readonly #to = new InternetAddress();
  readonly #from = new InternetAddress();
  readonly #fromAddress = addressOf(this.#from.memory);
  readonly #fromLength = new Int32Array(fixedMemory(4));
  readonly #fromLengthAddress = addressOf(this.#fromLength.buffer);
  #handler: DatagramHandler | undefined;
  #batchEnd: (() => void) | undefined;
  readonly #transient: boolean;

  constructor(descriptor: Descriptor, transient: boolean) {
    this.#descriptor = descriptor;
    this.#transient = transient;
    this.fd = descriptor.fd;
    const local = new InternetAddress();
    descriptor.localAddress(local.memory, { what: "read the local address" });
    this.address = local.address;
    this.port = local.port;
  }

  get dropped(): number {
    return this.#descriptor.open ? this.#descriptor.receiveDrops() : 0;
  }

  receive(handler: DatagramHandler, batchEnd?: () => void): void {
    const first = this.#handler === undefined;
    this.#handler = handler;
    this.#batchEnd = batchEnd;
    if (first && this.#descriptor.open) reactor().add(this);
  }

  drain(lasting: ReceiveMemory): void {
    const { recvfrom } = libc();
    const handler = this.#handler;
    if (handler === undefined) return;
    const memory = this.#transient ? (transientMemory ??= new ReceiveMemory()) : lasting;
    let count = 0;
    while (count < BATCH_MAX) {
      if (this.#transient) memory.rewind();
      this.#fromLength[0] = InternetAddress.size;
      const length = recvfrom(
        this.fd,
        memory.room(),
        DATAGRAM_BYTES_MAX,
        MSG_DONTWAIT | MSG_TRUNC,
        this.#fromAddress,
        this.#fromLengthAddress,
      );
      if (length < 0) {
        if (interrupted()) continue;
        // No more datagrams, or an error (interface went down) that reading has cleared.
        break;
      }
      count++;
      handler(memory.take(length), this.#from.address, this.#from.port);
      if (!this.#descriptor.open) return;
    }
    if (count > 0) this.#batchEnd?.();
  }

  send(bytes: Uint8Array, to: Ipv4, port: number): boolean {
    // A closed descriptor's number may already be another file's.
    if (!this.#descriptor.open) return this.sendErrors.refuse("the socket is closed");
    this.#to.set(to, port);
    const sent = libc().sendto(
      this.fd,
      bytes as Uint8Array<ArrayBuffer>,
      bytes.length,
      MSG_DONTWAIT,
      this.#to.memory,
      InternetAddress.size,
    );
    return sent >= 0 || this.sendErrors.add();
  }

  joinMulticast(group: Ipv4, on: Ipv4): void {
    this.#descriptor.set(IPPROTO_IP, IP_ADD_MEMBERSHIP, addresses(group, on), {
      what: `join ${formatIpv4(group)} on ${formatIpv4(on)}`,
    });
  }

  setMulticast(options: { on: Ipv4; ttl: number; loopback: boolean }): void {
    const attempt = { what: `send multicast through ${formatIpv4(options.on)}` };
    this.#descriptor.set(IPPROTO_IP, IP_MULTICAST_IF, addresses(options.on), attempt);
    this.#descriptor.set(IPPROTO_IP, IP_MULTICAST_TTL, int32(options.ttl), attempt);
    this.#descriptor.set(IPPROTO_IP, IP_MULTICAST_LOOP, int32(options.loopback ? 1 : 0), attempt);
  }

  passSources(filter: { readonly sources: readonly Ipv4[]; readonly sampleOneIn: number } | undefined): void {
    if (!this.#descriptor.open) return;
    const attempt = { what: `filter the senders to ${formatIpv4(this.address)}:${this.port}` };
    if (filter === undefined) return this.#descriptor.set(SOL_SOCKET, SO_DETACH_FILTER, int32(0), attempt);
    const program = sourcesFilter(filter.sources, filter.sampleOneIn);
    this.#descriptor.set(SOL_SOCKET, SO_ATTACH_FILTER, filterReference(program, addressOf(program.buffer)), attempt);
  }

  close(): void {
    if (!this.#descriptor.open) return;
    if (this.#handler !== undefined) reactor().remove(this);
    this.#descriptor.close();
  }
}

/**
 * Opens a UDP socket through libc. Throws a `SocketError` when the system refuses.
 *
 * The kernel chooses which of several sockets on one port gets a datagram (`net/ipv4/udp.c`, `compute_score`), and the
 * relay relies on it. Unicast goes to a socket bound to exactly this address before one bound to 0.0.0.0; among those,
 * to one bound to the incoming interface before one bound to none, and never to one bound to another interface.
 * Broadcast and multicast go to every socket whose address (this one or 0.0.0.0) and interface match. So a socket on an
 * address without an interface receives from every interface on which no other socket has this address
 * (`selection_test.ts` has each case).
 */
export function openLinuxUdp(options: UdpOptions): UdpSocket {
  const descriptor = bound(options);
  return owned(descriptor, () => new LinuxUdpSocket(descriptor, options.transient === true));
}
