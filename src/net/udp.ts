/**
 * The UDP socket interface that node and relay use. Its implementations are beside it (Linux through libc, portable
 * through node:dgram) and pass one contract suite; `open.ts` chooses between them.
 */

import type { Ipv4 } from "./ipv4.ts";

/** Where a socket listens and how. */
export interface UdpOptions {
  /** Local address; 0 for any. */
  readonly address: Ipv4;
  /** Local port; 0 lets the system choose. */
  readonly port: number;
  /** Receive from and send through this interface only (SO_BINDTODEVICE). Linux implementation only. */
  readonly device?: string;
  /** Let other sockets share address and port (SO_REUSEADDR). */
  readonly reuseAddress?: boolean;
  /** Allow sending to broadcast addresses (SO_BROADCAST). */
  readonly broadcast?: boolean;
  /** Requested size of the kernel's receive buffer. */
  readonly receiveBufferBytes?: number;
  /**
   * A datagram's bytes are valid only until the handler returns; the next datagram overwrites them. For a program that
   * only forwards datagrams: no memory has to be collected.
   */
  readonly transient?: boolean;
}

/**
 * Takes one datagram. `bytes` belongs to the receiver: its memory is never written again, unless the socket is
 * `transient`. It is a view into a larger block: copy what is kept for long.
 */
export type DatagramHandler = (bytes: Uint8Array, from: Ipv4, port: number) => void;

/** A bound UDP socket. */
export interface UdpSocket {
  /** Which implementation this is, for the log. */
  readonly kind: "linux" | "dgram";
  /** The address it is bound to. */
  readonly address: Ipv4;
  /** The port it is bound to, never 0. */
  readonly port: number;
  /** Datagrams that could not be sent (full buffer, no route, refused), and why the last one failed. */
  readonly sendErrors: { count: number; last: string | undefined };
  /**
   * Datagrams that the system dropped, where it counts them (Linux implementation): the receive buffer was full, or
   * {@link passSources} left them out.
   */
  readonly dropped?: number;
  /**
   * Starts delivery. Datagrams arrive in batches: `handler` for each, then `batchEnd` once. Neither may throw.
   */
  receive(handler: DatagramHandler, batchEnd?: () => void): void;
  /** Sends at once or not at all: false, and counted in `sendErrors`, when the system refuses. */
  send(bytes: Uint8Array, to: Ipv4, port: number): boolean;
  /** Joins a multicast group on the interface that has the address `on`. */
  joinMulticast(group: Ipv4, on: Ipv4): void;
  /** How this socket sends multicast: through the interface with address `on`, `ttl` hops, looped back or not. */
  setMulticast(options: { on: Ipv4; ttl: number; loopback: boolean }): void;
  /**
   * Lets the kernel drop datagrams from other addresses than these, except one in `sampleOneIn` (a power of two);
   * undefined: it passes all again. A socket without this method passes all: its user must look at the source anyhow.
   */
  passSources?(filter: { readonly sources: readonly Ipv4[]; readonly sampleOneIn: number } | undefined): void;
  /** Ends delivery and frees the port. Idempotent. */
  close(): void;
}

/** A socket could not be opened or set up. `message` names what is missing and what to do about it. */
export class SocketError extends Error {
  override readonly name = "SocketError";
  /** The system's name for the cause, such as `EACCES` or `EADDRINUSE`. */
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
