/** What was lately noted about a client and a number: an address, or a transaction id. */

import type { ClientKey } from "../../lease/agreement/client_key.ts";

/** Above this number the oldest note is dropped: a flood of invented clients must not exhaust the memory. */
const NOTES_MAX = 8_192;

/** Notes that are kept for `keptMs`. Times are monotonic milliseconds. */
export class Recent<Note> {
  readonly #keptMs: number;
  /** In the order in which they end. */
  readonly #notes = new Map<string, { readonly note: Note; readonly untilMs: number }>();

  constructor(keptMs: number) {
    this.#keptMs = keptMs;
  }

  get(client: ClientKey, number: number, nowMs: number): Note | undefined {
    const kept = this.#notes.get(keyOf(client, number));
    return kept === undefined || kept.untilMs <= nowMs ? undefined : kept.note;
  }

  set(client: ClientKey, number: number, note: Note, nowMs: number): void {
    const key = keyOf(client, number);
    this.#notes.delete(key);
    this.#notes.set(key, { note, untilMs: nowMs + this.#keptMs });
    this.#expire(nowMs);
  }

  delete(client: ClientKey, number: number): void {
    this.#notes.delete(keyOf(client, number));
  }

  #expire(nowMs: number): void {
    for (const [key, { untilMs }] of this.#notes) {
      if (untilMs > nowMs && this.#notes.size <= NOTES_MAX) return;
      this.#notes.delete(key);
    }
  }
}

function keyOf(client: ClientKey, number: number): string {
  return `${number} ${client}`;
}
