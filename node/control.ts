/**
 * Commands to a running node from its own machine: a Unix socket in the state directory that only the node's user can reach.
 * One line of JSON asks, one line answers. What a command does is the node's business.
 */

import { LIMIT_LINE_BYTES, readLine, writeLine } from "./controlLine.ts";

/** What can be asked. */
export type ControlRequest =
  | { readonly command: "status" }
  | { readonly command: "addMember"; readonly id: number; readonly address: string }
  | { readonly command: "removeMember"; readonly id: number }
  | { readonly command: "stepDown" };

/** What came of it. `message`: one line for people. */
export interface ControlAnswer {
  readonly ok: boolean;
  readonly message: string;
  readonly status?: unknown;
}

/** Where a node's socket is; the directory keeps others away. */
export function controlPath(stateDir: string): { readonly directory: string; readonly socket: string } {
  return { directory: `${stateDir}/control`, socket: `${stateDir}/control/socket` };
}

/** Connections at a time; people type slowly. */
const CONNECTIONS_MAX = 8;

/** Listens until closed. The state directory is locked by this process, so a socket left there is a dead one's. */
export function listenControl(
  stateDir: string,
  handle: (request: ControlRequest) => ControlAnswer | Promise<ControlAnswer>,
): { close(): void } {
  const { directory, socket } = controlPath(stateDir);
  Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  Deno.chmodSync(directory, 0o700);
  try {
    Deno.removeSync(socket);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const listener = Deno.listen({ transport: "unix", path: socket });
  let open = 0;
  (async () => {
    for await (const conn of listener) {
      if (open >= CONNECTIONS_MAX) {
        conn.close();
        continue;
      }
      open++;
      serve(conn, handle).finally(() => open--);
    }
  })().catch(() => {});
  return {
    close: () => {
      listener.close();
      try {
        Deno.removeSync(socket);
      } catch {
        // Somebody tidied up.
      }
    },
  };
}

async function serve(
  conn: Deno.Conn,
  handle: (request: ControlRequest) => ControlAnswer | Promise<ControlAnswer>,
): Promise<void> {
  try {
    const line = await readLine(conn, LIMIT_LINE_BYTES);
    const request = line === undefined ? undefined : parse(line);
    const answer = request === undefined
      ? { ok: false, message: "this is no command of this release" }
      : await handle(request);
    await writeLine(conn, JSON.stringify(answer));
  } catch {
    // Whoever asked is gone.
  } finally {
    conn.close();
  }
}

function parse(line: string): ControlRequest | undefined {
  try {
    const request = JSON.parse(line) as ControlRequest;
    switch (request.command) {
      case "status":
      case "stepDown":
        return request;
      case "addMember":
        return Number.isInteger(request.id) && typeof request.address === "string" ? request : undefined;
      case "removeMember":
        return Number.isInteger(request.id) ? request : undefined;
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** Asks the node that runs with a state directory. Rejects with one line that says what is wrong. */
export async function askControl(stateDir: string, request: ControlRequest): Promise<ControlAnswer> {
  const { socket } = controlPath(stateDir);
  let conn: Deno.Conn;
  try {
    conn = await Deno.connect({ transport: "unix", path: socket });
  } catch (error) {
    const reason = error instanceof Deno.errors.PermissionDenied
      ? "permission denied; run this as the node's user"
      : "no node runs with this state directory on this machine; start it";
    throw new Error(`Cannot ask the node at ${socket}: ${reason}`);
  }
  try {
    await writeLine(conn, JSON.stringify(request));
    const line = await readLine(conn, LIMIT_LINE_BYTES);
    if (line === undefined) throw new Error(`The node at ${socket} gave no answer; its log says why`);
    return JSON.parse(line) as ControlAnswer;
  } finally {
    conn.close();
  }
}
