import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { Hono } from "hono";
import type { HttpApp } from "./health.ts";
import { z } from "zod";
import { mount, route } from "./routes.ts";

const app: HttpApp = new Hono();
const drain = route({
  method: "post",
  path: "/drain",
  access: "operate",
  summary: "",
  body: z.strictObject({ drain: z.boolean().default(true) }),
  handle: ({ body }) => ({ body }),
});
mount(app, [drain], async (context, next) => {
  if (context.req.header("authorization") === undefined) return context.json({ error: "no token" }, 401);
  await next();
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
  const long = new Uint8Array(8 * 1024 * 1024 + 1).fill(0x20);
  for (const body of [long, new Blob([long]).stream()]) {
    const refused = await post(body);
    deepStrictEqual(refused, { status: 413, body: { error: "the body is longer than 8388608 octets" } });
  }
  strictEqual((await post(long, {}, false)).status, 401, "the guard comes before the body is read");
});
