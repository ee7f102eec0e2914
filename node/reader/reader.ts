/**
 * The serving thread's side of the worker that reads configurations. One request at a time; one that takes too long is
 * given up, and its worker with it. Some time after a large text the worker is replaced, as that gives its memory back.
 */

import type { ReaderReply, ReaderRequest, ReadingKind, Readings } from "./protocol.ts";

/** The largest text within the limits takes about ten seconds on a slow machine. */
const DEADLINE_MS = 60_000;
/** The parser takes a hundred times as much memory as the text. */
const LARGE_CHARACTERS = 256 * 1024;
/** A change seldom comes alone, and a new worker takes a moment to start. */
const IDLE_MS = 10_000;

interface ReaderOptions {
  /** Starts a worker; tests replace it. */
  readonly startWorker?: () => Worker;
  readonly deadlineMs?: number;
  readonly idleMs?: number;
}

/** Reads configurations in a worker. */
export class ConfigReader {
  readonly #startWorker: () => Worker;
  readonly #deadlineMs: number;
  readonly #idleMs: number;
  #worker: Worker;
  /** Why there is no worker. */
  #failure: string | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  /** The worker has read a large text. */
  #isLarge = false;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** The replies to the request that is being read. */
  #reply: ((reply: ReaderReply) => void) | undefined;

  constructor(
    { startWorker: start = startWorker, deadlineMs = DEADLINE_MS, idleMs = IDLE_MS }: ReaderOptions = {},
  ) {
    this.#startWorker = start;
    this.#deadlineMs = deadlineMs;
    this.#idleMs = idleMs;
    this.#worker = this.#adopt(start());
  }

  /** Carries out a request after those before it. Rejects with one line when it was not possible. */
  read<Kind extends ReadingKind>(kind: Kind, asks: Readings[Kind]["asks"]): Promise<Readings[Kind]["gives"]> {
    const request = { kind, ...asks } as ReaderRequest;
    const reading = this.#queue.then(() => this.#ask(request));
    this.#queue = reading.catch(() => {});
    clearTimeout(this.#idle);
    this.#isLarge ||= request.text.length >= LARGE_CHARACTERS;
    // YAML takes the most, and seldom comes again at once.
    const isYaml = request.kind === "file" || (request.kind === "given" && request.format === "yaml");
    const idleMs = isYaml ? 0 : this.#idleMs;
    if (this.#isLarge) this.#idle = setTimeout(() => this.#queue = this.#queue.then(() => this.#renew()), idleMs);
    return reading as Promise<Readings[Kind]["gives"]>;
  }

  /** Ends the worker; what is being read is rejected. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#idle);
    this.#worker.terminate();
    this.#reply?.({ kind: "failed", reason: "the node is stopping" });
  }

  #ask(request: ReaderRequest): Promise<unknown> {
    if (this.#closed) return Promise.reject(new Error("the node is stopping"));
    if (this.#failure !== undefined) return Promise.reject(new Error(this.#failure));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => {
      this.#restart();
      const seconds = this.#deadlineMs / 1_000;
      reject(
        new Error(`it was not read within ${seconds} s, and given up: make it smaller, or try when less is going on`),
      );
    }, this.#deadlineMs);
    this.#reply = (reply) => {
      if (reply.kind === "read") resolve(reply.reading);
      else if (reply.kind === "failed") reject(new Error(`it can't be read: ${reply.reason}`));
    };
    this.#worker.postMessage(request);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#reply = undefined;
    });
  }

  #adopt(worker: Worker): Worker {
    worker.onmessage = ({ data }: MessageEvent<ReaderReply>) => this.#reply?.(data);
    worker.onerror = (event) => {
      event.preventDefault();
      // A process that gave up reading other files starts no worker from a file.
      this.#failure = `no configuration can be read until the node is restarted: ${event.message}`;
      this.#reply?.({ kind: "failed", reason: this.#failure });
    };
    return worker;
  }

  #restart(): void {
    this.#worker.terminate();
    if (!this.#closed) this.#worker = this.#adopt(this.#startWorker());
  }

  /** Replaces the worker if another one starts. */
  async #renew(): Promise<void> {
    if (this.#closed || this.#failure !== undefined) return;
    this.#isLarge = false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const fresh = this.#startWorker();
    fresh.onmessage = () => resolve(true);
    fresh.onerror = (event) => {
      event.preventDefault();
      resolve(false);
    };
    const isStarted = await promise;
    if (!isStarted || this.#closed) return fresh.terminate();
    this.#worker.terminate();
    this.#worker = this.#adopt(fresh);
  }
}

function startWorker(): Worker {
  return new Worker(new URL("./reader_worker.ts", import.meta.url), { type: "module" });
}
