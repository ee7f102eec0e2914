/**
 * A node in the simulator, and the driver of its `NodeCore`, as `node/node.ts` is in the product. The disk and the
 * clock outlive the process, which can crash, pause and start again.
 */

import type { Configuration } from "../../src/cluster/leadership/config_replication.ts";
import type { Member } from "../../src/cluster/member.ts";
import type { ClusterMessage, Envelope, MemberAddress, NodeId } from "../../src/cluster/wire/messages.ts";
import { decodeMessage, encodeMessage } from "../../src/cluster/wire/codec.ts";
import type { AllottedRanges } from "../../src/cluster/leadership/range_allotment.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { OPTIONS, readOption } from "../../src/dhcp/options/mod.ts";
import type { Command, CommandResult, NodeEffect, NodeEvent } from "../../src/core/effects.ts";
import { NodeCore } from "../../src/core/node_core.ts";
import type { Instant } from "../../src/lease/agreement/clock.ts";
import type { LeaseTable } from "../../src/lease/table/lease_table.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import { compiledOf, identityOf, isMistake } from "./configurations.ts";
import { SimDisk } from "./disk.ts";
import type { Promised } from "./promises.ts";
import type { AnswerClient, RunNode, SimRun } from "./run.ts";
import { BELIEVED_MS, SimWallClock } from "./wall_clock.ts";
import { formatRow } from "./format.ts";

/** The most that rounding to whole milliseconds takes off. */
const ROUNDING_MS = 1;

/** One process. */
interface Process {
  readonly incarnation: number;
  readonly bootMs: number;
  readonly core: NodeCore<Request>;
  storeFailure: string | undefined;
  /** Monotonic time of the planned tick; Infinity while none is planned. */
  wakeMs: number;
}

/** A client's message that waits for its reply. */
interface Request {
  readonly message: Message;
  /** Whether the client still waits. */
  readonly awaits: () => boolean;
  readonly answer: AnswerClient;
}

export class SimNode implements RunNode {
  readonly id: NodeId;
  readonly disk: SimDisk;
  readonly clock: SimWallClock;
  /** `service` of its file. */
  file: Configuration;
  /** `cluster.nodes` of its file. */
  fileMembers: readonly NodeId[];
  readonly #run: SimRun;
  #process: Process | undefined;
  #pausedUntilMs = 0;
  /** Input that arrived while the process was paused. */
  #waiting: (() => void)[] = [];
  /** Members that it sends to and takes messages from. */
  #peers: ReadonlySet<NodeId> = new Set();
  #checked: AllottedRanges | undefined;
  readonly #results = new Map<number, (result: unknown) => void>();
  #token = 0;

  constructor(
    id: NodeId,
    run: SimRun,
    options: { file: Configuration; members: readonly NodeId[]; clock?: SimWallClock },
  ) {
    this.id = id;
    this.#run = run;
    this.file = options.file;
    this.fileMembers = options.members;
    const { events, prng, checkers } = run;
    this.clock = options.clock ?? SimWallClock.right(events, prng);
    this.disk = new SimDisk(events, prng, (addresses) => {
      if (run.log !== undefined) this.#logRows(addresses ?? []);
      checkers.durable(addresses);
    });
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  /** The core of the process once its start is durable. */
  get #core(): NodeCore<Request> | undefined {
    return this.#process?.core.started ? this.#process.core : undefined;
  }

  get member(): Member | undefined {
    return this.#core?.member;
  }

  get incarnation(): number {
    return this.#process?.incarnation ?? 0;
  }

  get table(): LeaseTable | undefined {
    return this.#core?.table;
  }

  /** The anchored clock's reading. */
  get time() {
    return this.#core?.clock.bounds(this.now());
  }

  /** Whether it serves clients. */
  get ready(): boolean {
    return this.#core !== undefined && this.disk.works && this.#core.notReady(this.now()) === undefined;
  }

