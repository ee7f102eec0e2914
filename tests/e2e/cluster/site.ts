/**
 * The set-up of the cluster's cases: nodes on the server LAN, a relay on the gateway, a machine with many emulated
 * clients, and a monitor.
 */

import { ok, strictEqual } from "node:assert/strict";
import { Monitor } from "../lab/monitor.ts";
import { LANS, type NodeHost, Topology } from "../lab/topology.ts";
import { until } from "../lab/wait.ts";
import { LoadHost } from "../load/client_load.ts";
import type { NodeConfig, ServiceConfig } from "../programs/programs.ts";
import { differences } from "./database.ts";
import { Member } from "./member.ts";
import { EdgeRelay } from "./relay.ts";
import { ClusterWatch, type Snapshot } from "./watch.ts";

/** Options of a case. */
export interface ClusterOptions {
  /** 1 … 9; three when left out. */
  readonly nodes?: number;
  /** Machines with the next ids that are no members yet: their files name all nodes up to themselves. */
  readonly spares?: number;
  /** Nodes that are witnesses. */
  readonly witnesses?: readonly number[];
  readonly multicast?: string;
  readonly pool?: string;
  /** Relays that send from another address than their giaddr. */
  readonly relays?: readonly string[];
  readonly service?: Partial<ServiceConfig>;
  /** Client networks that emulated clients are in; one when left out. */
  readonly lans?: 1 | 2;
  /** How often the watch asks every node. */
  readonly watchMs?: number;
}

/** From a process's start to a cluster that serves, on a busy machine: two seconds of it are the rule's own wait. */
export const FORMED_MS = 40_000;
const STEP_MS = 20_000;
const NODES_MAX = 9;
const FOUNDERS = 3;
const REST_MS = 200;
const KEY_BYTES = 32;

/** A cluster and the networks around it. No program runs at first. */
export class ClusterSite {
  readonly topology: Topology;
  readonly members: readonly Member[];
  readonly watch: ClusterWatch;
  readonly clients: LoadHost;
  /** The content of every key file. */
  readonly key: string;
  readonly #monitor: Monitor;
  readonly #options: ClusterOptions;
  #relay: EdgeRelay | undefined;

