/**
 * Which leases are on probation: first leases of strangers that are short, and which their clients have not renewed
 * yet. A flood of invented clients does not renew; a real client does so at T1 (RFC 2131 §4.4.5). Derived from the
 * records that every node has, so that a restart forgets little and nothing new is replicated.
 */

/** What a slot's lease is. */
export const PROBATION = { none: 0, running: 1, over: 2 } as const;

type State = (typeof PROBATION)[keyof typeof PROBATION];

/** A renewal counts when it comes after this part of the lease: clients renew after half of it. */
const RENEWED_AFTER = 1 / 4;

/** One record of a slot, as far as it matters here. Times in ms since 1970. */
interface Granted {
  readonly lastSeen: number;
  readonly expires: number;
}

/** Whether a lease that was granted at `lastSeen` has lasted long enough for a renewal to count. */
export function isRenewal(before: Granted, atMs: number): boolean {
  return atMs - before.lastSeen >= RENEWED_AFTER * (before.expires - before.lastSeen);
}

/** The states of all slots, and how many leases of each pool are on probation now. */
export class Probation {
  /** How long a first lease on probation is at most, by pool; 0: none is on probation. */
  lengthsMs: readonly number[];
  readonly #running: number[];
  readonly #unrenewed: number[];
  #states: Uint8Array;

  constructor(slots: number, pools: number, lengthsMs: readonly number[] = []) {
    this.#states = new Uint8Array(slots);
    this.#running = new Array<number>(pools).fill(0);
    this.#unrenewed = new Array<number>(pools).fill(0);
    this.lengthsMs = lengthsMs;
  }

  /** Leases of a pool that are on probation and run. */
  running(pool: number): number {
    return this.#running[pool] ?? 0;
  }

  /** Leases of a pool that were on probation and ended, since the start. */
  unrenewed(pool: number): number {
    return this.#unrenewed[pool] ?? 0;
  }

  stateOf(index: number): State {
    return this.#states[index] as State;
  }

  /** A slot was bound; `before`: the same client's last record of it. */
  bound(index: number, pool: number | undefined, granted: Granted, before: Granted | undefined): void {
    this.#set(index, pool, this.#isShort(pool, granted) ? this.#judge(index, granted, before) : PROBATION.none);
  }

  /** The lease of a slot is over: it expired, or its client released it. */
  ended(index: number, pool: number | undefined): void {
    if (this.stateOf(index) !== PROBATION.running) return;
    this.#set(index, pool, PROBATION.over);
    if (pool !== undefined) this.#unrenewed[pool] = this.unrenewed(pool) + 1;
  }

  /** A slot holds no client's lease any more, or never did. */
  cleared(index: number, pool: number | undefined): void {
    this.#set(index, pool, PROBATION.none);
  }

  grow(slots: number): void {
    const states = new Uint8Array(slots);
    states.set(this.#states);
    this.#states = states;
  }

  #isShort(pool: number | undefined, { lastSeen, expires }: Granted): boolean {
    const lengthMs = pool === undefined ? 0 : this.lengthsMs[pool] ?? 0;
    return lengthMs > 0 && expires - lastSeen <= lengthMs;
  }

  #judge(index: number, granted: Granted, before: Granted | undefined): State {
    if (before === undefined) return PROBATION.running;
    const state = this.stateOf(index);
    // A known client that asked for a short lease.
    if (state === PROBATION.none) return PROBATION.none;
    return state === PROBATION.running && isRenewal(before, granted.lastSeen) ? PROBATION.none : PROBATION.running;
  }

  #set(index: number, pool: number | undefined, state: State): void {
    const before = this.stateOf(index);
    if (before === state) return;
    this.#states[index] = state;
    if (pool === undefined) return;
    const change = Number(state === PROBATION.running) - Number(before === PROBATION.running);
    this.#running[pool] = this.running(pool) + change;
  }
}
