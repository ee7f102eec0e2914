/** Probe loss. */

import { SELECT } from "./limits.ts";

/**
 * A window over the last {@link SELECT.lossWindow} probes.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const loss = new LossWindow();
 * for (const answered of [true, false, true, true]) loss.add(answered);
 * strictEqual(loss.share, 0.25);
 * strictEqual(loss.lostInARow, 0);
 * ```
 */
export class LossWindow {
  readonly #answered: boolean[] = [];
  #lostInARow = 0;
  #everAnswered = false;

  add(answered: boolean): void {
    if (answered && this.#lostInARow >= SELECT.outageProbes) this.#answered.length = 0;
    this.#answered.push(answered);
    if (this.#answered.length > SELECT.lossWindow) this.#answered.shift();
    this.#lostInARow = answered ? 0 : this.#lostInARow + 1;
    if (answered) this.#everAnswered = true;
  }

  get lost(): number {
    return this.#answered.filter((answered) => !answered).length;
  }

  /** 0 to 1; 0 before the first probe. */
  get share(): number {
    return this.#answered.length === 0 ? 0 : this.lost / this.#answered.length;
  }

  /** Lost probes in a row, up to now. */
  get lostInARow(): number {
    return this.#lostInARow;
  }

  get everAnswered(): boolean {
    return this.#everAnswered;
  }
}
