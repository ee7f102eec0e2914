/** What was lately noted about a client and a number: an address, or a transaction id. */

import type { ClientKey } from "../../lease/agreement/client_key.ts";

/** Above this number the oldest note is dropped: a flood of invented clients must not exhaust the memory. */
const NOTES_MAX = 8_192;

/** A note, and when it was made. */
interface Noted<Note> {
  readonly note: Note;
  readonly atMs: number;
}

/** Notes that are kept for `keptMs`. Times are monotonic milliseconds. */
export class Recent<Note> {
  readonly #keptMs: number;
  /** In the order in which they end. */
  readonly #notes = new Map<string, Noted<Note>>();

  constructor(keptMs: number) {
    this.#keptMs = keptMs;
  }

  get(client: ClientKey, number: number, nowMs: number): Noted<Note> | undefined {
    const noted = this.#notes.get(keyOf(client, number));
    return noted === undefined || this.#isOver(noted, nowMs) ? undefined : noted;
  }

  set(client: ClientKey, number: number, note: Note, nowMs: number): void {
    const key = keyOf(client, number);
    this.#notes.delete(key);
    this.#notes.set(key, { note, atMs: nowMs });
    this.#expire(nowMs);
  }

  delete(client: ClientKey, number: number): void {
    this.#notes.delete(keyOf(client, number));
  }

  #expire(nowMs: number): void {
    for (const [key, noted] of this.#notes) {
      if (!this.#isOver(noted, nowMs) && this.#notes.size <= NOTES_MAX) return;
      this.#notes.delete(key);
    }
  }

  #isOver({ atMs }: Noted<Note>, nowMs: number): boolean {
    return nowMs - atMs >= this.#keptMs;
  }
}

function keyOf(client: ClientKey, number: number): string {
  return `${number} ${client}`;
}
