/**
 * Speaks HTTP on one accepted connection, with Deno's own HTTP server.
 *
 * `Deno.serve` accepts connections by itself, without limits, and its `finished` rejects for good when one can't be
 * accepted. Deno's internals have the same server for a single connection; nothing public does: `Deno.serveHttp` needs
 * twice the processor time per request, and node:http takes no accepted connection in Deno 2.6. This file is the only
 * one that touches it, and `serve_test.ts` fails with a version of Deno that has it no more.
 */

/** Ends the connection at once when aborted. */
type Serve = (
  connection: Deno.Conn,
  signal: AbortSignal,
  handler: (request: Request, info: { readonly completed: Promise<void> }) => Response | Promise<Response>,
  onError: (error: unknown) => Response,
  onListen: () => void,
) => { readonly finished: Promise<void> };

const { internal } = Deno as unknown as { readonly internal: symbol };
const internals = (Deno as unknown as Record<symbol, { readonly serveHttpOnConnection?: Serve } | undefined>)[internal];

/** What a connection is served with. */
interface ConnectionOptions {
  readonly signal: AbortSignal;
  /** `completed` settles when the whole response has been sent, or can't be. */
  readonly handle: (request: Request, completed: Promise<unknown>) => Promise<Response>;
}

/** Tells Deno's server to end. */
export class Ending {
  #end: (() => void) | undefined;

  /** What Deno's server takes: it listens for `abort` only. */
  readonly signal = {
    aborted: false,
    addEventListener: (_type: string, end: () => void) => this.#end = end,
    removeEventListener: () => {},
  } as unknown as AbortSignal;

  /** Ends it at once. Not an `AbortController`: when the connection has just ended by itself, Deno's listener throws,
   * and an error in a listener ends the process. */
  end(): void {
    try {
      this.#end?.();
    } catch {
      // It has ended.
    }
  }
}

/** Serves a connection until it is closed. The returned promise never rejects: how a connection ends is no error. */
export function serveConnection(connection: Deno.Conn, { signal, handle }: ConnectionOptions): Promise<unknown> {
  const serve = internals?.serveHttpOnConnection;
  if (serve === undefined) throw new Error("this version of Deno can't serve HTTP on a single connection");
  const { finished } = serve(
    connection,
    signal,
    (request, { completed }) => handle(request, completed.catch(() => {})),
    () => Response.json({ error: "internal error; see the log" }, { status: 500 }),
    () => {},
  );
  return finished.catch(() => {});
}
