/**
 * Messages that are too large for a datagram, over TCP: unacknowledged, in order while a connection lasts. Carries
 * encoded messages; `transport.ts` decodes them, `frames.ts` seals the frames.
 *
 * The first frame of either side authenticates it. Until then at most one frame of a few octets is read from a peer,
 * and the connection counts against its source address (`newcomers.ts`).
 */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import type { Opened, Run, Sealer } from "../../src/cluster/wire/seal.ts";
import { WIRE_LIMITS } from "../../src/cluster/wire/limits.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../src/net/ipv4.ts";
import { closeQuietly, ConnectionError, type ConnectionFault, Frames } from "./frames.ts";
import { Newcomers } from "./newcomers.ts";

/** The purpose of a connection, in its first frame; there is only one. */
const MESSAGES = 0;
const HELLO_BYTES = 1;
/** The longest delay of a timer: the connection is closed long before. */
const NEVER_MS = 2 ** 31 - 1;

/** Limits of connections and queues. */
export interface StreamLimits {
  /** Time limit for connecting, and for authenticating. */
  readonly connectMs: number;
  /** Time limit for one frame, in either direction. */
  readonly stallMs: number;
  /** How long a connection without messages stays open. */
  readonly idleMs: number;
  /** Inbound connections per member. */
  readonly inboundPerPeerMax: number;
  /** Queued octets per member. */
  readonly queueBytesMax: number;
}

const STREAM_LIMITS: StreamLimits = {
  connectMs: 3_000,
  stallMs: 10_000,
  idleMs: 30_000,
  inboundPerPeerMax: 4,
  queueBytesMax: 16 * 1024 * 1024,
};

/** Callbacks into the transport. */
interface StreamPorts {
  addressOf(node: NodeId): Ipv4 | undefined;
  /** Whether it is the address of a member, or of a node that is about to become one. */
  isMember(address: Ipv4): boolean;
  /** A member that was connected to has authenticated, by this message of its run. */
  connected(run: Run, counter: number): void;
  /** A received message, encoded. */
  message(bytes: Uint8Array, from: Ipv4, peer: NodeId): void;
  /** Octets that did not open. */
  refused(opened: Extract<Opened, { ok: false }>, from: Ipv4): void;
  /** A connection that did not authenticate: from a member's address, or not. */
  idle(from: Ipv4, isMember: boolean): void;
}

interface Outbox {
  readonly waiting: Uint8Array[];
  bytes: number;
  running: boolean;
  frames: Frames | undefined;
  idleTimer: ReturnType<typeof setTimeout> | undefined;
}

/** The TCP side of one node. */
export class Streams {
  /** Connections, messages and failures. */
  readonly counters = {
    accepted: 0,
    connected: 0,
    messagesSent: 0,
    messagesDropped: 0,
    faults: { stalled: 0, closed: 0, tooLarge: 0, refused: 0, full: 0 } as Record<ConnectionFault, number>,
  };
  readonly #sealer: Sealer;
  readonly #port: number;
  readonly #ports: StreamPorts;
  readonly #limits: StreamLimits;
  readonly #listener: Deno.Listener;
  readonly #open = new Set<Deno.Conn>();
  readonly #inboundByPeer = new Map<NodeId, number>();
  readonly #outboxes = new Map<NodeId, Outbox>();
  #turnedAway = 0;
  readonly #newcomers = new Newcomers<Deno.Conn>();
  #closed = false;

  /** Listens at once. Throws what `Deno.listen` throws. */
  constructor(
    options: { sealer: Sealer; address: Ipv4; port: number; ports: StreamPorts; limits?: Partial<StreamLimits> },
  ) {
    this.#sealer = options.sealer;
    this.#port = options.port;
    this.#ports = options.ports;
    this.#limits = { ...STREAM_LIMITS, ...options.limits };
    this.#listener = Deno.listen({ hostname: formatIpv4(options.address), port: options.port });
    this.#accept();
  }

  /** Queues a message, or counts it as dropped. */
  send(to: NodeId, bytes: Uint8Array): void {
    const outbox = this.#outboxes.get(to) ??
      { waiting: [], bytes: 0, running: false, frames: undefined, idleTimer: undefined };
    this.#outboxes.set(to, outbox);
    if (this.#closed || outbox.bytes + bytes.length > this.#limits.queueBytesMax) {
      this.counters.messagesDropped++;
      return;
    }
    outbox.waiting.push(bytes);
    outbox.bytes += bytes.length;
    if (!outbox.running) this.#sendQueue(to, outbox);
  }

