import { match, ok, strictEqual } from "node:assert/strict";
import { Hono } from "hono";
import type { HttpApp } from "../health.ts";
import { serveDashboard } from "./serve.ts";

function app(page: string): HttpApp {
  const made: HttpApp = new Hono();
  serveDashboard(made, { "/": page, "/assets/page.js": "let a;" });
  return made;
}

Deno.test("the pages may load their own files only, and no page may frame them", async () => {
  for (const path of ["/", "/assets/page.js", "/assets/common.js", "/assets/common.css"]) {
    const { status, headers } = await app("<p>").request(path);
    strictEqual(status, 200);
    const policy = headers.get("content-security-policy") ?? "";
    match(policy, /default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/);
    match(policy, /frame-ancestors 'none'/);
    ok(!policy.includes("unsafe"), policy);
  }
});

Deno.test("files have the content type of their name", async () => {
  const typeOf = async (path: string) => (await app("<p>").request(path)).headers.get("content-type");
  strictEqual(await typeOf("/"), "text/html; charset=utf-8");
  strictEqual(await typeOf("/assets/page.js"), "text/javascript; charset=utf-8");
  strictEqual(await typeOf("/assets/common.css"), "text/css; charset=utf-8");
});

Deno.test("a script imports the common one from the folder they are served from", async () => {
  const made: HttpApp = new Hono();
  serveDashboard(made, {
    "/assets/page.js": 'import {\n  badge,\n} from "../../src/http/dashboard/assets/common.js";\n',
  });
  strictEqual(await (await made.request("/assets/page.js")).text(), 'import {\n  badge,\n} from "./common.js";\n');
});

Deno.test("a file is sent again only when it has changed", async () => {
  const etag = (await app("one").request("/")).headers.get("etag") ?? "";
  const again = async (page: string) => await app(page).request("/", { headers: { "if-none-match": etag } });
  const unchanged = await again("one");
  strictEqual(unchanged.status, 304);
  strictEqual(await unchanged.text(), "");
  const changed = await again("two");
  strictEqual(changed.status, 200);
  strictEqual(await changed.text(), "two");
});
