/**
 * A node in the simulator: a disk, a clock and a configuration file that outlive processes, and a process made of the product's
 * own cores (member of the cluster and DHCP service) that can crash, pause and start again.
 */

import { startIdentity } from "../../src/cluster/identity.ts";
import { CLUSTER_LIMITS } from "../../src/cluster/limits.ts";
import { Member, type MemberNotice } from "../../src/cluster/member.ts";
import type { ClusterMessage, Envelope, MemberAddress, NodeId } from "../../src/cluster/messages.ts";
import type { Safeguards } from "../../src/cluster/replica.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { Policy } from "../../src/dhcp/server/policy.ts";
import { Service, tableFor } from "../../src/dhcp/server/service.ts";
import { service, subnet } from "../../src/dhcp/server/testing.ts";
import { AnchoredClock, type Instant } from "../../src/lease/clock.ts";
import { VersionMint } from "../../src/lease/mint.ts";
import type { LeaseTable } from "../../src/lease/table.ts";
import type { Range } from "../../src/net/ipv4.ts";
import { type Checker, EPOCH_MS } from "./checker.ts";
import { SimDisk } from "./disk.ts";
import type { SimNetwork } from "./network.ts";
import type { Prng } from "./prng.ts";
import type { World } from "./world.ts";

/** More seldom than in the product, which costs elections a few hundredths and halves the time of a run. */
const TICK_MS = 50;

/** The part of a `service` section that varies in a run. */
export interface SimConfig {
  readonly revision: number;
  readonly leaseSeconds: number;
  /** Addresses in the first LAN's pool. */
  readonly addresses: number;
}

/** Addresses in the second LAN's pool. */
export const SECOND_ADDRESSES = 3;
/** The longest lease that any client asks for. */
export const LEASE_SECONDS_MAX = 40;
export const DECLINE_SECONDS = 30;

/** What such a section means. */
export function policyOf({ revision, leaseSeconds, addresses }: SimConfig): Policy {
  const subnets = [
    subnet("10.77.0.0/16", [`10.77.1.1-10.77.1.${addresses}`]),
    subnet("10.78.0.0/16", [`10.78.1.1-10.78.1.${SECOND_ADDRESSES}`]),
  ];
  return new Policy(service(subnets, {
    revision,
    leaseSeconds,
    minLeaseSeconds: 5,
    maxLeaseSeconds: LEASE_SECONDS_MAX,
    declineSeconds: DECLINE_SECONDS,
  }));
}

/** One running process. */
interface Process {
  readonly incarnation: number;
  readonly bootMs: number;
  readonly member: Member;
  readonly service: Service;
  readonly table: LeaseTable;
  readonly clock: AnchoredClock;
  /** Who it sends to and hears. */
  reach: readonly NodeId[];
  /** Version of the ranges that the checker saw last. */
  ranges: string;
}

/** What all nodes of a run share. */
export interface SimCluster {
  readonly world: World;
  readonly prng: Prng;
  readonly network: SimNetwork;
  readonly safeguards: Partial<Safeguards>;
  /** After healing clients only keep what they have, and look for what they lack. */
  calm: boolean;
  readonly nodes: Map<NodeId, SimNode>;
  readonly checker: Checker;
  readonly log: (line: string) => void;
}

export class SimNode {
  readonly id: NodeId;
  readonly disk: SimDisk;
  /** How far this machine's wall clock is from the truth now, and while it is right: ms. */
  wallOffsetMs = 0;
  usualOffsetMs = 0;
  /** What the wall clock gains in a millisecond, ms, since when. */
  drift = { rate: 0, sinceMs: 0 };
  readonly #cluster: SimCluster;
  readonly #members: readonly NodeId[];
  #file: SimConfig;
  #process: Process | undefined;
  #pausedUntilMs = 0;
  /** What came while the process was paused. */
  #waiting: (() => void)[] = [];

