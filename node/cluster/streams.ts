/**
 * What is too large for a datagram, over TCP: messages that are sent and forgotten, in order, as long as the connection
 * holds. Carries encoded messages; what they say is `transport.ts`'s business. Frames and their protection are in
 * `frames.ts`.
 *
 * The first frame of either side shows the other that it has the key. Nothing of any size is read from a peer that has
 * not shown it.
 */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import type { Opened, Sealer } from "../../src/cluster/wire/seal.ts";
import { WIRE_LIMITS } from "../../src/cluster/wire/limits.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../src/net/ipv4.ts";
import { closeQuietly, ConnectionError, type ConnectionFault, Frames } from "./frames.ts";

/** What a connection is for, in its first frame: there is one purpose so far. */
const MESSAGES = 0;
const HELLO_BYTES = 1;
/** The longest that a timer takes: a connection is closed long before. */
const NEVER_MS = 2 ** 31 - 1;

/** Times and numbers; all optional to set. */
export interface StreamLimits {
  /** How long connecting may take, and showing the key. */
  readonly connectMs: number;
  /** How long one frame may take, in either direction. */
  readonly stallMs: number;
  /** How long a connection for messages stays open without one. */
  readonly idleMs: number;
  /** Connections one member may have open to this node. */
  readonly inboundPerPeerMax: number;
  /** Connections whose other end has not shown the key yet. */
  readonly unauthenticatedMax: number;
  /** Octets that may wait for one member. */
  readonly queueBytesMax: number;
}

export const STREAM_LIMITS: StreamLimits = {
  connectMs: 3_000,
  stallMs: 10_000,
  idleMs: 30_000,
  inboundPerPeerMax: 4,
  unauthenticatedMax: 32,
  queueBytesMax: 16 * 1024 * 1024,
};

/** What the streams need from their owner. */
export interface StreamPorts {
  addressOf(node: NodeId): Ipv4 | undefined;
  /** A message that somebody sent. */
  message(bytes: Uint8Array, from: Ipv4, peer: NodeId): void;
  /** Octets that did not open. */
  refused(opened: Extract<Opened, { ok: false }>, from: Ipv4): void;
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
  /** Connections and messages that came to nothing, and what is open. */
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
  #unauthenticated = 0;
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

  /** Sends a message some time soon, or counts it as dropped. */
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

  /** Whether a node answers and shows the key: rejects with why not. */
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
      // Like a lost datagram: whoever needs an answer asks again.
      this.counters.messagesDropped += outbox.waiting.length;
      outbox.waiting.length = 0;
      outbox.bytes = 0;
      outbox.frames?.close();
      outbox.frames = undefined;
    }
    outbox.running = false;
    if (this.#closed) return;
    // Half of what the other side waits, so that nothing is sent into a connection that is being closed.
    outbox.idleTimer = setTimeout(() => {
      outbox.frames?.close();
      outbox.frames = undefined;
    }, this.#limits.idleMs / 2);
  }

  /**
   * Lets go of a connection whose other side is gone, so that the next message goes by a new one: the first octets that
   * are written to a process which has been killed since are lost without a word. Nothing else comes this way.
   */
  async #watch(outbox: Outbox, frames: Frames): Promise<void> {
    await frames.read(0, NEVER_MS).catch(() => {});
    frames.close();
    if (outbox.frames === frames) outbox.frames = undefined;
  }

  async #connect(to: NodeId): Promise<Frames> {
    try {
      const address = this.#ports.addressOf(to);
      if (address === undefined || this.#closed) throw new ConnectionError("closed", `node ${to} is not to be reached`);
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
        const answer = await frames.read(HELLO_BYTES, this.#limits.connectMs);
        if (answer === undefined) throw new ConnectionError("closed", `node ${to} closed the connection`);
        if (frames.peer !== to) {
          throw new ConnectionError("refused", `node ${frames.peer} answers instead of node ${to}`);
        }
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
    const latest = new Promise<never>((_, reject) => {
      const message = `connecting took longer than ${this.#limits.connectMs} ms`;
      timer = setTimeout(() => reject(new ConnectionError("stalled", message)), this.#limits.connectMs);
    });
    try {
      return await Promise.race([dialled, latest]);
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
        // Out of file handles, or the other side was gone already: the next one may come through.
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
        continue;
      }
      this.counters.accepted++;
      if (this.#unauthenticated >= this.#limits.unauthenticatedMax) {
        this.counters.faults.full++;
        closeQuietly(conn);
        continue;
      }
      this.#handle(conn);
    }
  }

  async #handle(conn: Deno.Conn): Promise<void> {
    const from = parseIpv4((conn.remoteAddr as Deno.NetAddr).hostname) ?? 0;
    this.#open.add(conn);
    this.#unauthenticated++;
    let strange = true;
    let peer: NodeId | undefined;
    try {
      const frames = await Frames.start(conn, {
        sealer: this.#sealer,
        client: false,
        stallMs: this.#limits.connectMs,
        refused: (opened) => this.#ports.refused(opened, from),
      });
      const hello = await frames.read(HELLO_BYTES, this.#limits.connectMs);
      if (hello === undefined || frames.peer === undefined) return;
      frames.stallMs = this.#limits.stallMs;
      this.#unauthenticated--;
      strange = false;
      const connections = this.#inboundByPeer.get(frames.peer) ?? 0;
      if (connections >= this.#limits.inboundPerPeerMax) {
        throw new ConnectionError("full", `node ${frames.peer} has ${connections} connections already`);
      }
      peer = frames.peer;
      this.#inboundByPeer.set(peer, connections + 1);
      if (hello[0] !== MESSAGES) {
        throw new ConnectionError("refused", `node ${peer} wants what this release does not know`);
      }
      await frames.write(Uint8Array.of(0));
      await this.#receive(frames, from, peer);
    } catch (error) {
      this.#countFault(error);
    } finally {
      if (strange) this.#unauthenticated--;
      if (peer !== undefined) this.#inboundByPeer.set(peer, (this.#inboundByPeer.get(peer) ?? 1) - 1);
      this.#open.delete(conn);
      closeQuietly(conn);
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

/** Errors pass several places that count. */
const counted = new WeakSet<ConnectionError>();
const ACCEPT_PAUSE_MS = 100;
