/** Chooses the implementation: Linux through libc where it can be called, else node:dgram. */

import type { ArpClaim, ArpSocket } from "./arp.ts";
import { openDgramUdp } from "./dgram.ts";
import { openLinuxArp } from "./linux/arp.ts";
import { libcUnavailable } from "./linux/libc.ts";
import { reactor } from "./linux/reactor.ts";
import { openLinuxPacket } from "./linux/packet.ts";
import { openLinuxUdp } from "./linux/udp.ts";
import type { PacketSocket } from "./packet.ts";
import { SocketError, type UdpOptions, type UdpSocket } from "./udp.ts";

/** The implementation; for the fallback with the reason, in a few words for the log. */
type SocketImplementation =
  | { readonly kind: "linux" }
  | { readonly kind: "dgram"; readonly reason: string };

/** The implementation that {@link openUdp} chooses by itself. */
export function socketImplementation(): SocketImplementation {
  const reason = libcUnavailable();
  return reason === undefined ? { kind: "linux" } : { kind: "dgram", reason };
}

/**
 * For a program that only forwards datagrams: while they arrive, its own thread waits for the next one. This has a
 * lower latency, and delays everything else in the process by up to a millisecond. Cannot be undone.
 */
export function waitForDatagramsFirst(): void {
  if (libcUnavailable() === undefined) reactor().waitOnOwnThread();
}

function requireLibc(what: string): void {
  const reason = libcUnavailable();
  if (reason === undefined) return;
  throw new SocketError("ENOSYS", `Cannot ${what}: ${reason} (ENOSYS). Run on Linux with --allow-ffi.`);
}

/**
 * Opens a UDP socket. `kind` forces an implementation. Rejects with a `SocketError` whose message says what is missing
 * and what to do about it.
 */
export async function openUdp(options: UdpOptions, kind?: UdpSocket["kind"]): Promise<UdpSocket> {
  const chosen = kind ?? socketImplementation().kind;
  if (chosen === "dgram") return await openDgramUdp(options);
  requireLibc("open a UDP socket through libc");
  return openLinuxUdp(options);
}

/** Opens an ARP socket on an interface (Linux, CAP_NET_RAW); `heard` gets what stations say of their addresses. */
export function openArp(device: string, heard: (claim: ArpClaim) => void): ArpSocket {
  requireLibc(`open an ARP socket on ${device}`);
  return openLinuxArp(device, heard);
}

/** Opens a packet socket on an interface (Linux, CAP_NET_RAW). Throws a `SocketError` like {@link openUdp}. */
export function openPacket(device: string): PacketSocket {
  requireLibc(`open a packet socket on ${device}`);
  return openLinuxPacket(device);
}
