/**
 * Carries cluster messages: sealed datagrams to one member or all (multicast, or unicast to each), and TCP for what is
 * too large for one: pages of a bulk sync, configurations. What arrives is opened, decoded and checked against the
 * membership before anybody sees it; what is refused is counted and becomes a problem with advice
 * (`transport_problems.ts`).
 *
 * What the messages mean is `src/cluster`'s business. Datagrams may be lost, doubled or reordered as on any network.
 */

import { CLUSTER_LIMITS } from "../../src/cluster/limits.ts";
import type { ClusterMessage, Envelope, NodeId } from "../../src/cluster/wire/messages.ts";
import { decodeMessage, encodeMessage } from "../../src/cluster/wire/codec.ts";
import { WIRE_LIMITS } from "../../src/cluster/wire/limits.ts";
import { DOMAIN, type Run, Sealer } from "../../src/cluster/wire/seal.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { openUdp } from "../../src/net/open.ts";
import type { UdpSocket } from "../../src/net/udp.ts";
import { nodeCipher } from "./cipher.ts";
import { type TransportProblem, TransportProblems } from "./transport_problems.ts";
import { type StreamLimits, Streams } from "./streams.ts";

/** A member and where it is. */
export interface Peer {
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
  /** What goes with every message, read at every message. */
  envelope(): Envelope;
  /** A message from a member. Byte strings in it are views: copy what is kept for long. May not throw. */
  receive(envelope: Envelope, message: ClusterMessage, from: Ipv4): void;
  /** Each problem once, when it begins. */
  problem(problem: TransportProblem): void;
  readonly streamLimits?: Partial<StreamLimits>;
}

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const LOOPBACK_PREFIX = 127;

/** What was sent and received. */
export interface TransportCounters {
  datagramsSent: number;
  /** Datagrams the system did not take. */
  datagramsUnsent: number;
  datagramsReceived: number;
  /** Own multicast, looped back. */
  datagramsOwn: number;
  /** Messages handed on, from datagrams and streams. */
  messages: number;
  /** Messages that no frame takes. */
  tooLarge: number;
}

/** The cluster's network as one node sees it. */
export class Transport {
  readonly counters: TransportCounters = {
    datagramsSent: 0,
    datagramsUnsent: 0,
    datagramsReceived: 0,
    datagramsOwn: 0,
    messages: 0,
    tooLarge: 0,
  };
  readonly #options: TransportOptions;
  readonly #members = new Map<NodeId, Ipv4>();
  readonly #sealer: Sealer;
  readonly #problems: TransportProblems;
  readonly #unicast: UdpSocket;
  readonly #multicast: UdpSocket | undefined;
  readonly #streams: Streams;
  #closed = false;

