/**
 * A cluster for tests that read like transcripts: whole nodes (`NodeCore`) with disks and clocks. Either everything
 * happens by itself ({@link TestCluster.run}), or each message, each fsync and each millisecond passes when the test
 * says so. What is on a machine's disk outlives its process; writes without an fsync do not.
 */

import type { Command, CommandResult, NodeEffect, NodeEvent } from "../../core/effects.ts";
import type { Compiled, CompileRequest } from "../../core/compilations.ts";
import { NodeCore, storedConfiguration } from "../../core/node_core.ts";
import { CompiledService } from "../../dhcp/server/compiled_service.ts";
import type { Message } from "../../dhcp/message.ts";
import { service, subnet } from "../../dhcp/server/testing.ts";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import { type LeaseRow, NO_DETAIL, type Slot, type Writes } from "../../lease/agreement/slot.ts";
import { LEASE_MS, NOW_MS } from "../../lease/agreement/testing/records.ts";
import type { LeaseTable } from "../../lease/table/lease_table.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { Member, MemberNotice } from "../member.ts";
import type { MembershipChange } from "../membership/membership.ts";
import { resetMembership, type ResetResult } from "../membership/reset.ts";
import type { ClusterMessage, Envelope, MemberAddress, NodeId } from "../wire/messages.ts";

/** When a test begins: ms since 1970. */
export const START_MS = NOW_MS;
/** Two of the 64 addresses to have leases of. */
export const X: Ipv4 = 0x0a000001;
export const Y: Ipv4 = 0x0a000002;
const POOL = "10.0.0.1-10.0.0.64";
const TICK_MS = 20;
/** A cluster without faults serves, all have all, and nothing is on its way after this. */
const FORMED_MS = 5_000;

export function addressOf(id: NodeId): MemberAddress {
  return { id, address: 0x0a630000 + id };
}

/** What a node's file says. */
interface File {
  readonly members: readonly NodeId[];
  readonly revision?: number;
  readonly text?: string;
  readonly bootstrap?: boolean;
  readonly witness?: boolean;
  /** Rows that may wait for its disk. */
  readonly waitingRowsMax?: number;
}

interface Disk {
  readonly facts: Map<string, string>;
  readonly rows: Map<Ipv4, LeaseRow>;
}

/** A client's message, and what came of it so far. */
interface Asked {
  reply: Message | undefined;
}

interface Process {
  readonly core: NodeCore<Asked>;
  readonly bootMs: number;
  /** Writes before their fsync. */
  readonly pending: { readonly writes: Writes; readonly token: number }[];
}

interface Machine extends Disk {
  file: File;
  process: Process | undefined;
  reach: readonly NodeId[];
  /** How long the machine was suspended. */
  behindMs: number;
  /** How far its wall clock was set ahead. */
  setMs: number;
}

interface Datagram {
  readonly envelope: Envelope;
  readonly to: NodeId;
  readonly message: ClusterMessage;
}

export class TestCluster {
  /** Since the start. */
  ms = 0;
  /** Pairs `a>b` that hear nothing. */
  readonly cut = new Set<string>();
  /** Machines whose disk hangs. */
  readonly hung = new Set<NodeId>();
  /** What is lost on its way to a member. */
  deaf: (to: NodeId, message: ClusterMessage) => boolean = () => false;
  /** Whether compilations wait for {@link compile}. */
  holdsCompilations = false;
  #compilations: (() => void)[] = [];
  readonly notices: { id: NodeId; notice: MemberNotice }[] = [];
  readonly #machines = new Map<NodeId, Machine>();
  readonly #texts = new WeakMap<CompiledService, string>();
  readonly #open = new Map<number, (result: CommandResult[Command["kind"]]) => void>();
  #token = 0;
  #wire: Datagram[] = [];
  #random = 1;

  /** Deterministic, and different at every call. */
  random(): number {
    this.#random = (this.#random * 16_807) % 2_147_483_647;
    return this.#random / 2_147_483_647;
  }

  /** Starts several machines whose files name one another. */
  form(...ids: NodeId[]): this {
    for (const id of ids) this.start(id, { members: ids });
    return this;
  }

