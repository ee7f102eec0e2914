/** What is known of a network interface, whatever it was read from. */

import type { Ipv4 } from "./ipv4.ts";

/** An address of an interface. */
export interface InterfaceAddress {
  readonly address: Ipv4;
  readonly prefixLength: number;
}

/** An interface and its IPv4 addresses, the primary one first. */
export interface NetworkInterface {
  readonly name: string;
  /** The system's interface index; 0 without libc. */
  readonly index: number;
  /** Hardware address; six zeros for loopback, empty when this kind of interface has none. */
  readonly mac: Uint8Array;
  readonly addresses: readonly InterfaceAddress[];
}
