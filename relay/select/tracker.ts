/**
 * All nodes: takes the results of probes and real traffic, with the time as an argument, and keeps the order in which
 * nodes get requests. `../probe/` decides how and how often to probe.
 */

import { formatPrefix, type Prefix } from "../../src/net/ipv4.ts";
import { type Candidate, type Choice, Chooser, hysteresisMs, isClearlyNearer } from "./choose.ts";
import {
  type ClientNetwork,
  type FullSubnet,
  type Grade,
  type HealthResult,
  type Judgement,
  NodeEvidence,
  type PingResult,
  type RttSource,
} from "./evidence.ts";
import { ProbePace } from "./pace.ts";

/** A node's configuration, as far as the choice depends on it. */
export interface TrackedNode {
  readonly id: number;
  /** Where it is reached and probed; with another endpoint it is another node, even under the same id. */
  readonly endpoint?: string;
  /** Divisor of the round-trip time: a node of weight 2 counts as half as far away. */
  readonly weight: number;
  /** In the relay's own site: preferred over all others while it can serve. */
  readonly local: boolean;
}

/** Counters of the requests sent to a node. */
export interface NodeTraffic {
  /** Requests sent to it first, by choice or because of the transaction's history. */
  requests: number;
  /** Hedges: requests sent to it because another node was silent or the client retransmitted. */
  hedges: number;
  /** Trials: copies sent to see whether a suspect answers again. */
  trials: number;
  /** Answers; `late` ones came after the request had been hedged. */
  answers: number;
  late: number;
  unanswered: number;
  /** Answers delivered to clients. */
  delivered: number;
  /** Failovers: how often it lost the choice because it was no longer healthy. */
  failovers: number;
}

/** A node's state, for status, metrics and log. */
export interface NodeState {
  readonly id: number;
  /** Reports that it can serve. */
  readonly ready: boolean;
  /** Answers ping, HTTP or DHCP. */
  readonly reachable: boolean;
  /** Requests go to it now. */
  readonly chosen: boolean;
  readonly suspect: boolean;
  readonly grade: Grade;
  /** Why it is not healthy; null when it is. */
  readonly fault: string | null;
  /** Why it is chosen or not. */
  readonly reason: string;
  /** Smoothed; null before the first sample, like the next two. */
  readonly rttMs: number | null;
  readonly deviationMs: number | null;
  readonly jitterMs: number | null;
  /** Source of the round-trip time, and why it is not ping. */
  readonly rttSource: RttSource | null;
  readonly noPing: string | null;
  /** Share of lost probes, 0 to 1. */
  readonly loss: number;
  /** Smoothed time from a request to its answer. */
  readonly answerMs: number | null;
  readonly hedgeDelayMs: number;
  readonly traffic: Readonly<NodeTraffic>;
}

/** A subnet without a free address, as nodes that are ready say. */
export interface FullNetwork extends FullSubnet {
  readonly nodes: readonly number[];
}

/** A change of a node or of the choice, for the log. */
export type TrackerEvent =
  | { readonly kind: "grade"; readonly id: number; readonly grade: Grade; readonly fault: string | undefined }
  /** Some node says that a subnet has no free address, or none does so any more. */
  | { readonly kind: "full"; readonly subnet: Prefix; readonly full: boolean }
  /** Ping stopped being the source of its RTT, or is so again. */
  | { readonly kind: "noPing"; readonly id: number; readonly reason: string | undefined }
  | { readonly kind: "chosen"; readonly id: number; readonly instead: number | undefined; readonly reason: string };

interface Entry {
  readonly node: TrackedNode;
  readonly evidence: NodeEvidence;
  readonly traffic: NodeTraffic;
  grade: Grade;
  noPing: string | undefined;
  /** Whether a probe round has ended. */
  measured: boolean;
}

/** What a tracker asks of its surroundings, all optional. */
interface TrackerOptions {
  readonly onEvent?: (event: TrackerEvent) => void;
  /** All nodes should be probed now: something has changed while probes were rare. */
  readonly onProbe?: () => void;
  /** A node's health URL should be requested now, for {@link NodeTracker.verified}. */
  readonly onVerify?: (index: number, timeoutMs: number) => void;
  /** The tracker before a reload; its state of unchanged nodes is kept. */
  readonly previous?: NodeTracker | undefined;
}

