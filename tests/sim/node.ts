/**
 * A node in the simulator: a disk and a clock that outlive processes, and a process made of the product's own core that can
 * crash, pause and start again. The driver that `node/node.ts` is in the product.
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
import type { SimCluster } from "./cluster.ts";
import { compiledOf, isMistake } from "./configurations.ts";
import { SimDisk } from "./disk.ts";
import { identityOf } from "./clients.ts";
import type { Promised } from "./promises.ts";
import { BELIEVED_MS, SimWallClock } from "./wall_clock.ts";
import { formatRow } from "./format.ts";

/** Shorter than what rounding may cost. */
const ROUNDING_MS = 1;

/** One process. */
interface Process {
  readonly incarnation: number;
  readonly bootMs: number;
  readonly core: NodeCore<Request>;
  storeFailure: string | undefined;
  /** Time of the planned tick; Infinity while none is planned. */
  wakeMs: number;
}

/** A client's message that waits for its answer. */
interface Request {
  readonly message: Message;
  /** Whether the client still waits. */
  readonly awaits: () => boolean;
  readonly answer: Reply;
}

/** An acknowledgement that may leave, with what it promises. */
export type Reply = (reply: Message, promised: Promised | undefined) => void;

export class SimNode {
  readonly id: NodeId;
  readonly disk: SimDisk;
  readonly clock: SimWallClock;
  /** `service` of its file. */
  file: Configuration;
  /** `cluster.nodes` of its file. */
  fileMembers: readonly NodeId[];
  readonly #cluster: SimCluster;
  #process: Process | undefined;
  #pausedUntilMs = 0;
  /** What came while the process was paused. */
  #waiting: (() => void)[] = [];
  /** Who can be sent to and heard from. */
  #peers: ReadonlySet<NodeId> = new Set();
  #checked: AllottedRanges | undefined;
  readonly #results = new Map<number, (result: unknown) => void>();
  #token = 0;

  constructor(
    id: NodeId,
    cluster: SimCluster,
    options: { file: Configuration; members: readonly NodeId[]; clock?: SimWallClock },
  ) {
    this.id = id;
    this.#cluster = cluster;
    this.file = options.file;
    this.fileMembers = options.members;
    const { world, prng, checkers } = cluster;
    this.clock = options.clock ?? SimWallClock.right(world, prng);
    this.disk = new SimDisk(world, prng, (addresses) => {
      if (cluster.log !== undefined) this.#logRows(addresses ?? []);
      checkers.durable(addresses);
    });
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  /** The core of a process whose start is durable. */
  get #core(): NodeCore<Request> | undefined {
    return this.#process?.core.started ? this.#process.core : undefined;
  }

  /** The running process's member of the cluster. */
  get member(): Member | undefined {
    return this.#core?.member;
  }

  /** The running process's. */
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

  /** Whether it serves. */
  get ready(): boolean {
    return this.#core !== undefined && this.disk.works && this.#core.notReady(this.now()) === undefined;
  }

