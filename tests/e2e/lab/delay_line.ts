/** One direction of a delay link: a queue from which frames come in order, each when its delay is over. */

export interface DelaySettings {
  /** In each direction. */
  readonly delayMs: number;
  /** The most that a frame's delay differs from `delayMs`; no frame overtakes another. */
  readonly jitterMs?: number;
}

/** Above this number of queued frames, further ones are lost, as in a router whose memory is full. */
const FRAMES_MAX = 100_000;
/** Entries that were taken are removed from the front in groups of this size. */
const COMPACT = 1_024;

/** One direction. */
export class DelayLine<Frame> {
  readonly #queue: { readonly frame: Frame; readonly dueMs: number }[] = [];
  readonly #random: () => number;
  #head = 0;
  #lastDueMs = 0;
  /** Frames lost because the queue was full. */
  lost = 0;

  /** `random` is like Math.random. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** When the next frame is due; undefined when none is queued. */
  get nextMs(): number | undefined {
    return this.#queue[this.#head]?.dueMs;
  }

  put(frame: Frame, nowMs: number, { delayMs, jitterMs = 0 }: DelaySettings): void {
    if (this.#queue.length - this.#head >= FRAMES_MAX) {
      this.lost++;
      return;
    }
    const delay = Math.max(0, delayMs + jitterMs * (2 * this.#random() - 1));
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + delay);
    this.#queue.push({ frame, dueMs: this.#lastDueMs });
  }

  /** The next frame that is due. */
  take(nowMs: number): Frame | undefined {
    const next = this.#queue[this.#head];
    if (next === undefined || next.dueMs > nowMs) return undefined;
    if (++this.#head >= COMPACT) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    return next.frame;
  }
}
