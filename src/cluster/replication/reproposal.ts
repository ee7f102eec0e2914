/**
 * Which leases are proposed once more (lease agreement, re-propose): a running lock that another voter lacks and that
 * repair cannot give it. The quorum's slots are read first. A lock that was released since, or that stands against
 * another client's lock, is left alone (case 28b): if a quorum did hold it, its next renewal shows that.
 */

import type { MemberContext } from "../context.ts";
import type { AnchoredClock, Bounds, Instant } from "../../lease/agreement/clock.ts";
import { MAX_CLOCK_SKEW_MS, PROPOSAL_MS } from "../../lease/agreement/limits.ts";
import { quorumOf } from "../../lease/agreement/quorum.ts";
import { isLive, isLocked } from "../../lease/agreement/rule.ts";
import type { Slot } from "../../lease/agreement/slot.ts";
import { compareVersions, TICKS_PER_MS, type Version } from "../../lease/agreement/version.ts";
import type { LeaseTable } from "../../lease/table/lease_table.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { NodeId, SlotRead, SlotReadAnswer } from "../wire/messages.ts";

/** Every voter that has the lock finds it missing: the first one to propose it spares the others the work. */
const DELAY_MS_MAX = 1_000;
/** An address is considered again after this time. */
const REPEAT_MS = 10_000;
/** Until then, whether a lock is committed may still be on its way: twice the proposal time, and the skew. */
const UNDECIDED_MS = 2 * PROPOSAL_MS + MAX_CLOCK_SKEW_MS;
const WAITING_MAX = 4_096;
/** Addresses whose slots are being read. */
const OPEN_MAX = 64;

interface Waiting {
  readonly version: Version;
  readonly dueMs: number;
}

interface Open {
  readonly address: Ipv4;
  readonly version: Version;
  readonly startedMs: number;
  readonly slots: Map<NodeId, Slot>;
}

/** The leases that one node may have to propose once more. */
export class Reproposals {
  readonly #context: MemberContext;
  readonly #table: LeaseTable;
  readonly #clock: AnchoredClock;
  readonly #repropose: (address: Ipv4, now: Instant) => void;
  readonly #startedMs: number;
  readonly #waiting = new Map<Ipv4, Waiting>();
  /** By query, in the order in which they were asked. */
  readonly #open = new Map<number, Open>();
  /** Monotonic time at which an address was read, in that order. */
  readonly #readMs = new Map<Ipv4, number>();
  #next: number;

  /** `repropose`: see `Proposer.repropose`. */
  constructor(
    context: MemberContext,
    options: {
      table: LeaseTable;
      clock: AnchoredClock;
      repropose: (address: Ipv4, now: Instant) => void;
      now: Instant;
    },
  ) {
    this.#context = context;
    this.#table = options.table;
    this.#clock = options.clock;
    this.#repropose = options.repropose;
    this.#startedMs = options.now.monotonicMs;
    // Answers to an earlier process of this node must not pass for answers to this one.
    this.#next = Math.floor(context.random() * 2 ** 40);
  }

