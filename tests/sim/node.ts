/**
 * A node in the simulator, and the driver of its `NodeCore`, as `node/node.ts` is in the product. The disk and the
 * clock outlive the process, which can crash, pause and start again.
 */

import type { Configuration } from "../../src/cluster/leadership/config_replication.ts";
import type { Member } from "../../src/cluster/member.ts";
import type { ClusterMessage, Envelope, MemberAddress, NodeId } from "../../src/cluster/wire/messages.ts";
import { CLUSTER_LIMITS } from "../../src/cluster/limits.ts";
import { encodeMessage } from "../../src/cluster/wire/codec.ts";
import { Peering } from "../../src/cluster/wire/peering.ts";
import { DOMAIN, KEY_BYTES, nextStarts, type Run } from "../../src/cluster/wire/seal.ts";
import { toyCipher } from "../../src/cluster/wire/testing/toy_cipher.ts";
import type { AllottedRanges } from "../../src/cluster/leadership/range_allotment.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { OPTIONS, readOption } from "../../src/dhcp/options/mod.ts";
import type { Command, CommandResult, NodeEffect, NodeEvent } from "../../src/core/effects.ts";
import type { Compiled, CompileRequest } from "../../src/core/compilations.ts";
import { NodeCore, storedConfiguration } from "../../src/core/node_core.ts";
import type { Instant } from "../../src/lease/agreement/clock.ts";
import { PROPOSAL_MS } from "../../src/lease/agreement/limits.ts";
import type { LeaseTable } from "../../src/lease/table/lease_table.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import { compiledOf, identityOf, isMistake } from "./configurations.ts";
import { SimDisk } from "./disk.ts";
import type { Promised, Promises } from "./promises.ts";
import type { AnswerClient, RunNode, SimRun } from "./run.ts";
import { BELIEVED_MS, MachineClock } from "./machine_clock.ts";
import type { Packet, Path } from "./network.ts";
import { Content, type Datagram } from "./recorder.ts";
import { formatRow } from "./format.ts";
import { Violation } from "./violation.ts";

/** Interval at which members that have not proved their run are challenged. */
const PEERING_TICK_MS = 250;
/** Key of the fact that keeps runs apart, as in the product. */
const RUN_FACT = "run";
/** All nodes are of one release. */
const SEAL_VERSION = 2;
/** Rows that may wait for a disk. */
const WAITING_ROWS_MAX = 24;
/** The most that rounding to whole milliseconds takes off. */
const ROUNDING_MS = 1;
/** What the product sends over TCP once it is larger than a datagram, which it never is here. */
const STREAMED: ReadonlySet<ClusterMessage["type"]> = new Set(["syncChunk", "config", "configPush", "configCheck"]);

/** Longer than a message takes, so that others come in between. */
const COMPILE_MS_MAX = 50;

/** One process. */
interface Process {
  readonly incarnation: number;
  readonly bootMs: number;
  readonly core: NodeCore<Request>;
  /** Its datagrams. */
  readonly peering: Peering;
  /** Of its run, or of the one that it is about to go on as. */
  starts: number;
  /** True time of its start. */
  readonly startedMs: number;
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
  readonly clock: MachineClock;
  /** `service` of its file. */
  file: Configuration;
  /** `cluster.nodes` of its file. */
  fileMembers: readonly NodeId[];
  /** It computes the keys of clients as the release before did, as if a member of that were live. */
  hearsEarlierRelease = false;
  readonly #run: SimRun;
  #process: Process | undefined;
  #keys: readonly number[];
  #pausedUntilMs = 0;
  /** Input that arrived while the process was paused. */
  #waiting: (() => void)[] = [];
  /** Members that it sends to and takes messages from. */
  #peers: ReadonlySet<NodeId> = new Set();
  /** Those of them that are not this node. */
  #others: readonly NodeId[] = [];
  #checked: AllottedRanges | undefined;
  readonly #results = new Map<number, (result: unknown) => void>();
  #token = 0;

  constructor(
    id: NodeId,
    run: SimRun,
    options: { file: Configuration; members: readonly NodeId[]; keys?: readonly number[]; clock?: MachineClock },
  ) {
    this.id = id;
    this.#run = run;
    this.file = options.file;
    this.fileMembers = options.members;
    this.#keys = options.keys ?? [0];
    const { events, prng, time, checkers } = run;
    this.clock = options.clock ?? MachineClock.right(events, time, prng);
    this.disk = new SimDisk(events, prng, (addresses) => {
      if (run.log !== undefined) this.#logRows(addresses ?? []);
      checkers.durable(addresses);
    });
  }

