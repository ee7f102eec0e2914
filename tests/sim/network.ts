/** Links between nodes, and between clients and nodes: loss, duplicates, delay and partitions. */

import type { Prng } from "./prng.ts";
import type { World } from "./world.ts";

/** How bad the links are. */
export interface LinkQuality {
  readonly loss: number;
  readonly duplicates: number;
  /** One-way delay, ms. */
  readonly delayMs: { readonly min: number; readonly max: number };
}

export const GOOD_LINKS: LinkQuality = { loss: 0, duplicates: 0, delayMs: { min: 0, max: 2 } };

/** The network. */
export class SimNetwork {
  readonly #world: World;
  readonly #prng: Prng;
  /** `from>to` pairs that hear nothing. */
  readonly #cut = new Set<string>();
  quality: LinkQuality = GOOD_LINKS;

  constructor(world: World, prng: Prng) {
    this.#world = world;
    this.#prng = prng;
  }

  /** Cuts one direction. */
  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
  }

  healAll(): void {
    this.#cut.clear();
  }

  /** Whether a direction is cut now. */
  isCut(from: number, to: number): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  /** Brings something from one end to the other, once, several times or never. */
  carry(from: number, to: number, arrive: () => void): void {
    const { loss, duplicates, delayMs } = this.quality;
    const copies = this.#prng.chance(duplicates) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#prng.chance(loss)) continue;
      this.#world.after(this.#prng.int(delayMs.min, delayMs.max), () => {
        if (!this.isCut(from, to)) arrive();
      });
    }
  }
}
