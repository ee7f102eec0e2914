/**
 * The HTTP endpoints that node and relay share. What is ready, what the status is and which metrics exist is the
 * program's business; it may add routes of its own to the app.
 */

import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";

/** Whether the program can serve, and why not. Further properties appear in the answer as they are. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string;
}

/** What the endpoints ask. */
export interface HealthSource {
  /** `GET /readyz`. */
  ready(): Readiness;
  /** `GET /status`: anything JSON can say. */
  status(): unknown;
  /** `GET /metrics` in the Prometheus text format. */
  metrics(): Promise<string>;
  /** Hears of a handler that threw; the caller got a 500. */
  failed?(path: string, error: Error): void;
}

/** Prometheus text exposition format 0.0.4. */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Routes added after this one are found before the 404. */
export function healthApp(source: HealthSource): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    // Answers are about this moment: an intermediary that repeats an old one would hide an outage.
    // What has a tag of its own is asked for again with it.
    context.header("Cache-Control", context.res.headers.has("ETag") ? "no-cache" : "no-store");
    context.header("X-Content-Type-Options", "nosniff");
  });
  app.get("/healthz", (context) => context.json({ alive: true }));
  app.get("/readyz", (context) => {
    const readiness = source.ready();
    return context.json(readiness, readiness.ready ? 200 : 503);
  });
  app.get("/status", (context) => context.json(source.status() as object));
  app.get("/metrics", async (context) => context.body(await source.metrics(), 200, { "Content-Type": METRICS_TYPE }));
  app.notFound((context) => context.json({ error: "not found", path: context.req.path }, 404));
  app.onError((error, context) => {
    // A middleware's refusal, such as a wrong token, carries its own response.
    if (error instanceof HTTPException) return error.getResponse();
    source.failed?.(context.req.path, error);
    return context.json({ error: "internal error; the log says more" }, 500);
  });
  return app;
}
