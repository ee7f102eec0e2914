import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { MEMBERSHIP_FACTS, readEpoch } from "../../src/cluster/membership/membership.ts";
import { FREE_SLOT, NO_DETAIL } from "../../src/lease/agreement/slot.ts";
import { TICKS_PER_MS } from "../../src/lease/agreement/version.ts";
import { LeaseDatabase } from "../store/database.ts";
import { RecordWriter } from "../store/record.ts";
import { withDirectory } from "../store/testing/directory.ts";
import { MEMBERS_RESET } from "./members_reset.ts";

const HOUR_MS = 3_600_000;
const members = [1, 2, 3].map((id) => ({ id, address: 0x0a63000a + id }));

const SUBNET = { subnet: "10.77.0.0/16", pools: ["10.77.1.0-10.77.1.9"] };

/** A survivor of three, stopped; gives the command. */
async function survivor(
  use: (machine: {
    stateDir: string;
    reset: (...flags: "yes"[]) => Promise<{ code: number; out: string; err: string }>;
  }) => Promise<void>,
  facts: readonly (readonly [string, string])[] = [],
): Promise<void> {
  await withDirectory(async (directory) => {
    const stateDir = `${directory}/state`;
    const nodes = members.map(({ id }) => `{ id: ${id}, address: 10.99.0.${10 + id} }`).join(", ");
    const text = [
      `node: { id: 1, stateDir: ${stateDir} }`,
      "dhcp: { address: 10.99.0.11 }",
      `cluster: { nodes: [${nodes}], keyFile: /etc/dhcpcluster/cluster.key }`,
      `service: { revision: 1, leaseTime: 1h, subnets: [${JSON.stringify(SUBNET)}] }`,
    ].join("\n");
    await Deno.writeTextFile(`${directory}/node.yaml`, text);
    const epoch = { epoch: 4, term: 9, members };
    const database = LeaseDatabase.open(stateDir);
    database.commit(new Uint8Array(), [
      ["blank", "no"],
      [MEMBERSHIP_FACTS.membership, JSON.stringify(epoch)],
      ...facts,
    ]);
    database.close();
    await use({
      stateDir,
      reset: async (...flags) => {
        let [out, err] = ["", ""];
        const code = await MEMBERS_RESET.run({
          words: [],
          options: { config: `${directory}/node.yaml`, yes: flags.includes("yes") },
          print: (text) => out += text,
          warn: (text) => err += text,
        });
        return { code, out, err };
      },
    });
  });
}

function epochOf(stateDir: string) {
  const database = LeaseDatabase.open(stateDir);
  try {
    return readEpoch(new Map(database.metas).get(MEMBERSHIP_FACTS.membership));
  } finally {
    database.close();
  }
}

Deno.test("members reset: it explains itself and changes nothing, then acts with --yes", () =>
  survivor(async ({ stateDir, reset }) => {
    const explained = await reset();
    strictEqual(explained.code, 1);
    match(explained.out, /^The members are nodes 1, 2, 3\. With the reset, node 1 goes on alone/);
    match(explained.out, /nodes 2, 3 must never run again with an old disk/);
    match(explained.err, /Nothing is changed/);
    strictEqual(epochOf(stateDir)?.epoch, 4);
    const before = Date.now();
    const done = await reset("yes");
    deepStrictEqual([done.code, done.err], [0, ""]);
    match(done.out, /^Done: node 1 is the only member \(epoch 5\) and serves renewals only until 20/);
    const { members: left, renewalsOnlyUntil = 0 } = epochOf(stateDir) ?? {};
    deepStrictEqual(left, members.slice(0, 1));
    const minutes = (renewalsOnlyUntil - before) / 60_000;
    strictEqual(minutes > 60 && minutes < 61, true, `${minutes}`);
    await rejects(reset("yes"), /refused: node 1 is the only member: there is nothing to reset/);
  }));

Deno.test("members reset: the longest lease of the section that was served counts, too", () =>
  survivor(async ({ stateDir, reset }) => {
    await reset("yes");
    strictEqual((epochOf(stateDir)?.renewalsOnlyUntil ?? 0) > Date.now() + 48 * HOUR_MS, true);
  }, [["config:text", JSON.stringify({ revision: 2, maxLeaseTime: "48h", subnets: [SUBNET] })]]));

Deno.test("members reset: the longest lease that any configuration ever gave counts", () =>
  survivor(async ({ stateDir, reset }) => {
    await reset("yes");
    strictEqual((epochOf(stateDir)?.renewalsOnlyUntil ?? 0) > Date.now() + 70 * HOUR_MS, true);
  }, [["maxLease", String(70 * HOUR_MS)]]));

Deno.test("members reset: refused while the node runs, and while the clock is behind the newest lease", () =>
  survivor(async ({ stateDir, reset }) => {
    const running = LeaseDatabase.open(stateDir);
    await rejects(reset("yes"), /another process uses it \(pid \d+\): stop that one/);
    const writer = new RecordWriter();
    const clock = (Date.now() + HOUR_MS) * TICKS_PER_MS;
    const slot = { ...FREE_SLOT, version: { clock, node: 1, incarnation: 1 } };
    writer.add({ address: 0x0a4d0100, slot, detail: NO_DETAIL });
    running.commit(new Uint8Array(writer.buffer, 0, writer.length), []);
    running.close();
    await rejects(reset("yes"), /this machine's clock is behind the newest lease here .*: set it first/);
    strictEqual(epochOf(stateDir)?.epoch, 4);
  }));