  /** Of the cluster's traffic: the first one seals, all open. */
  get keys(): readonly number[] {
    return this.#keys;
  }

  set keys(keys: readonly number[]) {
    this.#keys = keys;
    this.#process?.peering.sealer.setKeys(keys.map(secretOf));
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
    const { wallMs, monotonicMs } = this.clock.read();
    return { wallMs, monotonicMs: monotonicMs - (this.#process?.bootMs ?? monotonicMs) };
  }

  /** Starts a process from the disk. */
  start(): void {
    if (this.running) return;
    const { prng, mutation } = this.#run;
    const incarnation = prng.int(1, 0xffffffff);
    const { rows, facts } = this.disk.image();
    const { agedMs = 0 } = mutation;
    const starts = nextStarts(Number(facts.get(RUN_FACT) ?? 0), this.clock.wallMs);
    const core = new NodeCore<Request>({
      self: this.id,
      incarnation,
      hashSeed: 0,
      facts,
      startFacts: [[RUN_FACT, String(starts)]],
      diskIsBehind: this.disk.behind && mutation.believesCutDisks !== true,
      nodes: this.fileMembers.map(addressOf),
      bootstrap: false,
      file: this.file,
      served: servedConfiguration(facts, this.file),
      revise: (text) => text,
      random: () => prng.next(),
      mutations: {
        clock: mutation.clock?.(this),
        versionIncarnation: mutation.incarnation?.(incarnation),
        // Few, so that slow and full disks reach the limit.
        safeguards: { waitingRowsMax: WAITING_ROWS_MAX, ...mutation.safeguards },
        servesUnready: mutation.servesUnready,
        agreement: (agreement) => {
          const inRun = { ...agreement, hasEarlierRelease: () => this.hearsEarlierRelease };
          return mutation.agreement?.(this, inRun) ?? inRun;
        },
      },
      now: { wallMs: this.clock.wallMs, monotonicMs: -agedMs },
    });
    const process: Process = {
      incarnation,
      bootMs: this.clock.monotonicMs,
      core,
      peering: this.#peering({ node: this.id, starts, incarnation }),
      starts,
      startedMs: this.#run.events.nowMs,
      storeFailure: undefined,
      wakeMs: Infinity,
    };
    this.#process = process;
    this.#setPeers(core.member.membership.members);
    if (this.#run.isSealed) this.#watchPeering(process);
    this.#checked = undefined;
    this.#run.log?.(`node ${this.id} starts${core.member.synced ? "" : " blank"}`);
    core.beginLoad();
    for (const row of rows.values()) core.load(row);
    core.loaded();
    this.#receive({ kind: "listening" });
  }

  /** Goes on as a run above one of this node that another member knows. */
  #outbid(known: number): void {
    const process = this.#process;
    if (process === undefined || known < process.starts || this.#run.mutation.keepsRun === true) return;
    const starts = nextStarts(known, this.clock.wallMs);
    process.starts = starts;
    this.#run.log?.(`node ${this.id} goes on as run ${starts}`);
    this.disk.write({ facts: [[RUN_FACT, String(starts)]] }, () =>
      this.#whenRunning(() => {
        if (this.#process === process) process.peering.renew(starts, this.now().monotonicMs);
      }));
  }

  #peering(self: Run): Peering {
    const { links, nodes, events, mutation } = this.#run;
    const { id } = this;
    return new Peering({
      self,
      keys: this.#keys.map(secretOf),
      others: () => this.#others,
      isMember: (node) => this.#peers.has(node),
      cipher: toyCipher,
      ports: {
        outranked: (starts) => this.#outbid(starts),
        put: (to, bytes) =>
          this.#carry({ from: id, to, bytes, sentMs: events.nowMs }, { from: id, to, path: "unicast" }),
        connect: (to) =>
          links.carry(
            { from: id, to, path: "stream" },
            () =>
              nodes.get(to)?.greet(this.#hello(), (frame) =>
                links.carry({ from: to, to: id, path: "stream" }, () =>
                  this.#whenRunning(() =>
                    this.#greeted(self, frame)
                  ))),
          ),
      },
      believesAll: mutation.believesAll ?? false,
    });
  }

