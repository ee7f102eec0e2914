/**
 * A node in the simulator: a disk and a clock that outlive processes, and a process made of the product's own cores (member of
 * the cluster and DHCP server) that can crash, pause and start again. What `node/` is to them in the product.
 */

import { CONFIG_FACTS, type Configuration } from "../../src/cluster/leadership/config_replication.ts";
import { startIdentity } from "../../src/cluster/sync/disk_identity.ts";
import { CLUSTER_LIMITS } from "../../src/cluster/limits.ts";
import { Member } from "../../src/cluster/member.ts";
import type { ClusterMessage, Envelope, MemberAddress, NodeId } from "../../src/cluster/wire/messages.ts";
import { decodeMessage, encodeMessage } from "../../src/cluster/wire/codec.ts";
import type { AllottedRanges } from "../../src/cluster/leadership/range_allotment.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { OPTIONS, readOption } from "../../src/dhcp/options/mod.ts";
import { DhcpServer, type LeaseAgreement, tableFor } from "../../src/dhcp/server/dhcp_server.ts";
import { AnchoredClock, type Instant } from "../../src/lease/agreement/clock.ts";
import { HybridClock } from "../../src/lease/agreement/hybrid_clock.ts";
import type { LeaseTable } from "../../src/lease/table/lease_table.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import type { SimCluster } from "./cluster.ts";
import { compiledOf, isMistake } from "./configurations.ts";
import { SimDisk } from "./disk.ts";
import { identityOf } from "./clients.ts";
import type { Promised } from "./promises.ts";
import { BELIEVED_MS, SimWallClock } from "./wall_clock.ts";
import { formatRow } from "./format.ts";

/** More seldom than the node program: an election takes a little longer. And more so while nothing happens. */
const TICK_MS = 50;
const CALM_TICK_MS = 100;
/** Shorter than what rounding may cost. */
const ROUNDING_MS = 1;

