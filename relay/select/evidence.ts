/**
 * The failure detector of one node: from ping, the health URL and real traffic it derives the node's distance (RTT) and
 * grade. `../probe/` decides when to probe, `choose.ts` which node is chosen.
 */

import { SELECT } from "./limits.ts";
import { LossWindow } from "./loss.ts";
import { RttEstimator } from "./rtt.ts";

/** Result of an ICMP echo request. */
export type PingResult =
  | { readonly kind: "answered"; readonly rttMs: number }
  | { readonly kind: "silent" }
  /** It could not be sent: no ping program, or no permission for it. */
  | { readonly kind: "impossible"; readonly reason: string };

/** Result of a request to the health URL. */
export type HealthResult =
  /** The URL answered; `reason` is the node's own explanation. */
  | { readonly kind: "answered"; readonly ready: boolean; readonly rttMs: number; readonly reason?: string }
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
  /** Ready, but failed recently or loses probes. */
  | "probation"
  /** Reports ready, but leaves requests unanswered. */
  | "suspect"
  /** Answers, but reports not ready. */
  | "notReady"
  /** Answers neither ping nor HTTP nor DHCP. */
  | "unreachable";

export const GRADES: readonly Grade[] = ["healthy", "probation", "suspect", "notReady", "unreachable"];

/** The source of a node's round-trip time. */
export type RttSource = "icmp" | "http" | "dhcp";

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
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #unansweredInARow = 0;
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

  healthAsked(result: HealthResult): void {
    this.#healthImpossible = result.kind === "impossible" ? result.reason : undefined;
    if (result.kind === "impossible") return;
    // A URL that has never answered says nothing: some DHCP servers have no health URL.
    if (this.#health === undefined && result.kind !== "answered") return;
    this.#health = result;
    this.httpLoss.add(result.kind === "answered");
    if (result.kind !== "answered") return;
    this.http.add(result.rttMs);
    this.#saidReady = result.ready;
    this.#saidReason = result.reason;
  }

  /** Ping and health URL have both been reported; together they count as one probe. */
  roundEnded(nowMs: number): void {
    this.#updateLoss();
    if (!this.ready(nowMs)) this.#probesMissing = this.#requiredProbes();
    else if (this.#suspicion === undefined && this.#probesMissing > 0) this.#probesMissing--;
  }

  /** It answered a request after `answerMs`; undefined when that is ambiguous. */
  answered(answerMs: number | undefined, nowMs: number): void {
    this.#answeredAtMs = nowMs;
    this.#unansweredInARow = 0;
    if (answerMs !== undefined) this.dhcp.add(answerMs);
    if (this.#suspicion !== undefined) this.#clearSuspicion();
  }

  /**
   * A request sent at `askedAtMs` expired without an answer; it may be one that deserves none. Returns whether the node
   * becomes suspect.
   */
  unanswered(askedAtMs: number, nowMs: number): boolean {
    if (this.#answeredSince(askedAtMs)) return false;
    this.#unansweredInARow++;
    return this.#unansweredInARow >= SELECT.unansweredMax && this.beaten(askedAtMs, nowMs);
  }

  /** Another node answered a request that this one left unanswered. Returns whether the node becomes suspect. */
  beaten(askedAtMs: number, nowMs: number): boolean {
    if (this.#suspicion !== undefined || this.#answeredSince(askedAtMs)) return false;
    if (nowMs - this.#suspectedAtMs > SELECT.relapseMs) this.#relapses = 0;
    this.#relapses++;
    this.#suspectedAtMs = nowMs;
    const backoffMs = SELECT.trialBackoffMs;
    this.#suspicion = { sinceMs: nowMs, nextTrialMs: nowMs + backoffMs, backoffMs };
    this.#probesMissing = this.#requiredProbes();
    return true;
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
    if (health.kind === "refused" || this.httpLoss.lostInARow >= SELECT.silentProbes) return false;
    return this.#saidReady;
  }

  reachable(nowMs: number): boolean {
    return this.#heardByPing() || this.#heardByHttp() || this.#answeredRecently(nowMs);
  }

  get suspect(): boolean {
    return this.#suspicion !== undefined;
  }

  grade(nowMs: number): Grade {
    if (!this.ready(nowMs)) return this.reachable(nowMs) ? "notReady" : "unreachable";
    if (this.#suspicion !== undefined) return "suspect";
    return this.#probesMissing > 0 || this.#lossy ? "probation" : "healthy";
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
