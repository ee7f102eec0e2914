/**
 * Asks nodes for their status all the time and prints a {@link Change} whenever the facts are others. Runs in the
 * monitor's namespace, which `watch.ts` starts it in; the argument is a {@link WatchOrder} as JSON.
 */

import type { Facts, NodeStatus } from "./status.ts";
import type { Change, WatchOrder } from "./watch.ts";

/** The time between two looks is how exact the times of changes are. */
const INTERVAL_MS = 40;
const TIMEOUT_MS = 500;

const { nodes } = JSON.parse(Deno.args[0] ?? "") as WatchOrder;
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
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, start + INTERVAL_MS - performance.now())));
  }
}

/** Undefined when nobody answers. */
async function read(url: string): Promise<Facts | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const { role, term, leader, quorum, ready, reason, revision } = await response.json() as NodeStatus;
    return { role, term, leader, quorum, ready, reason, revision };
  } catch {
    return undefined;
  }
}
