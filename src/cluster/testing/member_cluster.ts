/** Several members in virtual time for tests: instant disks, and datagrams that arrive at the next tick. */

import { AnchoredClock, type Instant } from "../../lease/agreement/clock.ts";
import { HybridClock } from "../../lease/agreement/hybrid_clock.ts";
import type { LeaseRow } from "../../lease/agreement/slot.ts";
import { LeaseTable } from "../../lease/table/lease_table.ts";
import type { Range } from "../../net/ipv4.ts";
import { explainNotReady, type NodeFacts, whyNotReady } from "../../core/readiness.ts";
import { startIdentity } from "../sync/disk_identity.ts";
import { Member, type MemberNotice } from "../member.ts";
import { resetMembership, type ResetResult } from "../membership/reset.ts";
import type { ClusterMessage, Envelope, MemberAddress, NodeId } from "../wire/messages.ts";

const START_MS = 1_700_000_000_000;
const TICK_MS = 20;

export function addressOf(id: NodeId): MemberAddress {
  return { id, address: 0x0a630000 + id };
}

/** The facts of a node around which all is well. */
function factsOf(member: Member, now: Instant): NodeFacts {
  const outside = { isStopping: false, isDrained: false, isStarted: true, storeFailure: undefined };
  return { ...member.facts(now), ...outside };
}

interface Disk {
  readonly facts: Map<string, string>;
  readonly rows: Map<number, LeaseRow>;
}

/** One machine: its disk outlives its processes. */
interface Machine extends Disk {
  running: { readonly member: Member; readonly table: LeaseTable; readonly bootMs: number } | undefined;
  reach: readonly NodeId[];
}

interface Datagram {
  readonly envelope: Envelope;
  readonly to: NodeId;
  readonly message: ClusterMessage;
}

/** Some machines and what is between them. */
export class MemberCluster {
  ms = 0;
  /** Pairs `a>b` that hear nothing. */
  readonly cut = new Set<string>();
  /** What is lost on its way to a member. */
  deaf: (to: NodeId, message: ClusterMessage) => boolean = () => false;
  readonly notices: { id: NodeId; notice: MemberNotice }[] = [];
  /** Configurations as they became active. */
  readonly activated: { id: NodeId; text: string }[] = [];
  readonly pools: readonly Range[] = [{ first: 0x0a000001, last: 0x0a000040 }];
  readonly #machines = new Map<NodeId, Machine>();
  #wire: Datagram[] = [];
  #random = 1;

  /** Deterministic, and different at every call. */
  random(): number {
    this.#random = (this.#random * 16_807) % 2_147_483_647;
    return this.#random / 2_147_483_647;
  }

  /** Starts a process on what the machine's disk has; `members` is what its file says. */
  start(
    id: NodeId,
    members: readonly NodeId[],
    options: { revision?: number; text?: string; bootstrap?: boolean; witness?: boolean } = {},
  ) {
    const machine: Machine = this.#machines.get(id) ??
      { facts: new Map(), rows: new Map(), running: undefined, reach: [] };
    this.#machines.set(id, machine);
    const incarnation = Math.floor(this.random() * 2 ** 32);
    const { identity, writes } = startIdentity(machine.facts, () => this.random());
    for (const [key, value] of writes) machine.facts.set(key, value);
    const table = new LeaseTable({ pools: this.pools, reserved: [] });
    const versions = new HybridClock({ node: id, incarnation });
    for (const row of machine.rows.values()) versions.observe(row.slot.version);
    table.load(machine.rows.values());
    const bootMs = this.ms;
    const send = (to: NodeId, message: ClusterMessage) => {
      if (machine.reach.includes(to) && !this.deaf(to, message)) {
        this.#wire.push({ envelope: member.envelope(), to, message });
      }
    };
    const member: Member = new Member({
      self: id,
      incarnation,
      identity,
      nodes: members.map(addressOf),
      bootstrap: options.bootstrap ?? false,
      witness: options.witness ?? false,
      table,
      clock: new AnchoredClock(),
      versions,
      limits: { maxLeaseMs: 3_600_000 },
      facts: new Map(machine.facts),
      pools: () => this.pools,
      activate: (_revision, text) => this.activated.push({ id, text }),
      validate: (text) => text === "bad" || text.includes(`bad for ${id}`) ? "it is bad" : undefined,
      revise: (text, revision) => text === "garbage" ? undefined : `${text} ${revision}`,
      isReady: (now) => whyNotReady(factsOf(member, now)) === undefined,
      random: () => this.random(),
      effects: {
        send,
        broadcast: (message) => machine.reach.forEach((to) => to === id || send(to, message)),
        persist: ({ rows = [], facts = [] }, durable) => {
          for (const row of rows) machine.rows.set(row.address, row);
          for (const [key, value] of facts) machine.facts.set(key, value);
          // As after an fsync: not within the call.
          const { running } = machine;
          this.#later.push(() => (running === undefined || machine.running === running) && durable(this.#now(machine)));
        },
        notice: (notice) => this.notices.push({ id, notice }),
        members: (members) => machine.reach = members.map((each) => each.id),
      },
      now: { wallMs: START_MS + this.ms, monotonicMs: 0 },
    });
    machine.reach = [...member.membership.members.map((each) => each.id), ...members];
    machine.running = { member, table, bootMs };
    const { revision = 1, text = "{}" } = options;
    member.offer({ revision, text });
  }

