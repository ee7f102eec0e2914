/**
 * What the forwarding core must know, ready for use: addresses as numbers, option 82 already encoded. Where the values
 * come from (YAML, the interfaces of the machine) is the business of `../resolve.ts`.
 */

import type { Ipv4 } from "../../src/net/ipv4.ts";

/** One client-facing interface. */
export interface ForwardInterface {
  readonly name: string;
  /** The interface's own address: what requests carry as `giaddr` and replies come back to. */
  readonly giaddr: Ipv4;
  /** Whether relays and switches behind it may set giaddr and option 82 (RFC 3046 §2.1, §2.1.1). */
  readonly trusted: boolean;
  /** Circuit ID (RFC 3046 §3.1): by it a reply finds its interface again. */
  readonly circuitId: Uint8Array;
  /** The value of option 82 for a request that came as a broadcast, and for one that came by unicast. */
  readonly information: { readonly broadcast: Uint8Array; readonly unicast: Uint8Array };
}

/** One server. */
export interface ForwardNode {
  readonly id: number;
  readonly address: Ipv4;
  readonly port: number;
}

/** Everything the core decides by. */
export interface ForwardConfig {
  /** Client-facing interfaces. */
  readonly interfaces: readonly ForwardInterface[];
  /** In the operator's order. */
  readonly nodes: readonly ForwardNode[];
  /** Requests with more hops than this are dropped (RFC 1542 §4.1.1); the count goes out one higher. */
  readonly hopsMax: number;
}

/**
 * Whatever is configured, a request that has passed this many relays is going round in circles (RFC 1542 §4.1.1).
 */
export const HOPS_LIMIT = 16;

/** No DHCP client or server in use sends more than this; longer datagrams are somebody's attempt at something. */
export const DATAGRAM_BYTES_MAX = 4096;
