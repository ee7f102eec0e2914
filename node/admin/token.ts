/** Who may operate a node over the network: whoever has the token of `http.tokenFile`. */

import { timingSafeEqual } from "node:crypto";
import type { RouteGuard } from "../../src/http/routes.ts";
import { readPrivateFile } from "../private_file.ts";

/** So that nobody guesses it. */
const TOKEN_CHARACTERS_MIN = 16;

/** Reads a token file: one line. Rejects with one line that says what to do. */
export async function readTokenFile(path: string): Promise<string> {
  const text = await readPrivateFile(path, {
    what: "token file",
    make: `make it with: openssl rand -hex 32 > ${path}, and chmod 600 ${path}`,
  });
  const token = text.trim();
  if (token.length < TOKEN_CHARACTERS_MIN || /\s/.test(token)) {
    throw new Error(
      `Cannot use ${path} as token file: it must be one line of at least ${TOKEN_CHARACTERS_MIN} characters without spaces`,
    );
  }
  return token;
}

/** Lets everybody in: for the Unix socket, which only the node's user reaches. */
export const OPEN: RouteGuard = () => Promise.resolve(undefined);

/** Lets whoever has the token in; nobody when there is none. It is asked for anew each time, as it may be replaced. */
export function tokenGuard(current: () => string | undefined): RouteGuard {
  return async (request) => {
    const token = current();
    if (token === undefined) {
      const error =
        "this node takes no commands over the network: set http.tokenFile, or use dhcpcluster-node on its machine";
      return { status: 403, error };
    }
    const given = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (given !== undefined && timingSafeEqual(await digest(given), await digest(token))) return undefined;
    return { status: 401, error: "this needs the token of http.tokenFile: send Authorization: Bearer TOKEN" };
  };
}

/** Of equal length whatever is compared, and telling nothing of it. */
async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