  /** Both clocks of this machine now. */
  now(): Instant {
    const { nowMs } = this.#run.events;
    return { wallMs: this.clock.wallMs, monotonicMs: nowMs - (this.#process?.bootMs ?? nowMs) };
  }

  /** Starts a process from the disk. */
  start(): void {
    if (this.running) return;
    const { events, prng, mutation } = this.#run;
    const incarnation = prng.int(1, 0xffffffff);
    const { rows, facts } = this.disk.image();
    const { agedMs = 0 } = mutation;
    const core = new NodeCore<Request>({
      self: this.id,
      incarnation,
      hashSeed: 0,
      facts,
      nodes: this.fileMembers.map(addressOf),
      bootstrap: false,
      file: this.file,
      fileService: compiledOf(this.file.text),
      compile: (text) =>
        isMistake(text) ? { ok: false, problem: "it is a mistake" } : { ok: true, service: compiledOf(text) },
      revise: (text) => text,
      random: () => prng.next(),
      mutations: {
        clock: mutation.clock?.(this),
        versionIncarnation: mutation.incarnation?.(incarnation),
        safeguards: mutation.safeguards,
        servesUnready: mutation.servesUnready,
        agreement: (agreement) => mutation.agreement?.(this, agreement) ?? agreement,
      },
      now: { wallMs: this.clock.wallMs, monotonicMs: -agedMs },
    });
    this.#process = { incarnation, bootMs: events.nowMs, core, storeFailure: undefined, wakeMs: Infinity };
    this.#setPeers(core.member.membership.members);
    this.#checked = undefined;
    this.#run.log?.(`node ${this.id} starts${core.member.synced ? "" : " blank"}`);
    core.beginLoad();
    for (const row of rows.values()) core.load(row);
    core.loaded();
    this.#receive({ kind: "listening" });
  }

  /** Kills the process. The disk keeps all synced writes, and possibly some of the later ones. */
  crash(): void {
    this.disk.crash();
    this.#process = undefined;
    this.#waiting = [];
    this.#pausedUntilMs = 0;
    this.#run.log?.(`node ${this.id} crashes`);
  }

  /** Suspends the process, as SIGSTOP or a stalled machine does. */
  pause(ms: number): void {
    this.#pausedUntilMs = this.#run.events.nowMs + ms;
    this.#run.log?.(`node ${this.id} pauses for ${ms} ms`);
    this.#run.events.after(ms, () => {
      for (const waiting of this.#waiting.splice(0)) this.#whenRunning(waiting);
    });
  }

  /** An operator replaces the file and sends SIGHUP. */
  reload(file: Configuration): void {
    this.file = file;
    this.#whenRunning(() => this.#receive({ kind: "file", configuration: file }));
  }

  receive(envelope: Envelope, message: ClusterMessage): void {
    if (!this.#peers.has(envelope.from)) return;
    this.#whenRunning(() => {
      const { mutation } = this.#run;
      const arriving = mutation.arriving?.({ run: this.#run, to: this, envelope, message }) ?? [message];
      for (const arrived of arriving) this.#receive({ kind: "message", envelope, message: arrived });
    });
  }

  serve(message: Message, awaits: () => boolean, answer: AnswerClient): void {
    this.#whenRunning(() => {
      const { address } = addressOf(this.id);
      const arrival = { from: message.ciaddr, serverIdentifier: address, receivedOn: address, onLink: false };
      this.#receive({ kind: "request", message, arrival, source: { message, awaits, answer } });
    });
  }

  /** An operator's command with an immediate result. */
  command<Result>(run: (core: NodeCore<unknown>, now: Instant) => Result): Result | undefined {
    const core = this.#core;
    if (core === undefined) return undefined;
    const result = run(core, this.now());
    this.#pump();
    return result;
  }

  /** An operator's command whose result waits for a disk or for other members. */
  ask<Kind extends Command["kind"]>(
    command: Extract<Command, { kind: Kind }>,
    done: (result: CommandResult[Kind]) => void,
  ): void {
    if (this.#core === undefined) return;
    const token = ++this.#token;
    this.#results.set(token, done as (result: unknown) => void);
    this.#receive({ kind: "command", token, command });
  }

  /** The driver loop: gives an event to the core and performs the effects. */
  #receive(event: NodeEvent<Request>): void {
    const process = this.#process;
    if (process === undefined) return;
    const failure = this.disk.works ? undefined : "a commit failed";
    if (failure !== process.storeFailure) {
      process.storeFailure = failure;
      process.core.receive({ kind: "store", failure }, this.now());
    }
    process.core.receive(event, this.now());
    this.#pump();
  }

