/**
 * A few replicas on a table: every message, every fsync and every millisecond passes only when the test says so, so
 * that a protocol test reads like a transcript. What is on a seat's disk outlives its process.
 */

import { testContext } from "./context.ts";
import type { Effects } from "../context.ts";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import { AnchoredClock, type Instant } from "../../lease/agreement/clock.ts";
import { HybridClock } from "../../lease/agreement/hybrid_clock.ts";
import { type LeaseRow, NO_DETAIL, type Slot, type Writes } from "../../lease/agreement/slot.ts";
import { LEASE_MS, NOW_MS } from "../../lease/agreement/testing/records.ts";
import { LeaseTable } from "../../lease/table/lease_table.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import { BLANK, FACT, startIdentity } from "../sync/disk_identity.ts";
import type { ClusterMessage, NodeId } from "../wire/messages.ts";
import type { Decision } from "../../lease/agreement/proposer.ts";
import { Replica } from "../replication/replica.ts";

/** When a test begins: ms since 1970. */
export const START_MS = NOW_MS;
/** Two addresses to have leases of. */
export const X: Ipv4 = 0x0a000001;
export const Y: Ipv4 = 0x0a000002;

/** What a proposal came to, as far as is known. */
interface Attempt {
  /** `undecided`, `committed`, or why not. */
  outcome: string;
}

interface Pending {
  readonly writes: Writes;
  readonly durable: (now: Instant) => void;
}

interface Running {
  readonly incarnation: number;
  readonly table: LeaseTable;
  readonly clock: AnchoredClock;
  readonly replica: Replica;
}

interface Seat {
  readonly rows: Map<Ipv4, LeaseRow>;
  readonly facts: Map<string, string>;
  /** Writes before their fsync. */
  readonly pending: Pending[];
  readonly running: Running;
}

/** The table, with members 1 to `size` that have complete slots and right clocks. */
export class ReplicaTable {
  /** Since the start. */
  nowMs = 10_000;
  readonly #size: number;
  readonly #seats = new Map<NodeId, Seat>();
  readonly #wire: { from: NodeId; incarnation: number; to: NodeId; message: ClusterMessage }[] = [];
  readonly #behindMs = new Map<NodeId, number>();
  readonly #setMs = new Map<NodeId, number>();
  #incarnations = 70;

