/**
 * Constants and structures of the Linux system calls on x86_64 and aarch64. Both are little-endian and share them,
 * except for `epoll_event`.
 */

import type { Ipv4 } from "../ipv4.ts";
import { fixedMemory } from "./libc.ts";

export const AF_INET = 2;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_BROADCAST = 6;
export const SO_RCVBUF = 8;
export const SO_BINDTODEVICE = 25;
export const SO_ATTACH_FILTER = 26;
export const SO_DETACH_FILTER = 27;
export const SO_RCVBUFFORCE = 33;
export const SO_MEMINFO = 55;
/** The word of SO_MEMINFO that counts dropped datagrams, and its number of 32-bit words. */
export const SK_MEMINFO_DROPS = 8;
export const SK_MEMINFO_WORDS = 9;

export const IPPROTO_IP = 0;
export const IP_MULTICAST_IF = 32;
export const IP_MULTICAST_TTL = 33;
export const IP_MULTICAST_LOOP = 34;
export const IP_ADD_MEMBERSHIP = 35;
export const IP_MULTICAST_ALL = 49;

export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;

export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLLIN = 1;
export const EPOLL_CLOEXEC = SOCK_CLOEXEC;
export const EFD_NONBLOCK = SOCK_NONBLOCK;
export const EFD_CLOEXEC = SOCK_CLOEXEC;

/** Groups of rtnetlink: interfaces, and their IPv4 addresses. */
export const RTMGRP_LINK = 0x1;
export const RTMGRP_IPV4_IFADDR = 0x10;

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ARPHRD_ETHER = 1;
export const ARPHRD_LOOPBACK = 772;

/** IFNAMSIZ, the final NUL included. */
const INTERFACE_NAME_BYTES = 16;

/** `struct epoll_event` in 32-bit words: packed on x86_64 only (`EPOLL_PACKED` in the kernel's headers). */
export const EPOLL_EVENT = Deno.build.arch === "x86_64"
  ? { words: 3, eventsWord: 0, fdWord: 1 } as const
  : { words: 4, eventsWord: 0, fdWord: 2 } as const;

/** `struct sockaddr_in`: family, port and address; the latter two in network order. */
export class InternetAddress {
  static readonly size = 16;
  readonly memory: ArrayBuffer = fixedMemory(InternetAddress.size);
  readonly #view = new DataView(this.memory);

  constructor() {
    this.#view.setUint16(0, AF_INET, true);
  }

  set(address: Ipv4, port: number): void {
    this.#view.setUint16(2, port);
    this.#view.setUint32(4, address);
  }

  get port(): number {
    return this.#view.getUint16(2);
  }

  get address(): Ipv4 {
    return this.#view.getUint32(4);
  }
}

/** `struct sockaddr_ll`: a packet socket's interface and protocol. */
export class LinkAddress {
  static readonly size = 20;
  readonly memory: ArrayBuffer = fixedMemory(LinkAddress.size);
  readonly #view = new DataView(this.memory);

  constructor(interfaceIndex: number, protocol: number) {
    this.#view.setUint16(0, AF_PACKET, true);
    this.#view.setUint16(2, protocol);
    this.#view.setInt32(4, interfaceIndex, true);
  }

  /** ARPHRD_…: which kind of link this is. */
  get hardwareType(): number {
    return this.#view.getUint16(8, true);
  }

  /** The hardware address; a copy. */
  get hardware(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.slice(12, 12 + Math.min(8, this.#view.getUint8(11))));
  }
}

/** `struct sockaddr_nl`: what a socket of rtnetlink listens to. */
export class RouteGroups {
  readonly memory: ArrayBuffer = fixedMemory(12);

  constructor(groups: number) {
    const view = new DataView(this.memory);
    view.setUint16(0, AF_NETLINK, true);
    view.setUint32(8, groups, true);
  }
}

/** A socket option's value: one int. */
export function int32(value: number): Int32Array<ArrayBuffer> {
  return Int32Array.of(value);
}

/** Consecutive IPv4 addresses in network order, such as `struct ip_mreq`. */
export function addresses(...list: readonly Ipv4[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 * list.length);
  const view = new DataView(bytes.buffer);
  list.forEach((address, index) => view.setUint32(4 * index, address));
  return bytes;
}

/** An interface's name as C text; undefined when no interface can have this name. */
export function interfaceName(name: string): Uint8Array<ArrayBuffer> | undefined {
  const text = new TextEncoder().encode(name);
  if (text.length === 0 || text.length >= INTERFACE_NAME_BYTES || text.includes(0)) return undefined;
  const bytes = new Uint8Array(INTERFACE_NAME_BYTES);
  bytes.set(text);
  return bytes;
}
