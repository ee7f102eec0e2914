import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { Hono } from "hono";
import { healthApp } from "./health.ts";
import { HttpServeError, serveHttp } from "./serve.ts";

const LOOPBACK = 0x7f000001;
const permissions: Deno.PermissionOptions = { net: true };

Deno.test({ name: "serveHttp() answers over a socket until it is closed", permissions }, async () => {
  const app = healthApp({
    ready: () => ({ ready: false, reason: "starting" }),
    status: () => ({}),
    metrics: () => Promise.resolve(""),
  });
  const server = serveHttp(app, { address: LOOPBACK, port: 0 });
  try {
    ok(server.port > 0);
    const response = await fetch(`http://127.0.0.1:${server.port}/readyz`);
    strictEqual(response.status, 503);
    deepStrictEqual(await response.json(), { ready: false, reason: "starting" });
  } finally {
    await server.close();
    await server.close();
  }
  const again = serveHttp(app, { address: LOOPBACK, port: server.port });
  await again.close();
});

Deno.test({ name: "serveHttp() closes in about a second though a request never ends", permissions }, async () => {
  const started = Promise.withResolvers<void>();
  const app = new Hono();
  app.get("/", () => {
    started.resolve();
    return new Promise<Response>(() => {});
  });
  const server = serveHttp(app, { address: LOOPBACK, port: 0 });
  const request = fetch(`http://127.0.0.1:${server.port}/`).then(async (response) => {
    await response.body?.cancel();
    return response.status;
  });
  await started.promise;
  const startMs = performance.now();
  await server.close();
  ok(performance.now() - startMs < 4000);
  strictEqual(await request, 503);
});

Deno.test({ name: "serveHttp() says in one line why it can't listen", permissions }, async () => {
  const app = new Hono();
  const server = serveHttp(app, { address: LOOPBACK, port: 0 });
  try {
    const fails = (at: { address: number; port: number }, expected: RegExp) =>
      throws(() => serveHttp(app, at), (error) => {
        ok(error instanceof HttpServeError);
        match(error.message, expected);
        return true;
      });
    fails(
      { address: LOOPBACK, port: server.port },
      /^http: cannot listen on 127\.0\.0\.1:\d+: another process uses this port; stop it or change http\.port$/,
    );
    // 192.0.2.0/24 is for documentation (RFC 5737): no host has it.
    fails(
      { address: 0xc0000201, port: 0 },
      /^http: cannot listen on 192\.0\.2\.1:0: this host does not have the address; change http\.address$/,
    );
  } finally {
    await server.close();
  }
});
