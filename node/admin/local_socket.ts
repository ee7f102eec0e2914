/**
 * The Unix socket in the state directory, through which commands on the node's own machine reach it: the same HTTP as
 * on the network. Only the node's user and root can enter the directory.
 */

import { request } from "node:http";
import { type HttpHandler, serveHttpLocally } from "../../src/http/serve.ts";
import { clientTrusting, failureOf } from "../../src/http/tls.ts";

/** Where a node's socket is. */
export function socketPath(stateDir: string): { readonly directory: string; readonly socket: string } {
  return { directory: `${stateDir}/control`, socket: `${stateDir}/control/socket` };
}

/** Listens until closed. The state directory is locked by this process, so a socket left there is a dead one's. */
export function listenLocally(stateDir: string, handler: HttpHandler): { close(): Promise<void> } {
  const { directory, socket } = socketPath(stateDir);
  Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  Deno.chmodSync(directory, 0o700);
  remove(socket);
  const server = serveHttpLocally(handler, socket);
  return {
    close: async () => {
      await server.close();
      try {
        remove(socket);
      } catch {
        // A confined process can't; the next one replaces it.
      }
    },
  };
}

function remove(socket: string): void {
  try {
    Deno.removeSync(socket);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Response of a node. */
export interface AdminResponse {
  readonly status: number;
  readonly body: unknown;
}

/** Request to a node. */
interface AdminRequest {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  /** Sent as JSON; a string as YAML. */
  readonly body?: unknown;
}

/** Sends requests to one node. Rejects with one line that says what is wrong when there is no response. */
export type AdminClient = (request: AdminRequest) => Promise<AdminResponse>;

function encode(body: unknown): { readonly text: string; readonly type: string } | undefined {
  if (body === undefined) return undefined;
  return typeof body === "string"
    ? { text: body, type: "application/yaml" }
    : { text: JSON.stringify(body), type: "application/json" };
}

/** Client of the node that runs with this state directory on this machine. */
export function localAdminClient(stateDir: string): AdminClient {
  const { socket } = socketPath(stateDir);
  return ({ method = "GET", path, body }) =>
    new Promise((resolve, reject) => {
      const content = encode(body);
      const headers = content === undefined ? {} : { "content-type": content.type };
      const asked = request({ socketPath: socket, path, method, headers }, (response) => {
        const chunks: Uint8Array[] = [];
        response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, body: parse(new TextDecoder().decode(join(chunks))) });
        });
      });
      asked.on("error", (error) => reject(new Error(`Cannot reach the node at ${socket}: ${adviceOn(error)}`)));
      asked.end(content?.text);
    });
}

/** Client of a node over the network. `ca`: certificates in PEM that it trusts beside the system's. */
export function httpAdminClient(url: string, token?: string, ca?: string): AdminClient {
  const client = clientTrusting(ca);
  return async ({ method = "GET", path, body }) => {
    const content = encode(body);
    const headers = {
      ...(content === undefined ? {} : { "content-type": content.type }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    let response: Response;
    try {
      const init = {
        method,
        headers,
        ...(content === undefined ? {} : { body: content.text }),
        ...(client === undefined ? {} : { client }),
      };
      response = await fetch(new URL(path, url), init);
    } catch (error) {
      throw new Error(`Cannot reach ${url}: ${failureOf(error)}; check the address and that the node runs`);
    }
    return { status: response.status, body: parse(await response.text()) };
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function adviceOn(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EACCES" || code === "EPERM") return "permission denied; run this as the node's user";
  if (code === "ENOENT" || code === "ECONNREFUSED") {
    return "no node runs with this state directory on this machine; start it";
  }
  return error instanceof Error ? error.message : String(error);
}
