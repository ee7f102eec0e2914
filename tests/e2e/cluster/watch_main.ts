/**
 * Polls the nodes' status and prints a {@link Change} whenever the facts of one change. `watch.ts` starts it in the
 * monitor's namespace; the argument is a {@link WatchOrder} as JSON.
 */

import type { Facts, NodeStatus } from "./status.ts";
import type { Change, WatchOrder } from "./watch.ts";

const TIMEOUT_MS = 500;

const { nodes, intervalMs = 40 } = JSON.parse(Deno.args[0] ?? "") as WatchOrder;
await Promise.all(nodes.map(({ id, url }) => watch(id, url)));

async function watch(id: number, url: string): Promise<never> {
  let last = "";
  for (;;) {
    const start = performance.now();
    const facts = await read(url);
    const text = JSON.stringify(facts ?? null);
    if (text !== last) {
      last = text;
      const change: Change = { atMs: Date.now(), id, ...(facts === undefined ? {} : { facts }) };
      Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(change) + "\n"));
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, start + intervalMs - performance.now())));
  }
}

/** Undefined without an answer. */
async function read(url: string): Promise<Facts | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const { role, term, leader, quorum, ready, reason, revision } = await response.json() as NodeStatus;
    return { role, term, leader, quorum, ready, reason, revision };
  } catch {
    return undefined;
  }
}