  readonly #later: (() => void)[] = [];

  /** Starts several machines whose files name one another. */
  form(...ids: NodeId[]): this {
    for (const id of ids) this.start(id, ids);
    return this;
  }

  kill(id: NodeId): void {
    this.#machine(id).running = undefined;
  }

  /** Kills a machine and takes its disk; the next start has a blank one. */
  loseDisk(id: NodeId): void {
    this.putBack(id, { facts: new Map(), rows: new Map() });
  }

  /** A copy of a machine's disk. */
  copyOf(id: NodeId): Disk {
    const { facts, rows } = this.#machine(id);
    return { facts: new Map(facts), rows: new Map(rows) };
  }

  /** Kills a machine and puts back a copy of its disk. */
  putBack(id: NodeId, copy: Disk): void {
    this.kill(id);
    const { facts, rows } = this.#machine(id);
    facts.clear();
    rows.clear();
    for (const [key, value] of copy.facts) facts.set(key, value);
    for (const [address, row] of copy.rows) rows.set(address, row);
  }

  /** `members reset` on a machine whose process has ended. */
  reset(id: NodeId, { maxLeaseMs }: { maxLeaseMs: number }): ResetResult {
    const { facts, running } = this.#machine(id);
    if (running !== undefined) throw new Error(`Node ${id} runs`);
    const result = resetMembership(facts, { self: id, latestMs: START_MS + this.ms, maxLeaseMs });
    if (result.ok) { for (const [key, value] of result.facts) facts.set(key, value); }
    return result;
  }

  member(id: NodeId): Member {
    const { running } = this.#machine(id);
    if (running === undefined) throw new Error(`Node ${id} does not run`);
    return running.member;
  }

  table(id: NodeId): LeaseTable {
    return this.#machine(id).running?.table as LeaseTable;
  }

  now(id: NodeId): Instant {
    return this.#now(this.#machine(id));
  }

  /** Nothing passes between these machines and the others. */
  isolate(...island: NodeId[]): void {
    for (const a of this.#machines.keys()) {
      for (const b of this.#machines.keys()) if (island.includes(a) !== island.includes(b)) this.cut.add(`${a}>${b}`);
    }
  }

  /** Advances virtual time. */
  run(ms: number): this {
    for (const endMs = this.ms + ms; this.ms < endMs;) {
      this.ms += TICK_MS;
      for (const machine of this.#machines.values()) machine.running?.member.tick(this.#now(machine));
      this.settle();
    }
    return this;
  }

  /** What members say of themselves: `3 leader serves`. */
  get roles(): string[] {
    return [...this.#machines].flatMap(([id, machine]) => {
      const { running } = machine;
      if (running === undefined) return [];
      const reason = whyNotReady(factsOf(running.member, this.#now(machine)));
      return [`${id} ${running.member.role} ${reason ?? "serves"}`];
    });
  }

  /** Why a member does not serve, in an operator's words; undefined when it does. */
  reason(id: NodeId): string | undefined {
    const facts = factsOf(this.member(id), this.now(id));
    const reason = whyNotReady(facts);
    return reason === undefined ? undefined : explainNotReady(reason, facts);
  }

  /** Kinds of notices of one member since the last call. */
  said(id: NodeId): string[] {
    const kinds = this.notices.filter((each) => each.id === id).map(({ notice }) => notice.kind);
    this.notices.splice(0, this.notices.length, ...this.notices.filter((each) => each.id !== id));
    return kinds;
  }

  #machine(id: NodeId): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw new Error(`There is no node ${id}`);
    return machine;
  }

  #now(machine: Machine): Instant {
    return { wallMs: START_MS + this.ms, monotonicMs: this.ms - (machine.running?.bootMs ?? this.ms) };
  }

  /** Everything that is on its way arrives, and what that causes. */
  settle(): void {
    while (this.#wire.length > 0 || this.#later.length > 0) {
      for (const durable of this.#later.splice(0)) durable();
      for (const { envelope, to, message } of this.#wire.splice(0)) {
        const machine = this.#machines.get(to);
        if (!machine?.reach.includes(envelope.from) || this.cut.has(`${envelope.from}>${to}`)) continue;
        machine.running?.member.receive(envelope, message, this.#now(machine));
      }
      for (const machine of this.#machines.values()) machine.running?.member.flush(this.#now(machine));
    }
  }
}
