/**
 * The serving thread's side of the store: queues rows, sends one batch at a time to the worker, and calls back when
 * each row is on stable storage. While a batch is being written the next one gathers, so the number of fsyncs follows
 * the disk and not the load (group commit).
 *
 * Decides when a commit starts, when one that failed is tried again, and whether the store is healthy. While it is
 * not, rows keep gathering here, so the node must stop answering.
 */

import { unreachable } from "../../src/assert.ts";
import type { LeaseRow, Writes } from "../../src/lease/agreement/slot.ts";
import { classify, StoreError } from "./errors.ts";
import type { Behind, Meta, WorkerReply, WorkerRequest } from "./protocol.ts";
import { readRecords, RecordWriter } from "./record.ts";

/** Delay before a failed commit is retried. */
const RETRY_MS = 1_000;
/** How long a commit waits for further rows, and how many rows end the wait. */
const GATHER_MS = 1;
const GATHER_ROWS = 8;
/** A commit that takes longer than this makes the store unhealthy: some disks hang rather than fail. */
const STALL_MS = 5_000;
/** At a stop a disk that hangs is waited for this long, once for the last commit and once for closing the database. */
const CLOSE_MS = 750;

/** Whether rows reach the disk; if not, the cause and what to do. */
export interface StoreHealth {
  readonly ok: boolean;
  readonly reason?: string;
  /** It does not recover by itself: the program has to start again. */
  readonly needsRestart?: boolean;
}

/** Totals since the store was opened. */
export interface StoreCounters {
  /** Transactions on stable storage, one fsync each. */
  readonly commits: number;
  /** Rows in them. */
  readonly rows: number;
  /** Commits that failed and are tried again. */
  readonly failures: number;
  /** From sending the last batch to its reply. */
  readonly lastCommitMs: number;
  readonly slowestCommitMs: number;
  /** Rows and facts not yet on stable storage. */
  readonly pendingRows: number;
}

/** Lease slots and a few facts about the node itself, on stable storage. */
export interface Store {
  /** Delivers everything on disk in order of address. To be called once, before the first {@link write}. */
  load(each: (row: LeaseRow) => void): Promise<void>;
  /**
   * Queues rows and facts for one commit. `durable` runs after its fsync, in the order of the calls. Of several rows
   * for one address, and of several values of one fact, the last wins, and the callbacks of all run. Without rows and
   * facts it is a barrier: `durable` runs once everything written before is on the disk, in a microtask if it is
   * already. Throws on a row that can't be represented; nothing of that call is queued then.
   */
  write(writes: Writes, durable: () => void): void;
  /** Starts a commit with what is queued unless one is in flight. Without it one starts when the caller returns. */
  flush(): void;
  /** Small facts about the node itself, as they are on disk. */
  readonly facts: ReadonlyMap<string, string>;
  /** When it was opened, the disk lacked transactions that had been reported as durable. */
  readonly behind: Behind | undefined;
  readonly health: StoreHealth;
  readonly counters: StoreCounters;
  /**
   * Commits what is queued and closes. Idempotent. Rejects with a {@link StoreError} when rows could not be written;
   * they were never acknowledged.
   */
  close(): Promise<void>;
}

/** What {@link openStore} takes. */
export interface StoreOptions {
  /** Directory of the database; created when it is missing. */
  readonly stateDir: string;
  /** A missing database is made anew even if the directory had one with leases. */
  readonly mayStartBlank?: boolean;
  /** Is told, in a line for the operator, what was done to use the database again. */
  readonly recovered?: (line: string) => void;
  /** Monotonic milliseconds; `performance.now` unless a test drives time. */
  readonly now?: () => number;
  /** Starts the worker; tests replace it. */
  readonly startWorker?: () => Worker;
}

/** The batch that the worker has, or had when it failed. */
interface Batch {
  readonly records: ArrayBuffer;
  readonly octets: number;
  readonly metas: readonly Meta[];
  /** Rows and facts in it. */
  readonly items: number;
  readonly onDurable: (() => void)[];
  sentMs: number;
}

