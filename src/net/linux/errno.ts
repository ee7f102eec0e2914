/**
 * The system's error numbers by name: those of socket calls. Any other is shown as `errno 123`.
 *
 * The numbers are those of x86_64 and aarch64 (asm-generic), the architectures that Deno runs on.
 */

/** Error numbers that the code handles. */
export const ERRNO = {
  EINTR: 4,
  EAGAIN: 11,
  ENODEV: 19,
} as const;

const DESCRIPTIONS: Readonly<Record<number, readonly [name: string, text: string]>> = {
  1: ["EPERM", "operation not permitted"],
  2: ["ENOENT", "no such file"],
  4: ["EINTR", "interrupted"],
  6: ["ENXIO", "no such device or address"],
  9: ["EBADF", "not an open file"],
  11: ["EAGAIN", "buffer is full"],
  12: ["ENOMEM", "out of memory"],
  13: ["EACCES", "permission denied"],
  19: ["ENODEV", "no such interface"],
  22: ["EINVAL", "invalid argument"],
  23: ["ENFILE", "the system has no file descriptor left"],
  24: ["EMFILE", "the process has no file descriptor left"],
  71: ["EPROTO", "protocol error"],
  88: ["ENOTSOCK", "not a socket"],
  90: ["EMSGSIZE", "message too long"],
  92: ["ENOPROTOOPT", "option is not available"],
  93: ["EPROTONOSUPPORT", "protocol is not supported"],
  95: ["EOPNOTSUPP", "operation is not supported"],
  97: ["EAFNOSUPPORT", "address family is not supported"],
  98: ["EADDRINUSE", "address is in use"],
  99: ["EADDRNOTAVAIL", "no interface has this address"],
  100: ["ENETDOWN", "interface is down"],
  101: ["ENETUNREACH", "network is unreachable"],
  105: ["ENOBUFS", "queue is full"],
  111: ["ECONNREFUSED", "connection refused"],
  113: ["EHOSTUNREACH", "no route to host"],
};

/**
 * The name of an error number.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(errnoName(98), "EADDRINUSE");
 * strictEqual(errnoName(133), "errno 133");
 * ```
 */
export function errnoName(errno: number): string {
  return DESCRIPTIONS[errno]?.[0] ?? `errno ${errno}`;
}

/** The meaning of an error number in a few words, with its name. */
export function describeErrno(errno: number): string {
  const known = DESCRIPTIONS[errno];
  return known === undefined ? `system error ${errno}` : `${known[1]} (${known[0]})`;
}
