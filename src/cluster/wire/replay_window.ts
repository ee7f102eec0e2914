/** Replay window (RFC 4303 §3.4.3): one bit per message counter of a sender, sliding with the highest counter. */

/** How far behind the newest a message may come. */
export const REPLAY_WINDOW = 4_096;

const WORD_BITS = 32;
/** One more than the window takes, so that a word can be cleared as a whole when the window enters it. */
const WORDS = REPLAY_WINDOW / WORD_BITS + 1;

/** The window of one sender's run. */
export class ReplayWindow {
  readonly #seen = new Uint32Array(WORDS);
  #highest = -1;
  readonly first: number;

  /** Counters below `first` do not come. */
  constructor(first = 0) {
    this.first = first;
  }

  /** Whether a counter may still come: neither seen nor too old to know. */
  mayCome(counter: number): boolean {
    if (counter < this.first) return false;
    if (counter > this.#highest) return true;
    if (counter <= this.#highest - REPLAY_WINDOW) return false;
    return ((this.#seen[this.#word(counter)] as number) & this.#bit(counter)) === 0;
  }

  /** Marks a counter as seen: only after its message proved authentic. */
  mark(counter: number): void {
    if (counter > this.#highest) {
      const from = Math.floor(this.#highest / WORD_BITS) + 1;
      const to = Math.floor(counter / WORD_BITS);
      if (to - from >= WORDS) this.#seen.fill(0);
      else for (let word = from; word <= to; word++) this.#seen[word % WORDS] = 0;
      this.#highest = counter;
    }
    const word = this.#word(counter);
    this.#seen[word] = (this.#seen[word] as number) | this.#bit(counter);
  }

  #word(counter: number): number {
    return Math.floor(counter / WORD_BITS) % WORDS;
  }

  #bit(counter: number): number {
    return 1 << (counter % WORD_BITS);
  }
}