  /** Both clocks of this machine now. */
  now(): Instant {
    const { nowMs } = this.#cluster.world;
    return { wallMs: this.clock.wallMs, monotonicMs: nowMs - (this.#process?.bootMs ?? nowMs) };
  }

  /** Starts a process from what the disk has. */
  start(): void {
    if (this.running) return;
    const { world, prng, tampering } = this.#cluster;
    const incarnation = prng.int(1, 0xffffffff);
    const { rows, facts } = this.disk.image();
    const { agedMs = 0 } = tampering;
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
        clock: tampering.clock?.(this),
        versionIncarnation: tampering.incarnation?.(incarnation),
        maxLeaseMs: tampering.maxLeaseMs,
        safeguards: tampering.safeguards,
        servesUnready: tampering.servesUnready,
        agreement: (agreement) => tampering.agreement?.(this, agreement) ?? agreement,
      },
      now: { wallMs: this.clock.wallMs, monotonicMs: -agedMs },
    });
    this.#process = { incarnation, bootMs: world.nowMs, core, storeFailure: undefined, wakeMs: Infinity };
    this.#setPeers(core.member.membership.members);
    this.#checked = undefined;
    this.#cluster.log?.(`node ${this.id} starts${core.member.synced ? "" : " blank"}`);
    core.beginLoad();
    for (const row of rows.values()) core.load(row);
    core.loaded();
    this.#receive({ kind: "listening" });
  }

  /** The process is gone at once; the disk keeps what it had synced, and perhaps more. */
  crash(): void {
    this.disk.crash();
    this.#process = undefined;
    this.#waiting = [];
    this.#pausedUntilMs = 0;
    this.#cluster.log?.(`node ${this.id} crashes`);
  }

  /** The process stands still, as under SIGSTOP or on a stalled machine. */
  pause(ms: number): void {
    this.#pausedUntilMs = this.#cluster.world.nowMs + ms;
    this.#cluster.log?.(`node ${this.id} pauses for ${ms} ms`);
    this.#cluster.world.after(ms, () => {
      for (const waiting of this.#waiting.splice(0)) this.#resume(waiting);
    });
  }

  /** An operator gives it another file and has it read. */
  reload(file: Configuration): void {
    this.file = file;
    this.#resume(() => this.#receive({ kind: "file", configuration: file }));
  }

  receive(envelope: Envelope, message: ClusterMessage): void {
    if (!this.#peers.has(envelope.from)) return;
    this.#resume(() => {
      const { tampering } = this.#cluster;
      const arriving = tampering.arriving?.({ cluster: this.#cluster, to: this, envelope, message }) ?? [message];
      for (const arrived of arriving) this.#receive({ kind: "message", envelope, message: arrived });
    });
  }

  /**
   * Serves a client's message as the node program does; `answer` gets the reply when it may leave. `awaits`: whether the
   * client still waits for it.
   */
  serve(message: Message, awaits: () => boolean, answer: Reply): void {
    this.#resume(() => {
      const { address } = addressOf(this.id);
      const arrival = { from: message.ciaddr, serverIdentifier: address, receivedOn: address, onLink: false };
      this.#receive({ kind: "request", message, arrival, source: { message, awaits, answer } });
    });
  }

  /** An operator's command, and effects that it had at once. */
  command<Result>(run: (core: NodeCore<unknown>, now: Instant) => Result): Result | undefined {
    const core = this.#core;
    if (core === undefined) return undefined;
    const result = run(core, this.now());
    this.#perform();
    return result;
  }

  /** An operator's command whose result comes later. */
  ask<Kind extends Command["kind"]>(
    command: Extract<Command, { kind: Kind }>,
    done: (result: CommandResult[Kind]) => void,
  ): void {
    if (this.#core === undefined) return;
    const token = ++this.#token;
    this.#results.set(token, done as (result: unknown) => void);
    this.#receive({ kind: "command", token, command });
  }

  /** The driver loop: an event goes in, what follows is done. */
  #receive(event: NodeEvent<Request>): void {
    const process = this.#process;
    if (process === undefined) return;
    const failure = this.disk.works ? undefined : "a commit failed";
    if (failure !== process.storeFailure) {
      process.storeFailure = failure;
      process.core.receive({ kind: "store", failure }, this.now());
    }
    process.core.receive(event, this.now());
    this.#perform();
  }

  #perform(): void {
    const process = this.#process;
    if (process === undefined) return;
    const { core } = process;
    const now = this.now();
    if (core.nextDeadline(now) <= now.monotonicMs) {
      core.tick(now);
      this.#check(process);
    }
    for (const effect of core.takeEffects(now)) this.#do(process, effect);
    this.#plan(process);
  }

  #do(process: Process, effect: NodeEffect<Request>): void {
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
          () => this.#resume(() => this.#process === process && this.#receive({ kind: "persisted", token })),
        );
      }
      case "members":
        return this.#setPeers(effect.members);
      case "reply": {
        const { message, awaits, answer } = effect.source;
        return answer(effect.reply, this.#promise(member, message, effect.reply, awaits()));
      }
      case "notice":
        return this.#cluster.log?.(`node ${this.id}: ${JSON.stringify(effect.notice)}`);
      case "result": {
        const done = this.#results.get(effect.token);
        this.#results.delete(effect.token);
        return done?.(effect.result);
      }
    }
  }

  /** Plans the next tick, if none is planned that comes early enough. */
  #plan(process: Process): void {
    const now = this.now();
    const deadlineMs = process.core.nextDeadline(now);
    if (deadlineMs >= process.wakeMs || deadlineMs === Infinity) return;
    process.wakeMs = deadlineMs;
    this.#cluster.world.after(deadlineMs - now.monotonicMs, () => {
      if (this.#process !== process || process.wakeMs !== deadlineMs) return;
      this.#resume(() => {
        if (this.#process !== process) return;
        process.wakeMs = Infinity;
        this.#perform();
      });
    });
  }

  #logRows(addresses: Iterable<number>): void {
    for (const address of addresses) {
      const row = this.disk.rows.get(address);
      if (row !== undefined) this.#cluster.log?.(`disk ${this.id}: ${formatRow(row)}`);
    }
  }

  #setPeers(members: readonly MemberAddress[]): void {
    this.#peers = new Set(members.map(({ id }) => id));
  }

  /** Checks what an acknowledgement promises, before it leaves. */
  #promise(member: Member, request: Message, reply: Message, isAwaited: boolean): Promised | undefined {
    const seconds = readOption(reply.options, OPTIONS.addressLeaseTime);
    const isAck = reply.options.get(OPTIONS.messageType.code)?.[0] === 5;
    if (!isAck || seconds.kind !== "present") return undefined;
    const { checkers } = this.#cluster;
    // A clock that was right all the time is off by what it always was; of another one only so much is certain.
    const clockMs = this.clock.steady ? this.clock.offsetMs - ROUNDING_MS : -2 * BELIEVED_MS;
    this.#cluster.log?.(`node ${this.id} acknowledges ${formatIpv4(reply.yiaddr)} to ${identityOf(request).name}`);
    return checkers.promises.leaving(
      { ...identityOf(request), address: reply.yiaddr, leaseMs: seconds.value * 1_000 },
      { members: member.membership.members.map(({ id }) => id), clockMs, isAwaited },
    );
  }

  #check({ core: { member }, incarnation }: Process): void {
    const { leaders } = this.#cluster.checkers;
    if (member.role === "leader") leaders.leads(`node ${this.id} (${incarnation})`, member.term);
    const { ranges } = member;
    if (ranges === this.#checked) return;
    this.#checked = ranges;
    leaders.allocates(this.id, ranges);
  }

  /** Runs now, or when the pause is over. */
  #resume(run: () => void): void {
    if (this.#cluster.world.nowMs < this.#pausedUntilMs) this.#waiting.push(run);
    else run();
  }

  #send(envelope: Envelope, to: NodeId, message: ClusterMessage): void {
    if (!this.#peers.has(to)) return;
    const { links, nodes, tampering } = this.#cluster;
    tampering.sending?.(this, message);
    const arriving = this.#cluster.encodes ? recoded(envelope, message) : message;
    links.carry({ from: this.id, to, message }, () => nodes.get(to)?.receive(envelope, arriving));
  }
}

/** A message as it comes out of the codec. */
function recoded(envelope: Envelope, message: ClusterMessage): ClusterMessage {
  const decoded = decodeMessage(encodeMessage(envelope, message));
  if (!decoded.ok) throw new Error(`A ${message.type} does not pass the codec: ${JSON.stringify(decoded.error)}`);
  return decoded.message;
}

/** Where a node is reached. */
export function addressOf(id: NodeId): MemberAddress {
  return { id, address: 0x0a630000 + id };
}
