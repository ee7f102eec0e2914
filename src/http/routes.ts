/**
 * Routes as a table: each says what it takes and gives as zod schemas, and from that the app checks requests, and the OpenAPI
 * document is made. Who may use a route that changes something is decided in one place, by {@link RouteGuard}.
 */

import type { Context, Hono } from "hono";
import { z } from "zod";

/** `read`: for everybody who reaches the port. `operate`: changes something, or tells what nobody else should know. */
export type Access = "read" | "operate";

/** What a handler is given: what the schemas made of the request. */
export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

/** What a handler answers: JSON under a status, or a response of its own. */
export type Answer = Response | { readonly status?: 200 | 202 | 400 | 404 | 409 | 422 | 503; readonly body: object };

/** One route. */
export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> {
  readonly method: "get" | "post" | "put" | "delete";
  /** As Hono and OpenAPI write it but for braces: `/leases/:address`. */
  readonly path: string;
  readonly access: Access;
  /** One line. */
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** What a success looks like; undefined where it is no JSON. */
  readonly answer?: z.ZodType;
  readonly handle: (
    call: Call<z.output<Params>, z.output<Query>, z.output<Body>>,
  ) => Answer | Promise<Answer>;
}

/** Makes a route of a specification, with the types that its schemas say. */
export function route<
  Params extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
  Body extends z.ZodType = z.ZodUndefined,
>(spec: Route<Params, Query, Body>): Route {
  return spec as unknown as Route;
}

/** Says why a caller may not operate; undefined: it may. */
export type RouteGuard = (request: Request) => Promise<{ status: 401 | 403; error: string } | undefined>;

/** What went wrong, in every answer that is no success. */
export const PROBLEM = z.object({
  error: z.string().describe("What is wrong and what to do, in one line."),
  problems: z.array(z.string()).optional().describe("Every single reason."),
});

/** Octets of a body at most: a `service` section with some ten thousand reservations. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;

/** Adds routes to an app. */
export function mount(app: Hono, routes: readonly Route[], guard: RouteGuard): void {
  for (const route of routes) {
    app.on(route.method.toUpperCase(), route.path, async (context) => {
      if (route.access === "operate") {
        const refusal = await guard(context.req.raw);
        if (refusal !== undefined) {
          if (refusal.status === 401) context.header("WWW-Authenticate", "Bearer");
          return context.json({ error: refusal.error }, refusal.status);
        }
      }
      const read = await readCall(route, context);
      if (!read.ok) return context.json({ error: read.error, problems: read.problems }, read.status);
      const answer = await route.handle(read.call as never);
      return answer instanceof Response ? answer : context.json(answer.body, answer.status ?? 200);
    });
  }
  // What is left for a path that there is: other methods (RFC 9110 §15.5.6).
  for (const path of new Set(routes.map((route) => route.path))) {
    const allowed = routes.filter((route) => route.path === path).map(({ method }) => method.toUpperCase()).join(", ");
    app.all(path, (context) => {
      context.header("Allow", allowed);
      return context.json({ error: `${context.req.method} is not for this path: use ${allowed}` }, 405);
    });
  }
}

type Read =
  | { readonly ok: true; readonly call: Call<unknown, unknown, unknown> }
  | { readonly ok: false; readonly status: 400 | 413; readonly error: string; readonly problems: readonly string[] };

async function readCall(route: Route, context: Context): Promise<Read> {
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
    const raw = await readBody(context.req.raw);
    if (!raw.ok) return { ok: false, status: raw.status, error: raw.error, problems: [raw.error] };
    body = check(route.body, "body", raw.value);
  }
  if (problems.length > 0) {
    return { ok: false, status: 400, error: `the request is not understood: ${problems[0]}`, problems };
  }
  return { ok: true, call: { params, query, body } };
}

async function readBody(
  request: Request,
): Promise<
  { readonly ok: true; readonly value: unknown } | {
    readonly ok: false;
    readonly status: 400 | 413;
    readonly error: string;
  }
> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) {
      return { ok: false, status: 413, error: `the body is longer than ${BODY_BYTES_MAX} octets` };
    }
    chunks.push(chunk);
  }
  const text = await new Blob(chunks as BlobPart[]).text();
  const type = request.headers.get("content-type") ?? "";
  if (/^(?:application|text)\/(?:x-)?yaml/.test(type)) return { ok: true, value: text };
  if (text.trim() === "") return { ok: true, value: {} };
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, status: 400, error: `the body is no JSON: ${reason}` };
  }
}
