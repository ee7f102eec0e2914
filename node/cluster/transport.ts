/**
 * Carries cluster messages: sealed datagrams to one member or all (multicast, or unicast to each), and TCP for messages
 * that are too large for one: pages of a bulk sync, configurations. A received message is opened, decoded and checked
 * against the membership before it is delivered; a refused one is counted and reported with advice
 * (`transport_problems.ts`). Members that multicast does not reach are sent unicast (`multicast_watch.ts`).
 *
 * Datagrams may be lost, duplicated or reordered as on any network; `src/cluster` handles the messages.
 */

import { CLUSTER_LIMITS } from "../../src/cluster/limits.ts";
import type { ClusterMessage, Envelope, NodeId } from "../../src/cluster/wire/messages.ts";
import { decodeMessage, encodeMessage } from "../../src/cluster/wire/codec.ts";
import { WIRE_LIMITS } from "../../src/cluster/wire/limits.ts";
import { Peering } from "../../src/cluster/wire/peering.ts";
import type { Run, SealVersion } from "../../src/cluster/wire/seal.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { openUdp } from "../../src/net/open.ts";
import type { UdpSocket } from "../../src/net/udp.ts";
import { nodeCipher } from "./cipher.ts";
import { MulticastWatch } from "./multicast_watch.ts";
import { GUARD_LIMITS, SourceGuard } from "./source_guard.ts";
import { explainUnheard, type TransportProblem, TransportProblems } from "./transport_problems.ts";
import { type StreamLimits, Streams } from "./streams.ts";

/** A member and its address. */
interface Peer {
  readonly id: NodeId;
  readonly address: Ipv4;
}

export interface TransportOptions {
  /** This run: `starts` and the file it is kept in must be durable before the first message (`nextStarts`). */
  readonly self: Run;
  /** All members, this one too. */
  readonly members: readonly Peer[];
  readonly port: number;
  /** Undefined: unicast to each. */
  readonly multicast: Ipv4 | undefined;
  /** Routers that multicast may pass, plus one; 1 (the default) stays on the link. */
  readonly multicastTtl?: number;
  /** The first key seals, all open. */
  readonly keys: readonly Uint8Array[];
  /** The envelope of every message, read for each. */
  envelope(): Envelope;
  /** A message from a member. Byte strings in it are views: copy what is kept for long. May not throw. */
  receive(envelope: Envelope, message: ClusterMessage, from: Ipv4): void;
  /** See `PeeringPorts.outranked`: {@link Transport.renew} follows. */
  outranked(starts: number): void;
  /** Called once per problem, when it begins. */
  problem(problem: TransportProblem): void;
  /** A problem is over: a line for the log. */
  recovered(line: string): void;
  readonly streamLimits?: Partial<StreamLimits>;
}

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const LOOPBACK_PREFIX = 127;
const WATCH_MS = CLUSTER_LIMITS.heartbeatMs / 2;

/** What was sent and received. */
interface TransportCounters {
  datagramsSent: number;
  /** Datagrams that the system did not accept. */
  datagramsUnsent: number;
  datagramsReceived: number;
  /** Own multicast, looped back. */
  datagramsOwn: number;
  /** From addresses of no member, as far as the kernel passed them on. */
  datagramsForeign: number;
  /** Delivered messages, from datagrams and streams. */
  messages: number;
  /** Messages larger than a frame. */
  tooLarge: number;
}

/** The cluster's network as one node sees it. */
export class Transport {
  readonly counters: TransportCounters = {
    datagramsSent: 0,
    datagramsUnsent: 0,
    datagramsReceived: 0,
    datagramsOwn: 0,
    datagramsForeign: 0,
    messages: 0,
    tooLarge: 0,
  };
  readonly #options: TransportOptions;
  readonly #members = new Map<NodeId, Ipv4>();
  readonly #peering: Peering;
  readonly #problems: TransportProblems;
  readonly #guard: SourceGuard;
  readonly #unicast: UdpSocket;
  readonly #multicast: UdpSocket | undefined;
  readonly #streams: Streams;
  readonly #watch = new MulticastWatch();
  #unheard: readonly TransportProblem[] = [];
  readonly #watchTimer: ReturnType<typeof setInterval>;
  /** Members that were told last that this node does not hear their multicast. */
  readonly #toldUnheard = new Set<NodeId>();
  #toldMs = -Infinity;
  #closed = false;