  constructor(size: number) {
    this.#size = size;
    const complete = (id: NodeId) =>
      new Map([
        [FACT.blank, BLANK.no],
        [FACT.diskId, `${id}`.repeat(16)],
        [FACT.diskGeneration, "1"],
        [FACT.settled, "1"],
      ]);
    for (const id of this.#ids) this.start(id, complete(id));
    this.exchange();
  }

  get #ids(): NodeId[] {
    return Array.from({ length: this.#size }, (_, index) => index + 1);
  }

  /** Time as a member's clocks have it. */
  #now(id: NodeId): Instant {
    const ms = this.nowMs - (this.#behindMs.get(id) ?? 0);
    return { wallMs: START_MS + ms + (this.#setMs.get(id) ?? 0), monotonicMs: ms };
  }

  /** A member's machine is suspended for a while that is over now: both of its clocks have stood still. */
  suspend(id: NodeId, ms: number): void {
    this.nowMs += ms;
    this.#behindMs.set(id, ms);
  }

  /** The wall clocks of members are set, to this much ahead of what they should be. */
  setClocks(ms: number, ids: readonly NodeId[] = this.#ids): void {
    for (const id of ids) this.#setMs.set(id, ms);
  }

  #seat(id: NodeId): Seat {
    const seat = this.#seats.get(id);
    if (seat === undefined) throw new Error(`No replica has the id ${id}`);
    return seat;
  }

  /** Starts a process anew on its disk. Its clock has no anchor until others agree with it. */
  restart(id: NodeId): void {
    this.start(id, undefined, undefined, false);
  }

  /** Starts a process anew on its disk, or on another one with these facts. What it had not synced is lost. */
  start(id: NodeId, disk?: Map<string, string>, rows = new Map<Ipv4, LeaseRow>(), anchored = true): void {
    const facts = disk ?? this.#seat(id).facts;
    const kept = disk === undefined ? this.#seat(id).rows : rows;
    const { identity, writes } = startIdentity(facts, () => (this.#incarnations++ % 97) / 97);
    for (const [key, value] of writes) facts.set(key, value);
    const incarnation = this.#incarnations++;
    const table = new LeaseTable({ pools: [{ first: X, last: X + 9 }], reserved: [] });
    table.load(kept.values());
    const clock = new AnchoredClock();
    const say = (to: NodeId, message: ClusterMessage) => this.#wire.push({ from: id, incarnation, to, message });
    const others = this.#ids.filter((other) => other !== id);
    const pending: Pending[] = [];
    const effects: Effects = {
      send: say,
      broadcast: (message) => others.forEach((to) => say(to, message)),
      persist: (writes, durable) => void pending.push({ writes, durable }),
      notice: () => {},
    };
    const replica = new Replica(testContext({ self: id, incarnation, members: () => this.#ids, effects }), {
      identity,
      table,
      clock,
      versions: new HybridClock({ node: id, incarnation }),
      limits: { maxLeaseMs: 3_600_000 },
      facts: new Map(facts),
      bootstrap: false,
      clockNotice: () => {},
      heartbeat: () => ({ free: () => [], ready: true, revision: 1, complete: true, witness: false }),
      learned: () => true,
      joining: () => [],
      joined: () => {},
      fenced: () => {},
      now: this.#now(id),
    });
    if (anchored) clock.anchor(this.#now(id));
    this.#seats.set(id, { rows: kept, facts, pending, running: { incarnation, table, clock, replica } });
  }

  /** A copy of a disk as it is now. */
  snapshot(id: NodeId): { facts: Map<string, string>; rows: Map<Ipv4, LeaseRow> } {
    const { facts, rows } = this.#seat(id);
    return { facts: new Map(facts), rows: new Map(rows) };
  }

  slot(id: NodeId, address: Ipv4 = X): Slot {
    return this.#seat(id).running.table.get(address);
  }

  /** An event on a member that is otherwise without consequences. */
  watchClock(id: NodeId): void {
    this.#seat(id).running.replica.watchClock(this.#now(id));
  }

  /** `ready`, or why its clock keeps it from that. */
  clockOf(id: NodeId): string {
    return this.#seat(id).running.replica.clockFault(this.#now(id)) ?? "ready";
  }

  /** How long a member keeps locks from before its clock was set. */
  stepped(id: NodeId): number {
    return this.#seat(id).running.replica.clockSync.stepped.steppedMs;
  }

  synced(id: NodeId): boolean {
    return this.#seat(id).running.replica.synced;
  }

  /** A client asks a member for an address. */
  request(id: NodeId, of: ClientKey, options: { address?: Ipv4; xid?: number; leaseMs?: number } = {}): Attempt {
    this.nowMs += 2;
    const { replica } = this.#seat(id).running;
    const { address = X, xid = this.nowMs, leaseMs = LEASE_MS } = options;
    const asked: Attempt = { outcome: "undecided" };
    replica.propose({ address, client: of, xid, leaseMs, detail: NO_DETAIL }, this.#now(id), (outcome: Decision) => {
      if (asked.outcome !== "undecided") throw new Error("Decided twice");
      asked.outcome = outcome.committed ? "committed" : outcome.reason;
    });
    replica.flush(this.#now(id));
    return asked;
  }

  /** A client gives an address back through a member. */
  release(id: NodeId, of: ClientKey, address: Ipv4 = X): boolean {
    this.nowMs += 2;
    const { replica } = this.#seat(id).running;
    const end = { kind: "released", address, client: of, restMs: 0, detail: NO_DETAIL } as const;
    const ended = replica.end(end, this.#now(id), () => {});
    replica.flush(this.#now(id));
    return ended;
  }

  /** Everything a member wrote reaches its disk. */
  fsync(id: NodeId): void {
    const seat = this.#seat(id);
    for (const { writes, durable } of seat.pending.splice(0)) {
      for (const row of writes.rows ?? []) seat.rows.set(row.address, row);
      for (const [key, value] of writes.facts ?? []) seat.facts.set(key, value);
      durable(this.#now(id));
    }
  }

  /** What is on its way between two members. */
  onItsWay(from: NodeId, to: NodeId): ClusterMessage[] {
    return this.#wire.filter((one) => one.from === from && one.to === to).map(({ message }) => message);
  }

  /** What is on its way between two members is lost. */
  lose(from: NodeId, to: NodeId): void {
    this.#take(from, to);
  }

  /** What is on its way between two members arrives. */
  deliver(from: NodeId, to: NodeId): void {
    for (const { incarnation, message } of this.#take(from, to)) {
      this.#seat(to).running.replica.receive(from, incarnation, message, this.#now(to));
    }
  }

  /** Arrives, is synced, and what follows comes back. */
  roundTrip(from: NodeId, to: NodeId): void {
    this.fsync(from);
    this.deliver(from, to);
    this.fsync(to);
    this.deliver(to, from);
    this.fsync(from);
  }

  /** Arrives and is synced, but what follows is lost. */
  roundTripLosing(from: NodeId, to: NodeId): void {
    this.fsync(from);
    this.deliver(from, to);
    this.fsync(to);
    this.lose(to, from);
  }

  /** Puts a message on its way, as the running process. */
  say(from: NodeId, to: NodeId, message: ClusterMessage): void {
    this.#wire.push({ from, incarnation: this.#seat(from).running.incarnation, to, message });
  }

  /** Advances the time of all members, or of one. */
  pass(ms: number, ids: readonly NodeId[] = this.#ids): void {
    this.nowMs += ms;
    for (const id of ids) this.#seat(id).running.replica.tick(this.#now(id));
  }

  /** Delivers all messages until no member sends another one. */
  exchange(): void {
    this.pass(2);
    while (this.#wire.length > 0 || [...this.#seats.values()].some(({ pending }) => pending.length > 0)) {
      for (const id of this.#ids) this.fsync(id);
      for (const { from, to } of [...this.#wire]) this.deliver(from, to);
    }
  }

  #take(from: NodeId, to: NodeId) {
    const taken = this.#wire.filter((one) => one.from === from && one.to === to);
    for (const one of taken) this.#wire.splice(this.#wire.indexOf(one), 1);
    return taken;
  }
}
