/** Shared by the sockets for whole frames on one interface: opening, the link that it is, and receiving. */

import { type Attempt, refused } from "../errors.ts";
import { AF_PACKET, LinkAddress, MSG_DONTWAIT, MSG_TRUNC, SOCK_RAW } from "./abi.ts";
import { libc } from "./libc.ts";
import { DATAGRAM_BYTES_MAX, type ReceiveMemory } from "./memory.ts";
import { BATCH_MAX } from "./reactor.ts";
import { Descriptor, interrupted, owned, requiredInterfaceName } from "./socket.ts";

/** A socket on an interface, and what to say when the system refuses more. */
export interface LinkSocket {
  readonly device: string;
  readonly interfaceIndex: number;
  readonly descriptor: Descriptor;
  readonly attempt: Attempt;
}

/**
 * Opens a socket for frames of an interface, which receives nothing yet; `use` makes something of it. Throws a
 * `SocketError` when the system refuses.
 */
export function openOnLink<Made>(what: string, device: string, use: (socket: LinkSocket) => Made): Made {
  const attempt: Attempt = { what: `open ${what} on ${device}`, device, capability: "CAP_NET_RAW" };
  const interfaceIndex = libc().if_nametoindex(requiredInterfaceName(device, attempt));
  if (interfaceIndex === 0) throw refused("ENODEV", attempt);
  const descriptor = new Descriptor(AF_PACKET, SOCK_RAW, 0, attempt);
  return owned(descriptor, () => use({ device, interfaceIndex, descriptor, attempt }));
}

/** Binds a socket for a protocol (ETH_P_…; 0: none); returns the hardware address of a link of one of these kinds. */
export function bindToLink(
  { interfaceIndex, descriptor, attempt }: LinkSocket,
  protocol: number,
  kinds: readonly number[],
): Uint8Array<ArrayBuffer> {
  const local = new LinkAddress(interfaceIndex, protocol);
  descriptor.bind(local.memory, attempt);
  descriptor.localAddress(local.memory, attempt);
  if (!kinds.includes(local.hardwareType)) {
    throw refused("EOPNOTSUPP", attempt, "the interface is not an Ethernet interface (EOPNOTSUPP)");
  }
  return local.hardware;
}

/** Reads what has come, until nothing has, or the socket is closed. `take` gets undefined for a frame too long. */
export function receiveFrames(
  descriptor: Descriptor,
  memory: ReceiveMemory,
  take: (frame: ReturnType<ReceiveMemory["take"]> | undefined) => void,
): void {
  const { recvfrom } = libc();
  for (let count = 0; count < BATCH_MAX && descriptor.open; count++) {
    const length = recvfrom(descriptor.fd, memory.room(), DATAGRAM_BYTES_MAX, MSG_DONTWAIT | MSG_TRUNC, 0, 0);
    if (length >= 0) take(length <= DATAGRAM_BYTES_MAX ? memory.take(length) : undefined);
    // No more frames, or an error (interface went down) that reading has cleared.
    else if (!interrupted()) return;
  }
}