  /** Resolves when a node accepts a connection and authenticates; rejects with the reason otherwise. */
  async reach(to: NodeId): Promise<void> {
    (await this.#connect(to)).close();
  }

  close(): void {
    this.#closed = true;
    closeQuietly(this.#listener);
    for (const conn of this.#open) closeQuietly(conn);
    for (const outbox of this.#outboxes.values()) {
      clearTimeout(outbox.idleTimer);
      outbox.frames?.close();
    }
  }

  async #sendQueue(to: NodeId, outbox: Outbox): Promise<void> {
    outbox.running = true;
    clearTimeout(outbox.idleTimer);
    try {
      const frames = outbox.frames ?? await this.#connect(to);
      if (outbox.frames === undefined) {
        outbox.frames = frames;
        void this.#watch(outbox, frames);
      }
      for (let bytes = outbox.waiting[0]; bytes !== undefined; bytes = outbox.waiting[0]) {
        await frames.write(bytes);
        outbox.waiting.shift();
        outbox.bytes -= bytes.length;
        this.counters.messagesSent++;
      }
    } catch (error) {
      this.#countFault(error);
      // Like a lost datagram: the sender repeats what needs a reply.
      this.counters.messagesDropped += outbox.waiting.length;
      outbox.waiting.length = 0;
      outbox.bytes = 0;
      outbox.frames?.close();
      outbox.frames = undefined;
    }
    outbox.running = false;
    if (this.#closed) return;
    // Half of the other side's limit, so that nothing is sent into a connection that it is closing.
    outbox.idleTimer = setTimeout(() => {
      outbox.frames?.close();
      outbox.frames = undefined;
    }, this.#limits.idleMs / 2);
  }

  /**
   * Closes a connection whose other side has closed, so that the next message uses a new one: the first write to a
   * killed process is lost without an error. The other side sends no messages on it.
   */
  async #watch(outbox: Outbox, frames: Frames): Promise<void> {
    await frames.read(0, NEVER_MS).catch(() => {});
    frames.close();
    if (outbox.frames === frames) outbox.frames = undefined;
  }

  async #connect(to: NodeId): Promise<Frames> {
    try {
      const address = this.#ports.addressOf(to);
      if (address === undefined || this.#closed) throw new ConnectionError("closed", `node ${to} has no known address`);
      const conn = await this.#dial(address);
      this.counters.connected++;
      this.#open.add(conn);
      try {
        const frames = await Frames.start(conn, {
          sealer: this.#sealer,
          client: true,
          stallMs: this.#limits.stallMs,
          refused: (opened) => this.#ports.refused(opened, address),
        });
        await frames.write(Uint8Array.of(MESSAGES));
        const hello = await frames.read(HELLO_BYTES, this.#limits.connectMs);
        if (hello === undefined) throw new ConnectionError("closed", `node ${to} closed the connection`);
        if (frames.peer !== to) {
          throw new ConnectionError("refused", `node ${frames.peer} answers instead of node ${to}`);
        }
        // Bound to this connection, which leads to the member's own address.
        if (frames.first !== undefined) this.#ports.connected(frames.first.run, frames.first.counter);
        return frames;
      } catch (error) {
        closeQuietly(conn);
        throw error;
      } finally {
        this.#open.delete(conn);
      }
    } catch (error) {
      throw this.#countFault(error);
    }
  }

  async #dial(address: Ipv4): Promise<Deno.Conn> {
    const dialled = Deno.connect({ hostname: formatIpv4(address), port: this.#port });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<never>((_, reject) => {
      const message = `connecting took longer than ${this.#limits.connectMs} ms`;
      timer = setTimeout(() => reject(new ConnectionError("stalled", message)), this.#limits.connectMs);
    });
    try {
      return await Promise.race([dialled, deadline]);
    } catch (error) {
      dialled.then(closeQuietly, () => {});
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      let conn: Deno.Conn;
      try {
        conn = await this.#listener.accept();
      } catch {
        if (this.#closed) return;
        // Out of file descriptors, or the peer has disconnected already: accept the next one.
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
        continue;
      }
      this.counters.accepted++;
      void this.#handle(conn);
    }
  }

  async #handle(conn: Deno.Conn): Promise<void> {
    const from = parseIpv4((conn.remoteAddr as Deno.NetAddr).hostname) ?? 0;
    const isMember = this.#ports.isMember(from);
    const { admitted, evicted } = this.#newcomers.arrived(conn, from, isMember, performance.now());
    if (evicted !== undefined) {
      this.counters.faults.full++;
      this.#ports.idle(from, isMember);
      closeQuietly(evicted);
    }
    if (!admitted) {
      this.counters.faults.full++;
      this.#ports.idle(from, isMember);
      return this.#turnAway(conn);
    }
    this.#open.add(conn);
    let peer: NodeId | undefined;
    try {
      const frames = await this.#authenticated(conn, from);
      this.#newcomers.left(conn);
      const connections = this.#inboundByPeer.get(frames.peer) ?? 0;
      if (connections >= this.#limits.inboundPerPeerMax) {
        throw new ConnectionError("full", `node ${frames.peer} has ${connections} connections already`);
      }
      peer = frames.peer;
      this.#inboundByPeer.set(peer, connections + 1);
      await frames.write(Uint8Array.of(0));
      await this.#receive(frames, from, peer);
    } catch (error) {
      const isIdle = this.#newcomers.left(conn) && error instanceof ConnectionError && error.fault === "stalled";
      if (isIdle) this.#ports.idle(from, isMember);
      this.#countFault(error);
    } finally {
      if (peer !== undefined) this.#inboundByPeer.set(peer, (this.#inboundByPeer.get(peer) ?? 1) - 1);
      this.#open.delete(conn);
      closeQuietly(conn);
    }
  }

  /** Closes a connection after a moment, so that opening it again and again is slow; beyond a number, at once. */
  #turnAway(conn: Deno.Conn): void {
    if (this.#turnedAway >= TURNED_AWAY_MAX) return closeQuietly(conn);
    this.#turnedAway++;
    this.#open.add(conn);
    const timer = setTimeout(() => {
      this.#turnedAway--;
      this.#open.delete(conn);
      closeQuietly(conn);
    }, TURNED_AWAY_MS);
    Deno.unrefTimer(timer);
  }

  /** Reads the first frame. Everything until then has one time limit. */
  async #authenticated(conn: Deno.Conn, from: Ipv4): Promise<Frames & { readonly peer: NodeId }> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      closeQuietly(conn);
    }, this.#limits.connectMs);
    try {
      const frames = await Frames.start(conn, {
        sealer: this.#sealer,
        client: false,
        stallMs: this.#limits.connectMs,
        refused: (opened) => this.#ports.refused(opened, from),
      });
      const hello = await frames.read(HELLO_BYTES, this.#limits.connectMs);
      if (hello === undefined || frames.peer === undefined) {
        throw new ConnectionError("closed", "the other side closed before its first frame");
      }
      if (hello[0] !== MESSAGES) {
        throw new ConnectionError("refused", `node ${frames.peer} uses a purpose that this release does not know`);
      }
      frames.stallMs = this.#limits.stallMs;
      return frames as Frames & { readonly peer: NodeId };
    } catch (error) {
      throw isLate ? new ConnectionError("stalled", `authenticating took over ${this.#limits.connectMs} ms`) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #receive(frames: Frames, from: Ipv4, peer: NodeId): Promise<void> {
    for (;;) {
      const bytes = await frames.read(WIRE_LIMITS.messageBytesMax, this.#limits.idleMs);
      if (bytes === undefined) return;
      this.#ports.message(bytes, from, peer);
    }
  }

  #countFault(error: unknown): unknown {
    if (error instanceof ConnectionError && !this.#closed && !counted.has(error)) {
      counted.add(error);
      this.counters.faults[error.fault]++;
    } else if (!(error instanceof ConnectionError)) {
      const message = error instanceof Error ? error.message : String(error);
      return this.#countFault(new ConnectionError("closed", message));
    }
    return error;
  }
}

/** Errors that are counted already: they pass several places that count. */
const counted = new WeakSet<ConnectionError>();
const ACCEPT_PAUSE_MS = 100;
/** How long connections that are not listened to stay open, and how many at a time. */
const TURNED_AWAY_MS = 1_000;
const TURNED_AWAY_MAX = 64;
