/**
 * From what relay.yaml says to what the relay works with: names of interfaces become addresses, hardware addresses
 * and encoded options. Decides nothing about packets. The machine may change meanwhile: then it is asked again.
 */

import { formatIpv4, type Ipv4, type Prefix, prefixContains, prefixOf } from "../src/net/ipv4.ts";
import type { InterfaceAddress, NetworkInterface } from "../src/net/interfaces.ts";
import type { RelayConfig, RelayInterface } from "./config.ts";
import type { ForwardConfig, ForwardInterface, Gateway } from "./forward/config.ts";
import { option82For } from "./forward/option82.ts";
import type { Link, Medium } from "./sockets/plan.ts";

/** An interface of the file that can't be used now. */
export interface UnusableInterface {
  readonly name: string;
  /** One line that says what to do. */
  readonly message: string;
}

/** What the relay is built from. */
export interface Resolved {
  readonly forward: ForwardConfig;
  /** One per interface of `forward`, in the same order. */
  readonly links: readonly Link[];
  /** Those of them that have no gateways, and why. */
  readonly unusable: readonly UnusableInterface[];
}

/** Looks the interfaces up with `find`. */
export function resolveConfig(
  config: RelayConfig,
  find: (name: string) => NetworkInterface | undefined,
): Resolved {
  const unusable: UnusableInterface[] = [];
  const links = config.relay.interfaces.map((wanted, index): Link => {
    const found = find(wanted.name);
    const gateways = found === undefined ? [] : gatewaysOf(config, wanted, found);
    if (gateways.length === 0) {
      unusable.push({ name: wanted.name, message: explainUnusable(wanted.name, index, found !== undefined) });
    }
    return { interface: toForward(wanted, gateways), index: found?.index ?? -1, medium: mediumOf(found) };
  });
  return {
    links,
    unusable,
    forward: {
      interfaces: links.map((link) => link.interface),
      nodes: config.nodes.map(({ id, address, port }) => ({ id, address, port })),
      hopsMax: config.relay.hopsMax,
      limits: config.relay.limits,
    },
  };
}

/** Whether two looks at the machine saw the same. */
export function sameLinks(one: Resolved, other: Resolved): boolean {
  const outline = ({ links }: Resolved) =>
    JSON.stringify(links.map(({ interface: { name, gateways }, index, medium }) => [
      name,
      index,
      medium,
      gateways.map(({ giaddr, local, subnet, information }) => [giaddr, local, subnet, [...information.broadcast]]),
    ]));
  return outline(one) === outline(other);
}

function toForward(wanted: RelayInterface, gateways: readonly Gateway[]): ForwardInterface {
  const { name, trusted, option82, knownServers } = wanted;
  return { name, gateways, trusted, option82, knownServers };
}

/** The address and subnet that a gateway stands for. */
interface GatewayAddress {
  readonly giaddr: Ipv4;
  readonly local: Ipv4;
  readonly subnet: Prefix | undefined;
}

function gatewaysOf(config: RelayConfig, wanted: RelayInterface, found: NetworkInterface): Gateway[] {
  const { relay } = config;
  const remoteId = wanted.remoteId ?? relay.remoteId ?? found.mac;
  const { subscriberId } = wanted;
  const { relayId } = relay;
  return gatewayAddresses(wanted, found).map(({ giaddr, local, subnet }) => ({
    device: wanted.name,
    giaddr,
    local,
    subnet,
    information: option82For({
      circuitId: wanted.circuitId ?? new TextEncoder().encode(wanted.name),
      remoteId,
      ...(subscriberId === undefined ? {} : { subscriberId }),
      ...(relayId === undefined ? {} : { relayId }),
      ...(relay.linkSelection ? { linkSelection: local } : {}),
      ...(relay.serverIdentifierOverride ? { serverIdentifierOverride: local } : {}),
    }),
  }));
}

/** The primary one first, then one for each further subnet of the interface. */
function gatewayAddresses({ address, secondary }: RelayInterface, { addresses }: NetworkInterface): GatewayAddress[] {
  const own = addresses.find((candidate) => candidate.address === address) ?? addresses[0];
  const giaddr = address ?? own?.address;
  if (giaddr === undefined) return [];
  const subnet = own && subnetOf(own);
  // The loopback device has every address of its network, though it shows only one.
  const isLoopback = own !== undefined && prefixContains(LOOPBACK, own.address) && prefixContains(LOOPBACK, giaddr);
  const primary = { giaddr, local: isLoopback ? giaddr : own?.address ?? giaddr, subnet };
  // Where giaddr is an address elsewhere on this machine, the nodes tell the subnets apart by link selection.
  const elsewhere = primary.local !== giaddr;
  const others = secondary ?? addresses.filter((other) => isFurtherSubnet(other, subnet)).map((other) => other.address);
  const further = others.filter((other) => other !== primary.local).map((local) => {
    const known = addresses.find((candidate) => candidate.address === local);
    return { giaddr: elsewhere ? giaddr : local, local, subnet: known && subnetOf(known) };
  });
  return [primary, ...further];
}

/** RFC 1122 §3.2.1.3 (g). */
const LOOPBACK: Prefix = { address: 0x7f000000, prefixLength: 8 };

/** RFC 3927: what a machine gives itself is nobody's gateway. */
const LINK_LOCAL: Prefix = { address: 0xa9fe0000, prefixLength: 16 };

function isFurtherSubnet({ address }: InterfaceAddress, primary: Prefix | undefined): boolean {
  return !prefixContains(LINK_LOCAL, address) && (primary === undefined || !prefixContains(primary, address));
}

function subnetOf({ address, prefixLength }: InterfaceAddress): Prefix {
  return prefixOf(address, prefixLength);
}

const ETHERNET_OCTETS = 6;

/** Six zeros are no hardware address: only the loopback device has them. */
function mediumOf(found: NetworkInterface | undefined): Medium {
  if (found?.mac.length !== ETHERNET_OCTETS) return "other";
  return found.mac.every((octet) => octet === 0) ? "loopback" : "ethernet";
}

function explainUnusable(name: string, index: number, exists: boolean): string {
  const place = `relay.interfaces[${index}]`;
  if (!exists) {
    return `Cannot relay for ${name}: there is no such interface. Create it or correct ${place}.name ` +
      "(`ip link` shows what there is).";
  }
  return `Cannot relay for ${name}: it has no IPv4 address. Give it one ` +
    `(ip address add 192.0.2.1/24 dev ${name}, with the address that its clients have as router) ` +
    `or set ${place}.address to another address of this machine.`;
}

/** How a link reads in the log. */
export function describeLink({ interface: { name, trusted, gateways }, medium }: Link): string {
  const giaddrs = gateways.map(({ giaddr }) => formatIpv4(giaddr)).join(" and ");
  const notes = [
    giaddrs === "" ? "not there yet" : `giaddr ${giaddrs}`,
    ...(trusted ? ["trusted"] : []),
    ...(medium === "loopback" ? ["loopback: for tests and demonstrations only"] : []),
  ];
  return `${name} (${notes.join(", ")})`;
}
