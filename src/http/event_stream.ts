/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): the same events to all
 * listeners. Each listener has a bounded buffer; one that reads too slowly is disconnected and may reconnect.
 */

/** One event; `data` is any JSON value. */
export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

/** Connections and their buffers are bounded: they need no authorisation. */
const CONNECTIONS_MAX = 64;
/** Events buffered per listener. */
const WAITING_MAX = 512;
/** Reconnection delay that browsers are told. */
const RETRY_MS = 2_000;

const encoder = new TextEncoder();

/** All listeners of one program. */
export class EventStreams {
  readonly #listeners = new Set<ReadableStreamDefaultController<Uint8Array>>();
  #closed = false;

  /** Number of listeners. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Responds with a stream that begins with `first`; 503 at the maximum of connections. */
  open(first: readonly ServerEvent[]): Response {
    if (this.#closed || this.#listeners.size >= CONNECTIONS_MAX) {
      return Response.json({ error: `at most ${CONNECTIONS_MAX} connections to /events: close some` }, { status: 503 });
    }
    let own: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        this.#listeners.add(controller);
        controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`));
        for (const event of first) controller.enqueue(encode(event));
      },
      cancel: () => void this.#listeners.delete(own),
    }, { highWaterMark: WAITING_MAX });
    return new Response(stream, {
      headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" },
    });
  }

  /** Sends an event to all listeners. */
  publish(event: ServerEvent): void {
    if (this.#listeners.size === 0) return;
    const bytes = encode(event);
    for (const listener of this.#listeners) {
      if ((listener.desiredSize ?? 0) > 0) listener.enqueue(bytes);
      else this.#end(listener);
    }
  }

  /** Ends all streams; new requests get 503. */
  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners) this.#end(listener);
  }

  #end(listener: ReadableStreamDefaultController<Uint8Array>): void {
    this.#listeners.delete(listener);
    try {
      listener.close();
    } catch {
      // The listener has disconnected already.
    }
  }
}

function encode({ event, data }: ServerEvent): Uint8Array {
  // JSON.stringify puts no line breaks in: one line of data is enough.
  return encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
