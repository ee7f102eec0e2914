/**
 * Which sockets the relay needs for its client interfaces. Several on each, since each does what the others can't:
 *
 * | role      | bound to               | takes                            | sends                                     |
 * |-----------|------------------------|----------------------------------|-------------------------------------------|
 * | broadcast | the device, any:67     | clients' broadcasts              |                                           |
 * | unicast   | the device, own addr:67| renewals to the relay's address  | to clients that have an address, and to all |
 * | stray     | the device, each other address of the relay:67 | what this LAN sends there | |
 * | packets   | the device             | other servers' replies           | to clients that have no address yet       |
 * | upstream  | giaddr:67              | replies of the nodes             | to the nodes                              |
 * | loopback  | giaddr, relay's port   | requests and replies             | everything                                |
 *
 * A datagram to one of the relay's addresses goes to a socket on the device when it entered through it, else to the
 * upstream one: the kernel prefers the socket that says more about where it listens
 * (`src/net/linux/selection_test.ts`). The strays keep a client of one LAN from posing as a node at the upstream socket
 * of another.
 *
 * The loopback device is for tests and demonstrations without privileges: nothing on it is how DHCP works on a network.
 * It has no hardware addresses and no broadcast, and what clients are given is no address of this machine. One socket
 * takes requests and replies alike, and every reply goes to the client port of that same address, where emulated
 * clients share a socket.
 */

import { formatIpv4, type Ipv4, UNSPECIFIED } from "../../src/net/ipv4.ts";
import type { UdpOptions } from "../../src/net/udp.ts";
import type { ForwardInterface } from "../forward/config.ts";

/** What an interface can carry. */
export type Medium =
  /** Frames to hardware addresses. */
  | "ethernet"
  /** IPv4 without them, such as a tunnel: whoever has no address yet is reached by broadcast. */
  | "other"
  | "loopback";

/** A client interface as the system has it. */
export interface Link {
  readonly interface: ForwardInterface;
  /** The system's number for it: another one is another interface, even under the same name. */
  readonly index: number;
  readonly medium: Medium;
}

/** UDP ports; 67 and 68 outside of tests and demonstrations (RFC 2131 §4.1). */
export interface Ports {
  /** Where clients and nodes reach the relay. */
  readonly server: number;
  /** Where the relay reaches clients. */
  readonly client: number;
}

/** A socket that is needed. */
export type SocketPlan =
  & {
    /** The same for the same socket. */
    readonly key: string;
    /** Index of the interface it counts for. */
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
 * Kernel buffer of each receiving socket: at 300 octets and the kernel's own bookkeeping room for some 3,000
 * datagrams, a tenth of a second at the rate the relay is built for.
 */
export const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** The sockets that these interfaces need. Those without an address need none. */
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
  // Interfaces may share a giaddr; of several sockets bound to it only one would receive.
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
      ? [{ ...own, key: `${link.index}/${device}/packets`, role: "packets" } as const]
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
