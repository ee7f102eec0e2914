/**
 * Configuration of the forwarding core, ready for use: addresses as numbers, option 82 already encoded. `../resolve.ts`
 * derives it from YAML and the machine's interfaces.
 */

import type { Ipv4, Prefix } from "../../src/net/ipv4.ts";
import type { Rate } from "../../src/rate/rate.ts";

/** One of the relay's addresses on a client interface, and the subnet of clients behind it. */
export interface Gateway {
  /** The interface's name. */
  readonly device: string;
  /** Set as `giaddr` in requests; nodes reply to it. */
  readonly giaddr: Ipv4;
  /** The relay's address on the link: clients renew there, and replies come from it. */
  readonly local: Ipv4;
  /** The subnet on the link; undefined when unknown. */
  readonly subnet: Prefix | undefined;
  /** The value of option 82 for requests received by broadcast and by unicast. */
  readonly information: { readonly broadcast: Uint8Array; readonly unicast: Uint8Array };
}

/** What to do with an option 82 that a trusted device has already added (RFC 3046 §2.1). */
export const OPTION_82_POLICIES = ["forward", "append", "replace", "drop"] as const;

type Option82Policy = typeof OPTION_82_POLICIES[number];

/** One client-facing interface. */
export interface ForwardInterface {
  readonly name: string;
  /** The primary subnet first; empty while the interface does not exist or has no address. */
  readonly gateways: readonly Gateway[];
  /** Whether relays and switches behind it may set giaddr and option 82 (RFC 3046 §2.1, §2.1.1). */
  readonly trusted: boolean;
  readonly option82: Option82Policy;
  /** Legitimate DHCP servers on the link; all others count as rogues. */
  readonly knownServers: readonly Ipv4[];
}

/** A DHCP server that requests are relayed to. */
export interface ForwardNode {
  readonly id: number;
  readonly address: Ipv4;
  readonly port: number;
}

/** Admission limits. */
export interface ForwardLimits {
  /** Messages per client (hardware address). */
  readonly client: Rate;
  /** Messages per interface. */
  readonly interface: Rate;
  /**
   * Messages per interface that nodes leave unanswered, of clients without a lease through this relay; apart from them,
   * as many of such clients that have an address.
   */
  readonly strangers: Rate;
  /** Unanswered transactions per circuit: an interface, or a switch port behind a trusted interface. */
  readonly openPerCircuit: number;
}

/** Everything the forwarding core depends on. */
export interface ForwardConfig {
  /** Client interfaces; effects refer to them by index (`link`). */
  readonly interfaces: readonly ForwardInterface[];
  /** In the order of the configuration file; effects refer to them by index. */
  readonly nodes: readonly ForwardNode[];
  /** Requests with more hops than this are dropped (RFC 1542 §4.1.1); the relay adds one. */
  readonly hopsMax: number;
  readonly limits: ForwardLimits;
}

/** RFC 1542 §4.1.1: a request with this many hops is in a loop, whatever `hopsMax` says. */
export const HOPS_LIMIT = 16;

/** No DHCP client or server in use sends more; a longer datagram is treated as hostile. */
export const DATAGRAM_BYTES_MAX = 4096;