interface Loading {
  readonly onRow: (row: LeaseRow) => void;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Opens the store of a state directory.
 *
 * Rejects with a {@link StoreError}, one line that says what to do, when the database is corrupt, in use by another
 * process, not writable, of a newer schema or one from before the first release, or another program's. It never
 * replaces an unreadable database.
 */
export function openStore(options: StoreOptions): Promise<Store> {
  const worker = (options.startWorker ?? startWorker)();
  const opened = Promise.withResolvers<Store>();
  const fail = (error: StoreError) => {
    worker.terminate();
    opened.reject(error);
  };
  worker.onmessage = ({ data: answer }: MessageEvent<WorkerReply>) => {
    if (answer.kind === "opened") opened.resolve(new WorkerStore(worker, options, answer));
    else if (answer.kind === "refused") fail(new StoreError(answer.code, answer.message));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(new StoreError("worker", `Cannot start the store's worker: ${event.message}: install the program again`));
  };
  const { stateDir, mayStartBlank = false } = options;
  worker.postMessage({ kind: "open", stateDir, mayStartBlank } satisfies WorkerRequest);
  return opened.promise;
}

function startWorker(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
}

class WorkerStore implements Store {
  readonly #worker: Worker;
  readonly behind: Behind | undefined;
  readonly #now: () => number;
  readonly #recovered: (line: string) => void;
  readonly #facts: Map<string, string>;
  #queued = new RecordWriter();
  /** Of several values of one fact the last is written: the lsn comes with every row. */
  #queuedMetas = new Map<string, string>();
  #queuedRows = 0;
  #queuedCallbacks: (() => void)[] = [];
  /** The buffer of the last commit, for reuse. */
  #spare: ArrayBuffer | undefined;
  #inFlight: Batch | undefined;
  /** The failed batch that waits for its retry. */
  #failed: { readonly batch: Batch; readonly timer: ReturnType<typeof setTimeout> } | undefined;
  #workerFailure: string | undefined;
  #loading: Loading | undefined;
  #flushScheduled = false;
  #gathering: ReturnType<typeof setTimeout> | undefined;
  /** While closing: called when nothing is in flight or queued. */
  #onIdle: (() => void) | undefined;
  #workerClosed: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #commitFailure: string | undefined;
  /** The worker does not trust the database. */
  #doubt: { readonly reason: string; readonly isLost: boolean } | undefined;
  readonly #counters = { commits: 0, rows: 0, failures: 0, lastCommitMs: 0, slowestCommitMs: 0 };

  constructor(
    worker: Worker,
    { now = () => performance.now(), recovered = () => {} }: StoreOptions,
    { metas, behind }: WorkerReply & { kind: "opened" },
  ) {
    this.#worker = worker;
    this.#now = now;
    this.#recovered = recovered;
    this.#facts = new Map(metas);
    this.behind = behind;
    worker.onmessage = ({ data }: MessageEvent<WorkerReply>) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#failWorker(event.message);
    };
    worker.onmessageerror = () => this.#failWorker("its message can't be read");
  }

