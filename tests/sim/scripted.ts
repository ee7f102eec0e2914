/**
 * A cluster for scripted schedules: the same nodes and checkers as in a random run, and no faults but those of the
 * script. A message and a disk sync take a millisecond each. The script holds or loses packets, sets clocks, stops
 * machines and replaces disks.
 */

import type { ClusterMessage, NodeId } from "../../src/cluster/wire/messages.ts";
import { clientMessage, type MessageParts } from "../../src/dhcp/server/testing.ts";
import { type Message, MESSAGE_TYPE, messageTypeOf } from "../../src/dhcp/message.ts";
import { OPTIONS, readOption } from "../../src/dhcp/options/mod.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import { Checkers } from "./checkers.ts";
import type { SimCluster } from "./cluster.ts";
import { CommonTime } from "./common_time.ts";
import { FIRST_VARIANT, identityOf, LANS, textOf } from "./configurations.ts";
import { disagreement } from "./convergence.ts";
import type { Links, Packet, PacketFilter } from "./network.ts";
import { addressOf, SimNode } from "./node.ts";
import { Prng } from "./prng.ts";
import { Recorder } from "./recorder.ts";
import type { Mutation } from "./run.ts";
import { Violation } from "./violation.ts";
import { MachineClock } from "./machine_clock.ts";
import { EventQueue } from "./event_queue.ts";

/** Two addresses of the first LAN. */
export const X: Ipv4 = LANS[0]?.first ?? 0;
export const Y: Ipv4 = X + 1;

const FILE = { revision: 1, text: textOf(FIRST_VARIANT) };
const SYNC_MS = { min: 1, max: 1 };
/** A cluster without faults serves after this. */
const FORMED_MS = 10_000;

/** Packets between nodes by sender, receiver and type. */
export function packets(
  from: readonly NodeId[],
  to: readonly NodeId[],
  ...types: ClusterMessage["type"][]
): PacketFilter {
  return (packet) =>
    from.includes(packet.from) && to.includes(packet.to) && packet.message !== undefined &&
    (types.length === 0 || types.includes(packet.message.type));
}

/** Batches with records; heartbeats have none. */
export function records(from: readonly NodeId[], to: readonly NodeId[]): PacketFilter {
  return ({ from: sender, to: receiver, message }) =>
    from.includes(sender) && to.includes(receiver) && message?.type === "leaseBatch" && message.records.length > 0;
}

/** Packets that are held until the script decides. */
export interface Held {
  /** Delivers the held packets in order and stops holding. */
  release(): void;
  /** Loses the held packets and stops holding. */
  lose(): void;
}

/** What happens to some packets. */
interface PacketRule {
  readonly matches: PacketFilter;
  /** Held packets; undefined: the packets are lost. */
  readonly waiting: (() => void)[] | undefined;
}

class ScriptedLinks implements Links {
  readonly #events: EventQueue;
  readonly #rules: PacketRule[] = [];

  constructor(events: EventQueue) {
    this.#events = events;
  }

  /** Adds a rule; the result removes it. The first rule that matches a packet applies. */
  addRule(rule: PacketRule): () => void {
    this.#rules.push(rule);
    return () => {
      const index = this.#rules.indexOf(rule);
      if (index !== -1) this.#rules.splice(index, 1);
    };
  }

  carry(packet: Packet, arrive: () => void): void {
    const rule = this.#rules.find(({ matches }) => matches(packet));
    if (rule === undefined) this.#events.after(1, arrive);
    else rule.waiting?.push(arrive);
  }
}

/** A request and its result. */
export interface Requested {
  /** Lease time of the DHCPACK in seconds; undefined: none yet. */
  seconds: number | undefined;
}

/** A client that is controlled by the script. */
export class ScriptedClient {
  readonly #cluster: ScriptedCluster;
  readonly #number: number;
  readonly #slackMs: number;
  #xid = 0;
  /** Increased when the client stops waiting for answers to its earlier requests. */
  #session = 0;

  constructor(cluster: ScriptedCluster, number: number, slackMs: number) {
    this.#cluster = cluster;
    this.#number = number;
    this.#slackMs = slackMs;
  }

