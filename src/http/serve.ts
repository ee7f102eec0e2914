/**
 * Listens for HTTP beside a program that serves DHCP: nothing that comes in here may end that program, or take the
 * files it needs. Accepts connections within limits (`limits.ts`; `connections.ts` decides which ones stay), has time
 * limits for each, goes on after connections could not be accepted, and shuts down in bounded time.
 */

import { logger } from "../log/configure.ts";
import { descriptorLimit } from "../net/descriptors.ts";
import { formatIpv4, type Ipv4, parseIpv4, type Prefix, prefixContains } from "../net/ipv4.ts";
import { Connection, Connections } from "./connections.ts";
import { Ending, serveConnection } from "./connection_server.ts";
import { HTTP } from "./limits.ts";
import type { TlsIdentity } from "./tls.ts";
import { HttpTraffic } from "./traffic.ts";

/** A listening server. */
interface HttpServer {
  /** The port it listens on, never 0. */
  readonly port: number;
  /** Serves further connections with another certificate. */
  identify(identity: TlsIdentity): void;
  /** Stops listening and closes connections; requests in flight get one second. */
  close(): Promise<void>;
}

/** Where a request comes from. Handlers get it as second argument; in Hono it is `context.env`. */
export interface HttpPeer {
  /** Address of the connection's other end; undefined: it came over a Unix socket. */
  readonly remoteAddress: Ipv4 | undefined;
  /** A handler that streams calls this when its client has taken a part; otherwise the connection counts as stalled. */
  progress(): void;
}

/** Handles requests; a Hono app does. */
export interface HttpHandler {
  fetch(request: Request, peer: HttpPeer): Response | Promise<Response>;
}

/** The server could not listen; `message` is one line that says what to do. */
export class HttpServeError extends Error {
  override readonly name = "HttpServeError";
}

/** Further options of a server. */
interface HttpServeOptions {
  /** HTTPS with this certificate; undefined: HTTP. */
  readonly identity?: TlsIdentity | undefined;
  /** Counts what is refused, for metrics. */
  readonly traffic?: HttpTraffic;
  /** Milliseconds of a clock that does not go back. */
  readonly now?: () => number;
}

/** Where to listen, and for whom. */
interface HttpAddress {
  readonly address: Ipv4;
  readonly port: number;
  /** Networks that may connect; none: all. */
  readonly allow?: readonly Prefix[];
}

const CLOSE_MS = 1_000;

/** For the last responses to be sent. */
const LAST_BYTES_MS = 200;

/** While more connections come than may be taken, the next few are taken after this. */
const PACE_MS = 4;

/** How often a server that closes looks whether it is done. */
const CLOSE_POLL_MS = 10;

/** Starts listening; port 0 lets the system choose. Throws {@link HttpServeError} when that is not possible. */
export function serveHttp(
  handler: HttpHandler,
  at: HttpAddress,
  { identity: first, traffic = new HttpTraffic(logger("http")), now = () => performance.now() }: HttpServeOptions = {},
): HttpServer {
  const hostname = formatIpv4(at.address);
  let port = at.port;
  let identity = first;
  const listen = () => {
    try {
      const options = { hostname, port, tcpBacklog: HTTP.backlog };
      // Not HTTP/2, with which one connection could carry any number of requests.
      const listener = identity === undefined
        ? Deno.listen(options)
        : Deno.listenTls({ ...options, ...identity, alpnProtocols: ["http/1.1"] });
      port = (listener.addr as Deno.NetAddr).port;
      return listener;
    } catch (error) {
      throw new HttpServeError(explain(error, hostname, port), { cause: error });
    }
  };
  const { allow = [] } = at;
  const server = new Server(handler, listen, { traffic, now, allow });
  return {
    port,
    identify: (other) => {
      if (other.cert === identity?.cert && other.key === identity.key) return;
      identity = other;
      server.listenAgain();
    },
    close: () => server.close(),
  };
}

/** Serves a Unix socket. Throws when it can't be opened. */
export function serveHttpLocally(handler: HttpHandler, path: string): { close(): Promise<void> } {
  const listen = () => Deno.listen({ transport: "unix", path });
  return new Server(handler, listen, {
    traffic: new HttpTraffic(logger("http")),
    now: () => performance.now(),
    allow: [],
  });
}

