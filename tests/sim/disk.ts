/** A disk: what is durable, and writes on their way. A crash keeps a prefix of the latter, as a journal would. */

import { PROPOSAL_MS } from "../../src/lease/limits.ts";
import type { LeaseRow, Writes } from "../../src/lease/slot.ts";
import type { Prng } from "./prng.ts";
import type { World } from "./world.ts";

interface Pending {
  readonly writes: Writes;
  readonly durable: () => void;
}

/** One node's disk; it outlives the node's processes. */
export class SimDisk {
  readonly #world: World;
  readonly #prng: Prng;
  readonly rows = new Map<number, LeaseRow>();
  readonly facts = new Map<string, string>();
  /** How long a sync takes, ms: from, to. */
  latencyMs = { min: 1, max: 3 };
  #pending: Pending[] = [];
  #lost: { rows: ReadonlyMap<number, LeaseRow>; atMs: number } = { rows: new Map(), atMs: -Infinity };
  #syncing = false;
  #life = 0;

  constructor(world: World, prng: Prng) {
    this.#world = world;
    this.#prng = prng;
  }

  write(writes: Writes, durable: () => void): void {
    this.#pending.push({ writes, durable });
    if (!this.#syncing) this.#sync();
  }

  /** The machine stops: some of the writes on their way are there, their callbacks never run. */
  crash(): void {
    const kept = this.#prng.int(0, this.#pending.length);
    for (const { writes } of this.#pending.slice(0, kept)) this.#apply(writes);
    this.#pending = [];
    this.#syncing = false;
    this.#life += 1;
  }

  /** A new, empty disk. */
  wipe(): void {
    this.#lost = { rows: new Map(this.rows), atMs: this.#world.nowMs };
    this.rows.clear();
    this.facts.clear();
  }

  /** What the replaced disk had, for as long as a proposal that counted on it may be decided. */
  lostRow(address: number, nowMs: number): LeaseRow | undefined {
    return nowMs - this.#lost.atMs <= PROPOSAL_MS ? this.#lost.rows.get(address) : undefined;
  }

  /** Group commit: all that waits is synced together. */
  #sync(): void {
    const group = this.#pending;
    if (group.length === 0) return;
    this.#syncing = true;
    const life = this.#life;
    const count = group.length;
    this.#world.after(this.#prng.int(this.latencyMs.min, this.latencyMs.max), () => {
      if (life !== this.#life) return;
      const synced = this.#pending.splice(0, count);
      for (const { writes } of synced) this.#apply(writes);
      this.#syncing = false;
      for (const { durable } of synced) durable();
      if (!this.#syncing && life === this.#life) this.#sync();
    });
  }

  #apply(writes: Writes): void {
    for (const row of writes.rows ?? []) this.rows.set(row.address, row);
    for (const [key, value] of writes.facts ?? []) this.facts.set(key, value);
  }
}
