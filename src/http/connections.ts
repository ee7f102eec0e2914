/**
 * Which HTTP connections stay open: counts them in all and per address, and decides which one is closed when there is
 * no room or a time is over. Knows no sockets; `serve.ts` closes what this returns.
 *
 * A new connection is worth more than an idle one: a client sends its request at once, while connections that are held
 * open to exhaust the server carry none. So the connection that has been idle for longest makes room; for an address
 * with too many connections, it is one of its own.
 */

import type { Ipv4 } from "../net/ipv4.ts";
import { HTTP } from "./limits.ts";

/** What a connection is doing: waiting for its first request, for a further one, for a handler, or for its client. */
type Phase = "new" | "idle" | "handling" | "sending";

/** Why a connection was closed, or not taken. Each is a label value of the metric. */
export const CLOSE_REASONS = {
  notAllowed: "its address is in no network of http.allow",
  addressFull: `its address has ${HTTP.connectionsPerAddressMax} connections: its oldest idle one made room`,
  full: "too many connections are open: the one that was idle for longest made room",
  refused: "too many connections are open and none is idle",
  headers: `no complete request came within ${HTTP.headersMs / 1_000} s`,
  unanswered: `a request was not answered within ${HTTP.handleMs / 1_000} s`,
  stalled: `the client took nothing of a response for ${HTTP.progressMs / 1_000} s`,
} as const;
export type CloseReason = keyof typeof CLOSE_REASONS;

/** One connection. */
export class Connection {
  phase: Phase = "new";
  /** When the phase began, or the client last took a part of a response. */
  sinceMs: number;
  /** Requests in flight; more than one only with HTTP/2. */
  requests = 0;

  /** `address`: undefined over a Unix socket. `close` ends it at once. */
  constructor(readonly address: Ipv4 | undefined, readonly close: () => void, nowMs: number) {
    this.sinceMs = nowMs;
  }
}

/** A connection that has to be closed. */
interface Ending {
  readonly connection: Connection;
  /** Undefined: it was idle for its time, as every connection once is. */
  readonly reason: CloseReason | undefined;
}

/** All connections of a server. Times are of one monotonic clock. */
export class Connections {
  readonly #max: number;
  /** The one whose last activity is the oldest comes first, as in the sets of addresses. */
  readonly #all = new Set<Connection>();
  readonly #byAddress = new Map<Ipv4 | undefined, Set<Connection>>();

  /** `max`: most connections. */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Whether it is still counted. */
  has(connection: Connection): boolean {
    return this.#all.has(connection);
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#all.values();
  }

  /** Takes a connection. Returns the one that has to be closed for it, which is itself when no other one may be. */
  add(connection: Connection): Ending | undefined {
    const own = this.#byAddress.get(connection.address);
    const addressFull = connection.address !== undefined && (own?.size ?? 0) >= HTTP.connectionsPerAddressMax;
    if (!addressFull && this.#all.size < this.#max) {
      this.#insert(connection);
      return undefined;
    }
    const victim = leastActive(addressFull && own !== undefined ? own : this.#all, connection.sinceMs);
    if (victim === undefined) return { connection, reason: "refused" };
    this.delete(victim);
    this.#insert(connection);
    return { connection: victim, reason: addressFull ? "addressFull" : "full" };
  }

  /** It was closed. */
  delete(connection: Connection): void {
    this.#all.delete(connection);
    const own = this.#byAddress.get(connection.address);
    own?.delete(connection);
    if (own?.size === 0) this.#byAddress.delete(connection.address);
  }

  /** Something happened on it: it moves to the end of the order. */
  moved(connection: Connection, phase: Phase, nowMs: number): void {
    if (!this.#all.has(connection)) return;
    connection.phase = phase;
    connection.sinceMs = nowMs;
    this.delete(connection);
    this.#insert(connection);
  }

  /** What has to be closed because its time is over. They stay counted until {@link delete}. */
  overdue(nowMs: number): Ending[] {
    const endings: Ending[] = [];
    for (const connection of this.#all) {
      const { afterMs, reason } = TIMES[connection.phase];
      if (nowMs - connection.sinceMs >= afterMs) endings.push({ connection, reason });
    }
    return endings;
  }

  /** The connection that makes room for another one; undefined when all are busy. */
  leastActive(nowMs: number): Connection | undefined {
    return leastActive(this.#all, nowMs);
  }

  #insert(connection: Connection): void {
    this.#all.add(connection);
    let own = this.#byAddress.get(connection.address);
    if (own === undefined) {
      own = new Set();
      this.#byAddress.set(connection.address, own);
    }
    own.add(connection);
  }
}

/** How long each phase may last. */
const TIMES: Readonly<Record<Phase, { readonly afterMs: number; readonly reason: CloseReason | undefined }>> = {
  new: { afterMs: HTTP.headersMs, reason: "headers" },
  idle: { afterMs: HTTP.idleMs, reason: undefined },
  handling: { afterMs: HTTP.handleMs, reason: "unanswered" },
  sending: { afterMs: HTTP.progressMs, reason: "stalled" },
};

/** The longest idle one; without an idle one, the first whose client has taken nothing for a while. */
function leastActive(connections: Iterable<Connection>, nowMs: number): Connection | undefined {
  let stalled: Connection | undefined;
  for (const connection of connections) {
    if (connection.phase === "new" || connection.phase === "idle") return connection;
    if (nowMs - connection.sinceMs >= HTTP.stalledMs) stalled ??= connection;
  }
  return stalled;
}
