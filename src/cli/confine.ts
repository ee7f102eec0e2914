/**
 * Gives up what a running program does not need any more. The programs are allowed /etc/dhcpcluster and
 * /var/lib/dhcpcluster by name and `/` beside, since paths are known only when the configuration has been read; once
 * everything is open, `/` is given up, and with it every other file. What was opened before stays open.
 *
 * A program whose configuration lies elsewhere keeps the permission to read, as SIGHUP reads it again; it says so.
 */

/** The places that are allowed by name: those of the tasks in deno.json. */
export const PLACES = ["/etc/dhcpcluster", "/var/lib/dhcpcluster"] as const;

/** What is left to a program. */
export interface Confinement {
  /** Files outside of {@link PLACES} that it has to be able to read again; because of them it may read everything. */
  readonly outside: readonly string[];
}

/**
 * Confines this process, workers included. `rereads`: files that are read again, absolute or relative to
 * the working directory.
 */
export function confine(rereads: readonly string[]): Confinement {
  // Sockets have libc by now, and nobody else needs another library.
  revoke({ name: "ffi" });
  revoke({ name: "write", path: "/" });
  const outside = rereads.filter((path) => !PLACES.some((place) => path.startsWith(`${place}/`)));
  if (outside.length === 0) revoke({ name: "read", path: "/" });
  return { outside };
}

function revoke(descriptor: Deno.PermissionDescriptor): void {
  Deno.permissions.revokeSync(descriptor);
}
