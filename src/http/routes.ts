/**
 * Routes as a table. Each route declares its parameters, query, body and response as zod schemas; the app validates
 * requests with them, and `openapi.ts` makes the OpenAPI document from them.
 *
 * Not `hono-openapi` 1.3.3 or `@hono/zod-openapi` 1.6.3, both tried on Deno 2.6 and 2.9. They read a JSON body only
 * under a JSON content type: `curl -d '{"drain":false}'` sends another one, and the first library then takes the body
 * as `{}`, which drains the node, while the second answers 415. Both replace the reason of a JSON syntax error by
 * "Malformed JSON in request body", and neither takes the YAML that `PUT /config` accepts.
 */

import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { nestedBeyond } from "../bytes/nesting.ts";
import { callerOf, type Guards, originOf } from "./access/access.ts";
import type { Caller, Role } from "./access/roles.ts";
import type { HttpApp } from "./health.ts";
import type { HttpPeer } from "./serve.ts";

/** The validated input of a handler, and where it comes from. */
interface RouteInput<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly peer: HttpPeer;
}

/** Result of a handler: JSON with a status (default 200), or a complete response. */
export type RouteResult = Response | {
  readonly status?: 200 | 202 | 400 | 404 | 409 | 422 | 503;
  readonly body: object;
};

/** One route. */
export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> {
  readonly method: "get" | "post" | "put" | "delete";
  /** In Hono's syntax: `/leases/:address`. */
  readonly path: string;
  /** The role that it needs. */
  readonly access: Role;
  /** One line. */
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** Schema of a success; undefined when it is not JSON. */
  readonly response?: z.ZodType;
  readonly handle: (
    call: RouteInput<z.output<Params>, z.output<Query>, z.output<Body>>,
  ) => RouteResult | Promise<RouteResult>;
}

/** Makes a route; the types of its handler follow from the schemas. */
export function route<
  Params extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
  Body extends z.ZodType = z.ZodUndefined,
>(spec: Route<Params, Query, Body>): Route {
  return spec as unknown as Route;
}

/** Body of every response that is not a success. */
export const ERROR_BODY = z.object({
  error: z.string().describe("What is wrong and what to do, in one line."),
  problems: z.array(z.string()).optional().describe("Every single reason."),
});

/** Maximum body: a little more than the largest `service` section. */
const BODY_BYTES_MAX = 17 * 1024 * 1024;
/** A configuration needs ten; what checks and writes bodies recurses. */
const BODY_DEPTH_MAX = 64;

/** A request that was to change something, and how it ended. */
export interface Change {
  readonly caller: Caller;
  /** Where it came from, for people. */
  readonly origin: string;
  /** Such as `DELETE /leases/10.77.0.5`. */
  readonly action: string;
  readonly request: object;
  readonly status: number;
  readonly answer: object;
}

/** Adds routes to an app, each behind the guard of its role. `changed` is told what all but `get` did. */
export function mount(
  app: HttpApp,
  routes: readonly Route[],
  { guards, changed = () => {} }: { readonly guards: Guards; readonly changed?: (change: Change) => void },
): void {
  const limit = bodyLimit({
    maxSize: BODY_BYTES_MAX,
    onError: (context) => context.json({ error: `the body is longer than ${BODY_BYTES_MAX} octets` }, 413),
  });
  for (const route of routes) {
    const method = route.method.toUpperCase();
    app.on(method, route.path, guards.for(route.access));
    if (route.body !== undefined) app.on(method, route.path, limit);
    app.on(method, route.path, async (context) => {
      const read = await readInput(route, context);
      if (!read.ok) return context.json({ error: read.error, problems: read.problems }, 400);
      const answer = await route.handle(read.call as never);
      if (answer instanceof Response) return answer;
      const { status = 200, body } = answer;
      if (method !== "GET") changed(changeOf(context, read.call, { status, body }));
      return context.json(body, status);
    });
  }
  // Other methods of a known path (RFC 9110 §15.5.6).
  for (const path of new Set(routes.map((route) => route.path))) {
    const allowed = routes.filter((route) => route.path === path).map(({ method }) => method.toUpperCase()).join(", ");
    app.all(path, (context) => {
      context.header("Allow", allowed);
      return context.json({ error: `${context.req.method} is not allowed on this path: use ${allowed}` }, 405);
    });
  }
}

function changeOf(
  context: Context,
  { query, body }: RouteInput<unknown, unknown, unknown>,
  { status, body: answer }: { readonly status: number; readonly body: object },
): Change {
  const { method, path } = context.req;
  // A text has a key for each of its characters: no one of millions is to be listed.
  const isGiven = (value: unknown) =>
    typeof value === "object" && value !== null ? Object.keys(value).length > 0 : value !== undefined;
  return {
    caller: callerOf(context),
    origin: originOf(context),
    action: `${method} ${path}`,
    request: { ...(isGiven(query) ? { query } : {}), ...(isGiven(body) ? { body } : {}) },
    status,
    answer,
  };
}

type ReadInput =
  | { readonly ok: true; readonly call: RouteInput<unknown, unknown, unknown> }
  | { readonly ok: false; readonly error: string; readonly problems: readonly string[] };

async function readInput(route: Route, context: Context): Promise<ReadInput> {
  const problems: string[] = [];
  const check = (schema: z.ZodType | undefined, where: string, value: unknown): unknown => {
    if (schema === undefined) return undefined;
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const { path, message } of result.error.issues) {
      problems.push(`${[where, ...path].join(".")}: ${message}`);
    }
  };
  const params = check(route.params, "path", context.req.param());
  const query = check(route.query, "query", context.req.query());
  let body: unknown;
  if (route.body !== undefined) {
    const raw = await readBody(context.req);
    if (!raw.ok) return { ok: false, error: raw.error, problems: [raw.error] };
    body = check(route.body, "body", raw.value);
  }
  if (problems.length > 0) {
    return { ok: false, error: `the request is not understood: ${problems[0]}`, problems };
  }
  return { ok: true, call: { params, query, body, peer: context.env } };
}

async function readBody(
  request: Context["req"],
): Promise<{ readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: string }> {
  const text = await request.text();
  const type = request.header("content-type") ?? "";
  if (/^(?:application|text)\/(?:x-)?yaml/.test(type)) return { ok: true, value: text };
  if (text.trim() === "") return { ok: true, value: {} };
  if (nestedBeyond(text, BODY_DEPTH_MAX) !== undefined) {
    return { ok: false, error: `the body is nested too deeply: more than ${BODY_DEPTH_MAX} brackets are open` };
  }
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, error: `the body is not JSON: ${reason}` };
  }
}