  /** Another voter lacks this node's lock of an address, and repair cannot help. */
  consider(address: Ipv4, now: Instant): void {
    const time = this.#clock.bounds(now);
    const slot = this.#table.get(address);
    if (time === undefined || this.#waiting.has(address) || this.#waiting.size >= WAITING_MAX) return;
    // After a forced recovery, whose lock it is may be what only the lost disks knew.
    if (time.earliest < this.#context.membership.renewalsOnlyUntil) return;
    if (now.monotonicMs - (this.#readMs.get(address) ?? -Infinity) < REPEAT_MS) return;
    if (slot.committedVersion.clock === 0 && this.#isUndecided(slot, time, now)) return;
    this.#waiting.set(address, {
      version: slot.version,
      dueMs: now.monotonicMs + Math.floor(this.#context.random() * DELAY_MS_MAX),
    });
  }

  /** Monotonic time at which {@link tick} has something to do. */
  get nextDeadline(): number {
    let deadlineMs = Infinity;
    if (this.#open.size < OPEN_MAX) {
      for (const { dueMs } of this.#waiting.values()) deadlineMs = Math.min(deadlineMs, dueMs);
    }
    for (const { startedMs } of this.#open.values()) return Math.min(deadlineMs, startedMs + PROPOSAL_MS + 1);
    return deadlineMs;
  }

  /** Reads what is due. */
  tick(now: Instant): void {
    for (const [query, { startedMs }] of this.#open) {
      if (now.monotonicMs - startedMs <= PROPOSAL_MS) break;
      this.#open.delete(query);
    }
    for (const [address, atMs] of this.#readMs) {
      if (now.monotonicMs - atMs < REPEAT_MS) break;
      this.#readMs.delete(address);
    }
    for (const [address, { version, dueMs }] of this.#waiting) {
      if (this.#open.size >= OPEN_MAX) return;
      if (now.monotonicMs < dueMs) continue;
      this.#waiting.delete(address);
      if (this.#isUnchanged(address, version)) this.#read(address, version, now);
    }
  }

  /** Answers another voter's question. Only a voter with an anchored clock answers. */
  answer(from: NodeId, { query, address }: SlotRead, now: Instant): void {
    if (this.#clock.bounds(now) === undefined) return;
    this.#context.effects.send(from, { type: "slotReadAnswer", query, address, slot: this.#table.get(address) });
  }

  /** Takes a trusted voter's answer. */
  receive(from: NodeId, { query, address, slot }: SlotReadAnswer, now: Instant): void {
    const open = this.#open.get(query);
    const { others } = this.#context.membership;
    if (open === undefined || open.address !== address || !others.includes(from)) return;
    open.slots.set(from, slot);
    const quorum = quorumOf(others.length + 1);
    if (open.slots.size + 1 < quorum) return;
    const time = this.#clock.bounds(now);
    const isOver = time === undefined || now.monotonicMs - open.startedMs > PROPOSAL_MS ||
      !this.#isUnchanged(address, open.version);
    // The first quorum may hold the voter with another client's lock, and miss those that show this one's.
    const isAllowed = !isOver && mayRepropose(this.#table.get(address), [...open.slots.values()], quorum, time);
    if (isOver || isAllowed || open.slots.size === others.length) this.#open.delete(query);
    if (isAllowed) this.#repropose(address, now);
  }

  /** Another membership holds: other quorums. */
  dropAll(): void {
    this.#waiting.clear();
    this.#open.clear();
  }

  #isUndecided({ version }: Slot, time: Bounds, now: Instant): boolean {
    return time.now - version.clock / TICKS_PER_MS < UNDECIDED_MS ||
      now.monotonicMs - this.#startedMs < 2 * PROPOSAL_MS;
  }

  #isUnchanged(address: Ipv4, version: Version): boolean {
    const slot = this.#table.get(address);
    return slot.state === "bound" && compareVersions(slot.version, version) === 0;
  }

  #read(address: Ipv4, version: Version, now: Instant): void {
    const query = this.#next++;
    this.#readMs.delete(address);
    this.#readMs.set(address, now.monotonicMs);
    this.#open.set(query, { address, version, startedMs: now.monotonicMs, slots: new Map() });
    this.#context.effects.broadcast({ type: "slotRead", query, address });
  }
}

/** Whether a quorum's slots permit it to propose the lock of one of them, `own`, once more. */
export function mayRepropose(own: Slot, others: readonly Slot[], quorum: number, time: Bounds): boolean {
  const { client, version } = own;
  const isEnded = others.some((slot) =>
    (slot.state === "released" || slot.state === "declined") && slot.client === client &&
    compareVersions(slot.version, version) > 0
  );
  if (isEnded) return false;
  const shows = (slot: Slot) => slot.state === "bound" && slot.client === client && isLive(slot, time);
  const showing = [own, ...others].filter(shows).length;
  return showing >= quorum || !others.some((slot) => isLocked(slot, time) && !shows(slot));
}
