/**
 * One TCP connection between two members: sealed frames, each behind its length.
 *
 * Both sides first send 16 random octets in clear. Every frame is sealed with both random strings, its direction and
 * its number on the connection as context: it opens in this place only, so that nothing can be replayed, dropped or
 * reordered. Nonces come from the sender's counter, which datagrams use as well.
 *
 * `read` and `write` wait for the other side, each at most `stallMs` for a whole frame, so that a stopped peer cannot
 * hold resources for ever; a slow reader holds the writer back.
 */

import { DOMAIN, type Opened, type Run, SEAL_BYTES, type Sealer } from "../../src/cluster/wire/seal.ts";
import type { NodeId } from "../../src/cluster/wire/messages.ts";

const CHALLENGE_BYTES = 16;
const LENGTH_BYTES = 4;
const READ_BYTES = 64 * 1024;

/** Why a connection was closed. */
export type ConnectionFault = "stalled" | "closed" | "tooLarge" | "refused" | "full";

/** A connection failed. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly fault: ConnectionFault;
  constructor(fault: ConnectionFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** Runs a task on a connection; after `ms` closes the connection and rejects as `stalled`. */
async function withDeadline<T>(conn: Deno.Conn, ms: number, what: string, task: Promise<T>): Promise<T> {
  let stalled = false;
  const timer = setTimeout(() => {
    stalled = true;
    closeQuietly(conn);
  }, ms);
  try {
    return await task;
  } catch (error) {
    if (stalled) throw new ConnectionError("stalled", `${what} took longer than ${ms} ms`);
    if (error instanceof ConnectionError) throw error;
    throw new ConnectionError("closed", error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}

export function closeQuietly(conn: { close(): void }): void {
  try {
    conn.close();
  } catch {
    // Closed by the other side or a timer already.
  }
}

/** How frames are sealed and opened. */
interface FramesOptions {
  readonly sealer: Sealer;
  /** Whether this side opened the connection. */
  readonly client: boolean;
  readonly stallMs: number;
  /** Called for frames that do not open. */
  readonly refused: (opened: Extract<Opened, { ok: false }>) => void;
}

/** Frames over one connection. */
export class Frames {
  readonly #conn: Deno.Conn;
  readonly #sealer: Sealer;
  readonly #refused: (opened: Extract<Opened, { ok: false }>) => void;
  /** How long a frame may take. */
  stallMs: number;
  readonly #client: boolean;
  /** Both challenges, direction, number. */
  readonly #context = new Uint8Array(2 * CHALLENGE_BYTES + 1 + 4);
  readonly #contextView = new DataView(this.#context.buffer);
  #buffer = new Uint8Array(READ_BYTES);
  #from = 0;
  #to = 0;
  #sent = 0;
  #received = 0;
  #first: { readonly run: Run; readonly counter: number } | undefined;
  #peer: NodeId | undefined;

  private constructor(
    conn: Deno.Conn,
    options: FramesOptions,
  ) {
    this.#conn = conn;
    this.#sealer = options.sealer;
    this.#client = options.client;
    this.stallMs = options.stallMs;
    this.#refused = options.refused;
  }

  /** Exchanges the challenges. */
  static async start(
    conn: Deno.Conn,
    options: FramesOptions,
  ): Promise<Frames> {
    const frames = new Frames(conn, options);
    const own = crypto.getRandomValues(new Uint8Array(CHALLENGE_BYTES));
    await withDeadline(
      conn,
      options.stallMs,
      "the greeting",
      (async () => {
        await frames.#writeAll(own);
        await frames.#readUntil(CHALLENGE_BYTES);
      })(),
    );
    const theirs = frames.#take(CHALLENGE_BYTES);
    frames.#context.set(options.client ? own : theirs, 0);
    frames.#context.set(options.client ? theirs : own, CHALLENGE_BYTES);
    return frames;
  }

  /** The member that seals the received frames; undefined before the first. */
  get peer(): NodeId | undefined {
    return this.#peer;
  }

  /** The run of that member, and the number of its first frame here; undefined before that. */
  get first(): { readonly run: Run; readonly counter: number } | undefined {
    return this.#first;
  }

  /** Sends one frame; resolves when the system has accepted it. */
  async write(plain: Uint8Array): Promise<void> {
    const sealed = this.#sealer.seal(DOMAIN.stream, plain, this.#contextOf(this.#client, this.#sent++));
    const bytes = new Uint8Array(LENGTH_BYTES + sealed.length);
    new DataView(bytes.buffer).setUint32(0, sealed.length);
    bytes.set(sealed, LENGTH_BYTES);
    await withDeadline(this.#conn, this.stallMs, "sending a frame", this.#writeAll(bytes));
  }

  /**
   * Reads the next frame, of at most `plainBytesMax` octets; undefined when the other side has closed. `idleMs` is the
   * time until its first octet.
   */
  async read(plainBytesMax: number, idleMs: number = this.stallMs): Promise<Uint8Array | undefined> {
    if (this.#to === this.#from && !(await withDeadline(this.#conn, idleMs, "waiting for a frame", this.#readMore()))) {
      return undefined;
    }
    return await withDeadline(this.#conn, this.stallMs, "receiving a frame", this.#readFrame(plainBytesMax));
  }

  close(): void {
    closeQuietly(this.#conn);
  }

  async #readFrame(plainBytesMax: number): Promise<Uint8Array> {
    await this.#readUntil(LENGTH_BYTES);
    const head = this.#take(LENGTH_BYTES);
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
    // Checked before any memory is allocated for it.
    if (length > plainBytesMax + SEAL_BYTES) throw new ConnectionError("tooLarge", `a frame of ${length} octets`);
    await this.#readUntil(length);
    const context = this.#contextOf(!this.#client, this.#received++);
    const opened = this.#sealer.open(DOMAIN.stream, this.#take(length), context);
    if (!opened.ok) {
      this.#refused(opened);
      throw new ConnectionError("refused", `a frame was refused (${opened.error})`);
    }
    this.#peer ??= opened.run.node;
    this.#first ??= { run: opened.run, counter: opened.counter };
    if (this.#peer !== opened.run.node) throw new ConnectionError("refused", "two senders on one connection");
    return opened.plain;
  }

  #contextOf(fromClient: boolean, number: number): Uint8Array {
    this.#context[2 * CHALLENGE_BYTES] = fromClient ? 0 : 1;
    this.#contextView.setUint32(2 * CHALLENGE_BYTES + 1, number);
    return this.#context;
  }

  async #readUntil(octets: number): Promise<void> {
    while (this.#to - this.#from < octets) {
      if (!(await this.#readMore(octets))) throw new ConnectionError("closed", "the other side closed in mid-frame");
    }
  }

  /** Reads once; the buffer grows with the received octets, not with the announced length. */
  async #readMore(wanted = 1): Promise<boolean> {
    if (this.#from > 0) {
      this.#buffer.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    }
    if (this.#to === this.#buffer.length) {
      const grown = new Uint8Array(Math.max(Math.min(2 * this.#buffer.length, wanted), this.#to + READ_BYTES));
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    const count = await this.#conn.read(this.#buffer.subarray(this.#to));
    if (count === null) return false;
    this.#to += count;
    return true;
  }

  /** A view that the next read overwrites. */
  #take(octets: number): Uint8Array {
    const bytes = this.#buffer.subarray(this.#from, this.#from + octets);
    this.#from += octets;
    return bytes;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) rest = rest.subarray(await this.#conn.write(rest));
  }
}
