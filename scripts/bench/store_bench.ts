/**
 * How fast the node's store is on this machine's disk: `deno bench -A scripts/bench/store_bench.ts`. The targets:
 * 20,000 rows on stable storage within 500 ms (40,000 a second), a million loaded within 3 s, and a single row about as
 * fast as one fsync.
 *
 * The database is made under the working directory's `dist` when TMPDIR is not set, since /tmp is often no disk at all.
 */

import { openStore, type Store } from "../../node/store/mod.ts";
import { sampleRow } from "../../node/store/testing/rows.ts";

const FIRST = 0x0a000000;
const LEASES = 1_000_000;
const ROWS = 20_000;
/** Rows that the packet loop writes at a time. */
const BATCH = 64;

/** Every round writes other content: SQLite does not write an unchanged page. */
let round = 0;

let sink = 0;
let small: Promise<Store> | undefined;
let large: Promise<Store> | undefined;

async function makeDirectory(): Promise<string> {
  await Deno.mkdir("dist", { recursive: true });
  const place = Deno.env.get("TMPDIR") ?? "dist";
  const stateDir = await Deno.makeTempDir({ dir: place, prefix: "store-bench-" });
  addEventListener("unload", () => Deno.removeSync(stateDir, { recursive: true }));
  return stateDir;
}

async function openSmall(): Promise<Store> {
  return await openStore({ stateDir: await makeDirectory() });
}

/** A store with a million leases. */
async function openLarge(): Promise<Store> {
  const store = await openStore({ stateDir: await makeDirectory() });
  for (let first = 0; first < LEASES; first += ROWS) {
    await write(store, Array.from({ length: ROWS }, (_, index) => sampleRow(FIRST + first + index)));
  }
  return store;
}

/** Queues rows in batches as the packet loop does and returns once the last one is durable. */
function write(store: Store, rows: readonly ReturnType<typeof sampleRow>[]): Promise<void> {
  const done = Promise.withResolvers<void>();
  let written = 0;
  const durable = () => {
    if (++written === rows.length) done.resolve();
  };
  let next = 0;
  const channel = new MessageChannel();
  // One batch per turn of the event loop, so that answers of the worker come in between.
  channel.port1.onmessage = () => {
    for (let row = 0; row < BATCH && next < rows.length; row++) {
      store.write({ rows: [rows[next++] as (typeof rows)[number]] }, durable);
    }
    store.flush();
    if (next < rows.length) channel.port2.postMessage(0);
    else channel.port1.close();
  };
  channel.port2.postMessage(0);
  return done.promise;
}

Deno.bench({
  name: "20,000 new leases, in order",
  group: "write",
  n: 10,
  warmup: 2,
  fn: async (bench) => {
    const store = await (small ??= openSmall());
    const first = FIRST + ROWS * round++;
    const rows = Array.from({ length: ROWS }, (_, index) => sampleRow(first + index));
    bench.start();
    await write(store, rows);
    bench.end();
  },
});

Deno.bench({
  name: "20,000 renewals among a million",
  group: "write",
  n: 10,
  warmup: 1,
  fn: async (bench) => {
    const store = await (large ??= openLarge());
    const salt = ++round;
    // Renewals come in random order: with a prime step each writes another page.
    const rows = Array.from({ length: ROWS }, (_, index) => sampleRow(FIRST + ((index + salt) * 7_919) % LEASES, salt));
    bench.start();
    await write(store, rows);
    bench.end();
  },
});

Deno.bench({
  name: "a single row",
  group: "latency",
  fn: async (bench) => {
    const store = await (small ??= openSmall());
    const row = sampleRow(FIRST, ++round);
    bench.start();
    await new Promise<void>((resolve) => store.write({ rows: [row] }, resolve));
    bench.end();
  },
});

Deno.bench({
  name: "load 1,000,000 leases",
  group: "load",
  n: 5,
  warmup: 1,
  fn: async (bench) => {
    const store = await (large ??= openLarge());
    bench.start();
    await store.load((row) => void (sink += row.address));
    bench.end();
  },
});
