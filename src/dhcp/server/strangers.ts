/**
 * Strangers: clients that have no lease, no record of an ended one and no reservation. Hardware addresses can be
 * invented, so what strangers take is bounded, and known clients come first.
 */

import type { Query } from "./query.ts";
import type { ServerState } from "./state.ts";

/** Whether a client is a stranger to this node. */
export function isStranger({ table }: ServerState, { client, reservation }: Query): boolean {
  return reservation === undefined && table.find(client) === undefined;
}
