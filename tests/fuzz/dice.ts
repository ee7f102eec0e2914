/** Random choices from a seed: the same seed gives the same input. Mulberry32: 32 bits of state, enough for octets. */

export class Dice {
  #state = 0;

  constructor(seed: number, stream = 0) {
    this.restart(seed, stream);
  }

  /** Begins anew; each stream of a seed has its own choices. */
  restart(seed: number, stream: number): void {
    this.#state = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) ^ stream ^
      Math.imul(Math.floor(stream / 2 ** 32), 0x85ebca6b);
  }

  /** 0 ≤ result < 2^32. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 ≤ result < sides. */
  roll(sides: number): number {
    return this.word() % sides;
  }

  /** True once in `sides` times. */
  once(sides: number): boolean {
    return this.word() % sides === 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.word() % items.length] as T;
  }

  /** Mostly small, seldom up to `max`. */
  size(max: number): number {
    const bound = this.once(8) ? max : Math.min(max, 1 << this.roll(6));
    return this.roll(bound + 1);
  }
}

/** A number for a text, so that each surface has its own stream of choices. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
