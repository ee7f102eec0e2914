/** Work in slices: what takes long for HTTP lets datagrams, timers and disk go on in between. */

/** A slice delays a DHCP answer by no more than this. */
const SLICE_MS = 4;

/**
 * Long work calls {@link next} after each small step.
 *
 * @example
 * ```ts
 * const slices = new Slices();
 * for (let step = 0; step < 10_000; step++) if (slices.isOver) await slices.next();
 * ```
 */
export class Slices {
  #sinceMs = performance.now();

  /** Whether it is time to let others go on. */
  get isOver(): boolean {
    return performance.now() - this.#sinceMs >= SLICE_MS;
  }

  /** Lets everything else in the process go on, then begins the next slice. */
  async next(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#sinceMs = performance.now();
  }
}
