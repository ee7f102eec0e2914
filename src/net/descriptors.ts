/** How many files this process may have open (RLIMIT_NOFILE): sockets count as well. */

import { libc, libcUnavailable } from "./linux/libc.ts";

/** `RLIMIT_NOFILE` on Linux. */
const RLIMIT_NOFILE = 7;
/** What systems commonly allow: where the limit can't be read, no more is counted on. */
const COMMON_LIMIT = 1_024;

/** The soft limit at this moment. */
export function descriptorLimit(): number {
  if (libcUnavailable() !== undefined) return COMMON_LIMIT;
  const limits = new BigUint64Array(2);
  if (libc().getrlimit(RLIMIT_NOFILE, limits) !== 0) return COMMON_LIMIT;
  const [soft = 0n] = limits;
  // RLIM_INFINITY is 2^64 - 1.
  return soft > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(soft);
}
