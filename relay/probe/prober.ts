/**
 * Probes: pings every node and requests its health URL once per interval, and passes the results to the tracker.
 * `../select/` decides what they mean for a node.
 */

import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { HealthResult, PingResult } from "../select/evidence.ts";
import type { Pinger } from "./ping.ts";

/** A node to probe. */
interface ProbeTarget {
  readonly address: Ipv4;
  readonly health: string;
}

/** Takes the results; nodes are given by index. */
interface ProbeSink {
  pinged(index: number, result: PingResult): void;
  healthAsked(index: number, result: HealthResult, nowMs: number): void;
  /** Both results have been passed. */
  roundEnded(index: number, nowMs: number): void;
}

/** Options of a prober. */
interface ProberOptions {
  readonly nodes: readonly ProbeTarget[];
  readonly intervalMs: number;
  /** A later answer counts as none. */
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

const PING_DISABLED: PingResult = { kind: "impossible", reason: "probe.ping is false" };

/** Probes from its construction on. */
export class Prober {
  readonly #options: ProberOptions;
  readonly #ending = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  /** Nodes whose round has not ended; they get no second probe at the same time. */
  readonly #probing = new Set<number>();
  #pingFailed: { readonly result: PingResult; readonly atMs: number } | undefined;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#probeAll(), options.intervalMs);
    this.#probeAll();
  }

  /** Stops; no results are passed afterwards. */
  close(): void {
    clearInterval(this.#timer);
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
    const { sink, askHealth, timeoutMs, now } = this.#options;
    await Promise.all([
      this.#ping(address).then((result) => this.#report(() => sink.pinged(index, result))),
      askHealth(health, timeoutMs, this.#ending.signal)
        .then((result) => this.#report(() => sink.healthAsked(index, result, now()))),
    ]);
    this.#probing.delete(index);
    this.#report(() => sink.roundEnded(index, now()));
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
