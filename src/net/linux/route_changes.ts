/**
 * Changes of the machine's interfaces and of their IPv4 addresses, as the kernel tells them (rtnetlink(7)). Only that
 * something changed is told: what, is read from the list of interfaces.
 */

import type { Attempt } from "../errors.ts";
import { AF_NETLINK, MSG_DONTWAIT, RouteGroups, RTMGRP_IPV4_IFADDR, RTMGRP_LINK, SOCK_RAW } from "./abi.ts";
import { libc } from "./libc.ts";
import { DATAGRAM_BYTES_MAX, type ReceiveMemory } from "./memory.ts";
import { reactor, type Source } from "./reactor.ts";
import { Descriptor, owned } from "./socket.ts";

const NETLINK_ROUTE = 0;

class RouteChanges implements Source {
  readonly fd: number;
  readonly #descriptor: Descriptor;
  readonly #changed: () => void;

  constructor(descriptor: Descriptor, changed: () => void) {
    this.fd = descriptor.fd;
    this.#descriptor = descriptor;
    this.#changed = changed;
    reactor().add(this);
  }

  drain(memory: ReceiveMemory): void {
    const { recvfrom } = libc();
    // Also after an error: ENOBUFS says that messages were lost.
    while (recvfrom(this.fd, memory.room(), DATAGRAM_BYTES_MAX, MSG_DONTWAIT, 0, 0) > 0);
    this.#changed();
  }

  close(): void {
    if (!this.#descriptor.open) return;
    reactor().remove(this);
    this.#descriptor.close();
  }
}

/** Calls `changed` after changes of interfaces or addresses. Throws a `SocketError` when the system refuses. */
export function openRouteChanges(changed: () => void): { close(): void } {
  const attempt: Attempt = { what: "watch the network interfaces" };
  const descriptor = new Descriptor(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, attempt);
  return owned(descriptor, () => {
    descriptor.bind(new RouteGroups(RTMGRP_LINK | RTMGRP_IPV4_IFADDR).memory, attempt);
    return new RouteChanges(descriptor, changed);
  });
}
