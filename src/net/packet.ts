/**
 * Link-layer delivery: UDP in IPv4 in Ethernet, to a client that has no address yet and so cannot answer ARP
 * (RFC 2131 §4.1). Linux only; the implementation is in `linux/`.
 */

import type { Ipv4 } from "./ipv4.ts";

/** One UDP datagram with all the addresses of its frame. */
export interface PacketAddressing {
  readonly sourceMac: Uint8Array;
  readonly destinationMac: Uint8Array;
  readonly source: Ipv4;
  readonly sourcePort: number;
  readonly destination: Ipv4;
  readonly destinationPort: number;
}

/** Takes the UDP payload of a frame and the frame's addresses. `payload` belongs to the receiver. */
export type PacketHandler = (payload: Uint8Array, addressing: PacketAddressing) => void;

/** A packet socket on one interface. */
export interface PacketSocket {
  readonly device: string;
  readonly interfaceIndex: number;
  /** The interface's own hardware address. */
  readonly mac: Uint8Array;
  readonly sendErrors: { count: number; last: string | undefined };
  /** Invalid frames to the port (lengths, checksums), which were not delivered. */
  readonly malformed?: number;
  /**
   * Starts delivery of IPv4 UDP datagrams to `port` (a BPF filter in the kernel drops everything else). A socket on
   * which this is never called receives nothing.
   */
  receive(port: number, handler: PacketHandler): void;
  /** Sends one UDP datagram from this interface's hardware address; false and counted when the system refuses. */
  send(payload: Uint8Array, addressing: Omit<PacketAddressing, "sourceMac">): boolean;
  close(): void;
}
