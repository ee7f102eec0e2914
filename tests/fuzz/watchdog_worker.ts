/** Watches a counter for `watchdog.ts`, from another thread. */

/// <reference lib="deno.worker" />

interface Watched {
  /** Counter, index of the surface, seed, number of the case. */
  readonly shared: Float64Array;
  readonly names: readonly string[];
  readonly stuckMs: number;
}

self.onmessage = ({ data }: MessageEvent<Watched>) => {
  const { shared, names, stuckMs } = data;
  let seen = -1;
  let sinceMs = performance.now();
  setInterval(() => {
    const [count = 0, surface = 0, seed, number] = shared;
    if (count !== seen || count === 0) {
      seen = count;
      sinceMs = performance.now();
      return;
    }
    if (performance.now() - sinceMs < stuckMs) return;
    const surfaceName = names[surface];
    const replay = number === -1
      ? `the same files of ${surfaceName}`
      : `deno task fuzz --surface ${surfaceName} --seed ${seed} --case ${number}`;
    Deno.stderr.writeSync(new TextEncoder().encode(`\nHangs for ${stuckMs} ms: repeat with ${replay}\n`));
    Deno.kill(Deno.pid, "SIGKILL");
  }, Math.min(500, stuckMs / 4));
};
