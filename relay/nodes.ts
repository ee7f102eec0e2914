/** The configured nodes as input of the choice, and the log of their changes. */

import type { Logger } from "@logtape/logtape";
import { unreachable } from "../src/assert.ts";
import { formatPrefix } from "../src/net/ipv4.ts";
import { LimitedLog } from "../src/log/limited.ts";
import type { RelayConfig } from "./config.ts";
import type { TrackedNode, TrackerEvent } from "./select/tracker.ts";

/** The properties of each node that the choice depends on. */
export function trackedNodes({ relay, nodes }: RelayConfig): TrackedNode[] {
  return nodes.map(({ id, address, port, health, weight, site }) => ({
    id,
    endpoint: `${address}:${port} ${health}`,
    weight,
    local: site !== undefined && site === relay.site,
  }));
}

/**
 * Logs changes of each node and of the choice: a few lines per node in ten seconds, then a count. A node that flaps
 * would otherwise fill the log.
 */
export class NodeLog {
  readonly #limited: LimitedLog;

  /** `now`: monotonic clock, in milliseconds. */
  constructor(log: Logger, now: () => number) {
    this.#limited = new LimitedLog(log, "info", now);
  }

  add(event: TrackerEvent): void {
    if (this.#limited.admit(keyOf(event))) write(this.#limited.log, event);
  }

  /** Logs the outstanding counts and stops. */
  close(): void {
    this.#limited.close();
  }
}

function keyOf(event: TrackerEvent): string {
  switch (event.kind) {
    case "chosen":
      return "requests go to another node";
    case "full":
      return `${formatPrefix(event.subnet)} is full`;
    default:
      return `changes of node ${event.id}`;
  }
}

function write(log: Logger, event: TrackerEvent): void {
  switch (event.kind) {
    case "chosen": {
      const { id, instead, reason } = event;
      if (instead === undefined) log.info("requests go to node {id}: {reason}", { id, reason });
      else log.info("requests go to node {id} instead of node {instead}: {reason}", { id, instead, reason });
      break;
    }
    case "noPing": {
      const { id, reason } = event;
      if (reason === undefined) log.info("node {id} is measured by ping", { id });
      else log.warn("node {id} is measured without ping: {reason}", { id, reason });
      break;
    }
    case "grade": {
      const { id, fault } = event;
      if (fault === undefined) log.info("node {id} is ready", { id });
      else if (event.grade === "probation") log.info("node {id} is ready: {fault}", { id, fault });
      else log.warn("node {id}: {fault}", { id, fault });
      break;
    }
    case "full": {
      const subnet = formatPrefix(event.subnet);
      if (event.full) {
        log.warn("{subnet} is full: its clients get no address; enlarge its pools, or shorten lease times", { subnet });
      } else log.info("{subnet} is not full any more", { subnet });
      break;
    }
    default:
      return unreachable(event);
  }
}
