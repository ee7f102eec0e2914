/**
 * Tells when the machine's interfaces or their addresses may have changed: at once where the kernel says it, and every
 * second, as not every system does, and as what failed is to be tried again.
 */

import { libcUnavailable } from "./linux/libc.ts";
import { openRouteChanges } from "./linux/route_changes.ts";
import { SocketError } from "./udp.ts";

const POLL_MS = 1_000;

/** An interface that comes up is told in several messages: link, carrier, address. */
const SETTLE_MS = 20;

/** Calls `check` after changes, and every second, until it is closed. */
export function watchInterfaces(check: () => void): { close(): void } {
  let settling: ReturnType<typeof setTimeout> | undefined;
  const changed = () => {
    settling ??= setTimeout(() => {
      settling = undefined;
      check();
    }, SETTLE_MS);
  };
  const changes = openChanges(changed);
  const poll = setInterval(check, POLL_MS);
  return {
    close() {
      changes?.close();
      clearTimeout(settling);
      clearInterval(poll);
    },
  };
}

function openChanges(changed: () => void): { close(): void } | undefined {
  if (libcUnavailable() !== undefined) return undefined;
  try {
    return openRouteChanges(changed);
  } catch (error) {
    // Where a sandbox forbids it, changes are noticed within a second.
    if (error instanceof SocketError) return undefined;
    throw error;
  }
}
