/**
 * The store's worker: SQLite and its fsyncs happen here, outside the thread that serves datagrams. Only passes messages
 * to `database.ts`.
 */

import { unreachable } from "../../src/assert.ts";
import { LeaseDatabase } from "./database.ts";
import { classify, storeError } from "./errors.ts";
import type { WorkerReply, WorkerRequest } from "./protocol.ts";

/** What a worker's global scope has beyond a window's. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<WorkerRequest>) => void) | null;
  postMessage(message: WorkerReply, transfer?: ArrayBuffer[]): void;
}

/** How often the files of the database are looked at while nothing is committed. */
const INSPECT_MS = 2_000;

/** Between two attempts to recover, the disk rests for this many times as long as one took: it reads every page. */
const RECOVERY_RESTS = 4;

const scope = self as unknown as WorkerScope;
let database: LeaseDatabase | undefined;
let loadedUpTo = -1;
/** What the store was told last about a doubt. */
let told: string | undefined;
/** Monotonic time of the next attempt to recover. */
let recoveryMs = 0;

scope.onmessage = ({ data: request }) => {
  switch (request.kind) {
    case "open":
      return open(request);
    case "commit":
      return commit(opened(), request);
    case "nextChunk":
      return nextChunk(opened());
    case "close":
      database?.close();
      database = undefined;
      return scope.postMessage({ kind: "closed" });
    default:
      return unreachable(request);
  }
};

function open({ stateDir, mayStartBlank }: WorkerRequest & { kind: "open" }): void {
  try {
    database = LeaseDatabase.open(stateDir, { mayStartBlank });
    const { metas, behind } = database;
    scope.postMessage({ kind: "opened", metas, behind });
    setInterval(inspect, INSPECT_MS);
  } catch (error) {
    const { code, message } = storeError(stateDir, error);
    scope.postMessage({ kind: "refused", code, message });
  }
}

function commit(database: LeaseDatabase, { records, octets, metas }: WorkerRequest & { kind: "commit" }): void {
  let rows: number;
  try {
    if (database.doubt !== undefined) recover(database);
    rows = database.commit(new Uint8Array(records, 0, octets), metas);
  } catch (error) {
    tellOfDoubt(database);
    const { what, remedy } = classify(error);
    scope.postMessage({ kind: "failed", records, reason: remedy === "" ? what : `${what}: ${remedy}` }, [records]);
    return;
  }
  scope.postMessage({ kind: "committed", records, rows }, [records]);
  database.checkpointWhenDue();
}

function inspect(): void {
  if (database === undefined) return;
  database.inspect();
  if (database.doubt === undefined) return;
  tellOfDoubt(database);
  try {
    recover(database);
  } catch {
    tellOfDoubt(database);
  }
}

/** Throws while it can't. */
function recover(database: LeaseDatabase): void {
  const startedMs = performance.now();
  if (startedMs < recoveryMs) throw database.doubt;
  let done: string;
  try {
    done = database.recover();
  } finally {
    const endedMs = performance.now();
    recoveryMs = endedMs + RECOVERY_RESTS * (endedMs - startedMs);
  }
  told = undefined;
  scope.postMessage({ kind: "recovered", done });
}

function tellOfDoubt({ doubt }: LeaseDatabase): void {
  if (doubt === undefined || doubt.message === told) return;
  told = doubt.message;
  scope.postMessage({ kind: "doubted", reason: doubt.message, isLost: doubt.code === "lost" });
}

function nextChunk(database: LeaseDatabase): void {
  try {
    const { records, last } = database.chunkAfter(loadedUpTo);
    loadedUpTo = records.length === 0 ? -1 : last;
    const whole = records.byteLength === records.buffer.byteLength ? records : records.slice();
    scope.postMessage({ kind: "chunk", records: whole.buffer }, [whole.buffer]);
  } catch (error) {
    const { code, message } = storeError("", error);
    scope.postMessage({ kind: "refused", code, message });
  }
}

function opened(): LeaseDatabase {
  if (database === undefined) throw new Error("The store's worker got a message before it had opened the database");
  return database;
}
