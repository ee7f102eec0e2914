/**
 * Asks the nodes' health URLs, all at once, again and again. Reports what came back; what that means for a node is
 * decided in `select/tracker.ts`.
 */

import type { ProbeResult } from "./select/tracker.ts";

/** What is asked, and how often. */
export interface ProberOptions {
  /** One per node; undefined for a node that can't be asked. */
  readonly urls: readonly (string | undefined)[];
  readonly intervalMs: number;
  /** An answer that takes longer counts as none. */
  readonly timeoutMs: number;
  /** Takes the result for the URL with this index. */
  readonly report: (index: number, result: ProbeResult) => void;
}

/** A running prober. */
export interface Prober {
  /** Stops asking; nothing is reported afterwards. */
  close(): void;
}

/** Starts at once. A URL is asked again only after the last request to it has ended. */
export function startProber(options: ProberOptions): Prober {
  const ending = new AbortController();
  const asking = new Set<number>();
  const askAll = () => {
    for (const [index, url] of options.urls.entries()) {
      if (url === undefined || asking.has(index)) continue;
      asking.add(index);
      probe(url, options.timeoutMs, ending.signal).then((result) => {
        asking.delete(index);
        if (!ending.signal.aborted) options.report(index, result);
      });
    }
  };
  askAll();
  const timer = setInterval(askAll, options.intervalMs);
  return {
    close() {
      clearInterval(timer);
      ending.abort();
    },
  };
}

/** Asks once. Never rejects: whatever goes wrong is silence. */
export async function probe(url: string, timeoutMs: number, ending: AbortSignal): Promise<ProbeResult> {
  const startMs = performance.now();
  try {
    // A redirect is an answer too, and following it would leave the node.
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.any([ending, AbortSignal.timeout(timeoutMs)]),
    });
    const rttMs = performance.now() - startMs;
    // The connection can serve the next request only after the body has been read; reading it may fail as well.
    await response.arrayBuffer();
    return { kind: "answered", ready: response.ok, rttMs };
  } catch {
    return { kind: "silent" };
  }
}
