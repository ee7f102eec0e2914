/**
 * The failure detector of one node: from ping, the health URL and real traffic it derives the node's distance (RTT) and
 * grade. `../probe/` decides when to probe, `choose.ts` which node is chosen.
 */

import { type Ipv4, type Prefix, prefixContains } from "../../src/net/ipv4.ts";
import { SELECT } from "./limits.ts";
import { LossWindow } from "./loss.ts";
import { RttEstimator } from "./rtt.ts";

/** Result of an ICMP echo request. */
export type PingResult =
  | { readonly kind: "answered"; readonly rttMs: number }
  | { readonly kind: "silent" }
  /** It could not be sent: no ping program, or no permission for it. */
  | { readonly kind: "impossible"; readonly reason: string };

/** A subnet in which a node has no free address, and how many DHCPDISCOVERs it has left unanswered there. */
export interface FullSubnet {
  readonly subnet: Prefix;
  readonly unanswered: number;
}

/** Where a client is, as a node sees it: `giaddr`, and the address of the link selection sub-option. */
export interface ClientNetwork {
  readonly giaddr: Ipv4;
  readonly local: Ipv4;
}

/** Result of a request to the health URL. */
export type HealthResult =
  /**
   * The URL answered, `late`: after the timeout, which was reported as silent. `reason` is the node's own explanation;
   * `full` is undefined when it does not tell which subnets are full.
   */
  | {
    readonly kind: "answered" | "late";
    readonly ready: boolean;
    readonly rttMs: number;
    readonly reason?: string;
    readonly full?: readonly FullSubnet[];
    /** Where it drops what strangers send beyond its limits. */
    readonly shed?: readonly FullSubnet[];
    /** It takes part in conflict detection. */
    readonly probes?: true;
  }
  /** No answer within the timeout. */
  | { readonly kind: "silent" }
  /** Connection refused. */
  | { readonly kind: "refused" }
  /** The request failed in a way that says nothing about the node, such as a name that does not resolve. */
  | { readonly kind: "impossible"; readonly reason: string };

/** A node's grade, best first; same order as {@link GRADES}. */
export type Grade =
  /** Ready, and no recent failure. */
  | "healthy"
  /** Ready, but failed recently, loses probes, or its health URL answers late. */
  | "probation"
  /** Reports ready, but leaves requests unanswered that another node answers, or ones for its own offers. */
  | "suspect"
  /** Answers, but reports not ready. */
  | "notReady"
  /** Answers neither ping nor HTTP nor DHCP. */
  | "unreachable";

export const GRADES: readonly Grade[] = ["healthy", "probation", "suspect", "notReady", "unreachable"];

/** The source of a node's round-trip time. */
export type RttSource = "icmp" | "http" | "dhcp";

/** What the silence of a node means so far: `doubt` is to be resolved by its own word (`verified`). */
export type Judgement = "nothing" | "doubt" | "suspect";

interface Suspicion {
  readonly sinceMs: number;
  nextTrialMs: number;
  backoffMs: number;
}

/** Fed with results in the order of their arrival; all times are of one monotonic clock. */
export class NodeEvidence {
  readonly icmp = new RttEstimator();
  readonly http = new RttEstimator();
  readonly dhcp = new RttEstimator({ sparse: false });
  readonly icmpLoss = new LossWindow();
  readonly httpLoss = new LossWindow();
  #icmpImpossible: string | undefined;
  #healthImpossible: string | undefined;
  #health: Exclude<HealthResult, { kind: "impossible" }> | undefined;
  #saidReady = false;
  #saidReason: string | undefined;
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #full: readonly FullSubnet[] | undefined;
  #shed: readonly FullSubnet[] = [];
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #ignoredInARow = 0;
  /** Answers in a row that took longer than was usual before them, and what that was. */
  #slower: { readonly usualMs: number; readonly inARow: number } | undefined;
  /** A DHCPDISCOVER from this network was answered by another node only. */
  #doubt: { readonly network: ClientNetwork; readonly askedAtMs: number; readonly sinceMs: number } | undefined;
  #suspicion: Suspicion | undefined;
  #suspectedAtMs = Number.NEGATIVE_INFINITY;
  #relapses = 0;
  /** Good probes still needed to leave probation; 0 for a node that has never failed. */
  #probesMissing = 0;
  #lossy = false;

