/**
 * What the rule permits at a time (`src/lease/agreement/README.md`, "What it promises"), and durations with their
 * relations. A fault takes what it needs of a node for as long as it lasts, so that no two faults undo each other.
 */

import { assert } from "../../src/assert.ts";
import { MARGIN_MS } from "../../src/lease/agreement/limits.ts";

/** Lease time of the clients; the longest of any configuration that is pushed. */
export const LEASE_SECONDS = 60;
export const LEASE_SECONDS_MAX = 90;
/** How late a client may notice that its lease is over: the part of MARGIN that is left for it. */
export const SLACK_MS_MAX = 10_000;
/** A process is stopped for that long at the most, and a frame on its way. */
export const PAUSE_MS_MAX = 20_000;
export const DELAY_MS_MAX = 300;
/**
 * After DHCPRELEASE or DHCPDECLINE a client is silent for this long: one that arrives after the client's next lease
 * ends that one, as DHCP cannot tell them apart, and it may lie in the socket of a stopped node.
 */
export const RELEASED_REST_MS = 45_000;
/** From the end of all faults until clients are served. */
export const SERVICE_BACK_MS = 10_000;
/** From the end of all faults until every node is ready. */
export const ALL_READY_MS = 60_000;
/** A node that says ready for this long must serve. */
export const READY_SETTLED_MS = 5_000;
/** The nodes remember how far the disks of the others were after this long without faults. */
export const HEARD_MS = 5_000;
/** A corrected clock counts as wrong for a while: agreements that were made with it may be in use. */
const CLOCK_AFTERMATH_MS = 10_000;
/** A node has read its clock and written down a step of all clocks this long after it. */
export const STEP_NOTED_MS = 4_000;
/** All steps back together: locks last longer by that. */
const STEPS_BACK_MS_MAX = 60_000;

/** Locks from before a step of all clocks may run for this long after it. */
const STEP_COUNTS_MS = LEASE_SECONDS_MAX * 1_000 + 2 * MARGIN_MS;

assert(RELEASED_REST_MS > 2 * PAUSE_MS_MAX, "A DHCPRELEASE has arrived before its client asks again");
assert(SLACK_MS_MAX < MARGIN_MS, "A client that notices the end of its lease late is within the rule's margin");
assert(LEASE_SECONDS <= LEASE_SECONDS_MAX, "The first configuration is one of those that are pushed");

/** What a fault takes of a node. */
export const ASPECTS = ["process", "link", "disk", "clock"] as const;
type Aspect = (typeof ASPECTS)[number];

/** Faults that are possible now. Times are true. */
export class FaultLimits {
  /** Node and aspect, such as `3 disk`. */
  readonly #taken = new Set<string>();
  readonly #lost = new Set<number>();
  /** Until when a clock counts as wrong. */
  readonly #wrongClocks = new Map<number, number>();
  #members: readonly number[];
  #operation = false;
  #stepMs = -Infinity;
  #stepsBackMs = 0;
  /** Nodes that do not know of the last step of all clocks by themselves: they lost their disk since. */
  #missed: ReadonlySet<number> = new Set();

  constructor(members: readonly number[]) {
    this.#members = members;
  }

  get members(): readonly number[] {
    return this.#members;
  }

  /** The membership has changed and is complete. */
  set members(members: readonly number[]) {
    this.#members = members;
    for (const id of this.#lost) if (!members.includes(id)) this.#lost.delete(id);
  }

  /** Takes these aspects of a node, if all are free and no operation needs the nodes undisturbed. */
  take(id: number, ...aspects: readonly Aspect[]): boolean {
    if (aspects.some((aspect) => this.#taken.has(`${id} ${aspect}`))) return false;
    for (const aspect of aspects) this.#taken.add(`${id} ${aspect}`);
    return true;
  }

  give(id: number, ...aspects: readonly Aspect[]): void {
    for (const aspect of aspects) this.#taken.delete(`${id} ${aspect}`);
  }

  /** Whether no fault is going on. */
  get isCalm(): boolean {
    return this.#taken.size === 0 && !this.#operation;
  }

  /** Begins what an operator does to the whole cluster, one thing at a time. */
  beginOperation(): boolean {
    if (this.#operation) return false;
    return this.#operation = true;
  }

  endOperation(): void {
    this.#operation = false;
  }

  /** Whether processes may crash: not before they have written down a step of all clocks. */
  mayCrash(nowMs: number): boolean {
    return nowMs - this.#stepMs > STEP_NOTED_MS;
  }

  /**
   * Takes a node's disk and process to lose the disk, if the rule permits that: a damaged database and one that was put
   * back count too. It counts as lost until {@link joined}.
   */
  loseDisk(id: number, nowMs: number): boolean {
    if (this.#operation || this.#lost.has(id) || !this.#members.includes(id) || !this.mayCrash(nowMs)) return false;
    if (this.#lost.size >= Math.floor(this.#members.length / 2)) return false;
    const missed = new Set([...this.#stillMissed(nowMs), id]);
    const isAfterStep = nowMs - this.#stepMs <= STEP_COUNTS_MS;
    if (isAfterStep && missed.size >= this.#quorum) return false;
    if (!this.take(id, "disk", "process")) return false;
    if (isAfterStep) this.#missed = missed;
    this.#lost.add(id);
    return true;
  }

  get lost(): ReadonlySet<number> {
    return this.#lost;
  }

  /** The node is a voter again. */
  joined(id: number): void {
    this.#lost.delete(id);
  }

  /** Takes a node's clock to make it wrong: fewer than half may be. It counts as wrong until {@link correctClock}. */
  takeClock(id: number, nowMs: number): boolean {
    const wrong = [...this.#wrongClocks].filter(([other, untilMs]) => other !== id && untilMs > nowMs).length;
    const fewerThanHalf = Math.floor((this.#members.length - 1) / 2);
    if (wrong >= fewerThanHalf || !this.#members.includes(id)) return false;
    if (!this.take(id, "clock")) return false;
    this.#wrongClocks.set(id, Infinity);
    return true;
  }

  /** The clock is right; it counts as wrong for a while longer. */
  correctClock(id: number, nowMs: number): void {
    this.#wrongClocks.set(id, nowMs + CLOCK_AFTERMATH_MS);
    this.give(id, "clock");
  }

  /** Whether all clocks may be stepped together: every node must see it, and none may fail meanwhile. */
  stepClocks(stepMs: number, nowMs: number): boolean {
    const backMs = this.#stepsBackMs + Math.max(0, -stepMs);
    const wrong = [...this.#wrongClocks].flatMap(([id, untilMs]) => untilMs > nowMs ? [id] : []);
    if (!this.isCalm || backMs > STEPS_BACK_MS_MAX || this.#lost.size > 0 || wrong.length > 0) return false;
    this.#stepMs = nowMs;
    this.#stepsBackMs = backMs;
    this.#missed = new Set();
    return true;
  }

  get #quorum(): number {
    return Math.floor(this.#members.length / 2) + 1;
  }

  #stillMissed(nowMs: number): ReadonlySet<number> {
    return nowMs - this.#stepMs > STEP_COUNTS_MS ? new Set() : this.#missed;
  }
}
