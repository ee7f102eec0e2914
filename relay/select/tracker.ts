/**
 * What the relay knows about its nodes, and which of them it has chosen. Takes what probes and replies say, with the
 * time as an argument; who probes, how, and how often is the business of `../prober.ts`.
 */

import { selectNodes } from "./first.ts";

/** What a health request brought. */
export type ProbeResult =
  /** The URL answered: whether with success, and after how long. */
  | { readonly kind: "answered"; readonly ready: boolean; readonly rttMs: number }
  /** No answer in time, or the connection failed. */
  | { readonly kind: "silent" };

/** A node as it stands. */
export interface NodeState {
  readonly id: number;
  /** Can serve. */
  ready: boolean;
  /** Answers at all. */
  reachable: boolean;
  /** Gets the requests now. */
  chosen: boolean;
  /** Round trip of the last health request that was answered; null while there is none. */
  rttMs: number | null;
}

/**
 * How long a DHCP answer vouches for a node whose health URL has never answered. Clients repeat within 4 s to 8 s
 * (RFC 2131 §4.1), so a node that is asked and serves is heard more often than this.
 */
export const ANSWER_VALID_MS = 10_000;

interface Evidence {
  /** The last probe; undefined until one was answered, since a URL that never answers says nothing about DHCP. */
  probe: ProbeResult | undefined;
  /** When a DHCP reply last came. */
  answeredAtMs: number;
}

/**
 * The states of all nodes, in configured order.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const tracker = new NodeTracker([1, 2]);
 * deepStrictEqual(tracker.chosen, [0, 1]);
 * tracker.probed(1, { kind: "answered", ready: true, rttMs: 3 }, 1000);
 * deepStrictEqual(tracker.chosen, [1]);
 * ```
 */
export class NodeTracker {
  readonly nodes: readonly NodeState[];
  #evidence: readonly Evidence[];
  #chosen: readonly number[];
  #onChange: (node: NodeState) => void;

  /** `onChange` is told of every node that becomes or stops being ready or reachable. */
  constructor(ids: readonly number[], onChange: (node: NodeState) => void = () => {}) {
    this.nodes = ids.map((id) => ({ id, ready: false, reachable: false, chosen: true, rttMs: null }));
    this.#evidence = ids.map(() => ({ probe: undefined, answeredAtMs: Number.NEGATIVE_INFINITY }));
    this.#chosen = selectNodes(this.nodes);
    this.#onChange = onChange;
  }

  /** Indexes of the nodes to send to, best first. Never empty. */
  get chosen(): readonly number[] {
    return this.#chosen;
  }

  /** Whether some node can serve. */
  get ready(): boolean {
    return this.nodes.some((node) => node.ready);
  }

  /** Takes the result of a health request to the node with this index. */
  probed(index: number, result: ProbeResult, nowMs: number): void {
    const evidence = this.#evidence[index];
    const node = this.nodes[index];
    if (evidence === undefined || node === undefined) return;
    if (result.kind === "answered") {
      evidence.probe = result;
      node.rttMs = result.rttMs;
    } else if (evidence.probe !== undefined) {
      evidence.probe = result;
    }
    this.update(nowMs);
  }

  /** Takes the news that the node with this index has sent a DHCP reply. */
  answered(index: number, nowMs: number): void {
    const evidence = this.#evidence[index];
    if (evidence === undefined) return;
    evidence.answeredAtMs = nowMs;
    if (evidence.probe === undefined && this.nodes[index]?.reachable === false) this.update(nowMs);
  }

  /** Looks at the evidence again; to be called now and then, as answers grow old. */
  update(nowMs: number): void {
    for (const [index, node] of this.nodes.entries()) {
      const { probe, answeredAtMs } = this.#evidence[index] as Evidence;
      const vouched = nowMs - answeredAtMs < ANSWER_VALID_MS;
      const reachable = probe === undefined ? vouched : probe.kind === "answered";
      const ready = probe === undefined ? vouched : probe.kind === "answered" && probe.ready;
      if (node.ready === ready && node.reachable === reachable) continue;
      node.ready = ready;
      node.reachable = reachable;
      this.#onChange(node);
    }
    this.#chosen = selectNodes(this.nodes);
    for (const [index, node] of this.nodes.entries()) node.chosen = this.#chosen.includes(index);
  }
}