  private constructor(options: TransportOptions, sockets: { unicast: UdpSocket; multicast: UdpSocket | undefined }) {
    this.#options = options;
    this.#unicast = sockets.unicast;
    this.#multicast = sockets.multicast;
    this.#guard = new SourceGuard((sources) => {
      const filter = sources && { sources, sampleOneIn: GUARD_LIMITS.sampleOneIn };
      for (const socket of [sockets.unicast, sockets.multicast]) socket?.passSources?.(filter);
    });
    this.setMembers(options.members);
    this.#problems = new TransportProblems({ monotonicMs: () => performance.now(), say: options.problem });
    this.#peering = new Peering({
      self: options.self,
      keys: options.keys,
      others: () => this.#others,
      isMember: (node) => this.#members.has(node),
      cipher: nodeCipher,
      ports: {
        outranked: (starts) => options.outranked(starts),
        put: (to, sealed) => this.#putTo(to, sealed),
        // Whether it worked is seen by what follows.
        connect: (to) => void this.#streams.reach(to).catch(() => {}),
      },
    });
    this.#streams = new Streams({
      sealer: this.#peering.sealer,
      address: sockets.unicast.address,
      port: options.port,
      ...(options.streamLimits === undefined ? {} : { limits: options.streamLimits }),
      ports: {
        addressOf: (node) => this.#members.get(node),
        connected: (run, counter) => this.#peering.connected(run, counter, performance.now()),
        message: (bytes, from, peer) => this.#deliver(bytes, from, peer),
        isMember: (address) => this.#guard.has(address),
        refused: ({ error, node }, from) => this.#problems.refuse(error, from, node),
        idle: (from, isMember) => this.#problems.refuse(isMember ? "unauthenticated" : "foreign", from),
      },
    });
    this.#unicast.receive((bytes, from) => this.#datagram(bytes, from, "unicast"));
    this.#multicast?.receive((bytes, from) => this.#datagram(bytes, from, "multicast"));
    this.#peering.tick(performance.now());
    this.#watchTimer = setInterval(() => {
      this.#peering.tick(performance.now());
      this.#guard.tick(performance.now());
      if (this.#multicast !== undefined) this.#watchMulticast();
    }, WATCH_MS);
  }

  /** Opens the sockets on this member's address. Rejects with a `SocketError`, or what `Deno.listen` throws. */
  static async open(options: TransportOptions): Promise<Transport> {
    const own = options.members.find(({ id }) => id === options.self.node);
    if (own === undefined) throw new RangeError(`Cannot open the transport: node ${options.self.node} is no member`);
    const { port, multicast: group } = options;
    const unicast = await openUdp({ address: own.address, port, receiveBufferBytes: RECEIVE_BUFFER_BYTES });
    let multicast: UdpSocket | undefined;
    try {
      if (group !== undefined) {
        // Several nodes of one machine, on addresses of their own, share the group.
        multicast = await openUdp({
          address: group,
          port,
          reuseAddress: true,
          receiveBufferBytes: RECEIVE_BUFFER_BYTES,
        });
        multicast.joinMulticast(group, own.address);
        const loopback = own.address >>> 24 === LOOPBACK_PREFIX;
        unicast.setMulticast({ on: own.address, ttl: options.multicastTtl ?? 1, loopback });
      }
      return new Transport(options, { unicast, multicast });
    } catch (error) {
      unicast.close();
      multicast?.close();
      throw error;
    }
  }

  /** What was dropped, by kind. */
  get refused(): TransportProblems["counters"] {
    return this.#problems.counters;
  }

  get streams(): Streams["counters"] {
    return this.#streams.counters;
  }

  /**
   * Datagrams that the system dropped, where it counts them: its receive buffer was full, or, in a flood, they were
   * from addresses of no member.
   */
  get lost(): number {
    return (this.#unicast.dropped ?? 0) + (this.#multicast?.dropped ?? 0);
  }

  /** Key ids, the sealing one first. */
  get keyIds(): readonly string[] {
    return this.#peering.sealer.keyIds;
  }

  /** Whether a member's process has proved that it runs: its datagrams are believed. */
  isProven(node: NodeId): boolean {
    return this.#peering.isProven(node);
  }

  /** Current problems, for the status. */
  problems(): TransportProblem[] {
    return [...this.#problems.list(), ...this.#unheard];
  }

  /** Members that are sent unicast, as they don't hear this node's multicast. */
  get sentUnicast(): number {
    const ms = performance.now();
    return this.#multicast === undefined ? 0 : this.#others.filter((id) => this.#watch.needsUnicast(id, ms)).length;
  }

  /** Keys from now on: see `Sealer.setKeys`. */
  setKeys(keys: readonly Uint8Array[]): void {
    this.#peering.sealer.setKeys(keys);
  }

  /** Goes on as a later run, whose `starts` are durable. */
  renew(starts: number): void {
    if (!this.#closed) this.#peering.renew(starts, performance.now());
  }

  /** Members from now on, this one too. */
  setMembers(members: readonly Peer[]): void {
    this.#members.clear();
    for (const { id, address } of members) this.#members.set(id, address);
    this.#guard.setSources(this.#members.values());
  }

  /** Why a node that is not a member yet cannot be reached; undefined when it can. */
  async unreachable(peer: Peer): Promise<string | undefined> {
    const known = this.#members.has(peer.id);
    if (!known) this.#members.set(peer.id, peer.address);
    this.#guard.setSources(this.#members.values());
    try {
      await this.#streams.reach(peer.id);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      if (!known) this.#members.delete(peer.id);
      this.#guard.setSources(this.#members.values());
    }
  }

  /** To one member: a datagram, or TCP when it is too large for one. */
  send(to: NodeId, message: ClusterMessage): void {
    const address = this.#members.get(to);
    if (this.#closed || address === undefined || to === this.#options.self.node) return;
    const envelope = this.#options.envelope();
    const bytes = encodeMessage(envelope, message);
    if (bytes.length > CLUSTER_LIMITS.datagramBytesMax) return this.#stream(to, bytes);
    this.#put(this.#peering.sealTo(to, bytes, sealVersion(envelope), performance.now()), address);
  }

  /** To all other members. */
  broadcast(message: ClusterMessage): void {
    if (this.#closed) return;
    const envelope = this.#options.envelope();
    const bytes = encodeMessage(envelope, message);
    if (bytes.length > CLUSTER_LIMITS.datagramBytesMax) {
      for (const id of this.#others) this.#stream(id, bytes);
      return;
    }
    const version = sealVersion(envelope);
    const ms = performance.now();
    const sealed = this.#peering.sealToAll(bytes, version, ms);
    const group = this.#options.multicast;
    if (group === undefined) {
      for (const id of this.#others) this.#putTo(id, sealed);
      return;
    }
    this.#put(sealed, group);
    for (const id of this.#others) {
      // Sealed again: a member that hears both must not take the second for a replay.
      if (this.#watch.needsUnicast(id, ms)) this.#putTo(id, this.#peering.sealTo(id, bytes, version, ms));
    }
  }

  /** Ends delivery and frees the ports. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#watchTimer);
    this.#unicast.close();
    this.#multicast?.close();
    this.#streams.close();
  }

  #putTo(to: NodeId, sealed: Uint8Array): void {
    const address = this.#members.get(to);
    if (address !== undefined && !this.#closed) this.#put(sealed, address);
  }

  #put(sealed: Uint8Array, to: Ipv4): void {
    if (this.#unicast.send(sealed, to, this.#options.port)) this.counters.datagramsSent++;
    else this.counters.datagramsUnsent++;
  }

  #stream(to: NodeId, bytes: Uint8Array): void {
    if (bytes.length > WIRE_LIMITS.messageBytesMax) this.counters.tooLarge++;
    else this.#streams.send(to, bytes);
  }

  get #others(): NodeId[] {
    return [...this.#members.keys()].filter((id) => id !== this.#options.self.node);
  }

  /** Tells members whether their multicast is heard, at once when that changes; and operators what is not. */
  #watchMulticast(): void {
    const ms = performance.now();
    const others = this.#others;
    // A member of release 1.0 does not know the message.
    if (this.#options.envelope().wireVersion > 1) {
      const isDue = ms - this.#toldMs >= CLUSTER_LIMITS.heartbeatMs;
      if (isDue) this.#toldMs = ms;
      for (const id of others) {
        const heard = this.#watch.hears(id, ms);
        if (!isDue && heard !== this.#toldUnheard.has(id)) continue;
        if (heard) this.#toldUnheard.delete(id);
        else this.#toldUnheard.add(id);
        this.send(id, { type: "multicastHeard", heard });
      }
    }
    const before = new Map(this.#unheard.map((problem) => [problem.node, problem]));
    this.#unheard = this.#watch.unheard(others, ms).map(({ node, direction }) => {
      const address = this.#members.get(node) ?? 0;
      const message = explainUnheard(node, direction, this.#options.multicast ?? 0);
      return { kind: "multicastUnheard", node, address, count: 1, lastMs: ms, message };
    });
    for (const problem of this.#unheard) if (!before.delete(problem.node)) this.#options.problem(problem);
    for (const node of before.keys()) this.#options.recovered(`Multicast to and from node ${node} passes again`);
  }

  #datagram(bytes: Uint8Array, from: Ipv4, by: "multicast" | "unicast"): void {
    this.counters.datagramsReceived++;
    const { sealer } = this.#peering;
    if (sealer.isOwn(bytes)) {
      this.counters.datagramsOwn++;
      return;
    }
    const ms = performance.now();
    const claimed = sealer.claimedSender(bytes);
    const isOther = claimed !== undefined && claimed !== this.#options.self.node;
    const isExpected = isOther && this.#members.get(claimed) === from;
    if (!isExpected) {
      this.counters.datagramsForeign++;
      if (!this.#guard.foreign(ms)) return this.#problems.refuse("foreign", from);
    }
    const received = this.#peering.receive(bytes, isExpected ? claimed : undefined, ms);
    switch (received.kind) {
      case "message":
        this.#watch.received(received.node, by, ms);
        return this.#deliver(received.plain, from, received.node);
      case "handled":
        return;
      case "newcomer":
        this.#put(received.proof, from);
        return this.#problems.refuse("unknownSender", from, received.node);
      case "unproven":
        // After a start, a moment of this is usual.
        return received.lasts
          ? this.#problems.refuse("unproven", from, received.node)
          : this.#problems.count("unproven");
      case "refused": {
        // What is forged may claim any sender.
        const isForeign = received.error === "forged" && !isExpected;
        const error = isForeign ? "foreign" : received.error;
        return this.#problems.refuse(error, from, isForeign ? undefined : received.node);
      }
    }
  }

  #deliver(bytes: Uint8Array, from: Ipv4, peer: NodeId): void {
    const decoded = this.#decode(bytes, from, peer);
    if (decoded === undefined || this.#closed) return;
    this.counters.messages++;
    const { message } = decoded;
    if (message.type === "multicastHeard") this.#watch.reported(peer, message.heard, performance.now());
    this.#options.receive(decoded.envelope, decoded.message, from);
  }

  #decode(bytes: Uint8Array, from: Ipv4, peer: NodeId): { envelope: Envelope; message: ClusterMessage } | undefined {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) {
      this.#problems.refuse(decoded.error.kind, from, peer);
      return undefined;
    }
    if (decoded.envelope.from !== peer) {
      this.#problems.refuse("wrongEnvelope", from, peer);
      return undefined;
    }
    return decoded;
  }
}

/** How members of the release before, which write wire version 2, seal. */
function sealVersion({ wireVersion }: Envelope): SealVersion {
  return wireVersion < 3 ? 1 : 2;
}
