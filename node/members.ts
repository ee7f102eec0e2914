/** `dhcpcluster-node members`: who the members are, and changing them, by asking the node that runs on this machine. */

import { EXIT } from "../src/cli/arguments.ts";
import { loadConfigFile } from "../src/config/load.ts";
import { checkNode, nodeSchema } from "./config.ts";
import { askLocally, type NodeRequest } from "./socket.ts";
import type { nodeStatus } from "./status.ts";

const USAGE = [
  "Usage: dhcpcluster-node members [--config FILE]",
  "       dhcpcluster-node members add ID ADDRESS --config FILE",
  "       dhcpcluster-node members remove ID --config FILE",
  "",
  "Shows or changes the members of the cluster. One at a time: a change has to be complete before the next one. Give it on",
  "the leader. To replace a machine under the same id and address, start the new one with an empty state directory instead.",
].join("\n");

/** What came of a command: the exit code and what to print. */
interface Outcome {
  readonly code: number;
  readonly message: string;
}

/** Runs `dhcpcluster-node members ARGUMENTS`. */
export async function membersCommand(args: readonly string[]): Promise<Outcome> {
  const at = args.findIndex((arg) => arg === "--config" || arg === "-c");
  const file = at === -1 ? undefined : args[at + 1];
  const words = at === -1 ? args : [...args.slice(0, at), ...args.slice(at + 2)];
  const request = requestOf(words);
  if (request === undefined || file === undefined) return { code: EXIT.usage, message: USAGE };
  const loaded = await loadConfigFile(file, nodeSchema, checkNode);
  if (!loaded.ok) return { code: EXIT.failure, message: loaded.message };
  try {
    const { status, body } = await askLocally(loaded.value.node.stateDir)(request);
    if (status !== 200) return { code: EXIT.failure, message: `Refused: ${(body as { error?: string }).error}` };
    if (request.method === undefined) {
      return { code: EXIT.ok, message: membersTable(body as ReturnType<typeof nodeStatus>) };
    }
    return { code: EXIT.ok, message: `Done: the change is epoch ${(body as { epoch: number }).epoch}` };
  } catch (error) {
    return { code: EXIT.failure, message: error instanceof Error ? error.message : String(error) };
  }
}

function requestOf(words: readonly string[]): NodeRequest | undefined {
  const [verb, id, address, ...rest] = words;
  const number = /^\d{1,3}$/.test(id ?? "") ? Number(id) : 0;
  const isId = number >= 1 && number <= 255;
  if (verb === undefined) return { path: "/status" };
  if (verb === "add" && isId && address !== undefined && rest.length === 0) {
    return { method: "POST", path: "/members", body: { id: number, address } };
  }
  if (verb === "remove" && isId && address === undefined) return { method: "DELETE", path: `/members/${number}` };
  return undefined;
}

/** The members as a table. */
export function membersTable(status: ReturnType<typeof nodeStatus>): string {
  const { cluster, leader } = status;
  const rows = cluster.members.map((member) => [
    String(member.id),
    member.address,
    member.id === leader ? "leads" : "",
    member.present ? (member.self ? "here" : "there") : "silent",
    member.synced === null ? "?" : member.synced ? "complete" : "joining",
    member.ready === null ? (member.present ? "?" : "") : member.ready ? "serves" : "does not serve",
  ]);
  const all = [["id", "address", "", "heard", "leases", "service"], ...rows];
  const widths = (all[0] as string[]).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
  const waiting = cluster.complete ? "complete" : `waiting for ${cluster.unsettled.join(", ")}`;
  return [...lines, `epoch ${cluster.epoch}, ${waiting}; term ${status.term}`].join("\n");
}
