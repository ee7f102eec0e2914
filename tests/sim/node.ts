/**
 * A node in the simulator: a disk and a clock that outlive processes, and a process made of the product's own cores (replica
 * and DHCP server) that can crash, pause and start again.
 */

import { CLUSTER_LIMITS } from "../../src/cluster/limits.ts";
import { startIdentity } from "../../src/cluster/identity.ts";
import { Member, type MemberNotice } from "../../src/cluster/member.ts";
import type { ClusterMessage, Envelope, MemberAddress, NodeId } from "../../src/cluster/messages.ts";
import type { Safeguards } from "../../src/cluster/replica.ts";
import type { Message } from "../../src/dhcp/message.ts";
import type { Policy } from "../../src/dhcp/server/policy.ts";
import { Service, tableFor } from "../../src/dhcp/server/service.ts";
import { AnchoredClock, type Instant } from "../../src/lease/clock.ts";
import { VersionMint } from "../../src/lease/mint.ts";
import type { LeaseTable } from "../../src/lease/table.ts";
import type { Checker } from "./checker.ts";
import { SimDisk } from "./disk.ts";
import type { SimNetwork } from "./network.ts";
import type { Prng } from "./prng.ts";
import type { World } from "./world.ts";

/** True time 0 as every right clock shows it. */
const EPOCH_MS = 1_700_000_000_000;
/** More seldom than in the product, which costs elections a few hundredths and halves the time of a run. */
const TICK_MS = 50;

/** One running process. */
interface Process {
  readonly incarnation: number;
  readonly bootMs: number;
  readonly member: Member;
  readonly service: Service;
  readonly table: LeaseTable;
  readonly clock: AnchoredClock;
}

/** What all nodes of a run share. */
export interface SimCluster {
  readonly world: World;
  readonly prng: Prng;
  readonly network: SimNetwork;
  readonly policy: Policy;
  readonly members: readonly NodeId[];
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
  readonly #cluster: SimCluster;
  #process: Process | undefined;
  #pausedUntilMs = 0;
  /** What came while the process was paused. */
  #waiting: (() => void)[] = [];

  constructor(id: NodeId, cluster: SimCluster) {
    this.id = id;
    this.#cluster = cluster;
    this.disk = new SimDisk(cluster.world, cluster.prng);
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

  /** Both clocks of this machine now. */
  now(): Instant {
    const trueMs = this.#cluster.world.nowMs;
    return {
      wallMs: EPOCH_MS + trueMs + this.wallOffsetMs,
      monotonicMs: trueMs - (this.#process?.bootMs ?? trueMs),
    };
  }

  /** Starts a process from what the disk has. */
  start(): void {
    if (this.#process !== undefined) return;
    const { world, prng, policy, members, safeguards } = this.#cluster;
    const incarnation = prng.int(1, 0xffffffff);
    const { identity, writes } = startIdentity(this.disk.facts, () => prng.next());
    const table = tableFor(policy, 0);
    const mint = new VersionMint({ node: this.id, incarnation });
    for (const row of this.disk.rows.values()) mint.observe(row.slot.version);
    table.load(this.disk.rows.values());
    const clock = new AnchoredClock();
    const bootMs = world.nowMs;
    const facts = new Map(this.disk.facts);
    // Nothing is said before it is durable that this start happened.
    this.disk.write({ facts: writes }, () => {
      const checker = this.#cluster.checker;
      const now = { wallMs: EPOCH_MS + bootMs + this.wallOffsetMs, monotonicMs: 0 };
      const service: Service = new Service({
        policy,
        table,
        agreement: {
          propose: (proposal, now, decided) => member.propose(proposal, now, decided),
          end: (request, now, durable) => member.end(request, now, durable),
          inquire: (address, client, now, contradicted) => member.inquire(address, client, now, contradicted),
          want: (pools) => member.want(pools),
          isPresent: (address, now) => member.isPresent(address, now),
        },
        events: {
          granted: ({ address, detail }) => checker.leaving(address, detail.chaddr),
          failed: () => {},
          ended: () => {},
        },
      });
      const member: Member = new Member({
        self: this.id,
        incarnation,
        identity,
        nodes: members.map(addressOf),
        bootstrap: false,
        table,
        clock,
        mint,
        limits: service.limits,
        facts,
        pools: () => service.pools,
        activate: () => {},
        validate: () => undefined,
        able: () => true,
        random: () => prng.next(),
        ports: {
          send: (to, message) => this.#send(member.envelope(), to, message),
          broadcast: (message) => {
            for (const to of members) if (to !== this.id) this.#send(member.envelope(), to, message);
          },
          persist: (writes, durable) =>
            this.disk.write(writes, () =>
              this.#resume(() => {
                durable(this.now());
                this.#flush();
              })),
          notice: (notice) => this.#notice(notice),
          members: () => {},
        },
        safeguards,
        now,
      });
      member.offer({ revision: 1, text: "{}" });
      this.#process = { incarnation, bootMs, member, service, table, clock };
      this.#cluster.log(`node ${this.id} starts${identity.blank ? " blank" : ""}`);
      this.#tick(incarnation);
    });
  }

  /** The process is gone at once; the disk keeps what it had synced, and perhaps more. */
  crash(): void {
    this.disk.crash();
    this.#process = undefined;
    this.#waiting = [];
    this.#pausedUntilMs = 0;
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
      this.#process?.member.receive(envelope, message, this.now());
      this.#flush();
    });
  }

  /** Serves a client's message as the node program does; `answer` gets the reply when it may leave. */
  serve(message: Message, answer: (reply: Message) => void): void {
    this.#resume(() => {
      const process = this.#process;
      const now = this.now();
      const time = process?.clock.bounds(now);
      if (process === undefined || time === undefined || process.member.unready(now) !== undefined) return;
      const { address } = addressOf(this.id);
      const arrival = { from: message.ciaddr, serverIdentifier: address, receivedOn: address, attached: false };
      process.service.handle(message, arrival, now, time, answer);
      this.#flush();
    });
  }

  #notice(notice: MemberNotice): void {
    this.#cluster.log(`node ${this.id}: ${JSON.stringify(notice)}`);
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
      this.#cluster.world.after(TICK_MS, () => this.#tick(incarnation));
    });
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
function addressOf(id: NodeId): MemberAddress {
  return { id, address: 0x0a630000 + id };
}
