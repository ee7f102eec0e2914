/** `GET /events`: the node's state and log, and what happens to leases here. */

import { toHex } from "../../src/bytes/hex.ts";
import { type Route, route } from "../../src/http/routes.ts";
import { StatusFeed } from "../../src/http/status_feed.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import { WindowCount } from "../../src/rate/window_count.ts";
import type { LeaseEvent } from "../dhcp/dhcp_service.ts";

/** Further ones are counted as skipped; `/leases` has all. */
const LEASES_PER_SECOND_MAX = 20;

/** Feeds the listeners of one node. */
export class EventFeed extends StatusFeed {
  readonly #inSecond = new WindowCount(1_000);
  #skipped = 0;

  /** Tells of a lease; costs nothing without listeners. */
  lease({ kind, address, detail: { chaddr, hostname } }: LeaseEvent): void {
    if (!this.listening) return;
    if (this.#inSecond.add(performance.now()) > LEASES_PER_SECOND_MAX) {
      this.#skipped++;
      return;
    }
    const skipped = this.#skipped;
    this.#skipped = 0;
    this.publish({
      event: "lease",
      data: {
        time: new Date().toISOString(),
        kind,
        address: formatIpv4(address),
        client: toHex(chaddr, ":"),
        hostname: hostname === "" ? null : hostname,
        ...(skipped > 0 ? { skipped } : {}),
      },
    });
  }
}

export function eventRoutes(feed: EventFeed): Route[] {
  return [route({
    method: "get",
    path: "/events",
    access: "read",
    summary: "Server-sent events: `status` every second, `lease`, and `notice` (the log).",
    handle: ({ peer }) => feed.open(peer),
  })];
}