  private constructor(
    parts: { topology: Topology; monitor: Monitor; hosts: readonly NodeHost[]; clients: LoadHost },
    options: ClusterOptions,
  ) {
    this.topology = parts.topology;
    this.clients = parts.clients;
    this.#monitor = parts.monitor;
    this.#options = options;
    this.key = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(KEY_BYTES))));
    const entries = parts.hosts.map(({ address }, index) => ({ id: index + 1, address }));
    const { nodes: founders = FOUNDERS } = options;
    this.members = parts.hosts.map((host, index) =>
      new Member(
        host,
        this.nodeConfig(host, { id: index + 1, nodes: entries.slice(0, Math.max(founders, index + 1)) }),
      )
    );
    const nodes = entries.map(({ id, address }) => ({ id, url: `http://${address}:8067/status` }));
    const { watchMs } = options;
    this.watch = new ClusterWatch(parts.monitor, { nodes, ...(watchMs === undefined ? {} : { intervalMs: watchMs }) });
  }

  static async build(topology: Topology, options: ClusterOptions): Promise<ClusterSite> {
    const { nodes: founders = FOUNDERS, spares = 0 } = options;
    const nodes = founders + spares;
    ok(founders >= 1 && nodes <= NODES_MAX, `A cluster has 1 to ${NODES_MAX} nodes here`);
    const monitor = await Monitor.join(topology);
    const clients = await LoadHost.join(topology, options.lans);
    const hosts: NodeHost[] = [];
    for (let id = 1; id <= nodes; id++) {
      const host = await topology.node(id);
      await monitor.connect(host);
      hosts.push(host);
    }
    return new ClusterSite({ topology, monitor, hosts, clients }, options);
  }

  member(id: number): Member {
    const member = this.members.find((one) => one.id === id);
    if (member === undefined) throw new Error(`There is no node ${id}`);
    return member;
  }

  /** All others. */
  others(...ids: readonly number[]): Member[] {
    return this.members.filter(({ id }) => !ids.includes(id));
  }

  /** Starts the nodes that form the cluster and returns once it serves. */
  async start(): Promise<void> {
    const { nodes: founders = FOUNDERS } = this.#options;
    for (const member of this.members.slice(0, founders)) await member.start();
    await this.serves(FORMED_MS);
  }

  /** Waits until all started nodes but witnesses follow one leader and are ready. */
  async serves(deadlineMs = STEP_MS): Promise<void> {
    const { witnesses = [] } = this.#options;
    const ids = this.members.filter(({ id, started }) => started && !witnesses.includes(id)).map(({ id }) => id);
    await this.watch.until(`nodes ${ids.join(", ")} to serve`, deadlineMs, (snapshot) => {
      for (const id of ids) this.member(id).process.mustRun();
      return serve(snapshot, ids);
    });
  }

  /** The leader, as the nodes report it. */
  get leader(): Member {
    for (const [id, { role, quorum }] of this.watch.snapshot) {
      if (quorum && (role === "leader" || role === "standalone")) return this.member(id);
    }
    throw new Error("There is no leader");
  }

  /** Starts or restarts the relay, which prefers these nodes in this order; returns once it is ready. */
  async relayTo(ids: readonly number[], lans?: readonly (typeof LANS[number])[]): Promise<void> {
    await this.#relay?.stop();
    this.#relay = await EdgeRelay.start(this.topology.gateway, ids.map((id) => this.member(id)), lans);
  }

  /** The relay that was started last. */
  get relay(): EdgeRelay {
    if (this.#relay === undefined) throw new Error("There is no relay yet");
    return this.#relay;
  }

  /** Waits until all started nodes have the same leases on disk. */
  async agrees(deadlineMs = STEP_MS): Promise<void> {
    const members = this.members.filter(({ started }) => started);
    let lines: string[] = [];
    await until("equal tables", deadlineMs, async () => {
      lines = differences(new Map(members.map((member) => [member.id, member.leases()])));
      // Reading the disks takes CPU time from the nodes.
      if (lines.length > 0) await new Promise((resolve) => setTimeout(resolve, REST_MS));
      return lines.length === 0;
    }).catch((error) => {
      throw new Error(`${error.message}; ${lines.length} differ:\n${lines.slice(0, 10).join("\n")}`);
    });
  }

  /** Adds a machine to the server LAN that runs a node, but is no member. */
  async stranger(
    id: number,
    host: number,
    options: { readonly key?: string; readonly nodes: readonly { readonly id: number; readonly address: string }[] },
  ): Promise<Member> {
    const machine = await this.topology.node(host);
    await this.#monitor.connect(machine);
    return new Member(machine, this.nodeConfig(machine, { id, ...options }));
  }

  /** A node's file, and its key file. */
  nodeConfig(
    host: NodeHost,
    { id, nodes, key = this.key }: { id: number; nodes: NodeConfig["cluster"]["nodes"]; key?: string },
  ): NodeConfig {
    const { multicast, pool = "10.77.1.0-10.77.16.255", relays = [], service, witnesses = [] } = this.#options;
    const keyFile = `${host.namespace.folder("key")}/cluster.key`;
    Deno.writeTextFileSync(keyFile, `${key}\n`, { mode: 0o600 });
    return {
      node: {
        id,
        stateDir: host.namespace.folder("disk1"),
        ...(witnesses.includes(id) ? { witness: true } : {}),
      },
      // Without the key where it says nothing: the release before does not know it.
      dhcp: { address: host.address, port: 67, ...(relays.length === 0 ? {} : { relays }) },
      cluster: { nodes, port: 6767, keyFile, ...(multicast === undefined ? {} : { multicast }) },
      http: { address: host.address, port: 8067 },
      log: { level: "info", format: "text" },
      service: {
        revision: 1,
        authoritative: true,
        leaseTime: 3_600,
        subnets: [{ subnet: "10.77.0.0/16", pools: [pool], options: { routers: [LANS[0].gateway] } }],
        ...service,
      },
    };
  }

  /** What must hold at the end of every case. */
  verify(): void {
    for (const member of this.members) {
      if (!member.started) continue;
      member.process.mustRun();
      strictEqual(member.said(/Broken invariant|FATAL/i), 0, `node ${member.id} works as it is meant to`);
    }
    this.#relay?.mustRun();
  }
}

/** Whether these nodes follow one leader, which is one of them, and all are ready. */
export function serve(snapshot: Snapshot, ids: readonly number[]): boolean {
  const all = ids.map((id) => snapshot.get(id));
  const leaders = new Set(all.map((facts) => facts?.leader));
  const [leader] = leaders;
  return leaders.size === 1 && typeof leader === "number" && ids.includes(leader) &&
    all.every((facts) => facts?.ready && facts.quorum);
}

/** Runs a case on its own site; a failure includes the cluster's history and the last output of the programs. */
export async function onCluster(
  options: ClusterOptions,
  testCase: (site: ClusterSite) => Promise<void>,
): Promise<void> {
  await using topology = await Topology.build();
  let site: ClusterSite | undefined;
  try {
    site = await ClusterSite.build(topology, options);
    await testCase(site);
    site.verify();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const history = `── cluster ──\n${site?.watch.transcript(80) ?? ""}`;
    throw new Error(`${message}\n${history}\n${topology.report()}`, { cause: error });
  }
}
