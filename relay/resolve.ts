/**
 * From relay.yaml to the forwarding core's configuration: interface names become addresses, hardware addresses and
 * encoded options. Runs again when the machine's interfaces change.
 */

import { formatIpv4, type Ipv4, type Prefix, prefixContains, prefixOf } from "../src/net/ipv4.ts";
import type { InterfaceAddress, NetworkInterface } from "../src/net/network_interface.ts";
import type { RelayConfig, RelayInterface } from "./config.ts";
import type { ForwardConfig, ForwardInterface, Gateway } from "./forward/config.ts";
import { option82For } from "./forward/option82.ts";
import type { Link, Medium } from "./sockets/plan.ts";

/** A configured interface that cannot be used at present. */
interface UnusableInterface {
  readonly name: string;
  /** One line that tells the operator what to do. */
  readonly message: string;
}

/** The resolved configuration. */
export interface Resolved {
  readonly forward: ForwardConfig;
  /** One per interface of `forward`, in the same order. */
  readonly links: readonly Link[];
  /** The links without gateways, and why. */
  readonly unusable: readonly UnusableInterface[];
}

/** No interface has this index. */
const ABSENT = { index: -1, mac: new Uint8Array() };

/** Resolves the configuration on a machine with these interfaces. */
export function resolveConfig(
  config: RelayConfig,
  interfaces: readonly NetworkInterface[],
): Resolved {
  const unusable: UnusableInterface[] = [];
  const links = config.relay.interfaces.map((wanted, index): Link => {
    const found = interfaces.find(({ name }) => name === wanted.name);
    const gateways = found === undefined ? [] : gatewaysOf(config, wanted, found);
    if (gateways.length === 0) {
      unusable.push({ name: wanted.name, message: explainUnusable(wanted.name, index, found !== undefined) });
    }
    const { index: number, mac } = found ?? ABSENT;
    return { interface: toForward(wanted, gateways), index: number, mac, medium: mediumOf(found) };
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

/** Whether two results describe the same links. */
export function sameLinks(one: Resolved, other: Resolved): boolean {
  const outline = ({ links }: Resolved) =>
    JSON.stringify(links.map(({ interface: { name, gateways }, index, mac, medium }) => [
      name,
      index,
      [...mac],
      medium,
      gateways.map(({ giaddr, local, subnet, information }) => [giaddr, local, subnet, [...information.broadcast]]),
    ]));
  return outline(one) === outline(other);
}

function toForward(wanted: RelayInterface, gateways: readonly Gateway[]): ForwardInterface {
  const { name, trusted, option82, knownServers } = wanted;
  return { name, gateways, trusted, option82, knownServers };
}

/** Addresses and subnet of a gateway. */
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
  // The loopback device owns every address of 127.0.0.0/8, although it lists only one.
  const isLoopback = own !== undefined && prefixContains(LOOPBACK, own.address) && prefixContains(LOOPBACK, giaddr);
  const primary = { giaddr, local: isLoopback ? giaddr : own?.address ?? giaddr, subnet };
  // If giaddr is an address of another interface, nodes tell the subnets apart by link selection (RFC 3527).
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

/** RFC 3927: a link-local address is not a gateway. */
const LINK_LOCAL: Prefix = { address: 0xa9fe0000, prefixLength: 16 };

function isFurtherSubnet({ address }: InterfaceAddress, primary: Prefix | undefined): boolean {
  return !prefixContains(LINK_LOCAL, address) && (primary === undefined || !prefixContains(primary, address));
}

function subnetOf({ address, prefixLength }: InterfaceAddress): Prefix {
  return prefixOf(address, prefixLength);
}

const ETHERNET_OCTETS = 6;

/** Only the loopback device has the hardware address 00:00:00:00:00:00. */
function mediumOf(found: NetworkInterface | undefined): Medium {
  if (found?.mac.length !== ETHERNET_OCTETS) return "other";
  return found.mac.every((octet) => octet === 0) ? "loopback" : "ethernet";
}

function explainUnusable(name: string, index: number, exists: boolean): string {
  const place = `relay.interfaces[${index}]`;
  if (!exists) {
    return `Cannot relay for ${name}: there is no such interface. Create it or correct ${place}.name ` +
      "(`ip link` lists the interfaces).";
  }
  return `Cannot relay for ${name}: it has no IPv4 address. Give it one ` +
    `(ip address add 192.0.2.1/24 dev ${name}, with the address that clients use as router) ` +
    `or set ${place}.address to another address of this machine.`;
}

/** Whether clients of this relay may be in a subnet. */
export function servesSubnet({ links }: Resolved, subnet: Prefix): boolean {
  return links.some((link) => gatewayIn(link, subnet));
}

/** Whether clients of this link may be in a subnet. */
export function gatewayIn({ interface: { gateways } }: Link, subnet: Prefix): boolean {
  return gateways.some(({ local, giaddr }) => prefixContains(subnet, local) || prefixContains(subnet, giaddr));
}

/** A link as text for the log. */
export function describeLink({ interface: { name, trusted, gateways }, medium }: Link): string {
  const giaddrs = gateways.map(({ giaddr }) => formatIpv4(giaddr)).join(" and ");
  const notes = [
    giaddrs === "" ? "down" : `giaddr ${giaddrs}`,
    ...(trusted ? ["trusted"] : []),
    ...(medium === "loopback" ? ["loopback: for tests and demonstrations only"] : []),
  ];
  return `${name} (${notes.join(", ")})`;
}
