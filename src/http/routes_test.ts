import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Hono } from "hono";
import type { HttpApp } from "./health.ts";
import { z } from "zod";
import { type Change, mount, route } from "./routes.ts";

const app: HttpApp = new Hono();
const drain = route({
  method: "post",
  path: "/drain",
  access: "operate",
  summary: "",
  body: z.strictObject({ drain: z.boolean().default(true) }),
  handle: ({ body }) => ({ body }),
});
const changes: Change[] = [];
mount(app, [drain], {
  guards: {
    host: (_, next) => next(),
    for: (role) => async (context, next) => {
      if (context.req.header("authorization") === undefined) return context.json({ error: "no token" }, 401);
      context.set("caller", { name: "alice", role });
      await next();
    },
  },
  changed: (change) => changes.push(change),
});

async function post(body: BodyInit | null, headers: Record<string, string> = {}, authorised = true) {
  const own = { ...headers, ...(authorised ? { authorization: "Bearer x" } : {}) };
  const response = await app.request("/drain", { method: "POST", body, headers: own });
  return { status: response.status, body: await response.json() };
}

Deno.test("a JSON body counts whatever its content type says, as curl -d sends another one", async () => {
  for (const type of ["application/json", "application/x-www-form-urlencoded", "text/plain"]) {
    deepStrictEqual(await post('{"drain":false}', { "content-type": type }), { status: 200, body: { drain: false } });
  }
  deepStrictEqual(await post(null), { status: 200, body: { drain: true } });
});

Deno.test("a body that is no JSON, or too long, is refused with the reason", async () => {
  const broken = await post('{"drain":fals}');
  strictEqual(broken.status, 400);
  match(broken.body.error, /^the body is not JSON: Unexpected token '}'/);
  for (const deep of ["[".repeat(100_000), '{"a":'.repeat(65) + "1" + "}".repeat(65)]) {
    const refused = await post(deep);
    deepStrictEqual([refused.status, refused.body.error], [
      400,
      "the body is nested too deeply: more than 64 brackets are open",
    ]);
  }
  match((await post(`{"drain":${"[".repeat(63)}${"]".repeat(63)}}`)).body.error, /^the request is not understood/);
  const long = new Uint8Array(17 * 1024 * 1024 + 1).fill(0x20);
  for (const body of [long, new Blob([long]).stream()]) {
    const refused = await post(body);
    deepStrictEqual(refused, { status: 413, body: { error: "the body is longer than 17825792 octets" } });
  }
  strictEqual((await post(long, {}, false)).status, 401, "the guard comes before the body is read");
});

Deno.test("what a request was to change is told with its caller, once it is done", async () => {
  changes.length = 0;
  await post('{"drain":false}');
  await post('{"drain":1}');
  await post("{}", {}, false);
  deepStrictEqual(changes, [{
    caller: { name: "alice", role: "operate" },
    origin: "the local socket",
    action: "POST /drain",
    request: { body: { drain: false } },
    status: 200,
    answer: { drain: false },
  }]);
});

Deno.test("a text is noted as what was given, without listing its characters", async () => {
  const noted: Change[] = [];
  const texts: HttpApp = new Hono();
  const push = route({
    method: "put",
    path: "/config",
    access: "operate",
    summary: "",
    body: z.unknown(),
    handle: () => ({ body: {} }),
  });
  mount(texts, [push], {
    guards: { host: (_, next) => next(), for: () => (_, next) => next() },
    changed: (change) => noted.push(change),
  });
  const put = async (body: string) => {
    const startedMs = performance.now();
    await texts.request("/config", { method: "PUT", body, headers: { "content-type": "application/yaml" } });
    return performance.now() - startedMs;
  };
  await put("a: 1");
  const body = "x".repeat(7_000_000);
  const tookMs = await put(body);
  deepStrictEqual(noted.map(({ request }) => request), [{ body: "a: 1" }, { body }]);
  // What listing its characters takes on this machine now.
  const startedMs = performance.now();
  strictEqual(Object.keys(body).length, body.length);
  const listingMs = performance.now() - startedMs;
  ok(tookMs < listingMs, `${Math.round(tookMs)} ms, and listing its characters ${Math.round(listingMs)} ms`);
});