  pinged(result: PingResult): void {
    this.#icmpImpossible = result.kind === "impossible" ? result.reason : undefined;
    if (result.kind === "impossible") return;
    this.icmpLoss.add(result.kind === "answered");
    if (result.kind === "answered") this.icmp.add(result.rttMs);
  }

  healthAsked(result: HealthResult, nowMs: number): void {
    this.#healthImpossible = result.kind === "impossible" ? result.reason : undefined;
    if (result.kind === "impossible") return;
    const answered = result.kind === "answered" || result.kind === "late";
    // A URL that has never answered says nothing: some DHCP servers have no health URL.
    if (this.#health === undefined && !answered) return;
    this.#health = result;
    // A late answer has been counted as lost.
    if (result.kind !== "late") this.httpLoss.add(answered);
    if (!answered) return;
    this.http.add(result.rttMs);
    this.#saidReady = result.ready;
    this.#saidReason = result.reason;
    this.#saidAtMs = nowMs;
    this.#full = result.full;
    this.#shed = result.shed ?? [];
  }

  /** Ping and health URL have both been reported; together they count as one probe. */
  roundEnded(nowMs: number): void {
    this.#updateLoss();
    if (!this.ready(nowMs) || this.#slow) this.#probesMissing = this.#requiredProbes();
    else if (this.#suspicion === undefined && this.#probesMissing > 0) this.#probesMissing--;
  }

  /**
   * It answered a request after `answerMs`; undefined when that is ambiguous. Returns whether its answers have become
   * slower, so that probes should measure it.
   */
  answered(answerMs: number | undefined, nowMs: number): boolean {
    this.#answeredAtMs = nowMs;
    this.#ignoredInARow = 0;
    this.#doubt = undefined;
    if (this.#suspicion !== undefined) this.#clearSuspicion();
    if (answerMs === undefined) return false;
    const usualMs = this.#slower?.usualMs ?? this.#usualAnswerMs;
    this.#slower = answerMs > usualMs ? { usualMs, inARow: (this.#slower?.inARow ?? 0) + 1 } : undefined;
    this.dhcp.add(answerMs);
    return (this.#slower?.inARow ?? 0) >= SELECT.slowerAnswers;
  }

  /**
   * It left a DHCPREQUEST for its own offer, sent at `askedAtMs`, unanswered. `network` is that of a stranger, which a
   * node leaves unanswered on purpose when strangers have what they may have there.
   */
  ignored(askedAtMs: number, nowMs: number, network?: ClientNetwork): Judgement {
    if (network !== undefined && isIn(this.#shed, network)) return "nothing";
    if (this.#suspicion !== undefined || this.#answeredSince(askedAtMs)) return "nothing";
    this.#ignoredInARow++;
    return this.#ignoredInARow >= SELECT.ignoredMax ? this.#suspect(nowMs) : "nothing";
  }

  /**
   * Another node answered a request that this one left unanswered. `network` is that of a DHCPDISCOVER, which a node
   * leaves unanswered on purpose when it has no free address there.
   */
  beaten(askedAtMs: number, nowMs: number, network?: ClientNetwork): Judgement {
    if (this.#suspicion !== undefined || this.#answeredSince(askedAtMs)) return "nothing";
    if (network === undefined || this.#full === undefined) return this.#suspect(nowMs);
    if (this.isFull(network)) return "nothing";
    // It may have become full since it was asked last. A reload loses its word on an earlier doubt.
    if (this.#doubt !== undefined && nowMs - this.#doubt.sinceMs < 2 * SELECT.verifyMsMax) return "nothing";
    this.#doubt = { network, askedAtMs, sinceMs: nowMs };
    return "doubt";
  }

  /** Its word on a doubt: the answer of its health URL to a request sent after the doubt began. */
  verified(result: HealthResult, nowMs: number): Judgement {
    const doubt = this.#doubt;
    this.#doubt = undefined;
    if (result.kind === "answered") {
      this.#full = result.full;
      this.#shed = result.shed ?? [];
    }
    if (doubt === undefined || this.#suspicion !== undefined || this.#answeredSince(doubt.askedAtMs)) return "nothing";
    return result.kind === "answered" && this.isFull(doubt.network) ? "nothing" : this.#suspect(nowMs);
  }

  /** How long its word on a doubt may take: little longer than its health URL takes to answer. */
  get verifyMs(): number {
    const { smoothedMs = SELECT.verifyMsMax, deviationMs = 0 } = this.http;
    const wanted = smoothedMs + SELECT.verifyDeviations * deviationMs;
    return Math.round(Math.min(SELECT.verifyMsMax, Math.max(SELECT.verifyMsMin, wanted)));
  }

  /** Whether it says that a client's subnet has no free address, or none for strangers. */
  isFull(network: ClientNetwork): boolean {
    return isIn(this.full, network) || isIn(this.#shed, network);
  }

  /** The subnets that it says are full. */
  get full(): readonly FullSubnet[] {
    return this.#full ?? [];
  }

  /** Whether it is about to be healthy again, or suspect: its grade is going to change. */
  get changing(): boolean {
    return this.#probesMissing > 0 || this.#suspicion !== undefined;
  }

  /** Whether a suspect gets a trial (a copy of a request) now; each trial doubles the backoff. */
  takeTrial(nowMs: number): boolean {
    const suspicion = this.#suspicion;
    if (suspicion === undefined || nowMs < suspicion.nextTrialMs || !this.ready(nowMs)) return false;
    suspicion.backoffMs = Math.min(2 * suspicion.backoffMs, SELECT.trialBackoffMsMax);
    suspicion.nextTrialMs = nowMs + suspicion.backoffMs;
    return true;
  }

  /** Ends a suspicion that no trial has confirmed. */
  expire(nowMs: number): void {
    if (this.#suspicion !== undefined && nowMs - this.#suspicion.sinceMs >= SELECT.suspectMsMax) this.#clearSuspicion();
  }

  ready(nowMs: number): boolean {
    const health = this.#health;
    if (health === undefined || this.#healthImpossible !== undefined) return this.#answeredRecently(nowMs);
    if (health.kind === "refused") return false;
    // A busy node answers its health URL late: what it said last counts while it says anything, or serves.
    return this.#saidReady && (!this.#slow || this.#saidRecently(nowMs) || this.#servesRecently(nowMs));
  }

  reachable(nowMs: number): boolean {
    return this.#heardByPing() || this.#heardByHttp() || this.#saidRecently(nowMs) || this.#answeredRecently(nowMs);
  }

  get suspect(): boolean {
    return this.#suspicion !== undefined;
  }

  grade(nowMs: number): Grade {
    if (!this.ready(nowMs)) return this.reachable(nowMs) ? "notReady" : "unreachable";
    if (this.#suspicion !== undefined) return "suspect";
    return this.#slow || this.#probesMissing > 0 || this.#lossy ? "probation" : "healthy";
  }

  /** Source of the RTT: ping, unless ICMP is filtered or ping cannot run. */
  get rttSource(): RttSource | undefined {
    if (this.icmp.samples > 0 && !this.#icmpFiltered()) return "icmp";
    if (this.http.samples > 0) return "http";
    return this.dhcp.samples > 0 ? "dhcp" : undefined;
  }

  /** Why ping is not the source; undefined when it is. */
  get noPing(): string | undefined {
    if (this.#icmpImpossible !== undefined) return this.#icmpImpossible;
    return this.#icmpFiltered() ? "ping gets no answer although the node answers HTTP: ICMP is filtered" : undefined;
  }

  get rtt(): RttEstimator {
    const source = this.rttSource;
    return source === "http" ? this.http : source === "dhcp" ? this.dhcp : this.icmp;
  }

  get loss(): number {
    return this.#lossWindow.share;
  }

  /** The hedging delay: after this long without an answer the next node gets the request as well. */
  get hedgeDelayMs(): number {
    const { smoothedMs, deviationMs } = this.dhcp;
    if (smoothedMs === undefined || deviationMs === undefined) return SELECT.hedgeMsMax;
    const wanted = smoothedMs + SELECT.hedgeDeviations * deviationMs;
    return Math.min(SELECT.hedgeMsMax, Math.max(SELECT.hedgeMsMin, wanted));
  }

  /** Why it is not healthy, for operators; undefined when it is. */
  fault(nowMs: number): string | undefined {
    switch (this.grade(nowMs)) {
      case "healthy":
        return undefined;
      case "probation":
        if (this.#slow) return "its health URL answers late or not at all";
        return this.#probesMissing > 0
          ? `on probation: ${this.#probesMissing} more good ${this.#probesMissing === 1 ? "probe" : "probes"} needed`
          : `on probation: ${Math.round(100 * this.loss)} % of the probes are lost`;
      case "suspect":
        return `DHCP requests unanswered for ${Math.round((nowMs - this.#suspectedAtMs) / 1000)} s`;
      case "notReady":
        return `not ready: ${this.#unreadiness()}`;
      case "unreachable":
        return "unreachable: answers neither ping nor HTTP nor DHCP";
    }
  }

  /** A node that answered anything since is alive: it is busy, or a datagram was lost. */
  #answeredSince(askedAtMs: number): boolean {
    return this.#answeredAtMs > askedAtMs;
  }

  #unreadiness(): string {
    if (this.#healthImpossible !== undefined) return `its health URL cannot be requested: ${this.#healthImpossible}`;
    if (this.#health === undefined) {
      return "its health URL has never answered, and it has answered no DHCP request recently";
    }
    if (this.#health.kind === "refused") return "nothing listens at its health URL";
    if (this.#health.kind === "silent") return "its health URL does not answer any more";
    return this.#saidReason ?? "it does not say why";
  }

  /** The longest time from a request to its answer that is nothing special. */
  get #usualAnswerMs(): number {
    const { smoothedMs = Infinity, deviationMs = 0 } = this.dhcp;
    return smoothedMs + Math.max(SELECT.shiftMsMin, SELECT.slowerDeviations * deviationMs);
  }

  #suspect(nowMs: number): Judgement {
    if (nowMs - this.#suspectedAtMs > SELECT.relapseMs) this.#relapses = 0;
    this.#relapses++;
    this.#suspectedAtMs = nowMs;
    const backoffMs = SELECT.trialBackoffMs;
    this.#suspicion = { sinceMs: nowMs, nextTrialMs: nowMs + backoffMs, backoffMs };
    this.#probesMissing = this.#requiredProbes();
    return "suspect";
  }

  #clearSuspicion(): void {
    this.#suspicion = undefined;
    this.#probesMissing = this.#requiredProbes();
  }

  #requiredProbes(): number {
    return Math.min(SELECT.goodProbesMax, SELECT.goodProbes * 2 ** Math.max(0, this.#relapses - 1));
  }

  get #lossWindow(): LossWindow {
    return this.rttSource === "icmp" ? this.icmpLoss : this.httpLoss;
  }

  #updateLoss(): void {
    // Relative to the full window even when it is not full yet: one lost probe out of two says nothing.
    const share = this.#lossWindow.lost / SELECT.lossWindow;
    this.#lossy = share > (this.#lossy ? SELECT.lossyUntil : SELECT.lossyAbove);
  }

  /** Its health URL answers late or not at all; one lost answer may be packet loss. */
  get #slow(): boolean {
    return this.#health !== undefined && this.#healthImpossible === undefined && this.#health.kind !== "refused" &&
      this.httpLoss.lostInARow >= SELECT.silentProbes;
  }

  #saidRecently(nowMs: number): boolean {
    return !this.#pingLost && nowMs - this.#saidAtMs < SELECT.lateMs;
  }

  #servesRecently(nowMs: number): boolean {
    return !this.#pingLost && this.#answeredRecently(nowMs);
  }

  /** It answered pings, and does so no more. */
  get #pingLost(): boolean {
    return this.#icmpImpossible === undefined && this.icmpLoss.everAnswered && !this.#heardByPing();
  }

  #answeredRecently(nowMs: number): boolean {
    return nowMs - this.#answeredAtMs < SELECT.answerValidMs;
  }

  #heardByPing(): boolean {
    return this.#icmpImpossible === undefined && this.icmpLoss.everAnswered &&
      this.icmpLoss.lostInARow < SELECT.silentProbes;
  }

  #heardByHttp(): boolean {
    return this.#healthImpossible === undefined && this.#health?.kind !== "refused" && this.httpLoss.everAnswered &&
      this.httpLoss.lostInARow < SELECT.silentProbes;
  }

  #icmpFiltered(): boolean {
    if (this.#icmpImpossible !== undefined) return true;
    return this.icmpLoss.lostInARow >= SELECT.filteredPings && this.#heardByHttp();
  }
}

function isIn(subnets: readonly FullSubnet[], { giaddr, local }: ClientNetwork): boolean {
  return subnets.some(({ subnet }) => prefixContains(subnet, local) || prefixContains(subnet, giaddr));
}
