/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): the same events to all
 * listeners. A listener that reads slowly misses states, and is disconnected when it leaves too much unread; it may
 * reconnect. A new listener takes the place of the oldest one of its address when that has many, or of the address that
 * has the most when all are many.
 */

import type { Ipv4 } from "../net/ipv4.ts";
import { HTTP } from "./limits.ts";
import type { HttpPeer } from "./serve.ts";

/** One event; `data` is any JSON value. */
export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

/** Reconnection delay that browsers are told. */
const RETRY_MS = 2_000;

const encoder = new TextEncoder();

/** All listeners of one program. */
export class EventStreams {
  /** The oldest first. */
  readonly #listeners = new Set<Listener>();
  #closed = false;

  /** Number of listeners. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Responds with a stream that begins with `first`. */
  open(first: readonly Uint8Array[], peer: HttpPeer | undefined): Response {
    if (this.#closed) return Response.json({ error: "closing" }, { status: 503 });
    this.#makeRoom(peer?.remoteAddress);
    const listener = new Listener(peer, () => this.#listeners.delete(listener));
    listener.add(encoder.encode(`retry: ${RETRY_MS}\n\n`));
    for (const bytes of first) listener.add(bytes);
    this.#listeners.add(listener);
    return new Response(listener.stream, {
      headers: {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store, no-transform",
        "X-Accel-Buffering": "no",
      },
    });
  }

  /** Sends an event to all listeners. */
  publish(event: ServerEvent): void {
    if (this.#listeners.size === 0) return;
    const bytes = encodeEvent(event);
    for (const listener of this.#listeners) {
      if (listener.waiting < HTTP.streamEventsMax) listener.add(bytes);
      else listener.close();
    }
  }

  /** Sends a state: to listeners that have taken everything before, as the next state will tell as much. */
  publishState(bytes: Uint8Array): void {
    for (const listener of this.#listeners) if (listener.waiting === 0) listener.add(bytes);
  }

  /** Ends all streams; new requests get 503. */
  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners) listener.close();
  }

  /** Ends an address's oldest listener when it has its share; of too many, the oldest of the one that has most. */
  #makeRoom(address: Ipv4 | undefined): void {
    const groups = Map.groupBy(this.#listeners, (listener) => listener.address);
    const own = groups.get(address) ?? [];
    if (own.length >= HTTP.streamsPerAddressMax) return own[0]?.close();
    if (this.#listeners.size < HTTP.streamsMax) return;
    let largest: readonly Listener[] = [];
    for (const group of groups.values()) if (group.length > largest.length) largest = group;
    largest[0]?.close();
  }
}

/** One stream. What it has not taken is kept here, the same octets for all, and not in buffers of its connection. */
class Listener {
  readonly address: Ipv4 | undefined;
  readonly stream: ReadableStream<Uint8Array>;
  readonly #waiting: Uint8Array[] = [];
  readonly #closed: () => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Octets of the first waiting event that were taken. */
  #taken = 0;
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(peer: HttpPeer | undefined, closed: () => void) {
    this.address = peer?.remoteAddress;
    this.#closed = closed;
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: async (controller) => {
        peer?.progress();
        while (this.#waiting.length === 0 && !this.#isClosed) {
          await new Promise<void>((resolve) => this.#wake = resolve);
        }
        const [event] = this.#waiting;
        if (this.#isClosed || event === undefined) return;
        controller.enqueue(event.subarray(this.#taken, this.#taken += HTTP.partBytes));
        if (this.#taken < event.length) return;
        this.#waiting.shift();
        this.#taken = 0;
      },
      cancel: () => this.close(),
    }, { highWaterMark: 0 });
  }

  /** Events that were not taken, or not wholly. */
  get waiting(): number {
    return this.#waiting.length;
  }

  add(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#wake?.();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed();
    this.#waiting.length = 0;
    try {
      this.#controller?.close();
    } catch {
      // The listener has disconnected already.
    }
    this.#wake?.();
  }
}

/** An event of the stream. */
export function encodeEvent({ event, data }: ServerEvent): Uint8Array {
  return encodeState(event, encoder.encode(JSON.stringify(data)));
}

/** An event whose data is JSON already. JSON has no line breaks: one line of data is enough. */
export function encodeState(event: string, json: Uint8Array): Uint8Array {
  const head = encoder.encode(`event: ${event}\ndata: `);
  const bytes = new Uint8Array(head.length + json.length + 2);
  bytes.set(head);
  bytes.set(json, head.length);
  bytes.fill(LINE_FEED, head.length + json.length);
  return bytes;
}

const LINE_FEED = 10;
