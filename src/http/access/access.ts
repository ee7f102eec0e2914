/**
 * Who may do what over HTTP. A guard stands before each route: it finds the caller by the token that the request
 * shows, and refuses what the token is not good for, with what to do instead.
 *
 * A token comes as `Authorization: Bearer TOKEN` (RFC 6750). For reading, also as the password of `Authorization:
 * Basic` (RFC 7617), which browsers ask for and send by themselves; for the same reason commands take no Basic: a page
 * from elsewhere could make a browser send it.
 */

import type { Context, MiddlewareHandler } from "hono";
import { formatIpv4, type Ipv4 } from "../../net/ipv4.ts";
import { ATTEMPTS, Attempts } from "./attempts.ts";
import { isOwnHost } from "./hosts.ts";
import { type Caller, type Role, suffices } from "./roles.ts";
import { findToken, isReadOpen, type Token } from "./tokens.ts";

/** Why a request was refused. */
export const REFUSALS = ["noToken", "wrongToken", "expiredToken", "role", "attempts", "host"] as const;
export type Refusal = typeof REFUSALS[number];

/** No request was refused. */
export const NO_REFUSALS = Object.fromEntries(REFUSALS.map((reason) => [reason, 0])) as Readonly<
  Record<Refusal, number>
>;

/** What the guards need to know; read at every request, as a reload may change it. */
export interface AccessOptions {
  readonly tokens: () => readonly Token[];
  /** Names that the program answers to, beside addresses and `localhost`; in lower case. */
  readonly hosts: () => readonly string[];
  /** Wall clock: ms since 1970. */
  readonly wallMs: () => number;
  /** Monotonic clock. */
  readonly monotonicMs: () => number;
  /** A request was refused; `text` says from where and why. For the log. */
  readonly refused: (reason: Refusal, text: string, from: Ipv4 | undefined) => void;
}

/** What a guard does with requests, by the role that a route needs. */
export interface Guards {
  /** Stands before all routes but those that only say whether the program is alive and ready. */
  readonly host: MiddlewareHandler;
  for(role: Role): MiddlewareHandler;
}

const LOCAL: Caller = { name: "local", role: "admin" };

/** Guards of the Unix socket, which only the program's user can open: everything is allowed. */
export const OPEN_GUARDS: Guards = {
  host: (_, next) => next(),
  for: () => (context, next) => {
    context.set("caller", LOCAL);
    return next();
  },
};

/** The caller that a guard has found. */
export function callerOf(context: Context): Caller {
  return context.get("caller");
}

/** Where a request comes from, for people. */
export function originOf(context: Context): string {
  return formatOrigin(addressOf(context));
}

/** An address that requests come from, for people; undefined: they come over the Unix socket. */
export function formatOrigin(address: Ipv4 | undefined): string {
  return address === undefined ? "the local socket" : formatIpv4(address);
}

function addressOf({ env }: Context): Ipv4 | undefined {
  return env?.remoteAddress;
}

/** Guards of a port. */
export class HttpAccess implements Guards {
  readonly #options: AccessOptions;
  readonly #attempts = new Attempts<Ipv4 | undefined>();
  /** How often requests were refused, by reason. */
  readonly counts: Record<Refusal, number> = { ...NO_REFUSALS };

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  readonly host: MiddlewareHandler = (context, next) => {
    const host = context.req.header("host") ?? "";
    if (isOwnHost(host, this.#options.hosts())) return next();
    const error =
      `this program does not answer to the name "${host.slice(0, 100)}": use its address, or add the name ` +
      "to http.hosts";
    return Promise.resolve(this.#refuse(context, "host", { status: 421, error }));
  };

  for(role: Role): MiddlewareHandler {
    return async (context, next) => {
      const tokens = this.#options.tokens();
      if (role === "read" && isReadOpen(tokens)) {
        context.set("caller", { name: "anyone", role });
        return await next();
      }
      const refusal = await this.#check(context, role, tokens);
      return refusal ?? await next();
    };
  }

  async #check(context: Context, role: Role, tokens: readonly Token[]): Promise<Response | undefined> {
    const { monotonicMs, wallMs } = this.#options;
    if (!tokens.some((token) => suffices(token.role, role))) {
      const error = "this node takes no commands over the network: set http.tokenFile or http.tokensFile, or use " +
        "dhcpcluster-node on its machine";
      return this.#refuse(context, "noToken", { status: 403, error });
    }
    const address = addressOf(context);
    if (this.#attempts.isBlocked(address, monotonicMs())) {
      context.header("Retry-After", String(ATTEMPTS.intervalMs / 1_000));
      const error = "too many wrong tokens from this address: wait a minute, then send the right one";
      return this.#refuse(context, "attempts", { status: 429, error });
    }
    const shown = tokenOf(context.req.header("authorization") ?? "", role);
    if (shown === undefined) return this.#unauthorized(context, role, "noToken", `this needs a token: ${howTo(role)}`);
    const token = findToken(tokens, shown);
    if (token === undefined) {
      await delay(this.#attempts.wrong(address, monotonicMs()));
      return this.#unauthorized(context, role, "wrongToken", `this is not a token of this program: ${howTo(role)}`);
    }
    const { name, expiresMs = Infinity } = token;
    if (wallMs() >= expiresMs) {
      const error = `the token ${name} expired on ${new Date(expiresMs).toISOString().slice(0, 10)}: take another one`;
      return this.#unauthorized(context, role, "expiredToken", error);
    }
    if (!suffices(token.role, role)) {
      const error = `the token ${name} is for "${token.role}", and this needs "${role}"`;
      return this.#refuse(context, "role", { status: 403, error });
    }
    context.set("caller", { name, role: token.role });
  }

  #unauthorized(context: Context, role: Role, reason: Refusal, error: string): Response {
    context.header("WWW-Authenticate", "Bearer");
    if (role === "read") context.header("WWW-Authenticate", 'Basic realm="dhcpcluster"', { append: true });
    return this.#refuse(context, reason, { status: 401, error });
  }

  #refuse(
    context: Context,
    reason: Refusal,
    { status, error }: { readonly status: 401 | 403 | 421 | 429; readonly error: string },
  ): Response {
    this.counts[reason] += 1;
    const { method, path } = context.req;
    const text = `${method} ${path} from ${originOf(context)} was refused: ${error}`;
    this.#options.refused(reason, text, addressOf(context));
    return context.json({ error }, status);
  }
}

function howTo(role: Role): string {
  const bearer = "send Authorization: Bearer TOKEN";
  return role === "read" ? `${bearer}, or the token as password (Basic)` : bearer;
}

/** The token in an `Authorization` header; undefined: there is none that counts for this role. */
function tokenOf(authorization: string, role: Role): string | undefined {
  const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization)?.[1];
  if (bearer !== undefined) return bearer;
  const basic = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(authorization)?.[1];
  if (basic === undefined || role !== "read") return undefined;
  try {
    return atob(basic).split(":").slice(1).join(":");
  } catch {
    return undefined;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
