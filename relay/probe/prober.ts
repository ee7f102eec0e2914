/**
 * Probes: pings every node and requests its health URL once per round, and passes the results to the tracker.
 * `../select/` decides what they mean for a node, and how many intervals lie between two rounds.
 */

import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { HealthResult, PingResult } from "../select/evidence.ts";
import { SELECT } from "../select/limits.ts";
import type { Pinger } from "./ping.ts";

/** A node to probe. */
interface ProbeTarget {
  readonly address: Ipv4;
  readonly health: string;
}

/** Takes the results; nodes are given by index. */
interface ProbeSink {
  /** A round begins: after how many intervals the next one is due. */
  nextRound(): number;
  pinged(index: number, result: PingResult): void;
  healthAsked(index: number, result: HealthResult, nowMs: number): void;
  /** Both results have been passed, or the health URL is late. */
  roundEnded(index: number, nowMs: number): void;
  /** The result of {@link Prober.verify}. */
  verified(index: number, result: HealthResult, nowMs: number): void;
}

/** Options of a prober. */
interface ProberOptions {
  readonly nodes: readonly ProbeTarget[];
  readonly intervalMs: number;
  /** A later answer counts as lost, but what it says is passed on. */
  readonly timeoutMs: number;
  readonly sink: ProbeSink;
  /** Undefined: no pings. */
  readonly ping: Pinger | undefined;
  readonly askHealth: (url: string, timeoutMs: number, ending: AbortSignal) => Promise<HealthResult>;
  /** Monotonic clock, in milliseconds. */
  readonly now: () => number;
}

/** A ping that could not be run is tried again after this: it may have been installed meanwhile. */
export const PING_RETRY_MS = 30_000;

const SILENT: HealthResult = { kind: "silent" };

const PING_DISABLED: PingResult = { kind: "impossible", reason: "probe.ping is false" };

/** Probes from its construction on. */
export class Prober {
  readonly #options: ProberOptions;
  readonly #ending = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Nodes whose round has not ended; they get no second probe at the same time. */
  readonly #probing = new Set<number>();
  /** Nodes whose health URL is open after its timeout: a busy node gets no second request. */
  readonly #late = new Set<number>();
  #pingFailed: { readonly result: PingResult; readonly atMs: number } | undefined;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.probe();
  }

  /** Begins a round now; the next ones follow it. */
  probe(): void {
    clearTimeout(this.#timer);
    if (this.#ending.signal.aborted) return;
    const { sink, intervalMs } = this.#options;
    const delayMs = sink.nextRound() * intervalMs;
    this.#timer = setTimeout(() => this.probe(), delayMs);
    this.#probeAll();
  }

  /** Requests one health URL now, beside the rounds. */
  async verify(index: number, timeoutMs: number): Promise<void> {
    const { nodes, sink, askHealth, now } = this.#options;
    const { health } = nodes[index] as ProbeTarget;
    const result = await askHealth(health, timeoutMs, this.#ending.signal);
    this.#report(() => sink.verified(index, result, now()));
  }

  /** Stops; no results are passed afterwards. */
  close(): void {
    clearTimeout(this.#timer);
    this.#ending.abort();
  }

  #probeAll(): void {
    for (const [index, node] of this.#options.nodes.entries()) {
      if (this.#probing.has(index)) continue;
      this.#probing.add(index);
      void this.#round(index, node);
    }
  }

  async #round(index: number, { address, health }: ProbeTarget): Promise<void> {
    const { sink, now } = this.#options;
    await Promise.all([
      this.#ping(address).then((result) => this.#report(() => sink.pinged(index, result))),
      this.#askHealth(index, health).then((result) => this.#report(() => sink.healthAsked(index, result, now()))),
    ]);
    this.#probing.delete(index);
    this.#report(() => sink.roundEnded(index, now()));
  }

  /** The answer, or silence after the timeout; a late answer is reported when it comes. */
  async #askHealth(index: number, url: string): Promise<HealthResult> {
    const { sink, askHealth, timeoutMs, now } = this.#options;
    if (this.#late.has(index)) return SILENT;
    const asked = askHealth(url, Math.max(timeoutMs, SELECT.lateMs), this.#ending.signal);
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, timeoutMs);
    const result = await Promise.race([asked, timeout.promise]);
    clearTimeout(timer);
    if (result) return result;
    this.#late.add(index);
    void asked.then((outcome) => {
      this.#late.delete(index);
      if (outcome.kind !== "answered") return;
      this.#report(() => sink.healthAsked(index, { ...outcome, kind: "late" }, now()));
    });
    return SILENT;
  }

  async #ping(address: Ipv4): Promise<PingResult> {
    const { ping, timeoutMs, now } = this.#options;
    if (ping === undefined) return PING_DISABLED;
    if (this.#pingFailed !== undefined && now() - this.#pingFailed.atMs < PING_RETRY_MS) return this.#pingFailed.result;
    const result = await ping(address, timeoutMs);
    this.#pingFailed = result.kind === "impossible" ? { result, atMs: now() } : undefined;
    return result;
  }

  #report(report: () => void): void {
    if (!this.#ending.signal.aborted) report();
  }
}
