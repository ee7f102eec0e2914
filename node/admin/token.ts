/** Authorisation of commands over the network: the bearer token of `http.tokenFile` (RFC 6750). */

import type { MiddlewareHandler } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { readPrivateFile } from "../../src/cli/private_file.ts";

/** Long enough not to be guessed. */
const TOKEN_CHARACTERS_MIN = 16;
/** RFC 6750 §2.1: b64token. */
const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** Reads a token file: one line. Rejects with one line that says what to do. */
export async function readTokenFile(path: string): Promise<string> {
  const text = await readPrivateFile(path, {
    what: "token file",
    make: `make it with: openssl rand -hex 32 > ${path}, and chmod 600 ${path}`,
  });
  const token = text.trim();
  if (token.length < TOKEN_CHARACTERS_MIN || !BEARER_TOKEN.test(token)) {
    throw new Error(
      `Cannot use ${path} as token file: it must be one line of at least ${TOKEN_CHARACTERS_MIN} letters, digits or ` +
        "-._~+/ (RFC 6750 §2.1), without spaces",
    );
  }
  return token;
}

/** No check: for the Unix socket, which only the node's user can open. */
export const OPEN: MiddlewareHandler = (_, next) => next();

/**
 * Requires the token. `current` is asked at every request, as a reload may replace the token; without one, all commands
 * are refused. Hono compares SHA-256 digests in constant time.
 */
export function tokenGuard(current: () => string | undefined): MiddlewareHandler {
  const error = "this needs the token of http.tokenFile: send Authorization: Bearer TOKEN";
  const refusal = { wwwAuthenticateHeader: "Bearer", message: () => Response.json({ error }, { status: 401 }) };
  return async (context, next) => {
    const token = current();
    if (token === undefined) {
      const error =
        "this node takes no commands over the network: set http.tokenFile, or use dhcpcluster-node on its machine";
      return context.json({ error }, 403);
    }
    const auth = bearerAuth({
      token,
      noAuthenticationHeader: refusal,
      invalidAuthenticationHeader: refusal,
      invalidToken: refusal,
    });
    return await auth(context, next);
  };
}
