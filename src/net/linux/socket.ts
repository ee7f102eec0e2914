/**
 * Shared by all sockets: a descriptor, its options, and errors with advice.
 */

import { type Attempt, refused } from "../errors.ts";
import type { SocketError } from "../udp.ts";
import {
  int32,
  interfaceName,
  SK_MEMINFO_DROPS,
  SK_MEMINFO_WORDS,
  SO_MEMINFO,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from "./abi.ts";
import { errno, lastError, libc } from "./libc.ts";
import { describeErrno, ERRNO } from "./errno.ts";

/** The error for the last call, which failed. */
export function lastRefusal(attempt: Attempt): SocketError {
  const { code, description } = lastError();
  return refused(code, attempt, description);
}

/** An open socket. Owns its descriptor until {@link Descriptor.close}. */
export class Descriptor {
  readonly fd: number;
  #open = true;

  constructor(family: number, type: number, protocol: number, attempt: Attempt) {
    this.fd = libc().socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (this.fd < 0) throw lastRefusal(attempt);
  }

  /** False after {@link close}. */
  get open(): boolean {
    return this.#open;
  }

  set(level: number, option: number, value: ArrayBufferView<ArrayBuffer>, attempt: Attempt): void {
    if (libc().setsockopt(this.fd, level, option, value, value.byteLength) < 0) throw lastRefusal(attempt);
  }

  bind(address: ArrayBuffer, attempt: Attempt): void {
    if (libc().bind(this.fd, address, address.byteLength) < 0) throw lastRefusal(attempt);
  }

  /** Writes the socket's own address to `address`. */
  localAddress(address: ArrayBuffer, attempt: Attempt): void {
    if (libc().getsockname(this.fd, address, int32(address.byteLength)) < 0) throw lastRefusal(attempt);
  }

  /** Sets the receive buffer: to any size with CAP_NET_ADMIN, else up to net.core.rmem_max. */
  setReceiveBuffer(bytes: number, attempt: Attempt): void {
    const value = int32(bytes);
    if (libc().setsockopt(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, value, value.byteLength) === 0) return;
    this.set(SOL_SOCKET, SO_RCVBUF, value, attempt);
  }

  /** How many datagrams the kernel dropped because the receive buffer was full. */
  receiveDrops(): number {
    const words = new Uint32Array(SK_MEMINFO_WORDS);
    libc().getsockopt(this.fd, SOL_SOCKET, SO_MEMINFO, words, int32(words.byteLength));
    return words[SK_MEMINFO_DROPS] ?? 0;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    libc().close(this.fd);
  }
}

/** What is made of a descriptor, which is closed when that fails. */
export function owned<Made>(descriptor: Descriptor, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    descriptor.close();
    throw error;
  }
}

/** An interface's name as C text. Throws the system's error for a name that no interface can have. */
export function requiredInterfaceName(device: string, attempt: Attempt): Uint8Array<ArrayBuffer> {
  const name = interfaceName(device);
  if (name === undefined) throw refused("ENODEV", attempt);
  return name;
}

/** Counts what could not be sent. */
export class SendErrors {
  count = 0;
  last: string | undefined = undefined;

  /** Counts the failure of the last call. */
  add(): false {
    this.count++;
    this.last = describeErrno(errno());
    return false;
  }

  /** Counts a datagram that was not tried. */
  refuse(why: string): false {
    this.count++;
    this.last = why;
    return false;
  }
}

/** Whether a failed read was only interrupted, and can be repeated at once. */
export function interrupted(): boolean {
  return errno() === ERRNO.EINTR;
}
