/** What a caller may do over HTTP: three roles, each of which may do what those before it may. */

/**
 * `read`: see the state, leases and metrics. `operate`: change leases, reservations and the state of a node, and read
 * the audit log. `admin`: change the configuration and the members.
 */
export const ROLES = ["read", "operate", "admin"] as const;
export type Role = typeof ROLES[number];

/** Whether a role suffices where another one is needed. */
export function suffices(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** Who sent a request. */
export interface Caller {
  /** Name of the token, or where the request came from when it needed none. */
  readonly name: string;
  readonly role: Role;
}