  /** Requests an address that it was offered, or has, from a node. */
  request(node: NodeId, address: Ipv4, seconds?: number): Requested {
    const server = formatIpv4(addressOf(node).address);
    const wanted = seconds === undefined ? {} : { leaseSeconds: seconds };
    return this.#ask(
      node,
      clientMessage("REQUEST", this.#number, {
        ...this.#parts(),
        ...wanted,
        server,
        requested: formatIpv4(address),
      }),
    );
  }

  /** Requests an address of an earlier lease from a node (INIT-REBOOT). */
  reboot(node: NodeId, address: Ipv4): Requested {
    return this.#ask(
      node,
      clientMessage("REQUEST", this.#number, { ...this.#parts(), requested: formatIpv4(address) }),
    );
  }

  /** Releases an address through a node. */
  release(node: NodeId, address: Ipv4): void {
    const server = formatIpv4(addressOf(node).address);
    const message = clientMessage("RELEASE", this.#number, { ...this.#parts(), server, ciaddr: formatIpv4(address) });
    const { client, name } = identityOf(message);
    const { checkers } = this.#cluster.shared;
    checkers.ledger.ended(name);
    checkers.promises.ended(client, address);
    this.#ask(node, message);
    this.#session += 1;
  }

  #parts(): MessageParts {
    return { giaddr: formatIpv4(LANS[0]?.giaddr ?? 0), xid: this.#number * 1_000 + this.#xid++ };
  }

  #ask(node: NodeId, message: Message): Requested {
    const { events, checkers } = this.#cluster.shared;
    const requested: Requested = { seconds: undefined };
    const sentMs = events.nowMs;
    const session = this.#session;
    const awaits = () => this.#session === session;
    this.#cluster.node(node).serve(message, awaits, (reply, promised) => {
      if (!awaits()) return;
      const { name } = identityOf(message);
      const requestedAddress = readOption(message.options, OPTIONS.requestedIpAddress);
      const refused = messageTypeOf(reply) === MESSAGE_TYPE.NAK && requestedAddress.kind === "present";
      if (refused) checkers.ledger.refused(name, requestedAddress.value);
      const seconds = readOption(reply.options, OPTIONS.addressLeaseTime);
      if (promised === undefined || seconds.kind !== "present") return;
      requested.seconds = seconds.value;
      checkers.ledger.holds(name, reply.yiaddr, sentMs + seconds.value * 1_000, this.#slackMs);
      checkers.promises.arrived(promised);
    });
    return requested;
  }
}

/** Options of a scripted cluster. */
export interface ScriptedOptions {
  readonly nodes: number;
  readonly mutation?: Mutation;
  /** Offset of each right clock in ms, by node from 1; 0 by default. */
  readonly clocks?: readonly number[];
  readonly log?: (line: string) => void;
}

export class ScriptedCluster {
  readonly shared: SimCluster;
  readonly ids: readonly NodeId[];
  readonly #links: ScriptedLinks;

  /** Returns once all nodes serve. */
  constructor({ nodes: count, mutation = {}, clocks = [], log }: ScriptedOptions) {
    const events = new EventQueue();
    const time = new CommonTime(events);
    const nodes = new Map<NodeId, SimNode>();
    this.ids = Array.from({ length: count }, (_, index) => index + 1);
    this.#links = new ScriptedLinks(events);
    this.shared = {
      events,
      prng: new Prng(1),
      time,
      links: this.#links,
      recorder: new Recorder(),
      isSealed: false,
      nodes,
      checkers: new Checkers(events, this.ids, nodes),
      mutation,
      isChecked: () => true,
      faultsOver: false,
      log: log && ((line) => log(`${String(events.nowMs).padStart(7)}  ${line}`)),
    };
    for (const id of this.ids) {
      const clock = new MachineClock(events, time, clocks[id - 1] ?? 0);
      const node = new SimNode(id, this.shared, { file: FILE, members: this.ids, clock });
      node.disk.latencyMs = SYNC_MS;
      nodes.set(id, node);
      node.start();
    }
    this.run(FORMED_MS);
    this.awaitReady(this.ids);
  }

  get nowMs(): number {
    return this.shared.events.nowMs;
  }

  node(id: NodeId): SimNode {
    const node = this.shared.nodes.get(id);
    if (node === undefined) throw new Error(`There is no node ${id}`);
    return node;
  }

  /** A client; `slackMs`: how long it uses an address after the end of its lease. */
  client(number: number, slackMs = 0): ScriptedClient {
    return new ScriptedClient(this, number, slackMs);
  }

  run(ms: number): void {
    this.shared.events.runUntil(this.nowMs + ms);
  }

  /** Runs until these nodes serve. */
  awaitReady(ids: readonly NodeId[]): void {
    for (let waitedMs = 0; !ids.every((id) => this.node(id).ready); waitedMs += 100) {
      if (waitedMs > 20_000) throw new Error(`Nodes ${ids} do not serve`);
      this.run(100);
    }
  }

  hold(matches: PacketFilter): Held {
    const waiting: (() => void)[] = [];
    const end = this.#links.addRule({ matches, waiting });
    return {
      release: () => {
        end();
        for (const arrive of waiting) this.shared.events.after(1, arrive);
      },
      lose: end,
    };
  }

  /** Loses packets from now on; the result stops that. */
  lose(matches: PacketFilter): () => void {
    return this.#links.addRule({ matches, waiting: undefined });
  }

  /** (f) The tables of these nodes become equal within this time. */
  expectEqual(ids: readonly NodeId[], withinMs: number): void {
    for (let waitedMs = 0; disagreement(ids.map((id) => this.node(id)), [X, Y]) !== undefined; waitedMs += 100) {
      if (waitedMs < withinMs) this.run(100);
      else throw new Violation("(f)", disagreement(ids.map((id) => this.node(id)), [X, Y]) ?? "");
    }
  }

  /** (h) One of these nodes leases the address to the client within this time. */
  expectUsable(client: ScriptedClient, address: Ipv4, ids: readonly NodeId[], withinMs: number): void {
    for (let waitedMs = 0; waitedMs <= withinMs; waitedMs += 1_000) {
      const asked = ids.map((id) => client.request(id, address));
      this.run(1_000);
      if (asked.some(({ seconds }) => seconds !== undefined)) return;
    }
    throw new Violation("(h)", `${formatIpv4(address)} is still not leased after ${withinMs / 1_000} s`);
  }
}
