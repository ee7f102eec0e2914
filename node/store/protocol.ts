/** Messages between the store and its worker. Buffers are transferred, not copied. */

import type { StoreErrorCode } from "./errors.ts";

/** A small durable fact. */
export type Meta = readonly [key: string, value: string];

/** A database that lacks transactions which were reported as durable, by number. */
export interface Behind {
  /** The last one that it has; 0: none, as it was missing. */
  readonly found: number;
  readonly acknowledged: number;
}

/** From the store to the worker. */
export type WorkerRequest =
  | { readonly kind: "open"; readonly stateDir: string; readonly mayStartBlank: boolean }
  /** Commit the first `octets` of `records`, and `metas`, in one transaction; answered by committed or failed. */
  | { readonly kind: "commit"; readonly records: ArrayBuffer; readonly octets: number; readonly metas: readonly Meta[] }
  /** Send the chunk that follows the last one sent, the first one at first; answered by chunk or refused. */
  | { readonly kind: "nextChunk" }
  | { readonly kind: "close" };

/** From the worker to the store. `records` of a commit comes back to be reused or retried. */
export type WorkerReply =
  | { readonly kind: "opened"; readonly metas: readonly Meta[]; readonly behind: Behind | undefined }
  | { readonly kind: "refused"; readonly code: StoreErrorCode; readonly message: string }
  | { readonly kind: "committed"; readonly records: ArrayBuffer; readonly rows: number }
  | { readonly kind: "failed"; readonly records: ArrayBuffer; readonly reason: string }
  /** Nothing is reported as durable any more; `isLost`: not before a restart. */
  | { readonly kind: "doubted"; readonly reason: string; readonly isLost: boolean }
  /** The end of that, and what was done. */
  | { readonly kind: "recovered"; readonly done: string }
  /** An empty chunk is the end. */
  | { readonly kind: "chunk"; readonly records: ArrayBuffer }
  | { readonly kind: "closed" };