  load(each: (row: LeaseRow) => void): Promise<void> {
    if (this.#loading !== undefined) throw new Error("The store is being loaded already");
    if (this.#closing !== undefined) throw new Error("The store is closed");
    if (this.#workerFailure !== undefined) return Promise.reject(this.#workerError());
    const done = Promise.withResolvers<void>();
    this.#loading = { onRow: each, done };
    this.#send({ kind: "nextChunk" });
    return done.promise;
  }

  write({ rows = [], facts = [] }: Writes, durable: () => void): void {
    if (this.#closing !== undefined) throw new Error("The store is closed");
    // Nothing can be written any more: queued rows would only fill the memory.
    if (this.#workerFailure !== undefined) return;
    if (rows.length + facts.length === 0) return this.#afterQueued(durable);
    this.#queued.addAll(rows);
    for (const [key, value] of facts) this.#queuedMetas.set(key, value);
    this.#queuedRows += rows.length;
    this.#queuedCallbacks.push(durable);
    this.#scheduleFlush();
  }

  /** Rows and facts that are queued. */
  get #queuedItems(): number {
    return this.#queuedRows + this.#queuedMetas.size;
  }

  /** Runs a callback after those of the last write, without a commit of its own. */
  #afterQueued(durable: () => void): void {
    if (this.#queuedCallbacks.length > 0) this.#queuedCallbacks.push(durable);
    else if (this.#doubt !== undefined) {
      // What was written before may be gone: the worker has to recover it first.
      this.#queuedCallbacks.push(durable);
      this.#scheduleFlush();
    } else {
      const last = this.#inFlight ?? this.#failed?.batch;
      if (last === undefined) queueMicrotask(durable);
      else last.onDurable.push(durable);
    }
  }

  get facts(): ReadonlyMap<string, string> {
    return this.#facts;
  }

  flush(): void {
    if (this.#inFlight !== undefined || this.#failed !== undefined || this.#workerFailure !== undefined) return;
    if (this.#queuedCallbacks.length === 0) return;
    const { buffer, length } = this.#queued;
    const batch = {
      records: buffer,
      octets: length,
      metas: [...this.#queuedMetas],
      items: this.#queuedItems,
      onDurable: this.#queuedCallbacks,
      sentMs: 0,
    };
    this.#queued = new RecordWriter(this.#spare);
    this.#spare = undefined;
    this.#queuedMetas.clear();
    this.#queuedRows = 0;
    this.#queuedCallbacks = [];
    this.#sendBatch(batch);
  }

  get health(): StoreHealth {
    if (this.#workerFailure !== undefined) return { ok: false, reason: this.#workerFailure, needsRestart: true };
    if (this.#doubt !== undefined) {
      const { reason, isLost } = this.#doubt;
      return { ok: false, reason, ...(isLost ? { needsRestart: true } : {}) };
    }
    if (this.#commitFailure !== undefined) return { ok: false, reason: this.#commitFailure };
    const waitedMs = this.#inFlight === undefined ? 0 : this.#now() - this.#inFlight.sentMs;
    if (waitedMs <= STALL_MS) return { ok: true };
    const seconds = Math.round(waitedMs / 1_000);
    return {
      ok: false,
      reason: `the disk has not finished a commit for ${seconds} s: check the disk and the kernel log`,
    };
  }

  get counters(): StoreCounters {
    const pendingRows = this.#queuedItems + (this.#inFlight?.items ?? 0) + (this.#failed?.batch.items ?? 0);
    return { ...this.#counters, pendingRows };
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    // One last attempt for a failed batch.
    this.#retry();
    this.flush();
    await before(CLOSE_MS, (idle) => {
      this.#onIdle = idle;
      this.#notifyIdle();
    });
    this.#loading?.done.reject(new Error("The store was closed while it was being loaded"));
    const { pendingRows } = this.counters;
    if (this.#failed !== undefined) clearTimeout(this.#failed.timer);
    if (this.#workerFailure === undefined) {
      // What is durable is in the WAL, too, if this takes longer.
      await before(CLOSE_MS, (closed) => {
        this.#workerClosed = closed;
        this.#send({ kind: "close" });
      });
    }
    this.#worker.terminate();
    if (pendingRows > 0) {
      throw new StoreError(
        "io",
        `Could not write ${pendingRows} rows, none of them acknowledged, before closing: ${
          this.health.reason ?? "the disk does not answer"
        }`,
      );
    }
  }

  #scheduleFlush(): void {
    // The reply to the batch in flight starts the next one.
    if (this.#flushScheduled || this.#inFlight !== undefined || this.#failed !== undefined) return;
    if (this.#gathering !== undefined) {
      if (this.#queuedItems >= GATHER_ROWS) this.flush();
      return;
    }
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.flush();
    });
  }

  /**
   * After a commit: when a few rows arrived meanwhile, more will follow soon, and a commit of eight rows costs as much
   * as one of one. Many rows, and a row that reaches an idle store, are committed at once.
   */
  #flushOrGather(): void {
    const waiting = this.#queuedItems;
    if (waiting === 0 || waiting >= GATHER_ROWS || this.#closing !== undefined) return this.flush();
    if (this.#gathering !== undefined) return;
    this.#gathering = setTimeout(() => {
      this.#gathering = undefined;
      this.flush();
    }, GATHER_MS);
  }

  #sendBatch(batch: Batch): void {
    batch.sentMs = this.#now();
    this.#inFlight = batch;
    const { records, octets, metas } = batch;
    this.#send({ kind: "commit", records, octets, metas }, [records]);
  }

  #receive(answer: WorkerReply): void {
    switch (answer.kind) {
      case "committed":
        return this.#committed(answer);
      case "failed":
        return this.#commitFailed(answer);
      case "doubted":
        this.#doubt = answer;
        return;
      case "recovered":
        this.#doubt = undefined;
        return this.#recovered(answer.done);
      case "chunk":
        return this.#loadChunk(answer.records);
      case "refused":
        return this.#endLoading(new StoreError(answer.code, answer.message));
      case "closed":
        return this.#workerClosed?.();
      case "opened":
        return this.#failWorker("it opened the database twice");
      default:
        return unreachable(answer);
    }
  }

  #committed({ records, rows }: WorkerReply & { kind: "committed" }): void {
    const batch = this.#inFlight;
    if (batch === undefined) return this.#failWorker("it answered a commit that was not requested");
    const elapsedMs = this.#now() - batch.sentMs;
    this.#inFlight = undefined;
    this.#commitFailure = undefined;
    this.#spare = records;
    this.#counters.commits++;
    this.#counters.rows += rows;
    this.#counters.lastCommitMs = elapsedMs;
    this.#counters.slowestCommitMs = Math.max(this.#counters.slowestCommitMs, elapsedMs);
    for (const [key, value] of batch.metas) this.#facts.set(key, value);
    // The next commit first: the callbacks run while the disk works.
    this.#flushOrGather();
    try {
      runAll(batch.onDurable);
    } finally {
      this.#notifyIdle();
    }
  }

  #commitFailed({ records, reason }: WorkerReply & { kind: "failed" }): void {
    const batch = this.#inFlight;
    if (batch === undefined) return this.#failWorker("it answered a commit that was not requested");
    this.#inFlight = undefined;
    this.#commitFailure = reason;
    this.#counters.failures++;
    const timer = setTimeout(() => this.#retry(), RETRY_MS);
    this.#failed = { batch: { ...batch, records }, timer };
    this.#notifyIdle();
  }

  #retry(): void {
    if (this.#failed === undefined || this.#workerFailure !== undefined) return;
    const { batch, timer } = this.#failed;
    clearTimeout(timer);
    this.#failed = undefined;
    this.#sendBatch(batch);
  }

  #notifyIdle(): void {
    if (this.#onIdle === undefined) return;
    const idle = this.#inFlight === undefined && this.#queuedCallbacks.length === 0;
    if (idle || this.#failed !== undefined || this.#workerFailure !== undefined) this.#onIdle();
  }

  #loadChunk(records: ArrayBuffer): void {
    const loading = this.#loading;
    if (loading === undefined) return;
    if (records.byteLength === 0) return this.#endLoading();
    // The worker reads the next chunk while this one is delivered; there are never more than two.
    this.#send({ kind: "nextChunk" });
    try {
      readRecords(records, loading.onRow);
    } catch (error) {
      this.#endLoading(error);
    }
  }

  #endLoading(error?: unknown): void {
    const loading = this.#loading;
    this.#loading = undefined;
    if (error === undefined) loading?.done.resolve();
    else loading?.done.reject(error);
  }

  #failWorker(message: string): void {
    if (this.#workerFailure !== undefined) return;
    this.#workerFailure = `the store's worker failed (${classify(message).what}): restart the node`;
    if (this.#failed !== undefined) clearTimeout(this.#failed.timer);
    this.#worker.terminate();
    this.#endLoading(this.#workerError());
    this.#workerClosed?.();
    this.#notifyIdle();
  }

  #workerError(): StoreError {
    return new StoreError("worker", `Cannot use the store: ${this.#workerFailure}`);
  }

  #send(request: WorkerRequest, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer);
  }
}

/** Waits until `run` calls back, at most so long. */
async function before(ms: number, run: (done: () => void) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  run(resolve);
  await promise;
  clearTimeout(timer);
}

/** Runs every callback; the first error is thrown after the last one, so that it does not prevent the others. */
function runAll(callbacks: readonly (() => void)[]): void {
  let failure: { readonly error: unknown } | undefined;
  for (const callback of callbacks) {
    try {
      callback();
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure !== undefined) throw failure.error;
}