  private constructor(options: TransportOptions, sockets: { unicast: UdpSocket; multicast: UdpSocket | undefined }) {
    this.#options = options;
    this.#unicast = sockets.unicast;
    this.#multicast = sockets.multicast;
    this.setMembers(options.members);
    this.#problems = new TransportProblems({ monotonicMs: () => performance.now(), say: options.problem });
    this.#sealer = new Sealer({
      self: options.self,
      keys: options.keys,
      isMember: (node) => this.#members.has(node),
      cipher: nodeCipher,
    });
    this.#streams = new Streams({
      sealer: this.#sealer,
      address: sockets.unicast.address,
      port: options.port,
      ...(options.streamLimits === undefined ? {} : { limits: options.streamLimits }),
      ports: {
        addressOf: (node) => this.#members.get(node),
        message: (bytes, from, peer) => this.#deliver(bytes, from, peer),
        refused: ({ error, node }, from) => this.#problems.refuse(error, from, node),
      },
    });
    const handler = (bytes: Uint8Array, from: Ipv4) => this.#datagram(bytes, from);
    this.#unicast.receive(handler);
    this.#multicast?.receive(handler);
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

  /** Datagrams the system lost because its receive buffer was full, where it counts them. */
  get lost(): number {
    return (this.#unicast.dropped ?? 0) + (this.#multicast?.dropped ?? 0);
  }

  /** Key ids, the sealing one first. */
  get keyIds(): readonly string[] {
    return this.#sealer.keyIds;
  }

  /** What is wrong at the moment, for the status. */
  problems(): TransportProblem[] {
    return this.#problems.list();
  }

  /** Keys from now on: see `Sealer.setKeys`. */
  setKeys(keys: readonly Uint8Array[]): void {
    this.#sealer.setKeys(keys);
  }

  /** Members from now on, this one too. */
  setMembers(members: readonly Peer[]): void {
    this.#members.clear();
    for (const { id, address } of members) this.#members.set(id, address);
  }

  /** Why a node that is no member yet can't be talked to; undefined when it can. */
  async unreachable(peer: Peer): Promise<string | undefined> {
    const known = this.#members.has(peer.id);
    if (!known) this.#members.set(peer.id, peer.address);
    try {
      await this.#streams.reach(peer.id);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      if (!known) this.#members.delete(peer.id);
    }
  }

  /** To one member: a datagram, or TCP when it is too large for one. */
  send(to: NodeId, message: ClusterMessage): void {
    const address = this.#members.get(to);
    if (this.#closed || address === undefined || to === this.#options.self.node) return;
    const bytes = encodeMessage(this.#options.envelope(), message);
    if (bytes.length <= CLUSTER_LIMITS.datagramBytesMax) this.#put(this.#sealer.seal(DOMAIN.datagram, bytes), address);
    else this.#stream(to, bytes);
  }

  /** To all other members. */
  broadcast(message: ClusterMessage): void {
    if (this.#closed) return;
    const bytes = encodeMessage(this.#options.envelope(), message);
    const self = this.#options.self.node;
    if (bytes.length > CLUSTER_LIMITS.datagramBytesMax) {
      for (const id of this.#members.keys()) if (id !== self) this.#stream(id, bytes);
      return;
    }
    const sealed = this.#sealer.seal(DOMAIN.datagram, bytes);
    const group = this.#options.multicast;
    if (group !== undefined) {
      this.#put(sealed, group);
      return;
    }
    // The same octets to each: sealed once, and each receiver takes them once.
    for (const [id, address] of this.#members) if (id !== self) this.#put(sealed, address);
  }

  /** Ends delivery and frees the ports. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unicast.close();
    this.#multicast?.close();
    this.#streams.close();
  }

  #put(sealed: Uint8Array, to: Ipv4): void {
    if (this.#unicast.send(sealed, to, this.#options.port)) this.counters.datagramsSent++;
    else this.counters.datagramsUnsent++;
  }

  #stream(to: NodeId, bytes: Uint8Array): void {
    if (bytes.length > WIRE_LIMITS.messageBytesMax) this.counters.tooLarge++;
    else this.#streams.send(to, bytes);
  }

  #datagram(bytes: Uint8Array, from: Ipv4): void {
    this.counters.datagramsReceived++;
    if (this.#sealer.isOwn(bytes)) {
      this.counters.datagramsOwn++;
      return;
    }
    const opened = this.#sealer.open(DOMAIN.datagram, bytes, undefined, (node) => this.#members.get(node) === from);
    if (!opened.ok) {
      this.#problems.refuse(opened.error, from, opened.node);
      return;
    }
    const { node } = opened.run;
    if (node === this.#options.self.node) this.#problems.refuse("ownId", from, node);
    else if (this.#members.get(node) !== from) this.#problems.refuse("wrongAddress", from, node);
    else this.#deliver(opened.plain, from, node);
  }

  #deliver(bytes: Uint8Array, from: Ipv4, peer: NodeId): void {
    const decoded = this.#decode(bytes, from, peer);
    if (decoded === undefined || this.#closed) return;
    this.counters.messages++;
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