/**
 * The nodes, addressed by their index in configured order.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const tracker = new NodeTracker([{ id: 1, weight: 1, local: false }, { id: 2, weight: 1, local: false }]);
 * deepStrictEqual([tracker.order, tracker.fanOut], [[0, 1], 2]);
 * tracker.healthAsked(1, { kind: "answered", ready: true, rttMs: 3 }, 1000);
 * tracker.roundEnded(1, 1000);
 * deepStrictEqual([tracker.order, tracker.fanOut], [[1, 0], 1]);
 * ```
 */
export class NodeTracker {
  readonly #entries: readonly Entry[];
  readonly #options: TrackerOptions;
  readonly #chooser = new Chooser();
  readonly #pace = new ProbePace();
  /** The subnets that the log knows to be full. */
  #full: ReadonlyMap<string, Prefix> = new Map();
  #choice: Choice;

  constructor(nodes: readonly TrackedNode[], options: TrackerOptions = {}) {
    const { previous } = options;
    this.#entries = nodes.map((node) => {
      const known = previous === undefined
        ? undefined
        : previous.#entries.find((entry) => isSameNode(entry.node, node));
      const { evidence = new NodeEvidence(), traffic = zeroTraffic() } = known ?? {};
      return { node, evidence, traffic, grade: "unreachable", noPing: undefined, measured: false };
    });
    this.#options = options;
    this.#choice = this.#chooser.choose(this.#candidates(), { roundEnded: true });
  }

  /** Indexes of all nodes, best first. */
  get order(): readonly number[] {
    return this.#choice.order;
  }

  /** How many of them, starting with the first, get a request at once. */
  get fanOut(): number {
    return this.#choice.fanOut;
  }

  /** A node's current grade. */
  gradeOf(index: number): Grade {
    return this.#entries[index]?.grade ?? "unreachable";
  }

  hedgeDelayMs(index: number): number {
    return this.#at(index).evidence.hedgeDelayMs;
  }

  /** Whether some node can serve. */
  ready(nowMs: number): boolean {
    return this.#entries.some(({ evidence }) => evidence.ready(nowMs));
  }

  /** Why no node can serve; undefined while one can. */
  unreadiness(nowMs: number): string | undefined {
    if (this.ready(nowMs)) return undefined;
    const reachable = this.#entries.filter(({ evidence }) => evidence.reachable(nowMs));
    if (reachable.length === 0) return "no node answers: check the nodes' health URLs and the network to them";
    return `no node is ready: ${
      reachable.map(({ node, evidence }) => `node ${node.id}: ${evidence.fault(nowMs)}`).join("; ")
    }`;
  }

  traffic(index: number): NodeTraffic {
    return this.#at(index).traffic;
  }

  /** A round of probes begins: after how many intervals the next one is due. */
  nextRound(): number {
    return this.#pace.next(this.#isCalm());
  }

  pinged(index: number, result: PingResult): void {
    const { evidence, grade } = this.#at(index);
    evidence.pinged(result);
    // Where ICMP is filtered every ping is lost.
    if (result.kind === "silent" && grade === "healthy" && evidence.noPing === undefined) this.#disturb();
  }

  healthAsked(index: number, result: HealthResult, nowMs: number): void {
    const { evidence, grade } = this.#at(index);
    evidence.healthAsked(result, nowMs);
    if (result.kind === "silent" && grade === "healthy" && evidence.httpLoss.everAnswered) this.#disturb();
    this.#update(nowMs, false);
    this.#reportFull(nowMs);
  }

  /** A node's word on a doubt: the result of the request that `onVerify` asked for. */
  verified(index: number, result: HealthResult, nowMs: number): void {
    this.#judge(index, this.#at(index).evidence.verified(result, nowMs), nowMs);
    this.#reportFull(nowMs);
  }

  /** Ping and health have been reported for this node; distances are compared again. */
  roundEnded(index: number, nowMs: number): void {
    const entry = this.#at(index);
    entry.measured = true;
    entry.evidence.roundEnded(nowMs);
    const { noPing } = entry.evidence;
    if (noPing !== entry.noPing) this.#options.onEvent?.({ kind: "noPing", id: entry.node.id, reason: noPing });
    entry.noPing = noPing;
    // Every node ends its own round; only the first one's counts, or rounds would count several times.
    this.#update(nowMs, index === 0);
  }

  /** A node answered after `answerMs`; undefined when that is ambiguous. */
  answered(index: number, answerMs: number | undefined, nowMs: number): void {
    const { evidence, grade } = this.#at(index);
    if (evidence.answered(answerMs, nowMs)) this.#disturb();
    if (grade !== "healthy" && grade !== "probation") this.#update(nowMs, false);
  }

  /** A request is not answered as fast as usual, for no reason that is known: it is hedged. */
  silent(): void {
    this.#disturb();
  }

  /** A request expired without the node's answer; that alone does not count against it. */
  unanswered(index: number): void {
    this.#at(index).traffic.unanswered++;
  }

  /** A DHCPREQUEST for a node's own offer expired without an answer; see {@link NodeEvidence.ignored}. */
  ignored(index: number, askedAtMs: number, nowMs: number, network?: ClientNetwork): void {
    this.#judge(index, this.#at(index).evidence.ignored(askedAtMs, nowMs, network), nowMs);
  }

  /** Another node answered a request that this one let expire; `network`: see {@link NodeEvidence.beaten}. */
  beaten(index: number, askedAtMs: number, nowMs: number, network?: ClientNetwork): void {
    this.#judge(index, this.#at(index).evidence.beaten(askedAtMs, nowMs, network), nowMs);
  }

  /** Whether a node's silence to a DHCPDISCOVER is on purpose; see {@link NodeEvidence.isFull}. */
  isFull(index: number, network: ClientNetwork): boolean {
    return this.#at(index).evidence.isFull(network);
  }

  /** The subnets without a free address, as ready nodes say. */
  fullNetworks(nowMs: number): FullNetwork[] {
    const networks = new Map<string, { subnet: Prefix; unanswered: number; nodes: number[] }>();
    for (const { node, evidence } of this.#entries) {
      if (!evidence.ready(nowMs)) continue;
      for (const { subnet, unanswered } of evidence.full) {
        const key = formatPrefix(subnet);
        const network = networks.get(key) ?? { subnet, unanswered: 0, nodes: [] };
        network.unanswered += unanswered;
        network.nodes.push(node.id);
        networks.set(key, network);
      }
    }
    return [...networks.values()];
  }

  /** A suspect that is due for a trial; -1: none. */
  takeTrial(nowMs: number): number {
    if (!this.#entries.some(({ grade }) => grade === "suspect")) return -1;
    return this.#entries.findIndex(({ evidence }) => evidence.takeTrial(nowMs));
  }

  /** The state of every node, in configured order. */
  states(nowMs: number): NodeState[] {
    const chosen = this.order.slice(0, this.fanOut);
    return this.#entries.map(({ node, evidence, traffic }, index) => ({
      id: node.id,
      ready: evidence.ready(nowMs),
      reachable: evidence.reachable(nowMs),
      chosen: chosen.includes(index),
      suspect: evidence.suspect,
      grade: evidence.grade(nowMs),
      fault: evidence.fault(nowMs) ?? null,
      reason: this.#reason(index, nowMs),
      rttMs: evidence.rtt.smoothedMs ?? null,
      deviationMs: evidence.rtt.deviationMs ?? null,
      jitterMs: evidence.rtt.jitterMs ?? null,
      rttSource: evidence.rttSource ?? null,
      noPing: evidence.noPing ?? null,
      loss: evidence.loss,
      answerMs: evidence.dhcp.smoothedMs ?? null,
      hedgeDelayMs: evidence.hedgeDelayMs,
      traffic,
    }));
  }

  #judge(index: number, judgement: Judgement, nowMs: number): void {
    if (judgement === "suspect") this.#update(nowMs, false);
    else if (judgement === "doubt") this.#options.onVerify?.(index, this.#at(index).evidence.verifyMs);
  }

  /** Whether no grade is going to change, and the choice neither: the nodes that fail may stay as they are. */
  #isCalm(): boolean {
    const best = this.#entries[this.order[0] ?? -1];
    return best?.grade === "healthy" && !this.#chooser.deciding &&
      this.#entries.every(({ evidence, grade, measured }) => measured && (isDown(grade) || !evidence.changing));
  }

  #disturb(): void {
    if (this.#pace.disturb()) this.#options.onProbe?.();
  }

  #reportFull(nowMs: number): void {
    const full = new Map(this.fullNetworks(nowMs).map(({ subnet }) => [formatPrefix(subnet), subnet]));
    for (const [key, subnet] of full) {
      if (!this.#full.has(key)) this.#options.onEvent?.({ kind: "full", subnet, full: true });
    }
    for (const [key, subnet] of this.#full) {
      if (!full.has(key)) this.#options.onEvent?.({ kind: "full", subnet, full: false });
    }
    this.#full = full;
  }

  #update(nowMs: number, roundEnded: boolean): void {
    for (const entry of this.#entries) {
      entry.evidence.expire(nowMs);
      const grade = entry.evidence.grade(nowMs);
      if (grade === entry.grade) continue;
      entry.grade = grade;
      this.#disturb();
      this.#options.onEvent?.({ kind: "grade", id: entry.node.id, grade, fault: entry.evidence.fault(nowMs) });
    }
    const before = this.#choice;
    const settled = this.#entries.every(({ measured }) => measured);
    this.#choice = this.#chooser.choose(this.#candidates(), { roundEnded, settled });
    if (this.fanOut === 1) this.#reportChoice(before, nowMs);
  }

  #reportChoice(before: Choice, nowMs: number): void {
    const chosen = this.order[0] as number;
    const left = before.fanOut === 1 ? before.order[0] : undefined;
    if (left === chosen) return;
    const old = left === undefined ? undefined : this.#at(left);
    if (old !== undefined && old.grade !== "healthy") old.traffic.failovers++;
    this.#options.onEvent?.({
      kind: "chosen",
      id: this.#at(chosen).node.id,
      instead: old?.node.id,
      reason: old?.evidence.fault(nowMs) ?? this.#reason(chosen, nowMs),
    });
  }

  #candidates(): Candidate[] {
    return this.#entries.map(({ node, evidence, grade }): Candidate => {
      const { smoothedMs, deviationMs = 0, samples } = evidence.rtt;
      return {
        grade,
        local: node.local,
        distanceMs: smoothedMs === undefined ? undefined : smoothedMs / node.weight,
        deviationMs: deviationMs / node.weight,
        samples,
      };
    });
  }

  #reason(index: number, nowMs: number): string {
    const { node, evidence, grade } = this.#at(index);
    const best = this.order[0] as number;
    const others = this.#entries.length - 1;
    const fault = evidence.fault(nowMs);
    if (this.order.indexOf(index) < this.fanOut) {
      if (this.fanOut > 1) {
        return `no node is reachable: requests go to all ${this.fanOut}, within the hedge budget; ${fault ?? ""}`;
      }
      if (fault !== undefined) return others === 0 ? fault : `${fault}; no other node is better`;
      if (others === 0) return "the only node";
      return `${node.local ? "in this relay's site, " : ""}${this.#distance(index)}: no ready node is clearly nearer`;
    }
    if (fault !== undefined) return fault;
    const chosen = this.#at(best);
    if (grade !== chosen.grade) return "ready, but another node has a better grade";
    if (chosen.node.local && !node.local) return `node ${chosen.node.id} is in this relay's site`;
    const candidates = this.#candidates();
    const [own, theirs] = [candidates[index] as Candidate, candidates[best] as Candidate];
    const compared = `${this.#distance(index)}, node ${chosen.node.id} ${this.#distance(best)}`;
    if ((own.distanceMs ?? Infinity) >= (theirs.distanceMs ?? Infinity)) return `farther: ${compared}`;
    if (isClearlyNearer(own, theirs)) return `nearer, but not for long enough yet (hysteresis): ${compared}`;
    return `not nearer by the hysteresis of ${formatMs(hysteresisMs(own, theirs))}: ${compared}`;
  }

  #distance(index: number): string {
    const { node, evidence } = this.#at(index);
    const { smoothedMs } = evidence.rtt;
    if (smoothedMs === undefined) return "not measured";
    const source = evidence.rttSource === "icmp" ? "" : ` by ${evidence.rttSource?.toUpperCase()}`;
    return `${formatMs(smoothedMs)}${source}${node.weight === 1 ? "" : ` at weight ${node.weight}`}`;
  }

  #at(index: number): Entry {
    return this.#entries[index] as Entry;
  }
}

function isDown(grade: Grade): boolean {
  return grade === "notReady" || grade === "unreachable";
}

function isSameNode(one: TrackedNode, other: TrackedNode): boolean {
  return one.id === other.id && one.endpoint === other.endpoint;
}

function zeroTraffic(): NodeTraffic {
  return { requests: 0, hedges: 0, trials: 0, answers: 0, late: 0, unanswered: 0, delivered: 0, failovers: 0 };
}

function formatMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`;
}
