/**
 * The HTTP endpoints that node and relay share. The program supplies readiness, status and metrics, and may add routes
 * of its own to the app.
 */

import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { type Guards, OPEN_GUARDS } from "./access/access.ts";
import { type CachedAnswer, respondInParts } from "./cached_answer.ts";
import type { HttpPeer } from "./serve.ts";

/** An app whose handlers find where a request comes from in `context.env`. */
export type HttpApp = Hono<{ Bindings: HttpPeer }>;

/** Whether the program can serve, and why not. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string;
}

/** What the endpoints respond with. */
export interface HealthSource {
  /** `GET /readyz`. Called for each request, so that no answer is outdated. */
  ready(): Readiness;
  /** Further properties of that response, for programs that read it; they may be 100 ms old. */
  readyDetail?(): object;
  /** `GET /status`: JSON. */
  readonly status: CachedAnswer;
  /** `GET /metrics` in the Prometheus text format. */
  readonly metrics: CachedAnswer;
  /** Called when a handler threw; the client got a 500. */
  failed?(path: string, error: Error): void;
}

const JSON_TYPE = "application/json";
/** Prometheus text exposition format 0.0.4. */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Makes the app. Routes that are added later take precedence over its 404. Guards stand before all but `/healthz` and
 * `/readyz`, which relays, load balancers and supervisors ask.
 */
export function healthApp(source: HealthSource, guards: Guards = OPEN_GUARDS): HttpApp {
  const app: HttpApp = new Hono();
  app.use(async (context, next) => {
    await next();
    // A response describes the present: a proxy that repeats an old one would hide an outage. Responses with an ETag
    // may be stored but must be revalidated.
    if (!context.res.headers.has("Cache-Control")) {
      context.header("Cache-Control", context.res.headers.has("ETag") ? "no-cache" : "no-store");
    }
    context.header("X-Content-Type-Options", "nosniff");
  });
  app.get("/healthz", (context) => context.json({ alive: true }));
  const readyz = readyzResponder(source);
  app.get("/readyz", readyz);
  app.use(guards.host);
  app.get("*", guards.for("read"));
  app.use(async (context, next) => {
    await next();
    // What a command changed is in the next answer.
    if (context.res.ok && context.req.method !== "GET" && context.req.method !== "HEAD") source.status.forget();
  });
  app.get("/status", async (context) => respondInParts(await source.status.get(), JSON_TYPE, context.env));
  app.get("/metrics", async (context) => respondInParts(await source.metrics.get(), METRICS_TYPE, context.env));
  app.notFound((context) => context.json({ error: "not found", path: context.req.path }, 404));
  app.onError((error, context) => {
    // A refusal of a middleware, such as a wrong token, carries its own response.
    if (error instanceof HTTPException) return error.getResponse();
    source.failed?.(context.req.path, error);
    return context.json({ error: "internal error; see the log" }, 500);
  });
  // Thousands of relays request it: without router and middleware it takes two thirds of the processor time.
  const { fetch } = app;
  app.fetch = (request, ...rest) =>
    request.method === "GET" && request.url.endsWith("/readyz") && new URL(request.url).pathname === "/readyz"
      ? readyz()
      : fetch(request, ...rest);
  return app;
}

/** The body is made again when readiness changes, or when it is older than this. */
const BODY_VALID_MS = 100;

/** What the middleware and `context.json` would set. */
const READYZ_HEADERS: [string, string][] = [
  ["Content-Type", "application/json"],
  ["Cache-Control", "no-store"],
  ["X-Content-Type-Options", "nosniff"],
];

function readyzResponder(source: HealthSource): () => Response {
  let made = { ready: false, reason: undefined as string | undefined, atMs: -Infinity, body: "" };
  return () => {
    const readiness = source.ready();
    const { ready, reason } = readiness;
    const nowMs = performance.now();
    if (ready !== made.ready || reason !== made.reason || nowMs - made.atMs >= BODY_VALID_MS) {
      made = { ready, reason, atMs: nowMs, body: JSON.stringify({ ...readiness, ...source.readyDetail?.() }) };
    }
    return new Response(made.body, { status: ready ? 200 : 503, headers: READYZ_HEADERS });
  };
}
