/**
 * Nodes of a cluster as real processes on loopback addresses, for measurements; each run has addresses and ports of its
 * own.
 */

import { stringify } from "yaml";
import { makeKeyFile } from "../../../node/cluster/cluster_key.ts";
import type { nodeStatus } from "../../../node/admin/status.ts";
import { type RunningProgram, startProgram } from "../../demo/programs.ts";

/** One node. */
interface BenchNode {
  readonly id: number;
  readonly address: string;
  readonly program: RunningProgram;
  /** Its configuration, without the service section. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly file: string;
  readonly stateDir: string;
  /** Starts it anew once its program has stopped. */
  start(): void;
  /** Removes the disk of a stopped node. */
  wipe(): Promise<void>;
  status(): Promise<ReturnType<typeof nodeStatus>>;
}

/** A running cluster. */
export interface BenchCluster {
  readonly nodes: readonly BenchNode[];
  /** Where nodes and relay listen. */
  readonly port: number;
  /** An address beside the nodes', in the clients' subnet. */
  readonly relay: string;
  /** The first three numbers of all addresses. */
  readonly net: string;
  readonly keyFile: string;
  stop(): Promise<void>;
}

/** The networks that are served unless others are given. */
const SUBNETS: readonly object[] = [{ subnet: "127.0.0.0/8", pools: ["127.200.0.0-127.200.255.255"] }];

/** Starts `count` nodes and returns once all are ready. */
export async function startCluster(
  count: number,
  line: (text: string) => void = () => {},
  subnets = SUBNETS,
): Promise<BenchCluster> {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-bench-" });
  const net = `127.${64 + Deno.pid % 64}.${(Deno.pid >> 6) & 255}`;
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const members = Array.from({ length: count }, (_, index) => ({ id: index + 1, address: `${net}.${11 + index}` }));
  const programs: RunningProgram[] = [];
  const stop = async () => {
    await Promise.all(programs.map((program) => program.stop()));
    await Deno.remove(folder, { recursive: true });
  };
  try {
    await makeKeyFile(`${folder}/key`);
    const nodes = await Promise.all(members.map(async ({ id, address }): Promise<BenchNode> => {
      const file = `${folder}/node${id}.yaml`;
      const stateDir = `${folder}/state${id}`;
      const settings = {
        node: { id, stateDir },
        dhcp: { address, port },
        cluster: { nodes: members, port: port + 1, keyFile: `${folder}/key` },
        http: { address, port: port + 2 },
        log: { level: "warning", format: "text" },
      };
      await Deno.writeTextFile(file, stringify({ ...settings, service: { revision: 1, leaseTime: 3_600, subnets } }));
      const start = () => {
        const program = startProgram("node", file, (text) => line(`node ${id}: ${text}`));
        programs.push(program);
        return program;
      };
      let program = start();
      const status = async () => await (await fetch(`http://${address}:${port + 2}/status`)).json();
      return {
        id,
        address,
        get program() {
          return program;
        },
        start: () => void (program = start()),
        settings,
        file,
        stateDir,
        wipe: () => Deno.remove(stateDir, { recursive: true }),
        status,
      };
    }));
    await Promise.all(nodes.map((node) => node.program.ready(`http://${node.address}:${port + 2}/readyz`)));
    return { nodes, port, relay: `${net}.9`, net, keyFile: `${folder}/key`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
