/** Listens for HTTP: Deno.serve with error texts for operators and a bounded shutdown. */

import { formatIpv4, type Ipv4 } from "../net/ipv4.ts";

/** A listening server. */
interface HttpServer {
  /** The port it listens on, never 0. */
  readonly port: number;
  /** Stops listening and closes connections; requests in flight get one second. */
  close(): Promise<void>;
}

/** Handles requests; a Hono app does. */
export interface HttpHandler {
  fetch(request: Request): Response | Promise<Response>;
}

/** The server could not listen; `message` is one line that says what to do. */
export class HttpServeError extends Error {
  override readonly name = "HttpServeError";
}

const CLOSE_MS = 1000;

/** For the last responses to be sent. */
const LAST_BYTES_MS = 200;

/** Starts listening; port 0 lets the system choose. Throws {@link HttpServeError} when that is not possible. */
export function serveHttp(handler: HttpHandler, at: { address: Ipv4; port: number }): HttpServer {
  const hostname = formatIpv4(at.address);
  const inFlight = new Set<(response: Response) => void>();
  const answer = (request: Request): Promise<Response> => {
    const response = handler.fetch(request);
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    inFlight.add(resolve);
    Promise.resolve(response).then(resolve, reject).finally(() => inFlight.delete(resolve));
    return promise;
  };
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({ hostname, port: at.port, onListen: () => {} }, answer);
  } catch (error) {
    throw new HttpServeError(explain(error, hostname, at.port), { cause: error });
  }
  const close = async () => {
    const shutdown = server.shutdown();
    if (await settledWithin(shutdown, CLOSE_MS)) return;
    for (const resolve of inFlight) resolve(Response.json({ error: "closing" }, { status: 503 }));
    // An endless stream is still open then: it ends with the process.
    await settledWithin(shutdown, LAST_BYTES_MS);
  };
  let closing: Promise<void> | undefined;
  return { port: server.addr.port, close: () => closing ??= close() };
}

async function settledWithin(promise: Promise<void>, delayMs: number): Promise<boolean> {
  const { promise: deadline, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), delayMs);
  try {
    return await Promise.race([promise.then(() => true), deadline]);
  } finally {
    clearTimeout(timer);
  }
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
