/** `GET /events`: what happens, as it happens. Costs nothing while nobody listens. */

import { type Route, route } from "../../src/http/routes.ts";
import { EventStreams } from "../../src/http/eventStream.ts";
import { type RecentLine, recentLog } from "../../src/log/recent.ts";
import type { LeaseEvent } from "../dhcpService.ts";
import type { Node } from "../node.ts";
import { nodeStatus } from "../status.ts";

const STATUS_MS = 1_000;
/** Of leases; who wants each of them reads `/leases`. */
const LEASES_PER_SECOND_MAX = 20;

/** Feeds the listeners of one node. */
export class EventFeed {
  readonly #node: Node;
  readonly #streams = new EventStreams();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #unfollow: () => void;
  #leases = 0;
  #skipped = 0;

  constructor(node: Node) {
    this.#node = node;
    this.#timer = setInterval(() => this.#second(), STATUS_MS);
    this.#unfollow = recentLog.follow((line) => this.#streams.publish({ event: "notice", data: line }));
    node.follow((event) => this.#lease(event));
  }

  open(): Response {
    const notices = recentLog.lines.map((line: RecentLine) => ({ event: "notice", data: line }));
    return this.#streams.open([{ event: "status", data: nodeStatus(this.#node) }, ...notices]);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unfollow();
    this.#streams.close();
  }

  #second(): void {
    this.#leases = 0;
    if (this.#streams.size > 0) this.#streams.publish({ event: "status", data: nodeStatus(this.#node) });
  }

  #lease(event: LeaseEvent): void {
    if (this.#streams.size === 0) return;
    if (++this.#leases > LEASES_PER_SECOND_MAX) {
      this.#skipped++;
      return;
    }
    const skipped = this.#skipped;
    this.#skipped = 0;
    this.#streams.publish({ event: "lease", data: { ...event, ...(skipped > 0 ? { skipped } : {}) } });
  }
}

export function eventRoutes(feed: EventFeed): Route[] {
  return [route({
    method: "get",
    path: "/events",
    access: "read",
    summary: "Server-sent events: `status` every second, `lease`, and `notice` (the log).",
    handle: () => feed.open(),
  })];
}
