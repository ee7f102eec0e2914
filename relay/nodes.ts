/** The nodes of the file as the choice sees them, and what the log says of them. */

import type { Logger } from "@logtape/logtape";
import { unreachable } from "../src/assert.ts";
import type { RelayConfig } from "./config.ts";
import type { TrackedNode, TrackerEvent } from "./select/tracker.ts";

/** What the choice of a node depends on. */
export function trackedNodes({ relay, nodes }: RelayConfig): TrackedNode[] {
  return nodes.map(({ id, weight, site }) => ({ id, weight, local: site !== undefined && site === relay.site }));
}

/** Says what happened to a node, and to whom the requests go. */
export function logEvent(log: Logger, event: TrackerEvent): void {
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
      else if (event.grade === "doubtful") log.info("node {id} is ready: {fault}", { id, fault });
      else log.warn("node {id}: {fault}", { id, fault });
      break;
    }
    default:
      return unreachable(event);
  }
}
