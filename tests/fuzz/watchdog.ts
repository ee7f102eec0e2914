/**
 * Ends the process when one input takes for ever: what loops can't look at the clock itself. A worker watches a counter
 * in shared memory; when it stands still, the worker prints how to repeat the case and kills the process.
 */

import type { Progress } from "./fuzzer.ts";

/** How long one case may take, far above what is slow: the machine may be busy, or a failing case be minimised. */
export const STUCK_MS = 20_000;

/** Exit code of a process that SIGKILL ended, as a shell has it. */
export const STUCK_CODE = 137;

/** Starts watching the surfaces with these names; returns what to call at each case, and how to stop. */
export function watch(
  names: readonly string[],
  stuckMs = STUCK_MS,
): { readonly progress: Progress; readonly stop: () => void } {
  const shared = new Float64Array(new SharedArrayBuffer(4 * Float64Array.BYTES_PER_ELEMENT));
  const worker = new Worker(import.meta.resolve("./watchdog_worker.ts"), { type: "module" });
  worker.postMessage({ shared, names, stuckMs });
  const indices = new Map(names.map((name, index) => [name, index]));
  const progress: Progress = (surface, seed, number) => {
    shared[1] = indices.get(surface) ?? -1;
    shared[2] = seed;
    shared[3] = number;
    shared[0] = (shared[0] as number) + 1;
  };
  return { progress, stop: () => worker.terminate() };
}