  /** `members` and `file`: what its configuration file says. */
  constructor(id: NodeId, cluster: SimCluster, options: { members: readonly NodeId[]; file: SimConfig }) {
    this.id = id;
    this.#cluster = cluster;
    this.#members = options.members;
    this.#file = options.file;
    this.disk = new SimDisk(cluster.world, cluster.prng, (address) => cluster.checker.diskChanged(address));
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  /** Whether its slots are complete. */
  get synced(): boolean {
    return this.#process?.member.synced === true;
  }

  /** The running process's member of the cluster. */
  get member(): Member | undefined {
    return this.#process?.member;
  }

  get table(): LeaseTable | undefined {
    return this.#process?.table;
  }

  /** The pools that its process serves. */
  get pools(): readonly Range[] {
    return this.#process?.service.pools ?? [];
  }

  /** Why it does not serve now, as a word; undefined when it does. */
  get unready(): string | undefined {
    return this.#process === undefined ? "down" : this.#process.member.unready(this.now())?.kind;
  }

  /** Both clocks of this machine now. */
  now(): Instant {
    const trueMs = this.#cluster.world.nowMs;
    const drifted = Math.round(this.drift.rate * (trueMs - this.drift.sinceMs));
    return {
      wallMs: EPOCH_MS + trueMs + this.wallOffsetMs + drifted,
      monotonicMs: trueMs - (this.#process?.bootMs ?? trueMs),
    };
  }

  /** An operator changes the file and asks for a reload. */
  push(file: SimConfig): void {
    this.#file = file;
    this.#cluster.log(`node ${this.id}: file with revision ${file.revision}`);
    this.#resume(() => this.#process?.member.offer({ revision: file.revision, text: JSON.stringify(file) }));
  }

  /** Starts a process from what the disk has. */
  start(): void {
    if (this.#process !== undefined) return;
    const { world, prng } = this.#cluster;
    const incarnation = prng.int(1, 0xffffffff);
    const { identity, writes } = startIdentity(this.disk.facts, () => prng.next());
    const policy = policyOf(this.#file);
    const table = tableFor(policy, 0);
    const mint = new VersionMint({ node: this.id, incarnation });
    for (const row of this.disk.rows.values()) mint.observe(row.slot.version);
    table.load(this.disk.rows.values());
    const clock = new AnchoredClock();
    const bootMs = world.nowMs;
    const facts = new Map(this.disk.facts);
    // Nothing is said before it is durable that this start happened.
    this.disk.write({ facts: writes }, () => {
      this.#process = this.#assemble({ incarnation, bootMs, clock, table, mint, policy, identity, facts });
      this.#process.member.offer({ revision: this.#file.revision, text: JSON.stringify(this.#file) });
      this.#cluster.log(`node ${this.id} starts${identity.blank ? " blank" : ""}`);
      this.#tick(incarnation);
    });
  }

  #assemble(parts: {
    incarnation: number;
    bootMs: number;
    clock: AnchoredClock;
    table: LeaseTable;
    mint: VersionMint;
    policy: Policy;
    identity: ReturnType<typeof startIdentity>["identity"];
    facts: ReadonlyMap<string, string>;
  }): Process {
    const { checker, prng, safeguards } = this.#cluster;
    const { incarnation, bootMs, clock, table, mint, policy, identity, facts } = parts;
    const dhcp: Service = new Service({
      policy,
      table,
      agreement: {
        propose: (proposal, now, decided) =>
          member.propose(proposal, now, (outcome, at) => {
            if (outcome.committed) {
              const { address, detail } = proposal;
              const members = member.membership.members.map(({ id }) => id);
              checker.leaving(members, { address, chaddr: detail.chaddr, leaseMs: outcome.leaseMs });
            }
            decided(outcome, at);
          }),
        end: (request, now, durable) => member.end(request, now, durable),
        inquire: (address, client, now, contradicted) => member.inquire(address, client, now, contradicted),
        want: (pools) => member.want(pools),
        isPresent: (address, now) => member.isPresent(address, now),
      },
      events: { granted: () => {}, failed: () => {}, ended: () => {} },
    });
    const member: Member = new Member({
      self: this.id,
      incarnation,
      identity,
      nodes: this.#members.map(addressOf),
      bootstrap: false,
      table,
      clock,
      mint,
      limits: dhcp.limits,
      facts,
      pools: () => dhcp.pools,
      activate: (_revision, text) => dhcp.reconfigure(policyOf(JSON.parse(text)), this.now(), clock.bounds(this.now())),
      validate: () => undefined,
      able: () => !this.disk.isFull,
      random: () => prng.next(),
      ports: {
        send: (to, message) => {
          if (process.reach.includes(to)) this.#send(member.envelope(), to, message);
        },
        broadcast: (message) => {
          for (const to of process.reach) if (to !== this.id) this.#send(member.envelope(), to, message);
        },
        persist: (writes, durable) =>
          this.disk.write(writes, () =>
            this.#resume(() => {
              durable(this.now());
              this.#flush();
            })),
        notice: (notice) => this.#notice(notice, incarnation),
        members: (members) => process.reach = members.map(({ id }) => id),
      },
      safeguards,
      now: { ...this.now(), monotonicMs: 0 },
    });
    const reach = member.membership.members.map(({ id }) => id);
    const process: Process = { incarnation, bootMs, member, service: dhcp, table, clock, reach, ranges: "" };
    return process;
  }

