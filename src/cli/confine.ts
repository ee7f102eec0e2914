/**
 * Drops the permissions that a running program no longer needs. The programs are allowed /etc/dhcpcluster and
 * /var/lib/dhcpcluster by name and `/` beside, since paths are known only when the configuration has been read; once
 * everything is open, `/` is given up, and with it every other file. What was opened before stays open.
 *
 * A program whose configuration lies elsewhere keeps the permission to read, as SIGHUP reads it again; it says so.
 */

/** The directories that the tasks in deno.json allow by name. */
const PLACES = ["/etc/dhcpcluster", "/var/lib/dhcpcluster"] as const;

/** The remaining read permission. */
interface Confinement {
  /** Files outside of {@link PLACES} that it has to be able to read again; because of them it may read everything. */
  readonly outside: readonly string[];
}

/**
 * Confines this process, workers included. `rereads`: files that are read again, absolute or relative to
 * the working directory.
 */
export function confine(rereads: readonly string[]): Confinement {
  // The sockets have loaded libc, the only library that is needed.
  revoke({ name: "ffi" });
  revoke({ name: "write", path: "/" });
  const outside = rereads.filter((path) => !PLACES.some((place) => path.startsWith(`${place}/`)));
  if (outside.length === 0) revoke({ name: "read", path: "/" });
  return { outside };
}

function revoke(descriptor: Deno.PermissionDescriptor): void {
  Deno.permissions.revokeSync(descriptor);
}
