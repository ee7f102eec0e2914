/** A tournament tree: the number with the lowest key, kept up to date while keys change. */

/** Keys by number; `Infinity`: the number is out. */
export class MinTree {
  /** The leaves are at `#leaves + number`; every other node holds the lower key of its two children. */
  readonly #keys: Float64Array;
  readonly #leaves: number;

  constructor(count: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(1, count)));
    this.#keys = new Float64Array(2 * this.#leaves).fill(Infinity);
  }

  /** The number with the lowest key, the lowest among equals; undefined when all are out. O(log count). */
  get first(): number | undefined {
    const lowest = this.#keys[1] as number;
    if (lowest === Infinity) return undefined;
    let at = 1;
    while (at < this.#leaves) at = this.#keys[2 * at] === lowest ? 2 * at : 2 * at + 1;
    return at - this.#leaves;
  }

  /** Changes a key. O(log count). */
  set(number: number, key: number): void {
    let at = this.#leaves + number;
    let lowest = key;
    while (this.#keys[at] !== lowest) {
      this.#keys[at] = lowest;
      if (at === 1) return;
      lowest = Math.min(lowest, this.#keys[at ^ 1] as number);
      at >>>= 1;
    }
  }
}
