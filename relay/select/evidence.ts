/**
 * What is known of one node, and what follows from it: how far it is, whether it can serve, and whether it is to be
 * trusted with a client. Three witnesses speak: ping, the health URL, and real traffic. Who asks them and how often is
 * the business of the drivers; which node is chosen is that of `choose.ts`.
 */

import { SELECT } from "./limits.ts";
import { LossWindow } from "./loss.ts";
import { RttEstimator } from "./rtt.ts";

/** What an ICMP echo request brought. */
export type PingResult =
  | { readonly kind: "answered"; readonly rttMs: number }
  | { readonly kind: "silent" }
  /** None could be sent: no ping program, or no permission for it. */
  | { readonly kind: "impossible"; readonly reason: string };

/** What a request to the health URL brought. */
export type HealthResult =
  /** The URL answered: whether with success, after how long, and what the node said. */
  | { readonly kind: "answered"; readonly ready: boolean; readonly rttMs: number; readonly reason?: string }
  /** No answer in time. */
  | { readonly kind: "silent" }
  /** Its host says that nothing listens there. */
  | { readonly kind: "refused" }
  /** It could not be asked, which says nothing about the node: such as a name that does not resolve. */
  | { readonly kind: "impossible"; readonly reason: string };

/** How much a node is worth sending to, best first; the order of {@link GRADES}. */
export type Grade =
  /** Can serve, and has proven it. */
  | "healthy"
  /** Can serve, but failed not long ago, or loses probes. */
  | "probation"
  /** Says that it can serve, yet leaves requests unanswered. */
  | "suspect"
  /** Is there, but says that it can't serve. */
  | "notReady"
  /** Gives no sign of life. */
  | "unreachable";

export const GRADES: readonly Grade[] = ["healthy", "probation", "suspect", "notReady", "unreachable"];

/** What the distance of a node was measured with. */
export type RttSource = "icmp" | "http" | "dhcp";

interface Suspicion {
  readonly sinceMs: number;
  nextTrialMs: number;
  backoffMs: number;
}

/** Feeds on results, in the order in which they come; all times are of one clock that does not go back. */
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
  /** Good probes that are still missing; 0 for a node that has never failed. */
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
    // A URL that never answers says nothing about DHCP: there are servers without one.
    if (this.#health === undefined && result.kind !== "answered") return;
    this.#health = result;
    this.httpLoss.add(result.kind === "answered");
    if (result.kind !== "answered") return;
    this.http.add(result.rttMs);
    this.#saidReady = result.ready;
    this.#saidReason = result.reason;
  }

  /** Both witnesses have been asked: what they said counts as one probe. */
  roundEnded(nowMs: number): void {
    this.#updateLoss();
    if (!this.ready(nowMs)) this.#probesMissing = this.#requiredProbes();
    else if (this.#suspicion === undefined && this.#probesMissing > 0) this.#probesMissing--;
  }

  /** It answered a request; `answerMs`: after how long, where that can be told. */
  answered(answerMs: number | undefined, nowMs: number): void {
    this.#answeredAtMs = nowMs;
    this.#unansweredInARow = 0;
    if (answerMs !== undefined) this.dhcp.add(answerMs);
    if (this.#suspicion !== undefined) this.#clearSuspicion();
  }

  /**
   * It left a request unanswered that it was sent at `askedAtMs`, which may have deserved no answer. Says whether that
   * makes it suspect now.
   */
  unanswered(askedAtMs: number, nowMs: number): boolean {
    if (this.#answeredSince(askedAtMs)) return false;
    this.#unansweredInARow++;
    return this.#unansweredInARow >= SELECT.unansweredMax && this.beaten(askedAtMs, nowMs);
  }

  /** It left one unanswered which another node has answered. Says whether that makes it suspect now. */
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

  /** Whether a suspect should be tried with a copy of a request now; if so, the next time is later. */
  takeTrial(nowMs: number): boolean {
    const suspicion = this.#suspicion;
    if (suspicion === undefined || nowMs < suspicion.nextTrialMs || !this.ready(nowMs)) return false;
    suspicion.backoffMs = Math.min(2 * suspicion.backoffMs, SELECT.trialBackoffMsMax);
    suspicion.nextTrialMs = nowMs + suspicion.backoffMs;
    return true;
  }

  /** Lets suspicion end that nobody could confirm. */
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

  /** What its distance is taken from: ping unless that does not get through. */
  get rttSource(): RttSource | undefined {
    if (this.icmp.samples > 0 && !this.#icmpFiltered()) return "icmp";
    if (this.http.samples > 0) return "http";
    return this.dhcp.samples > 0 ? "dhcp" : undefined;
  }

  /** Why the distance is not taken from ping; undefined when it is. */
  get noPing(): string | undefined {
    if (this.#icmpImpossible !== undefined) return this.#icmpImpossible;
    return this.#icmpFiltered() ? "ping gets no answer though the node is there: ICMP is filtered" : undefined;
  }

  get rtt(): RttEstimator {
    const source = this.rttSource;
    return source === "http" ? this.http : source === "dhcp" ? this.dhcp : this.icmp;
  }

  get loss(): number {
    return this.#lossWindow.share;
  }

  /** After how long without an answer the next node is asked as well. */
  get hedgeDelayMs(): number {
    const { smoothedMs, deviationMs } = this.dhcp;
    if (smoothedMs === undefined || deviationMs === undefined) return SELECT.hedgeMsMax;
    const wanted = smoothedMs + SELECT.hedgeDeviations * deviationMs;
    return Math.min(SELECT.hedgeMsMax, Math.max(SELECT.hedgeMsMin, wanted));
  }

  /** What keeps it from being healthy, for people. */
  fault(nowMs: number): string | undefined {
    switch (this.grade(nowMs)) {
      case "healthy":
        return undefined;
      case "probation":
        return this.#probesMissing > 0
          ? `back, but ${this.#probesMissing} good ${
            this.#probesMissing === 1 ? "probe" : "probes"
          } short of being trusted`
          : `${Math.round(100 * this.loss)} % of the probes are lost`;
      case "suspect":
        return `DHCP requests are left unanswered since ${Math.round((nowMs - this.#suspectedAtMs) / 1000)} s`;
      case "notReady":
        return `not ready: ${this.#unreadiness()}`;
      case "unreachable":
        return "no sign of life: neither ping nor HTTP nor DHCP is answered";
    }
  }

  /** Who has answered anything since is busy, or a datagram was lost; it is there. */
  #answeredSince(askedAtMs: number): boolean {
    return this.#answeredAtMs > askedAtMs;
  }

  #unreadiness(): string {
    if (this.#healthImpossible !== undefined) return `its health can't be asked: ${this.#healthImpossible}`;
    if (this.#health === undefined) return "its health URL never answered, nor did it serve lately";
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
    // Of the whole window, however few probes there were yet: one lost out of two says nothing.
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