/** One running process. */
interface Process {
  readonly incarnation: number;
  readonly bootMs: number;
  readonly member: Member;
  readonly service: DhcpServer;
  readonly table: LeaseTable;
  readonly clock: AnchoredClock;
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
  #starting = false;
  #starts = 0;
  #pausedUntilMs = 0;
  /** What came while the process was paused. */
  #waiting: (() => void)[] = [];
  /** Who can be sent to and heard from. */
  #peers: ReadonlySet<NodeId> = new Set();
  #flushing = false;
  #checked: AllottedRanges | undefined;

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
    return this.#process !== undefined || this.#starting;
  }

  /** The running process's member of the cluster. */
  get member(): Member | undefined {
    return this.#process?.member;
  }

  /** The running process's. */
  get incarnation(): number {
    return this.#process?.incarnation ?? 0;
  }

  get table(): LeaseTable | undefined {
    return this.#process?.table;
  }

  /** The anchored clock's reading. */
  get time() {
    return this.#process?.clock.bounds(this.now());
  }

  /** Whether it serves. */
  get ready(): boolean {
    return this.#process !== undefined && this.disk.works && this.#process.member.unready(this.now()) === undefined;
  }

  /** Both clocks of this machine now. */
  now(): Instant {
    const { nowMs } = this.#cluster.world;
    return { wallMs: this.clock.wallMs, monotonicMs: nowMs - (this.#process?.bootMs ?? nowMs) };
  }

  /** Starts a process from what the disk has. */
  start(): void {
    if (this.running) return;
    this.#starting = true;
    const start = ++this.#starts;
    const { world, prng } = this.#cluster;
    const incarnation = prng.int(1, 0xffffffff);
    const { identity, writes } = startIdentity(this.disk.facts, () => prng.next());
    const image = this.disk.image();
    const bootMs = world.nowMs;
    // Nothing is said before it is durable that this start happened.
    this.disk.write({ facts: writes }, () => {
      if (start !== this.#starts || !this.#starting) return;
      this.#starting = false;
      this.#cluster.log?.(`node ${this.id} starts${identity.blank ? " blank" : ""}`);
      this.#run(incarnation, bootMs, identity, image);
    });
  }

  /** The process is gone at once; the disk keeps what it had synced, and perhaps more. */
  crash(): void {
    this.disk.crash();
    this.#process = undefined;
    this.#starting = false;
    this.#waiting = [];
    this.#pausedUntilMs = 0;
    this.#flushing = false;
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
    this.#resume(() => this.#process?.member.offer(file));
  }

  receive(envelope: Envelope, message: ClusterMessage): void {
    if (!this.#peers.has(envelope.from)) return;
    this.#resume(() => {
      const { tampering } = this.#cluster;
      const arriving = tampering.arriving?.({ cluster: this.#cluster, to: this, envelope, message }) ?? [message];
      for (const arrived of arriving) this.#process?.member.receive(envelope, arrived, this.now());
      this.#flush();
    });
  }

  /**
   * Serves a client's message as the node program does; `answer` gets the reply when it may leave. `awaits`: whether the
   * client still waits for it.
   */
  serve(message: Message, awaits: () => boolean, answer: Reply): void {
    this.#resume(() => {
      const process = this.#process;
      const now = this.now();
      const time = process?.clock.bounds(now);
      if (process === undefined || time === undefined) return;
      if (!this.ready && this.#cluster.tampering.servesUnready !== true) return;
      const { address } = addressOf(this.id);
      const arrival = { from: message.ciaddr, serverIdentifier: address, receivedOn: address, onLink: false };
      process.service.handle(
        message,
        arrival,
        now,
        time,
        (reply) => answer(reply, this.#promise(process, message, reply, awaits())),
      );
      this.#flush();
    });
  }

  #run(
    incarnation: number,
    bootMs: number,
    identity: ReturnType<typeof startIdentity>["identity"],
    { rows, facts }: ReturnType<SimDisk["image"]>,
  ): void {
    const { prng, tampering } = this.#cluster;
    const compiled = compiledOf(this.#initialText(facts));
    const table = tableFor(compiled, { hashSeed: 0 });
    const mint = new HybridClock({ node: this.id, incarnation: tampering.incarnation?.(incarnation) ?? incarnation });
    for (const row of rows.values()) mint.observe(row.slot.version);
    table.load(rows.values());
    const clock = tampering.clock?.(this) ?? new AnchoredClock();
    const agreement: LeaseAgreement = {
      propose: (proposal, now, decided) => member.propose(proposal, now, decided),
      end: (request, now, durable) => member.end(request, now, durable),
      denyLease: (address, client, now, contradicted) => member.denyLease(address, client, now, contradicted),
      want: (pools) => member.want(pools),
      isLive: (address, now) => member.isLive(address, now),
    };
    const service: DhcpServer = new DhcpServer({
      compiled,
      table,
      agreement: tampering.agreement?.(this, agreement) ?? agreement,
      events: { granted: () => {}, failed: () => {}, ended: () => {} },
    });
    const { maxLeaseMs, agedMs = 0 } = tampering;
    const member: Member = new Member({
      self: this.id,
      incarnation,
      identity,
      nodes: this.fileMembers.map(addressOf),
      bootstrap: false,
      table,
      clock,
      mint,
      limits: maxLeaseMs === undefined ? service.limits : { maxLeaseMs },
      facts,
      pools: () => service.pools,
      activate: (_revision, text) => {
        const now = this.now();
        service.reconfigure(compiledOf(text), now, clock.bounds(now));
      },
      validate: (text) => isMistake(text) ? "it is a mistake" : undefined,
      revise: (text) => text,
      able: () => this.disk.works,
      random: () => prng.next(),
      ports: {
        send: (to, message) => this.#send(member.envelope(), to, message),
        broadcast: (message) => {
          const envelope = member.envelope();
          for (const to of this.#peers) if (to !== this.id) this.#send(envelope, to, message);
        },
        persist: (writes, durable) =>
          this.disk.write(writes, () =>
            this.#resume(() => {
              durable(this.now());
              this.#flush();
            })),
        notice: (notice) => this.#cluster.log?.(`node ${this.id}: ${JSON.stringify(notice)}`),
        members: (members) => this.#setPeers(members),
      },
      ...(tampering.safeguards === undefined ? {} : { safeguards: tampering.safeguards }),
      now: { wallMs: this.clock.wallMs, monotonicMs: this.#cluster.world.nowMs - bootMs - agedMs },
    });
    member.offer(this.file);
    this.#setPeers(member.membership.members);
    const process = { incarnation, bootMs, member, service, table, clock };
    this.#process = process;
    this.#tick(process);
  }

  #logRows(addresses: Iterable<number>): void {
    for (const address of addresses) {
      const row = this.disk.rows.get(address);
      if (row !== undefined) this.#cluster.log?.(`disk ${this.id}: ${formatRow(row)}`);
    }
  }

  /** What this disk knows to be newer than the file, else the file. */
  #initialText(facts: ReadonlyMap<string, string>): string {
    const stored = facts.get(CONFIG_FACTS.text);
    const isNewer = stored !== undefined && Number(facts.get(CONFIG_FACTS.revision)) > this.file.revision;
    return isNewer ? stored : this.file.text;
  }

  #setPeers(members: readonly MemberAddress[]): void {
    this.#peers = new Set(members.map(({ id }) => id));
  }

  /** Checks what an acknowledgement promises, before it leaves. */
  #promise({ member }: Process, request: Message, reply: Message, isAwaited: boolean): Promised | undefined {
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

  #flush(): void {
    const process = this.#process;
    if (process === undefined) return;
    process.member.flush(this.now());
    if (!process.member.unsent || this.#flushing) return;
    this.#flushing = true;
    this.#cluster.world.after(CLUSTER_LIMITS.batchMs, () => {
      if (this.#process !== process) return;
      this.#resume(() => {
        this.#flushing = false;
        this.#flush();
      });
    });
  }

  #tick(process: Process): void {
    if (this.#process !== process) return;
    this.#resume(() => {
      if (this.#process !== process) return;
      const { member, service, clock } = process;
      const now = this.now();
      member.tick(now);
      service.tick(now, clock.bounds(now));
      this.#check(process);
      this.#cluster.world.after(this.#cluster.calm ? CALM_TICK_MS : TICK_MS, () => this.#tick(process));
    });
  }

  #check({ member, incarnation }: Process): void {
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
