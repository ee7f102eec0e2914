/**
 * A site migrates from another server to a node: its configuration is converted, its leases are imported, and its
 * clients keep their addresses and options.
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parse } from "yaml";
import { toHex } from "../../../src/bytes/hex.ts";
import { Udhcpc } from "../clients/udhcpc.ts";
import type { Capture } from "../lab/capture.ts";
import type { Process } from "../lab/process.ts";
import { type Host, LANS, Topology } from "../lab/topology.ts";
import { ours, runNode, writeConfig } from "../programs/ours.ts";
import { type Original, startOriginal } from "../programs/originals.ts";
import type { NodeConfig, ServiceConfig } from "../programs/programs.ts";

const STOP_MS = 5_000;

/** What a client got, without the options that name the server and the time. */
interface Given {
  readonly address: string;
  readonly options: ReadonlyMap<number, string>;
}

/** Message type, server identifier, client identifier. */
const PER_SERVER = new Set([53, 54, 61]);
/**
 * T1 and T2: dhcpd sends none, and dnsmasq randomises them; clients without them use the same shares of the lease time.
 */
const BY_CHANCE = new Set([58, 59]);
/** What a node sends on request even if not configured: netmask and broadcast address. */
const SELF_EVIDENT = new Set([1, 28]);

/** Migrates to a node, and with `back` to another server of the same kind with the exported leases. */
export async function switched(original: Original, { back = false } = {}): Promise<void> {
  await using topology = await Topology.build();
  try {
    await run(topology, original, back);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\n${topology.report()}`, { cause: error });
  }
}

async function run(topology: Topology, original: Original, back: boolean): Promise<void> {
  const { gateway } = topology;
  const wire = await topology.capture(LANS[0]);
  const hosts = [await topology.client("a"), await topology.client("b"), await topology.client("printer")];
  const [first, second, printer] = hosts as [Host, Host, Host];
  const folder = gateway.folder(original.name);
  const file = `${folder}/${original.name}.conf`;
  await Deno.writeTextFile(file, original.configuration(folder, printer.mac));

  const server = await startOriginal(original, gateway, file, folder);
  const before: Given[] = [];
  for (const host of hosts) before.push(await getLease(host, wire));
  await server.terminate(STOP_MS);

  const yaml = await runNode(gateway, ["config", "convert", "--from", original.name, file]);
  const config = nodeConfig(gateway.folder("state"), parse(yaml).service);
  const node = await ours.startNode(gateway, config);
  const path = await writeConfig("node", gateway, config);
  const imported = await runNode(gateway, ["import", "--config", path, `${folder}/${original.leases}`]);
  // dhcpd writes no leases of fixed addresses.
  match(imported, new RegExp(`^${original.name === "dhcpd" ? 2 : 3} imported, 0 known already, 0 refused`, "m"));
  match(imported, /, 0 not usable$/m);

  // In another order, so that no client gets its address because it is the next free one.
  for (const [index, host] of [...hosts.entries()].reverse()) {
    const now = await getLease(host, wire);
    const then = before[index] as Given;
    strictEqual(now.address, then.address, `${host.namespace.name} keeps its address`);
    for (const [code, value] of then.options) strictEqual(now.options.get(code), value, `option ${code}`);
    const more = [...now.options.keys()].filter((code) => !then.options.has(code) && !SELF_EVIDENT.has(code));
    deepStrictEqual(more, [], "options that the other server did not give");
  }
  const stranger = await getLease(await topology.client("stranger"), wire);
  ok(before.every(({ address }) => address !== stranger.address));
  ok([42, 51].every((code) => stranger.options.has(code)), "the class and the lease time hold for new clients, too");
  if (back) {
    await switchBack({ topology, original, node, config: path, folder, file, host: first, other: second, wire });
  }
  strictEqual(await wire.malformed(), "");
}

/** Gets a lease as a client without state, and ends without a DHCPRELEASE. */
async function getLease(host: Host, wire: Capture): Promise<Given> {
  const since = wire.frames.length;
  const client = new Udhcpc(host);
  await client.start();
  const { address } = await client.waitBound();
  await client.stop();
  const ack = await wire.waitFor({ type: "ACK", chaddr: host.mac, yiaddr: address }, 1_000, since);
  const options = [...ack.options].filter(([code]) => !PER_SERVER.has(code) && !BY_CHANCE.has(code));
  return { address, options: new Map(options.map(([code, bytes]) => [code, toHex(bytes)])) };
}

/** The other server takes the exported leases: it renews one of them. */
async function switchBack(site: {
  readonly topology: Topology;
  readonly original: Original;
  readonly node: Process;
  readonly config: string;
  readonly folder: string;
  readonly file: string;
  readonly host: Host;
  readonly other: Host;
  readonly wire: Capture;
}): Promise<void> {
  const { topology, original, node, config, folder, file, host, other, wire } = site;
  const client = new Udhcpc(host);
  await client.start();
  const { address } = await client.waitBound();
  const csv = await runNode(topology.gateway, ["export", "--config", config, "--format", "kea"]);
  await node.terminate(STOP_MS);
  await Deno.writeTextFile(`${folder}/${original.leases}`, csv);
  const server = await startOriginal(original, topology.gateway, file, folder);
  const since = wire.frames.length;
  strictEqual((await client.renew()).address, address);
  strictEqual(wire.filter({ type: "DISCOVER" }, since).length, 0, "it is renewed, not given anew");
  await client.stop();
  ok((await getLease(other, wire)).address !== address);
  match(server.output.text, /LEASE_FILE_LOAD|DHCPSRV_MEMFILE_LEASE_FILE_LOAD/);
  strictEqual(/DHCPSRV_MEMFILE_LEASE_LOAD_ROW_ERROR/.test(server.output.text), false, "every row is loaded");
}

function nodeConfig(stateDir: string, service: ServiceConfig): NodeConfig {
  return {
    node: { id: 1, stateDir },
    dhcp: { address: "10.99.0.1", port: 67, interfaces: [{ name: "lan0" }] },
    cluster: { nodes: [{ id: 1, address: "10.99.0.1" }], port: 6767 },
    http: { address: "10.99.0.1", port: 8067 },
    log: { level: "info", format: "text" },
    service,
  };
}
