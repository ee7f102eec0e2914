/** What the store and its worker say to each other. Buffers are transferred, never copied. */

import type { StoreErrorCode } from "./errors.ts";

/** A small durable fact. */
export type Meta = readonly [key: string, value: string];

/** From the store to the worker. */
export type WorkerRequest =
  | { readonly kind: "open"; readonly stateDir: string }
  /** Commit the first `octets` of `records`, and `metas`, in one transaction; answered by committed or failed. */
  | { readonly kind: "commit"; readonly records: ArrayBuffer; readonly octets: number; readonly metas: readonly Meta[] }
  /** Send the chunk that follows the last one sent, the first one at first; answered by chunk or refused. */
  | { readonly kind: "nextChunk" }
  | { readonly kind: "close" };

/** From the worker to the store. `records` of a commit comes back to be used again or retried. */
export type WorkerReply =
  | { readonly kind: "opened"; readonly metas: readonly Meta[] }
  | { readonly kind: "refused"; readonly code: StoreErrorCode; readonly message: string }
  | { readonly kind: "committed"; readonly records: ArrayBuffer; readonly rows: number }
  | { readonly kind: "failed"; readonly records: ArrayBuffer; readonly reason: string }
  /** An empty one is the end. */
  | { readonly kind: "chunk"; readonly records: ArrayBuffer }
  | { readonly kind: "closed" };
