/**
 * Pings the nodes and asks their health URLs, all at once, again and again, and tells the tracker what came back. What
 * that means for a node is decided in `../select/`.
 */

import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { HealthResult, PingResult } from "../select/evidence.ts";
import type { Pinger } from "./ping.ts";

/** A node to be measured. */
export interface ProbeTarget {
  readonly address: Ipv4;
  readonly health: string;
}

/** Takes what came back; a node is its index. */
export interface ProbeSink {
  pinged(index: number, result: PingResult): void;
  healthAsked(index: number, result: HealthResult, nowMs: number): void;
  /** Both have been told. */
  roundEnded(index: number, nowMs: number): void;
}

/** How to measure. */
export interface ProberOptions {
  readonly nodes: readonly ProbeTarget[];
  readonly intervalMs: number;
  /** An answer that takes longer counts as none. */
  readonly timeoutMs: number;
  readonly sink: ProbeSink;
  /** Undefined: ping is not wanted. */
  readonly ping: Pinger | undefined;
  readonly askHealth: (url: string, timeoutMs: number, ending: AbortSignal) => Promise<HealthResult>;
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
}

/** After so long a ping that could not be run is tried again: it may have been installed. */
export const PING_RETRY_MS = 30_000;

const NOT_WANTED: PingResult = { kind: "impossible", reason: "probe.ping is false" };

/** Measures from its construction on. */
export class Prober {
  readonly #options: ProberOptions;
  readonly #ending = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  /** Nodes whose round has not ended: they are not asked twice at a time. */
  readonly #asking = new Set<number>();
  #pingFailed: { readonly result: PingResult; readonly atMs: number } | undefined;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#askAll(), options.intervalMs);
    this.#askAll();
  }

  /** Stops; nothing is told afterwards. */
  close(): void {
    clearInterval(this.#timer);
    this.#ending.abort();
  }

  #askAll(): void {
    for (const [index, node] of this.#options.nodes.entries()) {
      if (this.#asking.has(index)) continue;
      this.#asking.add(index);
      void this.#round(index, node);
    }
  }

  async #round(index: number, { address, health }: ProbeTarget): Promise<void> {
    const { sink, askHealth, timeoutMs, now } = this.#options;
    await Promise.all([
      this.#ping(address).then((result) => this.#tell(() => sink.pinged(index, result))),
      askHealth(health, timeoutMs, this.#ending.signal)
        .then((result) => this.#tell(() => sink.healthAsked(index, result, now()))),
    ]);
    this.#asking.delete(index);
    this.#tell(() => sink.roundEnded(index, now()));
  }

  async #ping(address: Ipv4): Promise<PingResult> {
    const { ping, timeoutMs, now } = this.#options;
    if (ping === undefined) return NOT_WANTED;
    if (this.#pingFailed !== undefined && now() - this.#pingFailed.atMs < PING_RETRY_MS) return this.#pingFailed.result;
    const result = await ping(address, timeoutMs);
    this.#pingFailed = result.kind === "impossible" ? { result, atMs: now() } : undefined;
    return result;
  }

  #tell(tell: () => void): void {
    if (!this.#ending.signal.aborted) tell();
  }
}
