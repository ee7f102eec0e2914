/** The node's store; see README.md. */

export { openStore, type Store, type StoreCounters, type StoreHealth, type StoreOptions } from "./store.ts";
export { StoreError, type StoreErrorCode } from "./errors.ts";
