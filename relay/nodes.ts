/** The nodes of the file as the choice sees them, and what the log says of them. */

import type { Logger } from "@logtape/logtape";
import { unreachable } from "../src/assert.ts";
import { LimitedLog } from "../src/log/limited.ts";
import type { RelayConfig } from "./config.ts";
import type { TrackedNode, TrackerEvent } from "./select/tracker.ts";

/** What the choice of a node depends on. */
export function trackedNodes({ relay, nodes }: RelayConfig): TrackedNode[] {
  return nodes.map(({ id, weight, site }) => ({ id, weight, local: site !== undefined && site === relay.site }));
}

/**
 * Says what happened to each node, and to whom the requests go: a few lines in ten seconds of each, then how many more there
 * were. A node that comes and goes with the load would fill the log otherwise.
 */
export class NodeLog {
  readonly #limited: LimitedLog;

  /** `now`: milliseconds of a clock that does not go back. */
  constructor(log: Logger, now: () => number) {
    this.#limited = new LimitedLog(log, "info", now);
  }

  add(event: TrackerEvent): void {
    if (this.#limited.admit(keyOf(event))) write(this.#limited.log, event);
  }

  /** Says what has not been said, and stops. */
  close(): void {
    this.#limited.close();
  }
}

function keyOf(event: TrackerEvent): string {
  return event.kind === "chosen" ? "requests go to another node" : `changes of node ${event.id}`;
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
    default:
      return unreachable(event);
  }
}
