/**
 * A node in the simulator: a disk and a clock that outlive processes, and a process made of the product's own cores (replica
 * and DHCP server) that can crash, pause and start again.
 */

import { decide, type ServerState } from "../../src/dhcp/server/server.ts";
import { completeAck } from "../../src/dhcp/server/reply.ts";
import type { Policy } from "../../src/dhcp/server/policy.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { startIdentity } from "../../src/cluster/identity.ts";
import type { ClusterMessage, NodeId } from "../../src/cluster/messages.ts";
import { Replica, type Safeguards } from "../../src/cluster/replica.ts";
import { AnchoredClock, type Instant } from "../../src/lease/clock.ts";
import { PROPOSAL_MS } from "../../src/lease/limits.ts";
import { VersionMint } from "../../src/lease/mint.ts";
import { Offers } from "../../src/lease/offers.ts";
import { LeaseTable } from "../../src/lease/table.ts";
import type { Checker } from "./checker.ts";
import { SimDisk } from "./disk.ts";
import type { SimNetwork } from "./network.ts";
import type { Prng } from "./prng.ts";
import type { World } from "./world.ts";

/** True time 0 as every right clock shows it. */
const EPOCH_MS = 1_700_000_000_000;
const TICK_MS = 20;

/** One running process. */
interface Process {
  readonly incarnation: number;
  readonly bootMs: number;
  readonly replica: Replica;
  readonly state: ServerState;
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
    return this.#process?.replica.synced === true;
  }

  get table(): LeaseTable | undefined {
    return this.#process?.state.table;
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
    const table = new LeaseTable({ pools: policy.pools.map((pool) => pool.range), reserved: [] });
    const mint = new VersionMint({ node: this.id, incarnation });
    for (const row of this.disk.rows.values()) mint.observe(row.slot.version);
    table.load(this.disk.rows.values());
    const clock = new AnchoredClock();
    const facts = new Map(this.disk.facts);
    const bootMs = world.nowMs;
    const replica = new Replica({
      self: this.id,
      incarnation,
      identity,
      members,
      table,
      clock,
      mint,
      limits: { maxLeaseMs: policy.maxLeaseSeconds * 1_000 + PROPOSAL_MS },
      facts,
      heartbeat: () => ({ free: [], ready: true, revision: 1 }),
      random: () => prng.next(),
      ports: {
        send: (to, message) => this.#send(incarnation, to, message),
        broadcast: (message) => {
          for (const to of members) if (to !== this.id) this.#send(incarnation, to, message);
        },
        persist: (writes, durable) => this.disk.write(writes, () => this.#resume(() => durable(this.now()))),
      },
      safeguards,
      now: { wallMs: EPOCH_MS + bootMs + this.wallOffsetMs, monotonicMs: 0 },
    });
    // Nothing is said before it is durable that this start happened.
    this.disk.write({ facts: writes }, () => {
      this.#process = { incarnation, bootMs, replica, clock, state: { policy, table, offers: new Offers(table) } };
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

  receive(from: NodeId, incarnation: number, message: ClusterMessage): void {
    this.#resume(() => {
      this.#process?.replica.receive(from, incarnation, message, this.now());
      this.#process?.replica.flush(this.now());
    });
  }

  /** Serves a client's message as the node program does; `answer` gets the reply when it may leave. */
  serve(message: Message, answer: (reply: Message) => void): void {
    this.#resume(() => {
      const process = this.#process;
      const now = this.now();
      const time = process?.clock.bounds(now);
      if (process === undefined || time === undefined || !process.replica.mayPropose(now)) return;
      const address = 0x0a630000 + this.id;
      const arrival = { from: message.ciaddr, serverIdentifier: address, receivedOn: address, attached: false };
      const action = decide(process.state, message, arrival, now, time);
      if (action.kind === "reply") answer(action.reply);
      else if (action.kind === "end") {
        const { how, address, client, detail } = action;
        process.state.offers.end(client);
        const restMs = process.state.policy.config.declineSeconds * 1_000;
        process.replica.end({ kind: how, address, client, restMs, detail }, now, () => {});
      } else if (action.kind === "grant") {
        const leaseMs = action.leaseSeconds * 1_000 + PROPOSAL_MS;
        process.replica.propose({ ...action, leaseMs }, now, (outcome) => {
          if (!outcome.committed) return;
          process.state.offers.end(action.client);
          this.#cluster.checker.leaving(action.address, action.detail.chaddr);
          completeAck(action.reply, action.scope, Math.floor(outcome.leaseMs / 1_000));
          answer(action.reply);
        });
      }
      process.replica.flush(now);
    });
  }

  #tick(incarnation: number): void {
    if (this.#process?.incarnation !== incarnation) return;
    this.#resume(() => {
      const process = this.#process;
      if (process?.incarnation !== incarnation) return;
      const now = this.now();
      process.replica.tick(now);
      const time = process.clock.bounds(now);
      if (time !== undefined) process.state.table.expire(time);
      process.state.offers.expire(now.monotonicMs);
      this.#cluster.world.after(TICK_MS, () => this.#tick(incarnation));
    });
  }

  /** Runs now, or when the pause is over. */
  #resume(run: () => void): void {
    if (this.#cluster.world.nowMs < this.#pausedUntilMs) this.#waiting.push(run);
    else run();
  }

  #send(incarnation: number, to: NodeId, message: ClusterMessage): void {
    const { network, nodes } = this.#cluster;
    network.carry(this.id, to, () => nodes.get(to)?.receive(this.id, incarnation, message));
  }
}
