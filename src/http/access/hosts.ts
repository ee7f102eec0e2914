/**
 * The names that a program answers to. A page from elsewhere can make a browser resolve that page's own name to an
 * address in here (DNS rebinding) and read what it gets; the request then carries that name in `Host`. An address in
 * `Host` can't be rebound.
 */

import { parseIpv4 } from "../../net/ipv4.ts";

/** Whether `Host` (RFC 9110 §7.2), with or without a port, is an address, `localhost`, or one of these names. */
export function isOwnHost(host: string, names: readonly string[]): boolean {
  const name = host.replace(/:\d*$/, "").toLowerCase().replace(/\.$/, "");
  if (name === "localhost" || name.startsWith("[")) return true;
  return parseIpv4(name) !== undefined || names.includes(name);
}
