/** What the HTTP server counts and says about connections that it closes or does not take. */

import type { Logger } from "@logtape/logtape";
import type { Ipv4 } from "../net/ipv4.ts";
import { formatIpv4 } from "../net/ipv4.ts";
import { formatSummary, LOG_LIMITS_DEFAULT, LogLimiter } from "../log/limiter.ts";
import { CLOSE_REASONS, type CloseReason } from "./connections.ts";
import { HTTP } from "./limits.ts";
import type { Metric } from "./metrics.ts";

/** Everything that is counted by reason. */
type Refusal = CloseReason | "busy" | "descriptors";

/** Counters of one server, and the log of what it refuses: a few lines per reason in ten seconds, then a count. */
export class HttpTraffic {
  /** Open connections. */
  connections = 0;
  readonly refusals: Record<Refusal, number> = {
    notAllowed: 0,
    addressFull: 0,
    full: 0,
    refused: 0,
    headers: 0,
    unanswered: 0,
    stalled: 0,
    busy: 0,
    descriptors: 0,
  };
  readonly #log: Logger;
  readonly #limiter = new LogLimiter();
  #toldMs = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** A connection was closed, or not taken. */
  closed(reason: CloseReason, address: Ipv4 | undefined, nowMs: number): void {
    this.refusals[reason]++;
    if (!this.#limiter.admit(`HTTP connections: ${CLOSE_REASONS[reason]}`, nowMs)) return;
    this.#log.warn("HTTP: a connection of {from} was closed: {reason}", {
      from: peer(address),
      reason: CLOSE_REASONS[reason],
    });
  }

  /** A request got 503. */
  busy(address: Ipv4 | undefined, nowMs: number): void {
    this.refusals.busy++;
    if (!this.#limiter.admit("HTTP: too many requests at once", nowMs)) return;
    this.#log.warn("HTTP: a request of {from} got 503: {max} others are being answered", {
      from: peer(address),
      max: HTTP.requestsMax,
    });
  }

  /** No connection could be accepted. */
  notAccepted(error: unknown, pauseMs: number, nowMs: number): void {
    this.refusals.descriptors++;
    if (!this.#limiter.admit("HTTP: no connection could be accepted", nowMs)) return;
    this.#log.error(
      "HTTP: no connection can be accepted ({error}); tried again in {pauseMs} ms. If files run out, raise LimitNOFILE",
      { error: error instanceof Error ? error.message : String(error), pauseMs },
    );
  }

  /** Logs how much was not logged; call it often. */
  tick(nowMs: number): void {
    if (nowMs - this.#toldMs < LOG_LIMITS_DEFAULT.intervalMs) return;
    this.#toldMs = nowMs;
    for (const summary of this.#limiter.takeSummaries(nowMs)) this.#log.warn(formatSummary(summary));
  }
}

/** Who has a connection, for people. */
function peer(address: Ipv4 | undefined): string {
  return address === undefined ? "this machine" : formatIpv4(address);
}

/** The metrics of a server. `prefix`: such as `dhcpcluster`. */
export function httpMetrics(prefix: string, traffic: HttpTraffic): Metric[] {
  return [
    {
      kind: "gauge",
      name: `${prefix}_http_connections`,
      help: "Open HTTP connections.",
      read: () => traffic.connections,
    },
    {
      kind: "counter",
      name: `${prefix}_http_refusals_total`,
      help: "HTTP connections that were closed or not accepted, and requests that got 503, by reason.",
      label: "reason",
      read: () => traffic.refusals,
    },
  ];
}
