/** Datagrams and a configuration for the relay's tests, built octet by octet, independently of the codec under test. */

import { AT, END, MAGIC_COOKIE } from "../../src/dhcp/layout.ts";
import { BOOTREQUEST } from "../../src/dhcp/message.ts";
import { type Ipv4, parseIpv4, prefixOf } from "../../src/net/ipv4.ts";
import { LIMITS_DEFAULT } from "../config.ts";
import type { ForwardConfig, ForwardInterface, Gateway } from "../forward/config.ts";
import { option82For } from "../forward/option82.ts";

/** Parses an IPv4 address; throws on a typing error in a test. */
export function ip(text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`Not an address: ${text}`);
  return address;
}

/** The MAC of the client in all tests. */
export const CLIENT_MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);

/** Fields of a test datagram; the defaults are those of udhcpc. */
export interface DatagramFields {
  readonly op?: number;
  readonly htype?: number;
  readonly hlen?: number;
  readonly hops?: number;
  readonly flags?: number;
  readonly ciaddr?: string;
  readonly yiaddr?: string;
  readonly giaddr?: string;
  /** Option 53; 0 leaves it out. */
  readonly type?: number;
  readonly xid?: number;
  /** The last octet of the client's MAC; 1 unless given. */
  readonly client?: number;
  /** Octets after option 53, before the end option. */
  readonly options?: readonly number[];
  /** Padding fills up to this. */
  readonly bytes?: number;
}

/** Builds a datagram. */
export function datagram(fields: DatagramFields = {}): Uint8Array {
  const type = fields.type ?? 1;
  const options = [...(type === 0 ? [] : [53, 1, type]), ...(fields.options ?? []), END];
  const bytes = new Uint8Array(Math.max(AT.options + options.length, fields.bytes ?? 300));
  const view = new DataView(bytes.buffer);
  bytes[AT.op] = fields.op ?? BOOTREQUEST;
  bytes[AT.htype] = fields.htype ?? 1;
  bytes[AT.hlen] = fields.hlen ?? 6;
  bytes[AT.hops] = fields.hops ?? 0;
  view.setUint32(AT.xid, fields.xid ?? 0xdeadbeef);
  view.setUint16(AT.flags, fields.flags ?? 0);
  view.setUint32(AT.ciaddr, ip(fields.ciaddr ?? "0.0.0.0"));
  view.setUint32(AT.yiaddr, ip(fields.yiaddr ?? "0.0.0.0"));
  view.setUint32(AT.giaddr, ip(fields.giaddr ?? "0.0.0.0"));
  bytes.set(CLIENT_MAC.with(5, fields.client ?? 1), AT.chaddr);
  view.setUint32(AT.cookie, MAGIC_COOKIE);
  bytes.set(options, AT.options);
  return bytes;
}

/** One of an interface's addresses, with a /16 subnet. */
export function gateway(device: string, address: string): Gateway {
  const giaddr = ip(address);
  const information = option82For({
    circuitId: new TextEncoder().encode(device),
    remoteId: Uint8Array.of(2, 0xff, 0, 0, 0, 1),
    linkSelection: giaddr,
    serverIdentifierOverride: giaddr,
  });
  return { device, giaddr, local: giaddr, subnet: prefixOf(giaddr, 16), information };
}

/** A client interface. */
export function clientInterface(
  name: string,
  addresses: readonly string[],
  changes: Partial<ForwardInterface> = {},
): ForwardInterface {
  const gateways = addresses.map((address) => gateway(name, address));
  return { name, gateways, trusted: false, option82: "forward", knownServers: [], ...changes };
}

/** Two LANs, of which lan1 has a trusted switch and relays behind it, and two nodes. */
export const CONFIG = {
  interfaces: [clientInterface("lan0", ["10.77.0.1"]), clientInterface("lan1", ["10.78.0.1"], { trusted: true })],
  nodes: [{ id: 1, address: ip("10.99.0.11"), port: 67 }, { id: 2, address: ip("10.99.0.12"), port: 67 }],
  hopsMax: 4,
  limits: LIMITS_DEFAULT,
} as const satisfies ForwardConfig;

export const [LAN0, LAN1] = CONFIG.interfaces;
export const GATEWAY0 = LAN0.gateways[0] as Gateway;
export const GATEWAY1 = LAN1.gateways[0] as Gateway;