  /** Starts a process on what the machine's disk has, after the one that may run. */
  start(id: NodeId, file: File | undefined = this.#machines.get(id)?.file): void {
    if (file === undefined) throw new Error(`Node ${id} has no file`);
    const machine = this.#machines.get(id) ??
      { facts: new Map(), rows: new Map(), file, process: undefined, reach: [], behindMs: 0, setMs: 0 };
    this.#machines.set(id, machine);
    this.kill(id);
    const { members, revision = 1, text = "{}", bootstrap = false, witness = false, waitingRowsMax } = file;
    const core = new NodeCore<Asked>({
      self: id,
      incarnation: Math.floor(this.random() * 2 ** 32),
      hashSeed: 4711,
      facts: new Map(machine.facts),
      nodes: members.map(addressOf),
      bootstrap,
      witness,
      file: { revision, text },
      served: this.#startsWith(text, storedConfiguration(machine.facts, { revision, text })),
      revise: (text, revision) => text === "garbage" ? undefined : `${text.replace(/ \d+$/, "")} ${revision}`,
      mutations: waitingRowsMax === undefined ? {} : { safeguards: { waitingRowsMax } },
      random: () => this.random(),
      now: this.#now(machine),
    });
    machine.file = file;
    machine.reach = [...core.member.membership.members.map((each) => each.id), ...members];
    machine.process = { core, bootMs: this.ms - machine.behindMs, pending: [] };
    core.beginLoad();
    for (const row of machine.rows.values()) core.load(row);
    core.loaded();
    this.#perform(id);
    this.fsync(id);
    this.#receive(id, { kind: "listening" });
  }

  /** What a process starts with. */
  #startsWith(file: string, stored: string | undefined): { text: string; service: CompiledService } {
    const text = stored ?? file;
    return { text, service: this.#compile(text) };
  }

