import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { LeaseRow } from "../../src/lease/agreement/slot.ts";
import { openStore, type Store, StoreError, type StoreOptions } from "./mod.ts";
import { plain } from "./testing/any_row.ts";
import { tinyDiskTest, withDirectory } from "./testing/directory.ts";
import { sampleRow } from "./testing/rows.ts";

const FIRST = 0x0a000000;

async function withStore(
  run: (store: Store, stateDir: string) => Promise<void>,
  options: Omit<StoreOptions, "stateDir"> = {},
): Promise<void> {
  await withDirectory(async (stateDir) => {
    const store = await openStore({ stateDir, ...options });
    try {
      await run(store, stateDir);
    } finally {
      await store.close();
    }
  });
}

async function loadAll(store: Store): Promise<LeaseRow[]> {
  const rows: LeaseRow[] = [];
  await store.load((row) => rows.push(row));
  return rows;
}

/** What the disk holds, seen by another process's eyes. */
async function reopen(stateDir: string): Promise<LeaseRow[]> {
  const store = await openStore({ stateDir });
  try {
    return await loadAll(store);
  } finally {
    await store.close();
  }
}

function durable(write: (durable: () => void) => void): Promise<void> {
  return new Promise((resolve) => write(resolve));
}

/** Waits for a condition, with a deadline. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("store: what is durable is there after a restart, in order of address", () =>
  withDirectory(async (stateDir) => {
    const store = await openStore({ stateDir });
    deepStrictEqual(await loadAll(store), []);
    const rows = [9, 3, 7, 1].map((index) => sampleRow(FIRST + index));
    await Promise.all(rows.map((row) => durable((done) => store.write({ rows: [row] }, done))));
    await store.close();
    const sorted = rows.toSorted((a, b) => a.address - b.address);
    deepStrictEqual((await reopen(stateDir)).map(plain), sorted.map(plain));
  }));

Deno.test("store: write() alone starts a commit, without flush()", () =>
  withStore(async (store) => {
    await durable((done) => store.write({ rows: [sampleRow(FIRST)] }, done));
    strictEqual(store.counters.commits, 1);
  }));

Deno.test("store: of several rows for one address all callbacks run in order, and the last row wins", () =>
  withDirectory(async (stateDir) => {
    const store = await openStore({ stateDir });
    const order: number[] = [];
    for (let salt = 0; salt < 6; salt++) store.write({ rows: [sampleRow(FIRST, salt)] }, () => order.push(salt));
    await durable((done) => store.write({ facts: [["term", "7"]] }, done));
    deepStrictEqual(order, [0, 1, 2, 3, 4, 5]);
    strictEqual(store.counters.commits, 1);
    await store.close();
    deepStrictEqual((await reopen(stateDir)).map(plain), [plain(sampleRow(FIRST, 5))]);
  }));

Deno.test("store: of several values of one fact in a commit the last is written, once", () =>
  withStore(async (store) => {
    for (let lsn = 1; lsn < 100; lsn++) store.write({ facts: [["lsn", String(lsn)]] }, () => {});
    strictEqual(store.counters.pendingRows, 1);
    await durable((done) => store.write({ facts: [["lsn", "100"]] }, done));
    strictEqual(store.facts.get("lsn"), "100");
    strictEqual(store.counters.commits, 1);
  }));

Deno.test("store: callbacks keep the order of write() over many commits, rows and facts mixed", () =>
  withStore(async (store) => {
    const order: number[] = [];
    for (let index = 0; index < 2_000; index++) {
      if (index % 7 === 0) store.write({ facts: [[`fact${index % 3}`, String(index)]] }, () => order.push(index));
      else store.write({ rows: [sampleRow(FIRST + index % 100, index)] }, () => order.push(index));
      if (index % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await until(() => order.length === 2_000, "every callback");
    deepStrictEqual(order, Array.from({ length: 2_000 }, (_, index) => index));
    ok(store.counters.commits > 1);
  }));

Deno.test("store: a row is on the disk when its callback runs", () =>
  withStore(async (store, stateDir) => {
    for (let salt = 0; salt < 20; salt++) {
      const seen = await new Promise((resolve) =>
        store.write({ rows: [sampleRow(FIRST + salt)] }, () => {
          const reader = new DatabaseSync(`${stateDir}/leases.db`, { readOnly: true });
          const row = reader.prepare("SELECT count(*) AS count FROM lease WHERE address = ?").get(FIRST + salt);
          reader.close();
          resolve(row?.["count"]);
        })
      );
      strictEqual(seen, 1);
    }
  }));

Deno.test("store: facts are read as they are on disk, and survive a restart", () =>
  withDirectory(async (stateDir) => {
    const store = await openStore({ stateDir });
    strictEqual(store.facts.get("diskId"), undefined);
    const written = durable((done) => store.write({ facts: [["diskId", "é\u0000x"]] }, done));
    strictEqual(store.facts.get("diskId"), undefined);
    await written;
    strictEqual(store.facts.get("diskId"), "é\u0000x");
    await store.close();
    const again = await openStore({ stateDir });
    strictEqual(again.facts.get("diskId"), "é\u0000x");
    await again.close();
  }));

Deno.test("store: under load many rows share one commit", () =>
  withStore(async (store) => {
    const total = 4_000;
    let written = 0;
    // Sixteen rows a batch of datagrams; what comes while the first one is being synced waits for the second commit.
    for (let index = 0; index < total; index++) {
      store.write({ rows: [sampleRow(FIRST + index)] }, () => written++);
      if (index % 16 === 15) store.flush();
    }
    await until(() => written === total, "every row");
    const { commits, rows, pendingRows } = store.counters;
    strictEqual(rows, total);
    strictEqual(pendingRows, 0);
    strictEqual(commits, 2);
  }));

Deno.test("store: a single row does not wait for others", () =>
  withStore(async (store) => {
    const latencies: number[] = [];
    for (let salt = 0; salt < 100; salt++) {
      const started = performance.now();
      await durable((done) => store.write({ rows: [sampleRow(FIRST, salt)] }, done));
      latencies.push(performance.now() - started);
    }
    const median = latencies.toSorted((a, b) => a - b)[50] ?? Infinity;
    // A fsync and two messages; 100 ms would be a timer somewhere.
    ok(median < 50, `median ${median} ms`);
    strictEqual(store.counters.commits, 100);
  }));

Deno.test("store: a large load comes in many chunks and complete", () =>
  withStore(async (store) => {
    const total = 30_000;
    for (let index = 0; index < total; index++) store.write({ rows: [sampleRow(FIRST + 3 * index)] }, () => {});
    await durable((done) => store.write({ facts: [["last", "1"]] }, done));
    let next = 0;
    await store.load((row) => strictEqual(row.address, FIRST + 3 * next++));
    strictEqual(next, total);
  }));

Deno.test("store: what load() delivers to may throw, and the error comes out", () =>
  withStore(async (store) => {
    await durable((done) => store.write({ rows: [sampleRow(FIRST)] }, done));
    await rejects(
      store.load(() => {
        throw new Error("no room in the pool");
      }),
      /no room in the pool/,
    );
  }));

Deno.test("store: write() throws on a row that can't be represented and goes on", () =>
  withStore(async (store) => {
    const row = sampleRow(FIRST);
    throws(
      () =>
        store.write({ rows: [sampleRow(FIRST + 1), { ...row, slot: { ...row.slot, lockedUntil: 0.5 } }] }, () => {}),
      RangeError,
    );
    await durable((done) => store.write({ rows: [row] }, done));
    strictEqual(store.counters.rows, 1);
  }));

Deno.test("store: rows and facts of one write() are one commit", () =>
  withStore(async (store) => {
    const rows = [0, 1, 2].map((index) => sampleRow(FIRST + index));
    const written = durable((done) => store.write({ rows, facts: [["term", "7"], ["epoch", "2"]] }, done));
    strictEqual(store.counters.pendingRows, 5);
    await written;
    strictEqual(store.counters.pendingRows, 0);
    strictEqual(store.counters.commits, 1);
    strictEqual(store.counters.rows, 3);
    deepStrictEqual([...store.facts], [["term", "7"], ["epoch", "2"]]);
  }));

Deno.test("store: a write() of nothing runs its callback after all before it, and is no commit", () =>
  withStore(async (store) => {
    const order: string[] = [];
    const note = (name: string) => () => void order.push(name);
    store.write({}, note("idle"));
    deepStrictEqual(order, []);
    await Promise.resolve();
    deepStrictEqual(order, ["idle"]);
    store.write({ rows: [sampleRow(FIRST)] }, note("a row"));
    store.write({ rows: [] }, note("queued"));
    store.flush();
    store.write({ facts: [] }, note("in flight"));
    store.write({ rows: [sampleRow(FIRST + 1)] }, () => {
      // Nothing is in flight any more, but one callback is still to come.
      store.write({}, note("in a callback"));
    });
    store.write({}, note("last of the commit"));
    await until(() => order.length === 6, "every callback");
    deepStrictEqual(order, ["idle", "a row", "queued", "in flight", "last of the commit", "in a callback"]);
    strictEqual(store.counters.commits, 2);
  }));

Deno.test("store: close() writes what is queued, is idempotent, and ends write()", () =>
  withDirectory(async (stateDir) => {
    const store = await openStore({ stateDir });
    let written = 0;
    for (let index = 0; index < 500; index++) store.write({ rows: [sampleRow(FIRST + index)] }, () => written++);
    await Promise.all([store.close(), store.close()]);
    await store.close();
    strictEqual(written, 500);
    throws(() => store.write({ rows: [sampleRow(FIRST)] }, () => {}), /closed/);
    strictEqual((await reopen(stateDir)).length, 500);
    // The log is in the database, and nothing but these files stays.
    const files = await Array.fromAsync(Deno.readDir(stateDir), ({ name }) => name);
    deepStrictEqual(files.sort(), ["highwater", "leases.db", "lock"]);
  }));

Deno.test("store: a directory in use is refused, by this process and by another, until it is closed", () =>
  withDirectory(async (stateDir) => {
    const store = await openStore({ stateDir });
    const inUse = (error: unknown) => {
      ok(error instanceof StoreError);
      strictEqual(error.code, "locked");
      match(error.message, /another process uses it \(pid \d+\): stop that one/);
      return true;
    };
    await rejects(openStore({ stateDir }), inUse);
    const { stderr, success } = await writer(stateDir).output();
    ok(!success);
    match(new TextDecoder().decode(stderr), /another process uses it \(pid \d+\): stop that one/);
    // The refused ones did not take the lock away.
    await rejects(openStore({ stateDir }), inUse);
    await store.close();
    await (await openStore({ stateDir })).close();
  }));

function writer(stateDir: string, first = FIRST): Deno.Command {
  const program = new URL("./testing/writer.ts", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", program, stateDir, String(first)],
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
}

Deno.test("store: kill -9 loses nothing that was acknowledged", () =>
  withDirectory(async (stateDir) => {
    for (let round = 0; round < 5; round++) {
      const child = writer(stateDir).spawn();
      const acknowledged = new Map<number, number>();
      let text = "";
      let deadline: ReturnType<typeof setTimeout> | undefined;
      for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
        // A random moment from its first acknowledgement on.
        deadline ??= setTimeout(() => child.kill("SIGKILL"), Math.random() * 400);
        text += part;
      }
      clearTimeout(deadline);
      strictEqual((await child.status).signal, "SIGKILL");
      await child.stderr.cancel();
      // The last line may be cut off.
      for (const line of text.slice(0, text.lastIndexOf("\n")).split("\n")) {
        const [address, clock] = line.split(" ").map(Number) as [number, number];
        acknowledged.set(address, clock);
      }
      ok(acknowledged.size > 0, "it acknowledged something");
      const onDisk = new Map((await reopen(stateDir)).map((row) => [row.address, row.slot.version.clock]));
      for (const [address, clock] of acknowledged) {
        const kept = onDisk.get(address) ?? 0;
        ok(kept >= clock, `round ${round}: address ${address} has ${kept} on disk, ${clock} was acknowledged`);
      }
      // Otherwise an older round's rows would do for this one's.
      for (const file of ["leases.db", "highwater"]) await Deno.remove(`${stateDir}/${file}`);
    }
  }));

Deno.test("store: a commit that fails acknowledges nothing, says why, and is retried until it works", () =>
  withStore(async (store, stateDir) => {
    await durable((done) => store.write({ rows: [sampleRow(FIRST)] }, done));
    const other = new DatabaseSync(`${stateDir}/leases.db`);
    other.exec("BEGIN IMMEDIATE");
    const order: number[] = [];
    store.write({ rows: [sampleRow(FIRST, 1)] }, () => order.push(1));
    store.write({ rows: [sampleRow(FIRST + 1)] }, () => order.push(2));
    await until(() => store.counters.failures > 0, "a failure");
    store.write({ rows: [sampleRow(FIRST + 2)] }, () => order.push(3));
    store.flush();
    strictEqual(store.health.ok, false);
    match(store.health.reason ?? "", /another process holds a lock on it: stop that process/);
    await until(() => store.counters.failures > 1, "a second try");
    deepStrictEqual(order, []);
    strictEqual(store.counters.pendingRows, 3);
    strictEqual(other.prepare("SELECT count(*) AS rows FROM lease").get()?.["rows"], 1);
    other.exec("ROLLBACK");
    other.close();
    await until(() => order.length === 3, "the rows to be written");
    deepStrictEqual(order, [1, 2, 3]);
    deepStrictEqual(store.health, { ok: true });
  }));

Deno.test("store: a database that is deleted under it acknowledges nothing before it is put back", async () => {
  const lines: string[] = [];
  await withStore(async (store, stateDir) => {
    await durable((done) => store.write({ rows: [sampleRow(FIRST)] }, done));
    const renamed = `${stateDir}/elsewhere`;
    for (const file of ["leases.db", "leases.db-wal"]) await Deno.remove(`${stateDir}/${file}`);
    await Deno.writeTextFile(`${stateDir}/leases.db`, "of another program");
    const order: string[] = [];
    store.write({ rows: [sampleRow(FIRST + 1)] }, () => order.push("row"));
    await until(() => /another file was put in its place/.test(store.health.reason ?? ""), "the doubt");
    strictEqual(store.health.needsRestart, undefined);
    store.write({}, () => order.push("barrier"));
    await until(() => store.counters.failures > 1, "another try");
    deepStrictEqual(order, []);
    await Deno.rename(`${stateDir}/leases.db`, renamed);
    await until(() => order.length === 2, "both to be durable");
    deepStrictEqual(order, ["row", "barrier"]);
    deepStrictEqual(store.health, { ok: true });
    strictEqual(await Deno.readTextFile(renamed), "of another program");
  }, { recovered: (line) => lines.push(line) });
  strictEqual(lines.length, 1);
  match(lines[0] ?? "", /leases\.db was deleted while the node used it: written anew, nothing is lost/);
});

Deno.test("store: what happens to the files of an idle database is found, and nothing is durable meanwhile", () =>
  withStore(async (store, stateDir) => {
    await durable((done) => store.write({ rows: [sampleRow(FIRST)] }, done));
    await Deno.rename(`${stateDir}/leases.db`, `${stateDir}/elsewhere`);
    await Deno.writeTextFile(`${stateDir}/leases.db`, "of another program");
    await until(() => !store.health.ok, "the doubt");
    let passed = false;
    store.write({}, () => passed = true);
    await until(() => store.counters.failures > 0, "a try");
    strictEqual(passed, false);
    await Deno.rename(`${stateDir}/elsewhere`, `${stateDir}/leases.db`);
    await until(() => passed, "the database to be back");
  }));

Deno.test("store: a WAL that is cut under it needs a restart, which says what is missing", () =>
  withDirectory(async (stateDir) => {
    const store = await openStore({ stateDir });
    await durable((done) => store.write({ rows: [sampleRow(FIRST)] }, done));
    await Deno.truncate(`${stateDir}/leases.db-wal`, 0);
    let written = 0;
    store.write({ rows: [sampleRow(FIRST + 1)] }, () => written++);
    await until(() => store.health.needsRestart === true, "the loss");
    match(store.health.reason ?? "", /acknowledged leases are no longer in it \(it has transaction 0, and 1 was/);
    await rejects(store.close(), /Could not write 1 rows, none of them acknowledged/);
    strictEqual(written, 0);
    const again = await openStore({ stateDir });
    deepStrictEqual(again.behind, { found: 0, acknowledged: 1 });
    await again.close();
  }));

tinyDiskTest(
  "store: a full disk stops commits, and space lets them go on",
  1024,
  async (stateDir, { fillUp, makeSpace }) => {
    const store = await openStore({ stateDir });
    await durable((done) => store.write({ rows: [sampleRow(FIRST)] }, done));
    fillUp();
    let written = 0;
    for (let index = 0; index < 1_000; index++) store.write({ rows: [sampleRow(FIRST + index, 1)] }, () => written++);
    await until(() => !store.health.ok, "the full disk to show");
    match(store.health.reason ?? "", /disk full: free some space/);
    strictEqual(written, 0);
    makeSpace();
    await until(() => written === 1_000, "the rows to be written");
    deepStrictEqual(store.health, { ok: true });
    await store.close();
    strictEqual((await reopen(stateDir)).filter((row) => row.slot.singleVersion).length, 1_000);
  },
);

tinyDiskTest(
  "store: close() on a full disk rejects and says how much was not written",
  1024,
  async (stateDir, { fillUp, makeSpace }) => {
    const store = await openStore({ stateDir });
    fillUp();
    let written = 0;
    for (let index = 0; index < 1_000; index++) store.write({ rows: [sampleRow(FIRST + index)] }, () => written++);
    await rejects(store.close(), /Could not write 1000 rows, none of them acknowledged, before closing: disk full/);
    strictEqual(written, 0);
    makeSpace();
    strictEqual((await reopen(stateDir)).length, 0);
  },
);

Deno.test("store: a disk that hangs makes it unhealthy, and close() is not needed to see it", async () => {
  let now = 0;
  let worker: Worker | undefined;
  await withDirectory(async (stateDir) => {
    const store = await openStore({
      stateDir,
      now: () => now,
      startWorker: () => worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }),
    });
    // A worker that is gone without a word looks just like it.
    worker?.terminate();
    store.write({ rows: [sampleRow(FIRST)] }, () => {});
    store.flush();
    now = 4_000;
    deepStrictEqual(store.health, { ok: true });
    now = 7_000;
    deepStrictEqual(store.health, {
      ok: false,
      reason: "the disk has not finished a commit for 7 s: check the disk and the kernel log",
    });
  });
});

Deno.test("store: close() does not wait for a disk that hangs", async () => {
  let worker: Worker | undefined;
  await withDirectory(async (stateDir) => {
    const store = await openStore({
      stateDir,
      startWorker: () => worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }),
    });
    worker?.terminate();
    store.write({ rows: [sampleRow(FIRST)] }, () => {});
    await rejects(store.close(), /Could not write 1 rows, .* before closing: the disk does not answer/);
  });
});

Deno.test("store: a worker that dies is noticed, and nothing is acknowledged any more", () =>
  withDirectory(async (stateDir) => {
    const program = `
      self.onmessage = ({ data }) => {
        if (data.kind !== "open") throw new Error("out of memory");
        self.postMessage({ kind: "opened", metas: [] });
      };`;
    const startWorker = () =>
      new Worker(`data:application/javascript,${encodeURIComponent(program)}`, { type: "module" });
    const store = await openStore({ stateDir, startWorker });
    let written = 0;
    store.write({ rows: [sampleRow(FIRST)] }, () => written++);
    await until(() => !store.health.ok, "the death to show");
    match(store.health.reason ?? "", /the store's worker failed \(.*out of memory.*\): restart the node/);
    store.write({ rows: [sampleRow(FIRST + 1)] }, () => written++);
    await rejects(store.load(() => {}), StoreError);
    await rejects(store.close(), /Could not write 1 rows/);
    strictEqual(written, 0);
  }));

Deno.test("store: a worker that can't start is an error", () =>
  withDirectory(async (stateDir) => {
    const startWorker = () => new Worker("data:application/javascript,throw new Error('broken')", { type: "module" });
    await rejects(openStore({ stateDir, startWorker }), /Cannot start the store's worker: .*broken/);
  }));

Deno.test("store: a callback that throws does not cost the others theirs", async () => {
  await withStore(async (store) => {
    const order: number[] = [];
    const thrown = Promise.withResolvers<unknown>();
    const onError = (event: ErrorEvent) => {
      event.preventDefault();
      thrown.resolve(event.error);
    };
    addEventListener("error", onError);
    store.write({ rows: [sampleRow(FIRST)] }, () => order.push(1));
    store.write({ rows: [sampleRow(FIRST)] }, () => {
      throw new Error("a bug of the caller");
    });
    store.write({ rows: [sampleRow(FIRST)] }, () => order.push(3));
    match(String(await thrown.promise), /a bug of the caller/);
    removeEventListener("error", onError);
    deepStrictEqual(order, [1, 3]);
    await durable((done) => store.write({ rows: [sampleRow(FIRST)] }, done));
  });
});

Deno.test("store: what the worker refuses comes out of openStore() as it is", () =>
  withDirectory(async (stateDir) => {
    await Deno.writeTextFile(`${stateDir}/leases.db`, "garbage ".repeat(1_000));
    await rejects(openStore({ stateDir }), (error) => {
      ok(error instanceof StoreError);
      strictEqual(error.code, "corrupt");
      match(error.message, /corrupt \(file is not a database\): restore it/);
      return true;
    });
  }));

Deno.test("store: damage found while loading comes out of load()", () =>
  withDirectory(async (stateDir) => {
    const store = await openStore({ stateDir });
    await durable((done) => store.write({ rows: [sampleRow(FIRST)] }, done));
    await store.close();
    const database = new DatabaseSync(`${stateDir}/leases.db`);
    database.exec("UPDATE lease SET record = CAST(substr(record, 1, 40) || x'ff' || substr(record, 42) AS BLOB)");
    database.close();
    const again = await openStore({ stateDir });
    await rejects(loadAll(again), /corrupt \(the record after address -1 is damaged\)/);
    await again.close();
  }));