  /** Challenges are sent now and then, also while the core has nothing to do. */
  #watchPeering(process: Process): void {
    if (this.#process !== process) return;
    this.#whenRunning(() => {
      if (this.#process === process) process.peering.tick(this.now().monotonicMs);
    });
    this.#run.events.after(PEERING_TICK_MS, () => this.#watchPeering(process));
  }

  /** Answers a connection of a member with its first frame. */
  greet(hello: Uint8Array, answer: (frame: Uint8Array) => void): void {
    this.#whenRunning(() => {
      if (this.#process?.peering.sealer.open(DOMAIN.stream, hello).ok === true) answer(this.#hello());
    });
  }

  #hello(): Uint8Array {
    return this.#process?.peering.sealer.seal(DOMAIN.stream, new Uint8Array()) ?? new Uint8Array();
  }

  /** The frame is bound to its connection, so only the process that connected has it. */
  #greeted({ incarnation }: Run, frame: Uint8Array): void {
    if (incarnation !== this.incarnation) return;
    const peering = this.#process?.peering;
    const opened = peering?.sealer.open(DOMAIN.stream, frame);
    if (opened?.ok) peering?.connected(opened.run, opened.counter, this.now().monotonicMs);
  }

  /** Kills the process. The disk keeps all synced writes, and possibly some of the later ones. */
  crash(): void {
    this.disk.crash();
    this.#process = undefined;
    this.#waiting = [];
    this.#pausedUntilMs = 0;
    this.clock.run(1);
    this.#run.log?.(`node ${this.id} crashes`);
  }

  /** Stops the process for a time, as SIGSTOP does; the clocks of the machine run on. */
  pause(ms: number): void {
    const { events, log } = this.#run;
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, events.nowMs + ms);
    log?.(`node ${this.id} pauses for ${ms} ms`);
    events.after(ms, () => {
      for (const waiting of this.#waiting.splice(0)) this.#whenRunning(waiting);
    });
  }

  /** Suspends the machine: its clocks stand still too, and go on from where they were. */
  suspend(ms: number): void {
    const { events, log } = this.#run;
    const process = this.#process;
    log?.(`machine ${this.id} is suspended for ${ms} ms`);
    this.clock.run(0);
    events.after(ms, () => {
      if (this.#process === process) this.clock.run(1);
    });
    this.pause(ms);
  }

  /** Whether the process, or the whole machine, stands still. */
  get paused(): boolean {
    return this.#run.events.nowMs < this.#pausedUntilMs;
  }

  /** Ends a pause or a suspension. */
  resume(): void {
    this.#pausedUntilMs = 0;
    this.clock.run(1);
    for (const waiting of this.#waiting.splice(0)) waiting();
  }

  /** An operator replaces the file and sends SIGHUP. */
  reload(file: Configuration): void {
    this.file = file;
    this.#whenRunning(() => this.#receive({ kind: "file", configuration: file, service: compiledOf(file.text) }));
  }

  /** Takes a datagram: what it opens is a member's message, once. */
  take(datagram: Datagram, content?: Content): void {
    this.#whenRunning(() => {
      const process = this.#process;
      if (process === undefined) return;
      const { from, bytes, sentMs } = datagram;
      const member = this.#peers.has(from) ? from : undefined;
      const received = process.peering.receive(bytes, member, this.now().monotonicMs);
      if (received.kind !== "message") return;
      if (sentMs < process.startedMs && this.#run.isChecked("(o)")) {
        throw new Violation("(o)", `node ${this.id} believes a datagram of node ${from} from before it started`);
      }
      const { decoded, progress } = content ?? new Content(received.plain, undefined);
      if (progress !== undefined) this.disk.memory.hear(from, progress);
      this.receive(decoded.envelope, decoded.message);
    });
  }

  /** `key`: that the message is sealed with; undefined: one that this node has. */
  receive(envelope: Envelope, message: ClusterMessage, key?: number): void {
    if (!this.#peers.has(envelope.from) || (key !== undefined && !this.keys.includes(key))) return;
    this.#whenRunning(() => {
      const { mutation } = this.#run;
      const arriving = mutation.arriving?.({ run: this.#run, to: this, envelope, message }) ?? [message];
      for (const arrived of arriving) this.#receive({ kind: "message", envelope, message: arrived });
    });
  }

  serve(message: Message, awaits: () => boolean, answer: AnswerClient): void {
    this.#whenRunning(() => {
      const { address } = addressOf(this.id);
      const arrival = {
        from: message.giaddr || message.ciaddr,
        serverIdentifier: address,
        receivedOn: address,
        onLink: false,
      };
      this.#receive({ kind: "request", message, arrival, source: { message, awaits, answer } });
    });
  }

  askHealth(answer: (ready: boolean) => void): void {
    this.#whenRunning(() => {
      if (this.running) answer(this.ready);
    });
  }

  /** An operator's command with an immediate result; none while the process does not run. */
  command<Result>(run: (core: NodeCore<unknown>, now: Instant) => Result): Result | undefined {
    const process = this.#process;
    if (process === undefined || !process.core.started || this.paused) return undefined;
    const now = this.now();
    const result = run(process.core, now);
    this.#pump(process, now);
    return result;
  }

  /** An operator's command whose result waits for a disk or for other members, if there is one. */
  ask<Kind extends Command["kind"]>(
    command: Extract<Command, { kind: Kind }>,
    done: (result: CommandResult[Kind]) => void,
  ): void {
    if (this.#core === undefined || this.paused) return;
    const token = ++this.#token;
    this.#results.set(token, done as (result: unknown) => void);
    this.#receive({ kind: "command", token, command });
  }

  /** The driver loop: gives an event to the core and performs the effects. */
  #receive(event: NodeEvent<Request>): void {
    const process = this.#process;
    if (process === undefined) return;
    const now = this.now();
    const failure = this.disk.works ? undefined : "a commit failed";
    if (failure !== process.storeFailure) {
      process.storeFailure = failure;
      process.core.receive({ kind: "store", failure }, now);
    }
    process.core.receive(event, now);
    this.#pump(process, now);
  }

  #pump(process: Process, now: Instant): void {
    const { core } = process;
    if (core.nextDeadline(now) <= now.monotonicMs) {
      core.tick(now);
      this.#check(process);
    }
    core.flush(now);
    for (const effect of core.takeEffects()) this.#perform(process, effect);
    this.#plan(process, now);
  }

  #perform(process: Process, effect: NodeEffect<Request>): void {
    const { member } = process.core;
    switch (effect.kind) {
      case "send":
        return this.#send([effect.to], member.envelope(), effect.message, "unicast");
      case "broadcast":
        return this.#send(this.#others, member.envelope(), effect.message, "multicast");
      case "persist": {
        const { token } = effect;
        return this.disk.write(
          effect.writes,
          () => this.#whenRunning(() => this.#process === process && this.#receive({ kind: "persisted", token })),
        );
      }
      case "compile":
        return this.#compile(process, effect);
      case "members":
        return this.#setPeers(effect.members);
      case "reply": {
        const { message, awaits, answer } = effect.source;
        return answer(effect.reply, this.#checkPromise(message, effect.reply, awaits()));
      }
      case "unanswered":
        return this.#run.log?.(
          `node ${this.id} does not answer ${identityOf(effect.source.message).name}: ${effect.reason}`,
        );
      case "restEnded":
        return this.#run.log?.(`node ${this.id} ends the rest of ${formatIpv4(effect.address)}, as it needs it`);
      case "conflict": {
        const { address, what } = effect.conflict;
        return this.#run.log?.(`node ${this.id}: a host uses ${formatIpv4(address)}: ${what}`);
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

  /** A worker of the process compiles; what is longer takes it longer. */
  #compile(process: Process, { token, text }: CompileRequest): void {
    const compiled: Compiled = isMistake(text)
      ? { ok: false, problem: "it is a mistake" }
      : { ok: true, service: compiledOf(text) };
    this.#run.events.after(text.length % COMPILE_MS_MAX, () => {
      this.#whenRunning(() => this.#process === process && this.#receive({ kind: "compiled", token, compiled }));
    });
  }

  /** Plans the next tick, unless one is planned that is early enough. */
  #plan(process: Process, now: Instant): void {
    const deadlineMs = process.core.nextDeadline(now);
    if (deadlineMs >= process.wakeMs || deadlineMs === Infinity) return;
    process.wakeMs = deadlineMs;
    this.#run.events.after(this.clock.trueMs(deadlineMs - now.monotonicMs), () => {
      if (this.#process !== process || process.wakeMs !== deadlineMs) return;
      this.#whenRunning(() => {
        if (this.#process !== process) return;
        process.wakeMs = Infinity;
        this.#pump(process, this.now());
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
    const ids = members.map(({ id }) => id);
    this.#peers = new Set(ids);
    this.#others = ids.filter((id) => id !== this.id);
  }

  /** Checks the promise of an acknowledgement before it leaves. */
  #checkPromise(request: Message, reply: Message, isAwaited: boolean): Promised | undefined {
    const seconds = readOption(reply.options, OPTIONS.addressLeaseTime);
    const isAck = reply.options.get(OPTIONS.messageType.code)?.[0] === 5;
    if (!isAck || seconds.kind !== "present") return undefined;
    this.#run.log?.(`node ${this.id} acknowledges ${formatIpv4(reply.yiaddr)} to ${identityOf(request).name}`);
    return this.promise({ ...identityOf(request), address: reply.yiaddr, leaseMs: seconds.value * 1_000 }, isAwaited);
  }

  /** Checks a promise that leaves this node. */
  promise(what: Parameters<Promises["leaving"]>[0], isAwaited: boolean): Promised {
    // A clock that was always right has a constant offset; any other clock that is believed is within this bound.
    const offsetMs = this.clock.alwaysRight ? this.clock.offsetMs - ROUNDING_MS : -2 * BELIEVED_MS;
    // It was proposed a proposal time ago at most, perhaps before a step of all clocks.
    const clockMs = offsetMs + this.#run.time.leastMs(PROPOSAL_MS + ROUNDING_MS);
    const members = this.member?.membership.members.map(({ id }) => id) ?? [];
    return this.#run.checkers.promises.leaving(what, { members, clockMs, isAwaited });
  }

  #check({ core: { member }, incarnation }: Process): void {
    const { leaders } = this.#run.checkers;
    if (this.disk.isStaleCopy && this.ready && this.#run.isChecked("(n)")) {
      throw new Violation("(n)", `node ${this.id} serves on a disk that went back`);
    }
    if (member.role === "leader") leaders.leads(`node ${this.id} (${incarnation})`, member.term);
    const { ranges } = member;
    if (ranges === this.#checked) return;
    this.#checked = ranges;
    leaders.allocates(this.id, ranges);
  }

  /** Runs now, or at the end of the pause. */
  #whenRunning(run: () => void): void {
    if (this.paused) this.#waiting.push(run);
    else run();
  }

  /** Encodes once; the receivers share what is decoded, which they do not change. */
  #send(receivers: readonly NodeId[], envelope: Envelope, message: ClusterMessage, datagram: Path): void {
    const { links, nodes, mutation, events, isSealed } = this.#run;
    const process = this.#process;
    if (process === undefined) return;
    const from = this.id;
    const bytes = encodeMessage(envelope, message);
    const path = STREAMED.has(message.type) || bytes.length > CLUSTER_LIMITS.datagramBytesMax ? "stream" : datagram;
    const [key] = this.keys;
    // Heartbeats and batches say how far the disk is.
    const says = message.type === "leaseBatch" && this.member?.synced === true;
    const progress = says ? this.disk.progress : undefined;
    const content = new Content(bytes, progress);
    const ms = this.now().monotonicMs;
    const toAll = isSealed && path === "multicast" ? process.peering.sealToAll(bytes, SEAL_VERSION, ms) : undefined;
    for (const to of receivers) {
      if (to === from || !this.#peers.has(to)) continue;
      mutation.sending?.(this, message);
      const packet = { from, to, path, message } as const;
      if (path === "stream" || !isSealed) {
        links.carry(packet, () => {
          const node = nodes.get(to);
          const { envelope, message } = content.decoded;
          if (progress !== undefined && node?.running && !node.paused) node.disk.memory.hear(from, progress);
          node?.receive(envelope, message, key);
        });
      } else {
        const sealed = toAll ?? process.peering.sealTo(to, bytes, SEAL_VERSION, ms);
        this.#carry(
          { from, to, bytes: sealed, sentMs: events.nowMs },
          packet,
          { content, seal: () => process.peering.sealer.seal(DOMAIN.datagram, bytes) },
        );
      }
    }
  }

  /**
   * Sends a datagram. A second copy of it is sealed again, as the product does for a member that multicast may not
   * reach: the core must bear what it hears twice.
   */
  #carry(
    datagram: Datagram,
    packet: Packet,
    message?: { readonly content: Content; readonly seal: () => Uint8Array<ArrayBuffer> },
  ): void {
    const { links, nodes, recorder, faultsOver } = this.#run;
    const { to } = packet;
    const process = this.#process;
    const receiver = nodes.get(to)?.incarnation;
    // No replay begins after the faults.
    if (!faultsOver) recorder.add(datagram);
    let copies = 0;
    links.carry(packet, () => {
      const node = nodes.get(to);
      const isSame = this.#process === process && node?.incarnation === receiver;
      const isAgain = copies++ > 0 && isSame && message !== undefined;
      node?.take(isAgain ? { ...datagram, bytes: message.seal() } : datagram, message?.content);
    });
  }
}

/** The secret of a key of the run. */
function secretOf(key: number): Uint8Array {
  return new Uint8Array(KEY_BYTES).fill(key + 1);
}

/** What a process starts with. */
function servedConfiguration(facts: ReadonlyMap<string, string>, file: Configuration) {
  const text = storedConfiguration(facts, file) ?? file.text;
  return { text, service: compiledOf(text) };
}

/** A node's id and address. */
export function addressOf(id: NodeId): MemberAddress {
  return { id, address: 0x0a630000 + id };
}
