/**
 * Drops the permissions that a running program no longer needs. The programs are allowed /etc/dhcpcluster and
 * /var/lib/dhcpcluster by name and `/` beside, since paths are known only when the configuration has been read; once
 * everything is open, `/` is given up, and with it every other file. What was opened before stays open.
 *
 * A program whose configuration lies elsewhere keeps the permission to read, as SIGHUP reads it again, and one whose
 * state does keeps that to read and write, as it has to open damaged or deleted files of it anew; it says so.
 */

/** The directories that the tasks in deno.json allow by name. */
const PLACES = ["/etc/dhcpcluster", "/var/lib/dhcpcluster"] as const;

/** The remaining read permission. */
interface Confinement {
  /** Paths outside of {@link PLACES} that it has to be able to open again; because of them it may read everything. */
  readonly outside: readonly string[];
  /** It may write everything, too: its state lies outside. */
  readonly writes: boolean;
}

/**
 * Confines this process, workers included. `rereads`: files that are read again, absolute or relative to
 * the working directory; `stateDir`: the directory that is written, if there is one.
 */
export function confine(rereads: readonly string[], stateDir?: string): Confinement {
  // The sockets have loaded libc, the only library that is needed.
  revoke({ name: "ffi" });
  const outside = [...rereads, ...stateDir === undefined ? [] : [stateDir]].filter(isOutside);
  const writes = stateDir !== undefined && isOutside(stateDir);
  if (!writes) revoke({ name: "write", path: "/" });
  if (outside.length === 0) revoke({ name: "read", path: "/" });
  return { outside, writes };
}

function isOutside(path: string): boolean {
  return !PLACES.some((place) => path === place || path.startsWith(`${place}/`));
}

function revoke(descriptor: Deno.PermissionDescriptor): void {
  Deno.permissions.revokeSync(descriptor);
}