/** Most connections, so that enough files are left for the rest of the program. */
export function connectionsMax(descriptors: number = descriptorLimit()): number {
  const share = Math.floor(descriptors * HTTP.descriptorsShare);
  return Math.min(HTTP.connectionsMax, Math.max(HTTP.connectionsMin, share));
}

/** Of TCP, TLS or a Unix socket. */
type AnyListener = Pick<Deno.Listener, "close"> & { accept(): Promise<Deno.Conn> };

class Server {
  readonly #handler: HttpHandler;
  readonly #listen: () => AnyListener;
  readonly #traffic: HttpTraffic;
  readonly #now: () => number;
  readonly #allow: readonly Prefix[];
  readonly #connections = new Connections(connectionsMax());
  /** Ends the wait for a handler with another response. */
  readonly #inFlight = new Set<(response: Response) => void>();
  readonly #sweep: ReturnType<typeof setInterval>;
  #listener: AnyListener;
  #isReplaced = false;
  #pause: { readonly end: () => void } | undefined;
  /** How many connections may be taken now, and when that was counted. */
  readonly #allowance = { count: HTTP.accepts.burst as number, atMs: -Infinity };
  #closing: Promise<void> | undefined;

  constructor(
    handler: HttpHandler,
    listen: () => AnyListener,
    { traffic, now, allow }: Required<Pick<HttpServeOptions, "traffic" | "now"> & Pick<HttpAddress, "allow">>,
  ) {
    this.#now = now;
    this.#allow = allow;
    this.#handler = handler;
    this.#listen = listen;
    this.#traffic = traffic;
    this.#listener = listen();
    this.#sweep = setInterval(() => this.#closeOverdue(), HTTP.sweepMs);
    void this.#acceptAll();
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** Closes the listening socket; {@link #recover} opens another one. Connections stay. */
  listenAgain(): void {
    this.#isReplaced = true;
    this.#listener.close();
  }

  async #acceptAll(): Promise<void> {
    let pauseMs: number = HTTP.acceptPauseMs.min;
    while (this.#closing === undefined) {
      try {
        this.#take(await this.#listener.accept());
        pauseMs = HTTP.acceptPauseMs.min;
        await this.#pace();
      } catch (error) {
        if (this.#closing !== undefined) return;
        if (this.#isReplaced && this.#reopen()) continue;
        await this.#recover(error, pauseMs);
        pauseMs = Math.min(2 * pauseMs, HTTP.acceptPauseMs.max);
      }
    }
  }

  /** After a connection could not be accepted: makes room, and waits. */
  async #recover(error: unknown, pauseMs: number): Promise<void> {
    const nowMs = this.#now();
    this.#traffic.notAccepted(error, pauseMs, nowMs);
    this.#connections.leastActive(nowMs)?.close();
    await this.#rest(pauseMs);
    if (this.#closing === undefined && error instanceof Deno.errors.BadResource) this.#reopen();
  }

  /** Listens again; false when that is not possible now: the next attempt to accept fails, and it is tried again. */
  #reopen(): boolean {
    try {
      this.#listener = this.#listen();
      this.#isReplaced = false;
      return true;
    } catch {
      return false;
    }
  }

  /** Waits while more connections come than may be taken. */
  async #pace(): Promise<void> {
    const { perSecond, burst } = HTTP.accepts;
    const nowMs = this.#now();
    const { count, atMs } = this.#allowance;
    this.#allowance.atMs = nowMs;
    this.#allowance.count = Math.min(burst, count + (nowMs - atMs) / 1_000 * perSecond) - 1;
    if (this.#allowance.count < 0) await this.#rest(PACE_MS);
  }

  async #rest(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delayMs);
    this.#pause = { end: resolve };
    await promise;
    clearTimeout(timer);
  }

  #take(accepted: Deno.Conn): void {
    const nowMs = this.#now();
    const { remoteAddr } = accepted;
    const address = remoteAddr.transport === "tcp" ? parseIpv4(remoteAddr.hostname) : undefined;
    if (address !== undefined && !this.#isAllowed(address)) {
      this.#traffic.closed("notAllowed", address, nowMs);
      return accepted.close();
    }
    const ending = new Ending();
    const connection = new Connection(
      address,
      () => {
        this.#forget(connection);
        ending.end();
      },
      nowMs,
    );
    const forced = this.#connections.add(connection);
    if (forced !== undefined) {
      if (forced.reason !== undefined) this.#traffic.closed(forced.reason, forced.connection.address, nowMs);
      if (forced.connection === connection) return accepted.close();
      forced.connection.close();
    }
    this.#traffic.connections = this.#connections.size;
    const peer: HttpPeer = {
      remoteAddress: connection.address,
      progress: () => this.#connections.moved(connection, "sending", this.#now()),
    };
    void serveConnection(accepted, {
      signal: ending.signal,
      handle: (request, completed) => this.#answer(connection, peer, request, completed),
    }).then(() => this.#forget(connection));
  }

  #isAllowed(address: Ipv4): boolean {
    return this.#allow.length === 0 || this.#allow.some((prefix) => prefixContains(prefix, address));
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#traffic.connections = this.#connections.size;
  }