  #compile(text: string): CompiledService {
    const compiled = new CompiledService(service([subnet("10.0.0.0/24", [POOL])]));
    this.#texts.set(compiled, text);
    return compiled;
  }

  get waitingCompilations(): number {
    return this.#compilations.length;
  }

  /** Completes the compilations that wait. */
  compile(): void {
    for (const complete of this.#compilations.splice(0)) complete();
  }

  #compiled(id: NodeId, process: Process, { token, text }: CompileRequest): void {
    const compiled: Compiled = text === "bad" || text.includes(`bad for ${id}`)
      ? { ok: false, problem: "it is bad" }
      : { ok: true, service: this.#compile(text) };
    const complete = () => {
      if (this.#machine(id).process === process) this.#receive(id, { kind: "compiled", token, compiled });
    };
    if (this.holdsCompilations) this.#compilations.push(complete);
    else complete();
  }

  kill(id: NodeId): void {
    this.#machine(id).process = undefined;
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
    const machine = this.#machine(id);
    this.#machines.set(id, { ...machine, facts: new Map(copy.facts), rows: new Map(copy.rows) });
  }

  /** `members reset` on a machine whose process has ended. */
  reset(id: NodeId, { maxLeaseMs }: { maxLeaseMs: number }): ResetResult {
    const { facts, process } = this.#machine(id);
    if (process !== undefined) throw new Error(`Node ${id} runs`);
    const result = resetMembership(facts, { self: id, latestMs: START_MS + this.ms, maxLeaseMs });
    if (result.ok) { for (const [key, value] of result.facts) facts.set(key, value); }
    return result;
  }

  /** A machine is suspended for a while that is over now: both of its clocks have stood still. */
  suspend(id: NodeId, ms: number): void {
    this.ms += ms;
    this.#machine(id).behindMs += ms;
  }

  /** The wall clocks of machines are set, to this much ahead of what they should be. */
  setClocks(ms: number, ids: readonly NodeId[] = this.#ids): void {
    for (const id of ids) this.#machine(id).setMs = ms;
  }

  /** Nothing passes between these machines and the others. */
  isolate(...island: NodeId[]): void {
    for (const a of this.#ids) {
      for (const b of this.#ids) if (island.includes(a) !== island.includes(b)) this.cut.add(`${a}>${b}`);
    }
  }

  core(id: NodeId): NodeCore<Asked> {
    const { process } = this.#machine(id);
    if (process === undefined) throw new Error(`Node ${id} does not run`);
    return process.core;
  }

  member(id: NodeId): Member {
    return this.core(id).member;
  }

  table(id: NodeId): LeaseTable {
    return this.core(id).table;
  }

  slot(id: NodeId, address: Ipv4 = X): Slot {
    return this.table(id).get(address);
  }

  now(id: NodeId): Instant {
    return this.#now(this.#machine(id));
  }

  /** The text of the configuration that a node serves by. */
  served(id: NodeId): string | undefined {
    return this.#texts.get(this.core(id).server.compiled);
  }

  /** `ready`, or why its clock keeps a node from that. */
  clockOf(id: NodeId): string {
    return this.member(id).clockFault(this.now(id)) ?? "ready";
  }

  /** What nodes say of themselves: `3 leader serves`. */
  get roles(): string[] {
    return [...this.#machines].flatMap(([id, { process }]) =>
      process === undefined
        ? []
        : [`${id} ${process.core.member.role} ${process.core.notReady(this.now(id)) ?? "serves"}`]
    );
  }

  /** Why a node does not serve, in an operator's words; undefined when it does. */
  reason(id: NodeId): string | undefined {
    return this.core(id).explainNotReady(this.now(id));
  }

  /** Kinds of notices of one node since the last call. */
  said(id: NodeId): string[] {
    const kinds = this.notices.filter((each) => each.id === id).map(({ notice }) => notice.kind);
    this.notices.splice(0, this.notices.length, ...this.notices.filter((each) => each.id !== id));
    return kinds;
  }

  /** Gives a command; its result is there when it is known. */
  command<Kind extends Command["kind"]>(
    id: NodeId,
    command: Extract<Command, { kind: Kind }>,
  ): { result: CommandResult[Kind] | undefined } {
    const given: { result: CommandResult[Kind] | undefined } = { result: undefined };
    const token = ++this.#token;
    this.#open.set(token, (result) => given.result = result as CommandResult[Kind]);
    this.#receive(id, { kind: "command", token, command });
    return given;
  }

  /**
   * A client asks a node for an address. `outcome`: `undecided`, `committed`, or why not; `leaseMs`: what the client is
   * told.
   */
  request(
    id: NodeId,
    client: ClientKey,
    { address = X, xid = this.ms, leaseMs = LEASE_MS }: { address?: Ipv4; xid?: number; leaseMs?: number } = {},
  ): { readonly outcome: string; readonly leaseMs: number | undefined } {
    this.ms += 2;
    const proposal = { address, client, xid, leaseMs, detail: NO_DETAIL };
    const given = this.command(id, { kind: "propose", proposal });
    return {
      get outcome() {
        if (given.result === undefined) return "undecided";
        return given.result.committed ? "committed" : given.result.reason;
      },
      get leaseMs() {
        return given.result?.committed ? given.result.leaseMs : undefined;
      },
    };
  }

  /** A client's message reaches a node through a relay; the reply is there when it has left. */
  ask(id: NodeId, message: Message): { readonly reply: Message | undefined } {
    const source: Asked = { reply: undefined };
    const { address } = addressOf(id);
    const arrival = { from: message.giaddr, serverIdentifier: address, receivedOn: address, onLink: false };
    this.#receive(id, { kind: "request", message, arrival, source });
    return source;
  }

  /** The same, and what came of it within `ms`. */
  grant(id: NodeId, client: ClientKey, address: Ipv4 = X, ms = 200): string {
    const asked = this.request(id, client, { address });
    this.run(ms);
    return asked.outcome;
  }

  /** An operator changes the membership at a node. `outcome`: `undecided`, the new epoch, or why not. */
  change(id: NodeId, change: MembershipChange): { readonly outcome: string } {
    const given = this.command(id, { kind: "change", change });
    return {
      get outcome() {
        if (given.result === undefined) return "undecided";
        return given.result.ok ? `epoch ${given.result.epoch}` : given.result.problem;
      },
    };
  }

  /** A client gives an address back through a node; the result is true once that is durable there. */
  release(id: NodeId, client: ClientKey, address: Ipv4 = X): { readonly result: boolean | undefined } {
    this.ms += 2;
    const request = { kind: "released", address, client, restMs: 0, detail: NO_DETAIL } as const;
    return this.command(id, { kind: "end", request });
  }

  /** A client declines an address through a node, which keeps it from all clients for `restMs`. */
  decline(id: NodeId, client: ClientKey, restMs: number, address: Ipv4 = X): { readonly result: boolean | undefined } {
    this.ms += 2;
    const request = { kind: "declined", address, client, restMs, detail: NO_DETAIL } as const;
    return this.command(id, { kind: "end", request });
  }

  /** Everything that a node wrote reaches its disk. */
  fsync(id: NodeId): void {
    const machine = this.#machine(id);
    if (this.hung.has(id)) return;
    for (const { writes, token } of machine.process?.pending.splice(0) ?? []) {
      for (const row of writes.rows ?? []) machine.rows.set(row.address, row);
      for (const [key, value] of writes.facts ?? []) machine.facts.set(key, value);
      this.#receive(id, { kind: "persisted", token });
    }
  }

  /** Writes that wait for a machine's disk. */
  waiting(id: NodeId): number {
    return this.#machine(id).process?.pending.length ?? 0;
  }

  /** What is on its way between two nodes. */
  onItsWay(from: NodeId, to: NodeId): ClusterMessage[] {
    return this.#wire.filter((one) => one.envelope.from === from && one.to === to).map(({ message }) => message);
  }

  /** What is on its way between two nodes is lost. */
  lose(from: NodeId, to: NodeId): void {
    this.#take(from, to);
  }

  /** What is on its way between two nodes arrives. */
  deliver(from: NodeId, to: NodeId): void {
    for (const datagram of this.#take(from, to)) this.#arrive(datagram);
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
    this.#wire.push({ envelope: this.member(from).envelope(), to, message });
  }

  /** Advances the time. These nodes do what is due; nothing arrives and no write is synced. */
  pass(ms: number, ids: readonly NodeId[] = this.#ids): void {
    this.ms += ms;
    for (const id of ids) {
      this.#machine(id).process?.core.tick(this.now(id));
      this.#perform(id);
    }
  }

  /** A moment passes, and everything that is on its way arrives, and what that causes. */
  exchange(): void {
    this.pass(2);
    this.settle();
  }

  /** Everything that is on its way arrives, and what that causes. */
  settle(): void {
    for (const id of this.#ids) this.#perform(id);
    const waits = ([id, { process }]: [NodeId, Machine]) => !this.hung.has(id) && process?.pending.length;
    while (this.#wire.length > 0 || [...this.#machines].some(waits)) {
      for (const id of this.#ids) this.fsync(id);
      for (const datagram of this.#wire.splice(0)) this.#arrive(datagram);
    }
  }

  /** Advances the time; everything arrives and is synced meanwhile. */
  run(ms: number): this {
    for (const endMs = this.ms + ms; this.ms < endMs;) {
      this.pass(TICK_MS);
      this.settle();
    }
    return this;
  }

  get #ids(): NodeId[] {
    return [...this.#machines.keys()];
  }

  #machine(id: NodeId): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw new Error(`There is no node ${id}`);
    return machine;
  }

  /** Time by a machine's clocks. */
  #now({ process, behindMs, setMs }: Machine): Instant {
    const ms = this.ms - behindMs;
    return { wallMs: START_MS + ms + setMs, monotonicMs: ms - (process?.bootMs ?? ms) };
  }

  #take(from: NodeId, to: NodeId): Datagram[] {
    const isTaken = (one: Datagram) => one.envelope.from === from && one.to === to;
    const taken = this.#wire.filter(isTaken);
    this.#wire = this.#wire.filter((one) => !isTaken(one));
    return taken;
  }

  #arrive({ envelope, to, message }: Datagram): void {
    if (!this.#machines.get(to)?.reach.includes(envelope.from) || this.cut.has(`${envelope.from}>${to}`)) return;
    this.#receive(to, { kind: "message", envelope, message });
  }

  /** The driver loop, without the ticks. */
  #receive(id: NodeId, event: NodeEvent<Asked>): void {
    this.#machine(id).process?.core.receive(event, this.now(id));
    this.#perform(id);
  }

  #perform(id: NodeId): void {
    const machine = this.#machine(id);
    const { process } = machine;
    if (process === undefined) return;
    process.core.flush(this.now(id));
    for (const effect of process.core.takeEffects()) this.#effect(id, machine, process, effect);
  }

  #effect(id: NodeId, machine: Machine, process: Process, effect: NodeEffect<Asked>): void {
    const { core, pending } = process;
    if (effect.kind === "persist") pending.push(effect);
    else if (effect.kind === "compile") this.#compiled(id, process, effect);
    else if (effect.kind === "reply") effect.source.reply = effect.reply;
    else if (effect.kind === "members") machine.reach = effect.members.map((each) => each.id);
    else if (effect.kind === "notice") this.notices.push({ id, notice: effect.notice });
    else if (effect.kind === "result") {
      const done = this.#open.get(effect.token);
      if (done === undefined) throw new Error("Decided twice");
      this.#open.delete(effect.token);
      done(effect.result);
    } else if (effect.kind === "send" || effect.kind === "broadcast") {
      const to = effect.kind === "send" ? [effect.to] : machine.reach;
      for (const each of new Set(to)) {
        if (each === id || !machine.reach.includes(each) || this.deaf(each, effect.message)) continue;
        this.#wire.push({ envelope: core.member.envelope(), to: each, message: effect.message });
      }
    }
  }
}

/** A cluster of this many nodes that all serve. */
export function formed(size: number): TestCluster {
  return new TestCluster().form(...Array.from({ length: size }, (_, index) => index + 1)).run(FORMED_MS);
}
