/**
 * Which sockets the relay needs for its client interfaces. Each interface needs several:
 *
 * | role      | bound to               | receives                         | sends                                     |
 * |-----------|------------------------|----------------------------------|-------------------------------------------|
 * | broadcast | the device, any:67     | clients' broadcasts              |                                           |
 * | unicast   | the device, own addr:67| renewals to the relay's address, replies that come through another router |
 * |           |                        |                                  | to clients with an address, broadcasts    |
 * | stray     | the device, each other address of the relay:67 | what this LAN sends there | |
 * | packets   | the device             | other servers' replies           | to clients that have no address yet       |
 * | upstream  | giaddr:67              | replies of the nodes             | to the nodes                              |
 * | loopback  | giaddr, relay's port   | requests and replies             | everything                                |
 *
 * The kernel prefers the more specific socket (`src/net/linux/selection_test.ts`): a datagram to one of the relay's
 * addresses goes to the socket bound to the device through which it arrived, otherwise to the upstream socket. The
 * stray sockets prevent a client of one LAN from posing as a node at the upstream socket of another.
 *
 * The loopback device is for tests and demonstrations without privileges. It has no hardware addresses and no
 * broadcast, and leased addresses are not addresses of this machine. One socket receives requests and replies, and
 * every reply goes to the client port of that same address, where emulated clients share a socket.
 */

import { toHex } from "../../src/bytes/hex.ts";
import { formatIpv4, type Ipv4, UNSPECIFIED } from "../../src/net/ipv4.ts";
import type { UdpOptions } from "../../src/net/udp.ts";
import type { ForwardInterface } from "../forward/config.ts";

/** The link layer of an interface. */
export type Medium =
  /** Ethernet frames to hardware addresses. */
  | "ethernet"
  /** IPv4 without hardware addresses, such as a tunnel: clients without an address are reached by broadcast. */
  | "other"
  | "loopback";

/** A client interface as found on this machine. */
export interface Link {
  readonly interface: ForwardInterface;
  /** The kernel's interface index; a new index is a new interface, even under the same name. */
  readonly index: number;
  /** Its hardware address, which frames to clients come from; empty without one. */
  readonly mac: Uint8Array;
  readonly medium: Medium;
}

/** UDP ports; 67 and 68 except in tests and demonstrations (RFC 2131 §4.1). */
export interface Ports {
  /** The relay's own port. */
  readonly server: number;
  /** The clients' port. */
  readonly client: number;
}

/** A socket to open. */
export type SocketPlan =
  & {
    /** Identity of the socket across plans. */
    readonly key: string;
    /** Index of the interface that its counters belong to. */
    readonly link: number;
    readonly device: string;
  }
  & (
    | {
      readonly role: "broadcast" | "unicast" | "stray" | "upstream" | "loopback";
      readonly udp: UdpOptions;
    }
    | { readonly role: "packets" }
  );

/**
 * Kernel receive buffer per socket: about 3,000 datagrams of 300 octets with the kernel's overhead, or 0.1 s at the
 * intended rate.
 */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** The sockets for these interfaces; interfaces without an address need none. */
export function planSockets(links: readonly Link[], ports: Ports): SocketPlan[] {
  const networked = links.filter(({ medium }) => medium !== "loopback");
  const addresses = new Set(
    networked.flatMap((link) => link.interface.gateways.flatMap(({ giaddr, local }) => [giaddr, local])),
  );
  const plans = links.flatMap((link, index) =>
    link.interface.gateways.length === 0
      ? []
      : link.medium === "loopback"
      ? planLoopback(link, index, ports)
      : planNetworked(link, index, { ports, addresses })
  );
  // Interfaces may share a giaddr; of several sockets bound to it, only one would receive.
  const first = new Map(plans.toReversed().map((plan) => [plan.key, plan]));
  return plans.filter((plan) => first.get(plan.key) === plan);
}

function planNetworked(
  link: Link,
  index: number,
  { ports, addresses }: { readonly ports: Ports; readonly addresses: ReadonlySet<Ipv4> },
): SocketPlan[] {
  const { name: device, gateways } = link.interface;
  const locals = new Set(gateways.map(({ local }) => local));
  const common = { port: ports.server, reuseAddress: true, transient: true, receiveBufferBytes: RECEIVE_BUFFER_BYTES };
  const own = { link: index, device };
  const onDevice = (role: "broadcast" | "unicast" | "stray", address: Ipv4): SocketPlan => ({
    ...own,
    key: `${link.index}/${device}/${formatIpv4(address)}`,
    role,
    udp: { ...common, address, device, ...(role === "stray" ? {} : { broadcast: true }) },
  });
  return [
    onDevice("broadcast", UNSPECIFIED),
    ...Array.from(locals, (local) => onDevice("unicast", local)),
    ...[...addresses].filter((address) => !locals.has(address)).map((address) => onDevice("stray", address)),
    ...(link.medium === "ethernet"
      ? [{ ...own, key: `${link.index}/${device}/packets/${toHex(link.mac)}`, role: "packets" } as const]
      : []),
    ...gateways.map(({ giaddr }): SocketPlan => ({
      ...own,
      key: `upstream/${formatIpv4(giaddr)}`,
      role: "upstream",
      udp: { ...common, address: giaddr },
    })),
  ];
}

function planLoopback(link: Link, index: number, ports: Ports): SocketPlan[] {
  const { name: device, gateways } = link.interface;
  return gateways.map(({ giaddr: address }) => ({
    key: `loopback/${formatIpv4(address)}`,
    link: index,
    device,
    role: "loopback",
    udp: { address, port: ports.server, transient: true, receiveBufferBytes: RECEIVE_BUFFER_BYTES },
  }));
}
