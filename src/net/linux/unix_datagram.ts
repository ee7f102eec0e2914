/** Sends one datagram to a Unix socket, for sd_notify(3): Deno has such sockets only behind a flag. */

import { lastError, libc, libcUnavailable } from "./libc.ts";

const AF_UNIX = 1;
/** SOCK_DGRAM with SOCK_CLOEXEC. */
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
/** A receiver that does not read must not delay the end of this process. */
const MSG_DONTWAIT = 0x40;
/** unix(7): octets of `sun_path`. */
const PATH_OCTETS_MAX = 108;
const FAMILY_OCTETS = 2;

const encoder = new TextEncoder();

/**
 * Sends text to the socket at a path; a leading `@` means the abstract namespace, as in sd_notify(3). Returns the
 * reason for a failure; undefined: sent.
 */
export function sendUnixDatagram(path: string, text: string): string | undefined {
  const unavailable = libcUnavailable();
  if (unavailable !== undefined) return unavailable;
  const name = encoder.encode(path);
  if (name.length === 0 || name.length >= PATH_OCTETS_MAX) return `"${path}" is no path of a socket`;
  const isAbstract = name[0] === 0x40;
  if (isAbstract) name[0] = 0;
  else if (name[0] !== 0x2f) return `"${path}" is no absolute path`;
  // struct sockaddr_un: an abstract name has exactly its octets, a path ends with a NUL.
  const address = new Uint8Array(FAMILY_OCTETS + name.length + (isAbstract ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, FAMILY_OCTETS);
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return lastError().description;
  const bytes = encoder.encode(text);
  const sent = libc().sendto(fd, bytes, bytes.length, MSG_DONTWAIT, address, address.length);
  const problem = sent < 0 ? lastError().description : undefined;
  libc().close(fd);
  return problem;
}
