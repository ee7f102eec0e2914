/**
 * `members reset`: the exit when so many disks are lost for good that no quorum can be reached any more. It works on
 * the state directory of one stopped node that survived; see `src/cluster/membership/reset.ts`.
 */

import { DatabaseSync } from "node:sqlite";
import { EXIT } from "../../src/cli/arguments.ts";
import type { CommandSpec } from "../../src/cli/commands.ts";
import { exists } from "../../src/cli/files.ts";
import { CONFIG_FACTS } from "../../src/cluster/leadership/config_replication.ts";
import { resetMembership, type ResetResult } from "../../src/cluster/membership/reset.ts";
import { CLOCK_FACTS } from "../../src/cluster/replication/clock_sync.ts";
import { nodes } from "../../src/core/readiness.ts";
import { CompiledService } from "../../src/dhcp/server/compiled_service.ts";
import { MAX_CLOCK_SKEW_MS, PROPOSAL_MS } from "../../src/lease/agreement/limits.ts";
import { TICKS_PER_MS } from "../../src/lease/agreement/version.ts";
import { type NodeConfig, readServiceText } from "../config.ts";
import { transactionOf } from "../store/connection.ts";
import { DATABASE_FILE, LeaseDatabase } from "../store/database.ts";
import { readHighWater } from "../store/high_water.ts";
import { readRecords } from "../store/record.ts";
import { auditOffline } from "../admin/audit.ts";
import { ADMIN_OPTIONS, configOf } from "./admin_client.ts";

const NOTHING = new Uint8Array();

export const MEMBERS_RESET: CommandSpec = {
  name: "members reset",
  summary: "Make this machine's stopped node the only member, when the disks of a majority are lost for good",
  options: [...ADMIN_OPTIONS.slice(0, 1), { flags: "--yes", description: "do it; without: only explain" }],
  examples: ["members reset", "members reset --yes"],
  run: async (call) => {
    const { config } = await configOf(call);
    const { stateDir } = config.node;
    const path = `${stateDir}/${DATABASE_FILE}`;
    if (!exists(path)) throw new Error(`${path} does not exist: run this on a machine whose disk survived`);
    if (call.options.yes !== true) {
      const facts = factsOf(path);
      const isBehind = transactionOf(facts) < readHighWater(stateDir);
      const { before, after } = reset(facts, config, { latestMs: Date.now(), isBehind });
      call.print(explain(config, before.members.map(({ id }) => id), after.renewalsOnlyUntil));
      call.warn("Nothing is changed. Stop this node, and give `members reset --yes`.");
      return EXIT.failure;
    }
    // Refused while the node runs.
    const database = LeaseDatabase.open(stateDir);
    try {
      const newestMs = newestVersionMs(database);
      if (newestMs > Date.now() + MAX_CLOCK_SKEW_MS) {
        throw new Error(
          `this machine's clock is behind the newest lease here (${new Date(newestMs).toISOString()}): set it first`,
        );
      }
      const isBehind = database.behind !== undefined;
      const { before, after, facts } = reset(new Map(database.metas), config, { latestMs: Date.now(), isBehind });
      database.commit(NOTHING, facts);
      await auditOffline(stateDir, "members reset", { epoch: after.epoch, renewalsOnlyUntil: after.renewalsOnlyUntil });
      call.print(
        `Done: node ${config.node.id} is the only member (epoch ${after.epoch}) and serves renewals only until ` +
          `${new Date(after.renewalsOnlyUntil).toISOString()}. Start it` +
          (before.members.length === 1
            ? "."
            : "; then start the other nodes with an empty stateDir, and add each here with `members add`."),
      );
      return EXIT.ok;
    } finally {
      database.close();
    }
  },
};

function reset(
  facts: ReadonlyMap<string, string>,
  config: NodeConfig,
  how: { readonly latestMs: number; readonly isBehind: boolean },
): Extract<ResetResult, { ok: true }> {
  const result = resetMembership(facts, {
    self: config.node.id,
    ...how,
    maxLeaseMs: Math.max(Number(facts.get(CLOCK_FACTS.maxLease) ?? 0), maxLeaseMs(facts, config)),
  });
  if (!result.ok) throw new Error(`refused: ${result.problem}`);
  return result;
}

/** The longest lease of the file and of the section that was served: a node of an earlier release kept no other. */
function maxLeaseMs(facts: ReadonlyMap<string, string>, config: NodeConfig): number {
  const services = [config.service];
  const served = facts.get(CONFIG_FACTS.text);
  if (served !== undefined) {
    const read = readServiceText(served, config);
    if (!read.ok) throw new Error(`the configuration that was served can't be read: ${read.problem}`);
    services.push(read.service);
  }
  const seconds = services.map((service) => new CompiledService(service).maxLeaseSeconds);
  return Math.max(...seconds) * 1_000 + PROPOSAL_MS;
}

/** Without opening it for writing: the node may run. */
function factsOf(path: string): Map<string, string> {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = database.prepare("SELECT key, value FROM meta").all() as { key: string; value: string }[];
    return new Map(rows.map(({ key, value }) => [key, value]));
  } finally {
    database.close();
  }
}

function newestVersionMs(database: LeaseDatabase): number {
  let newest = 0;
  for (let after = -1;;) {
    const { records, last } = database.chunkAfter(after);
    if (records.length === 0) return newest / TICKS_PER_MS;
    readRecords(records.slice().buffer, ({ slot }) => newest = Math.max(newest, slot.version.clock));
    after = last;
  }
}

function explain({ node }: NodeConfig, members: readonly number[], untilMs: number): string {
  const lost = members.filter((id) => id !== node.id);
  if (lost.length === 0) {
    return `Node ${node.id} is alone, and its disk lacks leases that it has acknowledged. With the reset it goes on with
what is there.

Use it only if the newest database is lost for good. The lost leases can't be seen here. Until
${new Date(untilMs).toISOString()}, when the last of them has ended, the node renews leases and serves no new clients.`;
  }
  return `The members are ${nodes(members)}. With the reset, node ${node.id} goes on alone with the leases on its disk.

Use it only if the disks of a majority are lost for good, on one surviving node, the one that ran last:
- Nodes that are only down or cut off come back by themselves: start them instead.
- ${nodes(lost)} must never run again with an old disk: two clients could get one address. Empty each stateDir first.
- Leases that only the lost disks knew can't be seen here. Until ${new Date(untilMs).toISOString()}, when the last of
  them has ended, all nodes renew leases and serve no new clients.

Afterwards: start this node, start each other node with an empty stateDir, and add it here with \`members add\`.`;
}
