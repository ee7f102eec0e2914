/** What is on its way in one direction of a delay link: frames come out in order, each when its time has come. */

export interface DelaySettings {
  /** Each way. */
  readonly delayMs: number;
  /** The delay of a frame lies within so much of `delayMs`, but no frame overtakes another. */
  readonly jitterMs?: number;
}

/** Frames under way beyond this many are lost, as in a router whose memory is full. */
const FRAMES_MAX = 100_000;
/** Served entries are cut off the front by so many. */
const COMPACT = 1_024;

/** One direction. */
export class DelayLine<Frame> {
  readonly #queue: { readonly frame: Frame; readonly dueMs: number }[] = [];
  readonly #random: () => number;
  #head = 0;
  #lastDueMs = 0;
  /** Frames that found no room. */
  lost = 0;

  /** `random` is like Math.random. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** When the next frame comes out; undefined when none is under way. */
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
