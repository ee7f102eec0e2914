/** The members of a cluster, as `members` and `status` print them. */

import { table } from "../../src/cli/table.ts";
import type { nodeStatus } from "../admin/status.ts";

/** The members as a table. */
export function membersTable(status: ReturnType<typeof nodeStatus>): string {
  const { cluster, leader } = status;
  const rows = cluster.members.map((member) => [
    String(member.id),
    member.address,
    member.id === leader ? "leader" : "",
    member.self ? "this node" : member.present ? "live" : "silent",
    member.synced === null ? "?" : member.synced ? "synced" : "syncing",
    // A node of an earlier release does not say what is a witness.
    member.witness === true
      ? "witness"
      : member.ready === null
      ? (member.present ? "?" : "")
      : member.ready
      ? "serves"
      : "not ready",
  ]);
  const waiting = cluster.complete ? "complete" : `waiting for ${cluster.unsettled.join(", ")}`;
  return [...table(HEADERS, rows), `epoch ${cluster.epoch}, ${waiting}; term ${status.term}`].join("\n");
}

const HEADERS = ["id", "address", "role", "state", "leases", "service"];
