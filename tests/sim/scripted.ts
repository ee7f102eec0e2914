/**
 * A small stage for scripted schedules: the same nodes and checkers as in a random run, but nothing goes wrong unless the
 * script says so. Messages take a millisecond, syncs one, and the script holds or loses those that it names, sets clocks,
 * stops machines and replaces disks.
 */

import type { ClusterMessage, NodeId } from "../../src/cluster/wire/messages.ts";
import { clientMessage, type MessageParts } from "../../src/dhcp/server/testing.ts";
import { type Message, MESSAGE_TYPE, messageTypeOf } from "../../src/dhcp/message.ts";
import { OPTIONS, readOption } from "../../src/dhcp/options/mod.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import { Checkers } from "./checkers.ts";
import { identityOf } from "./clients.ts";
import type { SimCluster } from "./cluster.ts";
import { FIRST_VARIANT, LANS, textOf } from "./configurations.ts";
import { disagreement } from "./convergence.ts";
import type { Links, Packet } from "./network.ts";
import { addressOf, SimNode } from "./node.ts";
import { Prng } from "./prng.ts";
import type { Promised } from "./promises.ts";
import type { Tampering } from "./tampering.ts";
import { Violation } from "./violation.ts";
import { SimWallClock } from "./wall_clock.ts";
import { EventQueue } from "./event_queue.ts";

/** Two addresses of the first LAN. */
export const X: Ipv4 = LANS[0]?.first ?? 0;
export const Y: Ipv4 = X + 1;

const FILE = { revision: 1, text: textOf(FIRST_VARIANT) };
const SYNC_MS = { min: 1, max: 1 };
/** A cluster without trouble serves after this. */
const FORMED_MS = 10_000;

/** Which packets a script means. */
export type Which = (packet: Packet) => boolean;

/** Packets between nodes by sender, receiver and kind. */
export function packets(from: readonly NodeId[], to: readonly NodeId[], ...types: ClusterMessage["type"][]): Which {
  return (packet) =>
    from.includes(packet.from) && to.includes(packet.to) && packet.message !== undefined &&
    (types.length === 0 || types.includes(packet.message.type));
}

/** Batches with records: not the heartbeats. */
export function records(from: readonly NodeId[], to: readonly NodeId[]): Which {
  return ({ from: sender, to: receiver, message }) =>
    from.includes(sender) && to.includes(receiver) && message?.type === "leaseBatch" && message.records.length > 0;
}

/** Packets that wait until the script lets them go. */
export interface Held {
  /** What waits arrives, in order, and no more is held. */
  release(): void;
  /** What waits is lost, and no more is held. */
  lose(): void;
}

/** What the script says of some packets. */
interface Ruling {
  readonly which: Which;
  /** Undefined: lost. */
  readonly waiting: (() => void)[] | undefined;
}

class ScriptedLinks implements Links {
  readonly #world: EventQueue;
  readonly #rulings: Ruling[] = [];

  constructor(world: EventQueue) {
    this.#world = world;
  }

  /** The first ruling that means a packet holds. */
  rule(ruling: Ruling): () => void {
    this.#rulings.push(ruling);
    return () => {
      const index = this.#rulings.indexOf(ruling);
      if (index !== -1) this.#rulings.splice(index, 1);
    };
  }

  carry(packet: Packet, arrive: () => void): void {
    const ruling = this.#rulings.find(({ which }) => which(packet));
    if (ruling === undefined) this.#world.after(1, arrive);
    else ruling.waiting?.push(arrive);
  }
}

/** A request, and what became of it. */
export interface Requested {
  /** Seconds that were acknowledged; undefined: nothing yet. */
  seconds: number | undefined;
}

/** A client that does what the script says and nothing else. */
export class ScriptedClient {
  readonly #stage: ScriptedCluster;
  readonly #number: number;
  readonly #slackMs: number;
  #xid = 0;
  /** Rises when the client no longer waits for what it asked before. */
  #life = 0;

  constructor(stage: ScriptedCluster, number: number, slackMs: number) {
    this.#stage = stage;
    this.#number = number;
    this.#slackMs = slackMs;
  }

  /** Asks a node for an address that it was offered, or has. */
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

  /** Asks a node for an address that it remembers (INIT-REBOOT). */
  reboot(node: NodeId, address: Ipv4): Requested {
    return this.#ask(
      node,
      clientMessage("REQUEST", this.#number, { ...this.#parts(), requested: formatIpv4(address) }),
    );
  }

