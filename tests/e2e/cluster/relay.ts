/** The relay on the gateway, in front of the nodes, and its view of them. */

import type { Namespace } from "../lab/lab.ts";
import type { Process } from "../lab/process.ts";
import { LANS, type NodeHost } from "../lab/topology.ts";
import { httpGet, ours } from "../programs/ours.ts";

/** A node in the relay's `/status`: the fields that tests use. */
interface RelayedNode {
  readonly id: number;
  readonly ready: boolean;
  readonly reachable: boolean;
  readonly chosen: boolean;
  readonly suspect: boolean;
  readonly grade: string;
  readonly reason: string;
  /** Null before the first measurement. */
  readonly rttMs: number | null;
  readonly rttSource: string | null;
  /** Requests sent to it first, sent to it because another node was silent, and left unanswered by it. */
  readonly requests: number;
  readonly hedges: number;
  readonly unanswered: number;
}

/** How often the relay probes the nodes. */
export const PROBE_MS = 1_000;
const HTTP = { address: "127.0.0.1", port: 8068 } as const;
const STOP_MS = 5_000;

export class EdgeRelay {
  readonly #gateway: Namespace;
  readonly #process: Process;

  private constructor(gateway: Namespace, process: Process) {
    this.#gateway = gateway;
    this.#process = process;
  }

  /** Starts a relay with these nodes in this order; returns once it is ready. */
  static async start(
    gateway: Namespace,
    nodes: readonly { readonly id: number; readonly host: NodeHost }[],
    lans: readonly (typeof LANS[number])[] = [LANS[0]],
  ): Promise<EdgeRelay> {
    const process = await ours.startRelay(gateway, {
      relay: { interfaces: lans.map(({ name }) => ({ name })) },
      nodes: nodes.map(({ id, host: { address } }) => {
        return { id, address, port: 67, health: `http://${address}:8067/readyz` };
      }),
      probe: { interval: `${PROBE_MS}ms`, timeout: "500ms" },
      http: HTTP,
      log: { level: "info", format: "text" },
    });
    return new EdgeRelay(gateway, process);
  }

  async stop(): Promise<void> {
    await this.#process.terminate(STOP_MS);
  }

  /** Stops its process (SIGSTOP) until {@link EdgeRelay.resume}. */
  pause(): void {
    this.#process.signal("SIGSTOP");
  }

  resume(): void {
    this.#process.signal("SIGCONT");
  }

  mustRun(): void {
    this.#process.mustRun();
  }

  async status(): Promise<{
    readonly nodes: readonly RelayedNode[];
    readonly fullSubnets: readonly { readonly subnet: string; readonly interfaces: readonly string[] }[];
  }> {
    const answer = await httpGet(this.#gateway, `http://${HTTP.address}:${HTTP.port}/status`);
    if (answer === undefined) throw new Error("The relay does not answer");
    return JSON.parse(answer.body);
  }

  /** All nodes, by id. */
  async nodes(): Promise<ReadonlyMap<number, RelayedNode>> {
    const { nodes } = await this.status();
    return new Map(nodes.map((node) => [node.id, node]));
  }

  /** Its log lines that match. */
  said(pattern: RegExp): string[] {
    return this.#process.output.text.split("\n").filter((line) => pattern.test(line));
  }

  /** The chosen node; undefined while more than one is. */
  async chosen(): Promise<number | undefined> {
    const chosen = [...(await this.nodes()).values()].filter((node) => node.chosen);
    return chosen.length === 1 ? chosen[0]?.id : undefined;
  }

  /** Its log lines of each change of the chosen node, with the reason. */
  get choices(): string[] {
    return [...this.#process.output.text.matchAll(/requests go to node .*/g)].map(([choice]) => choice);
  }
}

/** A readable line for each node. */
export function describeRelayed(nodes: Iterable<RelayedNode>): string {
  return [...nodes].map(({ id, rttMs, requests, hedges, unanswered, grade, reason }) =>
    `node ${id}: ${rttMs ?? "?"} ms, ${requests} requests first, ${hedges} as another was silent, ` +
    `${unanswered} unanswered; ${grade}: ${reason}`
  ).join("\n");
}
