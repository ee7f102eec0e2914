/** Round trips, measured with ping(8). */

import type { Namespace } from "./lab.ts";

interface PingOptions {
  readonly count: number;
  /** Between two packets; 200 ms when left out. */
  readonly intervalMs?: number;
  /** Packets in flight at a time; the next one is sent when one returns. */
  readonly inFlight?: number;
  /** Timeout of the last answer; a second when left out. */
  readonly timeoutMs?: number;
  /** The interface to send by, for multicast. */
  readonly device?: string;
}

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** NaN without an answer, like the others; with `inFlight` only the extremes are known. */
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/** Pings an address from a machine. */
export async function ping(namespace: Namespace, address: string, options: PingOptions): Promise<PingResult> {
  const { count, intervalMs = 200, inFlight, timeoutMs = 1_000, device } = options;
  const pace = inFlight === undefined ? ["-i", String(intervalMs / 1_000)] : ["-f", "-q", "-l", String(inFlight)];
  const output = await namespace.exec(
    [
      ...["ping", "-n", "-c", String(count), "-W", String(timeoutMs / 1_000), ...pace],
      ...(device === undefined ? [] : ["-I", device]),
      address,
    ],
    { mayFail: true },
  );
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(output) ?? [];
  if (sent === undefined) throw new Error(`ping ${address} said: ${output.trim()}`);
  const timesMs = [...output.matchAll(/ time=([\d.]+) ms/g)].map(([, time]) => Number(time)).toSorted((a, b) => a - b);
  const [, minMs, maxMs] = /rtt min\/avg\/max\/mdev = ([\d.]+)\/[\d.]+\/([\d.]+)\//.exec(output) ?? [];
  return {
    sent: Number(sent),
    received: Number(received),
    medianMs: timesMs[timesMs.length >> 1] ?? NaN,
    minMs: Number(minMs),
    maxMs: Number(maxMs),
  };
}
