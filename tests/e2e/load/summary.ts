/** Results of clients: each exchange, and a summary in figures. */

/** One exchange: getting a lease (DISCOVER to ACK), or renewing or confirming it (REQUEST to ACK). */
export interface Exchange {
  readonly kind: "acquire" | "renew" | "rebind" | "reboot";
  readonly client: number;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  readonly latencyMs: number;
  /** Retransmissions of the message that had most of them. */
  readonly retransmissions: number;
  readonly naks: number;
  /** The address of the DHCPACK; undefined when the client gave up. */
  readonly address?: string;
}

/** Exchanges of one kind. */
export interface Summary {
  readonly count: number;
  /** Clients that gave up. */
  readonly failed: number;
  readonly naks: number;
  /** Exchanges with retransmissions, and the most of one exchange. */
  readonly retransmitted: number;
  readonly retransmissionsMax: number;
  /** Of those that succeeded. */
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
}

export function summarize(exchanges: readonly Exchange[]): Summary {
  const latencies = exchanges.filter(({ address }) => address !== undefined)
    .map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b);
  return {
    count: exchanges.length,
    failed: exchanges.filter(({ address }) => address === undefined).length,
    naks: exchanges.reduce((sum, { naks }) => sum + naks, 0),
    retransmitted: exchanges.filter(({ retransmissions }) => retransmissions > 0).length,
    retransmissionsMax: exchanges.reduce((most, { retransmissions }) => Math.max(most, retransmissions), 0),
    latencyMs: {
      p50: percentile(latencies, 0.5),
      p90: percentile(latencies, 0.9),
      p99: percentile(latencies, 0.99),
      max: latencies.at(-1) ?? 0,
    },
  };
}

/** The nearest rank in a sorted list, to a hundredth; 0 for an empty list. */
function percentile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return Math.round(value * 100) / 100;
}

/** One readable line. */
export function describeExchange(
  { kind, client, startedMs, latencyMs, retransmissions, naks, address }: Exchange,
): string {
  const time = new Date(startedMs).toISOString().slice(17, 23);
  return `  ${time} client ${client}: ${kind} ${address ?? "given up"} in ${Math.round(latencyMs)} ms, ` +
    `${retransmissions} retransmitted, ${naks} NAK`;
}

/** One readable line. */
export function describeSummary(name: string, { count, failed, naks, retransmitted, latencyMs }: Summary): string {
  const { p50, p99, max } = latencyMs;
  return `${name}: ${count}, ${failed} failed, ${naks} NAK, ${retransmitted} retransmitted; ` +
    `p50 ${p50} ms, p99 ${p99} ms, max ${Math.round(max)} ms`;
}