  /** The process is gone at once; the disk keeps what it had synced, and perhaps more. */
  crash(): void {
    this.#process = undefined;
    this.#waiting = [];
    this.#pausedUntilMs = 0;
    this.disk.crash();
    this.#cluster.log(`node ${this.id} crashes`);
  }

  /** The process stands still, as under SIGSTOP or a stalled virtual machine. */
  pause(ms: number): void {
    this.#pausedUntilMs = this.#cluster.world.nowMs + ms;
    this.#cluster.log(`node ${this.id} pauses for ${ms} ms`);
    this.#cluster.world.after(ms, () => {
      for (const waiting of this.#waiting.splice(0)) waiting();
    });
  }

  receive(envelope: Envelope, message: ClusterMessage): void {
    this.#resume(() => {
      const process = this.#process;
      if (process?.reach.includes(envelope.from) !== true) return;
      process.member.receive(envelope, message, this.now());
      this.#flush();
    });
  }

  /** Serves a client's message as the node program does; `answer` gets the reply when it may leave. */
  serve(message: Message, answer: (reply: Message) => void): void {
    this.#resume(() => {
      const process = this.#process;
      const now = this.now();
      const time = process?.clock.bounds(now);
      if (process === undefined || time === undefined || this.disk.isFull) return;
      if (process.member.unready(now) !== undefined) return;
      const { address } = addressOf(this.id);
      const arrival = { from: message.ciaddr, serverIdentifier: address, receivedOn: address, attached: false };
      process.service.handle(message, arrival, now, time, answer);
      this.#flush();
    });
  }

  #notice(notice: MemberNotice, incarnation: number): void {
    this.#cluster.log(`node ${this.id}: ${JSON.stringify(notice)}`);
    if (notice.kind === "leaderElected" && notice.leader === this.id) {
      this.#cluster.checker.leads(notice.term, `node ${this.id} (process ${incarnation})`);
    }
  }

  #flush(): void {
    const process = this.#process;
    if (process === undefined) return;
    process.member.flush(this.now());
    if (!process.member.unsent) return;
    this.#cluster.world.after(CLUSTER_LIMITS.batchMs, () => {
      if (this.#process === process) this.#resume(() => this.#flush());
    });
  }

  #tick(incarnation: number): void {
    if (this.#process?.incarnation !== incarnation) return;
    this.#resume(() => {
      const process = this.#process;
      if (process?.incarnation !== incarnation) return;
      const now = this.now();
      process.member.tick(now);
      process.service.tick(now, process.clock.bounds(now));
      this.#showRanges(process);
      this.#cluster.world.after(TICK_MS, () => this.#tick(incarnation));
    });
  }

  #showRanges(process: Process): void {
    const { term, version, ranges } = process.member.ranges;
    const shown = `${term}/${version}`;
    if (shown === process.ranges) return;
    process.ranges = shown;
    this.#cluster.checker.holds(this.id, { term, version, ranges });
  }

  /** Runs now, or when the pause is over. */
  #resume(run: () => void): void {
    if (this.#cluster.world.nowMs < this.#pausedUntilMs) this.#waiting.push(run);
    else run();
  }

  #send(envelope: Envelope, to: NodeId, message: ClusterMessage): void {
    const { network, nodes } = this.#cluster;
    network.carry(this.id, to, () => nodes.get(to)?.receive(envelope, message));
  }
}

/** Where a node is reached. */
export function addressOf(id: NodeId): MemberAddress {
  return { id, address: 0x0a630000 + id };
}