  /** Gives an address back through a node. */
  release(node: NodeId, address: Ipv4): void {
    const server = formatIpv4(addressOf(node).address);
    const message = clientMessage("RELEASE", this.#number, { ...this.#parts(), server, ciaddr: formatIpv4(address) });
    const { client, name } = identityOf(message);
    const { checkers } = this.#stage.cluster;
    checkers.ledger.ended(name);
    checkers.promises.ended(client, address);
    this.#ask(node, message);
    this.#life += 1;
  }

  #parts(): MessageParts {
    return { giaddr: formatIpv4(LANS[0]?.giaddr ?? 0), xid: this.#number * 1_000 + this.#xid++ };
  }

  #ask(node: NodeId, message: Message): Requested {
    const { world, checkers } = this.#stage.cluster;
    const requested: Requested = { seconds: undefined };
    const sentMs = world.nowMs;
    const life = this.#life;
    const awaits = () => this.#life === life;
    this.#stage.node(node).serve(message, awaits, (reply, promised: Promised | undefined) => {
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

/** What a stage is set with. */
export interface ScriptedOptions {
  readonly nodes: number;
  readonly tampering?: Tampering;
  /** How far each clock is off while it is right, by node from 1; 0 when not said. */
  readonly clocks?: readonly number[];
  readonly log?: (line: string) => void;
}

export class ScriptedCluster {
  readonly cluster: SimCluster;
  readonly ids: readonly NodeId[];
  readonly #links: ScriptedLinks;

  /** A cluster that serves. */
  constructor({ nodes: count, tampering = {}, clocks = [], log }: ScriptedOptions) {
    const world = new EventQueue();
    const nodes = new Map<NodeId, SimNode>();
    this.ids = Array.from({ length: count }, (_, index) => index + 1);
    this.#links = new ScriptedLinks(world);
    this.cluster = {
      world,
      prng: new Prng(1),
      links: this.#links,
      nodes,
      checkers: new Checkers(world, this.ids, nodes),
      tampering,
      encodes: true,
      calm: false,
      log: log && ((line) => log(`${String(world.nowMs).padStart(7)}  ${line}`)),
    };
    for (const id of this.ids) {
      const clock = new SimWallClock(world, clocks[id - 1] ?? 0);
      const node = new SimNode(id, this.cluster, { file: FILE, members: this.ids, clock });
      node.disk.latencyMs = SYNC_MS;
      nodes.set(id, node);
      node.start();
    }
    this.run(FORMED_MS);
    this.awaitReady(this.ids);
  }

  node(id: NodeId): SimNode {
    const node = this.cluster.nodes.get(id);
    if (node === undefined) throw new Error(`There is no node ${id}`);
    return node;
  }

  /** A client; `slackMs`: how long it uses an address after its lease. */
  client(number: number, slackMs = 0): ScriptedClient {
    return new ScriptedClient(this, number, slackMs);
  }

  run(ms: number): void {
    this.cluster.world.runUntil(this.cluster.world.nowMs + ms);
  }

  /** Goes on until these nodes serve. */
  awaitReady(ids: readonly NodeId[]): void {
    for (let waitedMs = 0; !ids.every((id) => this.node(id).ready); waitedMs += 100) {
      if (waitedMs > 20_000) throw new Error(`Nodes ${ids} do not serve`);
      this.run(100);
    }
  }

  hold(which: Which): Held {
    const waiting: (() => void)[] = [];
    const end = this.#links.rule({ which, waiting });
    return {
      release: () => {
        end();
        for (const arrive of waiting) this.cluster.world.after(1, arrive);
      },
      lose: end,
    };
  }

  /** Loses packets; the result ends that. */
  lose(which: Which): () => void {
    return this.#links.rule({ which, waiting: undefined });
  }

  /** (f) All these nodes' tables say the same, within so long. */
  expectEqual(ids: readonly NodeId[], withinMs: number): void {
    for (let waitedMs = 0; disagreement(ids.map((id) => this.node(id)), [X, Y]) !== undefined; waitedMs += 100) {
      if (waitedMs < withinMs) this.run(100);
      else throw new Violation("(f)", disagreement(ids.map((id) => this.node(id)), [X, Y]) ?? "");
    }
  }

  /** (h) A client can have an address from one of these nodes, within so long. */
  expectUsable(client: ScriptedClient, address: Ipv4, ids: readonly NodeId[], withinMs: number): void {
    for (let waitedMs = 0; waitedMs <= withinMs; waitedMs += 1_000) {
      const asked = ids.map((id) => client.request(id, address));
      this.run(1_000);
      if (asked.some(({ seconds }) => seconds !== undefined)) return;
    }
    throw new Violation("(h)", `${formatIpv4(address)} can't be had ${withinMs / 1_000} s later`);
  }
}
