/**
 * What the forwarding core must know, ready for use: addresses as numbers, option 82 already encoded. Where the values
 * come from (YAML, the interfaces of the machine) is the business of `../resolve.ts`.
 */

import type { Ipv4, Prefix } from "../../src/net/ipv4.ts";

/** One of the relay's addresses on a client interface, and the subnet of clients behind it. */
export interface Gateway {
  /** The interface's name. */
  readonly device: string;
  /** What requests carry as `giaddr` and where replies come back to. */
  readonly giaddr: Ipv4;
  /** The relay's address as the clients see it: where they renew, and where replies to them come from. */
  readonly local: Ipv4;
  /** The subnet on the link; undefined when the machine does not know it. */
  readonly subnet: Prefix | undefined;
  /** The value of option 82 for a request that came as a broadcast, and for one that came by unicast. */
  readonly information: { readonly broadcast: Uint8Array; readonly unicast: Uint8Array };
}

/** What to do with option 82 that is there already where trusted devices may set it. */
export const OPTION_82_POLICIES = ["forward", "append", "replace", "drop"] as const;

export type Option82Policy = typeof OPTION_82_POLICIES[number];

/** One client-facing interface. */
export interface ForwardInterface {
  readonly name: string;
  /** The primary subnet first; none while the machine has no such interface, or no address on it. */
  readonly gateways: readonly Gateway[];
  /** Whether relays and switches behind it may set giaddr and option 82 (RFC 3046 §2.1, §2.1.1). */
  readonly trusted: boolean;
  readonly option82: Option82Policy;
  /** DHCP servers on the link that are meant to be there. */
  readonly knownServers: readonly Ipv4[];
}

/** One server. */
export interface ForwardNode {
  readonly id: number;
  readonly address: Ipv4;
  readonly port: number;
}

/** So many per second on average, and so many at once. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What nobody may exceed. */
export interface ForwardLimits {
  /** Messages of one client (hardware address). */
  readonly client: Rate;
  /** Messages that enter through one interface. */
  readonly interface: Rate;
  /** Unanswered transactions of one circuit: of an interface, or of a switch port behind a trusted one. */
  readonly openPerCircuit: number;
}

/** Everything the core decides by. */
export interface ForwardConfig {
  /** Client-facing interfaces. */
  readonly interfaces: readonly ForwardInterface[];
  /** In the operator's order. */
  readonly nodes: readonly ForwardNode[];
  /** Requests with more hops than this are dropped (RFC 1542 §4.1.1); the count goes out one higher. */
  readonly hopsMax: number;
  readonly limits: ForwardLimits;
}

/**
 * Whatever is configured, a request that has passed this many relays is going round in circles (RFC 1542 §4.1.1).
 */
export const HOPS_LIMIT = 16;

/** No DHCP client or server in use sends more than this; longer datagrams are somebody's attempt at something. */
export const DATAGRAM_BYTES_MAX = 4096;
