/**
 * The lease stream of this process: numbers its records, packs them into batches that fit a datagram, says which were
 * committed, and keeps the last ones for members that missed some. What is in a record, and when a proposal is
 * decided, is the proposer's business.
 */

import { CLUSTER_LIMITS } from "../limits.ts";
import type { SequenceRange, StreamRecord } from "../wire/messages.ts";
import { streamRecordBytesMax } from "../wire/records.ts";

/** The stream's part of a `LeaseBatch`. */
interface StreamBatch {
  readonly first: number;
  readonly records: readonly StreamRecord[];
  readonly committed: readonly SequenceRange[];
}

/** A batch's own fields, with the positions of nine streams. */
const BATCH_OCTETS = 250;
/** Ranges of commit notes in one batch. */
const NOTES_MAX = 16;
/** Each commit note is sent in this many batches, as any of them may be lost. */
const NOTE_REPEATS = 3;

/** One process's own stream; it starts at 1. */
export class OutgoingStream {
  #next = 1;
  /** Records not sent yet; the last of them has number `#next - 1`. */
  #unsent: StreamRecord[] = [];
  #unsentBytes = 0;
  /** By sequence number modulo its size. */
  readonly #kept: (StreamRecord | undefined)[] = [];
  /** Commit notes to send, with the remaining repeats. */
  readonly #notes = new Map<number, number>();

  /** The number of the last record added; 0 before the first. */
  get last(): number {
    return this.#next - 1;
  }

  /** Whether there are records to send. */
  get unsent(): boolean {
    return this.#unsent.length > 0;
  }

  /** Whether they fill a datagram. */
  get full(): boolean {
    return this.#unsentBytes >= CLUSTER_LIMITS.datagramBytesMax - BATCH_OCTETS;
  }

  /** Appends a record; returns its sequence number. */
  add(record: StreamRecord): number {
    const sequence = this.#next++;
    this.#unsent.push(record);
    this.#unsentBytes += streamRecordBytesMax(record);
    this.#kept[sequence % CLUSTER_LIMITS.repairRecords] = record;
    return sequence;
  }

  /** The record of a number, while it is kept. */
  get(sequence: number): StreamRecord | undefined {
    if (sequence < 1 || sequence > this.last || sequence <= this.last - CLUSTER_LIMITS.repairRecords) return undefined;
    return this.#kept[sequence % CLUSTER_LIMITS.repairRecords];
  }

  /** A record was committed: the next batches say so. */
  note(sequence: number): void {
    this.#notes.set(sequence, NOTE_REPEATS);
  }

  /** Everything that is to be sent now, in batches. At least one when `heartbeat` is set. */
  take(heartbeat: boolean): StreamBatch[] {
    const batches: StreamBatch[] = [];
    let at = this.#next - this.#unsent.length;
    for (const records of split(this.#unsent)) {
      batches.push({ first: at, records, committed: this.#takeNotes() });
      at += records.length;
    }
    this.#unsent = [];
    this.#unsentBytes = 0;
    if (batches.length === 0 && (heartbeat || this.#notes.size > 0)) {
      batches.push({ first: this.#next, records: [], committed: this.#takeNotes() });
    }
    return batches;
  }

  /** What of a range is still kept, in batches, for a member that missed it. */
  repair(missing: SequenceRange): StreamBatch[] {
    const batches: StreamBatch[] = [];
    const last = Math.min(missing.last, this.last);
    let at = Math.max(missing.first, 1, this.last - CLUSTER_LIMITS.repairRecords + 1);
    const records: StreamRecord[] = [];
    for (let sequence = at; sequence <= last; sequence++) {
      const record = this.get(sequence);
      if (record !== undefined) records.push(record);
    }
    for (const part of split(records)) {
      batches.push({ first: at, records: part, committed: [] });
      at += part.length;
    }
    return batches;
  }

  #takeNotes(): SequenceRange[] {
    const ranges: { first: number; last: number }[] = [];
    for (const [sequence, repeats] of this.#notes) {
      const open = ranges.at(-1);
      if (open !== undefined && open.last + 1 === sequence) open.last = sequence;
      else if (ranges.length === NOTES_MAX) break;
      else ranges.push({ first: sequence, last: sequence });
      if (repeats === 1) this.#notes.delete(sequence);
      else this.#notes.set(sequence, repeats - 1);
    }
    return ranges;
  }
}

function split(records: readonly StreamRecord[]): StreamRecord[][] {
  const parts: StreamRecord[][] = [];
  let octets = Infinity;
  for (const record of records) {
    octets += streamRecordBytesMax(record);
    if (octets > CLUSTER_LIMITS.datagramBytesMax) {
      parts.push([]);
      octets = BATCH_OCTETS + streamRecordBytesMax(record);
    }
    parts.at(-1)?.push(record);
  }
  return parts;
}
