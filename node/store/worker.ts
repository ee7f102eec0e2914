/**
 * The store's worker: SQLite and its fsyncs happen here, beside the thread that serves datagrams. Only passes messages;
 * what they mean is `database.ts`.
 */

import { LeaseDatabase } from "./database.ts";
import { classify, storeError } from "./errors.ts";
import type { WorkerReply, WorkerRequest } from "./protocol.ts";

/** What a worker's global scope has beyond a window's. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<WorkerRequest>) => void) | null;
  postMessage(message: WorkerReply, transfer?: ArrayBuffer[]): void;
}

const scope = self as unknown as WorkerScope;
let database: LeaseDatabase | undefined;
let loadedUpTo = -1;

scope.onmessage = ({ data: request }) => {
  switch (request.kind) {
    case "open":
      return open(request.stateDir);
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

function open(stateDir: string): void {
  try {
    database = LeaseDatabase.open(stateDir);
    scope.postMessage({ kind: "opened", metas: database.metas });
  } catch (error) {
    const { code, message } = storeError(stateDir, error);
    scope.postMessage({ kind: "refused", code, message });
  }
}

function commit(database: LeaseDatabase, { records, octets, metas }: WorkerRequest & { kind: "commit" }): void {
  let rows: number;
  try {
    rows = database.commit(new Uint8Array(records, 0, octets), metas);
  } catch (error) {
    const { what, remedy } = classify(error);
    scope.postMessage({ kind: "failed", records, reason: `${what}: ${remedy}` }, [records]);
    return;
  }
  scope.postMessage({ kind: "committed", records, rows }, [records]);
  database.checkpointWhenDue();
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

function unreachable(request: never): never {
  throw new Error(`Unknown request ${JSON.stringify(request)}`);
}