  #pump(): void {
    const process = this.#process;
    if (process === undefined) return;
    const { core } = process;
    const now = this.now();
    if (core.nextDeadline(now) <= now.monotonicMs) {
      core.tick(now);
      this.#check(process);
    }
    core.flush(now);
    for (const effect of core.takeEffects()) this.#perform(process, effect);
    this.#plan(process);
  }

  #perform(process: Process, effect: NodeEffect<Request>): void {
    const { member } = process.core;
    switch (effect.kind) {
      case "send":
        return this.#send(member.envelope(), effect.to, effect.message);
      case "broadcast": {
        const envelope = member.envelope();
        for (const to of this.#peers) if (to !== this.id) this.#send(envelope, to, effect.message);
        return;
      }
      case "persist": {
        const { token } = effect;
        return this.disk.write(
          effect.writes,
          () => this.#whenRunning(() => this.#process === process && this.#receive({ kind: "persisted", token })),
        );
      }
      case "members":
        return this.#setPeers(effect.members);
      case "reply": {
        const { message, awaits, answer } = effect.source;
        return answer(effect.reply, this.#checkPromise(member, message, effect.reply, awaits()));
      }
      case "notice":
        return this.#run.log?.(`node ${this.id}: ${JSON.stringify(effect.notice)}`);
      case "result": {
        const done = this.#results.get(effect.token);
        this.#results.delete(effect.token);
        return done?.(effect.result);
      }
    }
  }

  /** Plans the next tick, unless one is planned that is early enough. */
  #plan(process: Process): void {
    const now = this.now();
    const deadlineMs = process.core.nextDeadline(now);
    if (deadlineMs >= process.wakeMs || deadlineMs === Infinity) return;
    process.wakeMs = deadlineMs;
    this.#run.events.after(deadlineMs - now.monotonicMs, () => {
      if (this.#process !== process || process.wakeMs !== deadlineMs) return;
      this.#whenRunning(() => {
        if (this.#process !== process) return;
        process.wakeMs = Infinity;
        this.#pump();
      });
    });
  }

  #logRows(addresses: Iterable<number>): void {
    for (const address of addresses) {
      const row = this.disk.rows.get(address);
      if (row !== undefined) this.#run.log?.(`disk ${this.id}: ${formatRow(row)}`);
    }
  }

  #setPeers(members: readonly MemberAddress[]): void {
    this.#peers = new Set(members.map(({ id }) => id));
  }

  /** Checks the promise of an acknowledgement before it leaves. */
  #checkPromise(member: Member, request: Message, reply: Message, isAwaited: boolean): Promised | undefined {
    const seconds = readOption(reply.options, OPTIONS.addressLeaseTime);
    const isAck = reply.options.get(OPTIONS.messageType.code)?.[0] === 5;
    if (!isAck || seconds.kind !== "present") return undefined;
    const { checkers } = this.#run;
    // A clock that was always right has a constant offset; any other clock that is believed is within this bound.
    const clockMs = this.clock.alwaysRight ? this.clock.offsetMs - ROUNDING_MS : -2 * BELIEVED_MS;
    this.#run.log?.(`node ${this.id} acknowledges ${formatIpv4(reply.yiaddr)} to ${identityOf(request).name}`);
    return checkers.promises.leaving(
      { ...identityOf(request), address: reply.yiaddr, leaseMs: seconds.value * 1_000 },
      { members: member.membership.members.map(({ id }) => id), clockMs, isAwaited },
    );
  }

  #check({ core: { member }, incarnation }: Process): void {
    const { leaders } = this.#run.checkers;
    if (member.role === "leader") leaders.leads(`node ${this.id} (${incarnation})`, member.term);
    const { ranges } = member;
    if (ranges === this.#checked) return;
    this.#checked = ranges;
    leaders.allocates(this.id, ranges);
  }

  /** Runs now, or at the end of the pause. */
  #whenRunning(run: () => void): void {
    if (this.#run.events.nowMs < this.#pausedUntilMs) this.#waiting.push(run);
    else run();
  }

  #send(envelope: Envelope, to: NodeId, message: ClusterMessage): void {
    if (!this.#peers.has(to)) return;
    const { links, nodes, mutation } = this.#run;
    mutation.sending?.(this, message);
    const arriving = this.#run.encodes ? recoded(envelope, message) : message;
    links.carry({ from: this.id, to, message }, () => nodes.get(to)?.receive(envelope, arriving));
  }
}

/** A message after encoding and decoding. */
function recoded(envelope: Envelope, message: ClusterMessage): ClusterMessage {
  const decoded = decodeMessage(encodeMessage(envelope, message));
  if (!decoded.ok) throw new Error(`A ${message.type} does not pass the codec: ${JSON.stringify(decoded.error)}`);
  return decoded.message;
}

/** A node's id and address. */
export function addressOf(id: NodeId): MemberAddress {
  return { id, address: 0x0a630000 + id };
}