  async #answer(
    connection: Connection,
    peer: HttpPeer,
    request: Request,
    completed: Promise<unknown>,
  ): Promise<Response> {
    connection.requests++;
    this.#connections.moved(connection, "handling", this.#now());
    void completed.then(() => {
      // What the client has not taken yet is in buffers of limited size.
      if (--connection.requests === 0) this.#connections.moved(connection, "idle", this.#now());
    });
    if (this.#inFlight.size >= HTTP.requestsMax) {
      this.#traffic.busy(connection.address, this.#now());
      return closingResponse("busy; try again");
    }
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    this.#inFlight.add(resolve);
    try {
      Promise.resolve(this.#handler.fetch(request, peer)).then(resolve, reject);
      return await promise;
    } finally {
      this.#inFlight.delete(resolve);
      this.#connections.moved(connection, "sending", this.#now());
    }
  }

  #closeOverdue(): void {
    const nowMs = this.#now();
    this.#traffic.tick(nowMs);
    for (const { connection, reason } of this.#connections.overdue(nowMs)) {
      if (reason !== undefined) this.#traffic.closed(reason, connection.address, nowMs);
      connection.close();
    }
  }

  async #close(): Promise<void> {
    // The caller's assignment to #closing comes first: the accept loop ends instead of recovering.
    await Promise.resolve();
    clearInterval(this.#sweep);
    try {
      this.#listener.close();
    } catch {
      // It is being replaced.
    }
    this.#pause?.end();
    if (await this.#emptied(CLOSE_MS)) return;
    for (const resolve of this.#inFlight) resolve(closingResponse("closing"));
    if (await this.#emptied(LAST_BYTES_MS)) return;
    for (const connection of [...this.#connections]) connection.close();
  }

  /** Closes what is idle until nothing is left or the time is over. */
  async #emptied(patienceMs: number): Promise<boolean> {
    const untilMs = this.#now() + patienceMs;
    for (;;) {
      const nowMs = this.#now();
      for (const connection of [...this.#connections]) {
        // The last octets of a response may be on their way.
        const isDone = connection.phase === "new" || nowMs - connection.sinceMs >= LAST_BYTES_MS;
        if (connection.requests === 0 && isDone) connection.close();
      }
      if (this.#connections.size === 0) return true;
      if (nowMs >= untilMs) return false;
      await new Promise((resolve) => setTimeout(resolve, CLOSE_POLL_MS));
    }
  }
}

function closingResponse(error: string): Response {
  return Response.json({ error }, { status: 503, headers: { Connection: "close" } });
}

function explain(error: unknown, hostname: string, port: number): string {
  const where = `http: cannot listen on ${hostname}:${port}`;
  if (error instanceof Deno.errors.AddrInUse) {
    return `${where}: another process uses this port; stop it or change http.port`;
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return `${where}: this host does not have the address; change http.address`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `${where}: ports below 1024 need root or CAP_NET_BIND_SERVICE; grant it or change http.port`;
  }
  if (error instanceof Deno.errors.NotCapable) return `${where}: Deno was started without --allow-net for it`;
  return `${where}: ${error instanceof Error ? error.message : String(error)}`;
}
