import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { HealthResult } from "../select/evidence.ts";
import { askHealth } from "./readyz.ts";

const NEVER = new AbortController().signal;
const PATIENCE_MS = 5_000;

/** Serves on a port of the system's choice while `use` runs. */
async function withServer(
  handler: (request: Request) => Response | Promise<Response>,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  try {
    await use(`http://127.0.0.1:${server.addr.port}/readyz`);
  } finally {
    await server.shutdown();
  }
}

/** The result without its time. */
function outline(result: HealthResult): string {
  return result.kind === "answered"
    ? `${result.ready ? "ready" : "not ready"} ${result.reason ?? ""}`.trim()
    : result.kind;
}

const ANSWERS: [status: number, body: string, expected: string][] = [
  [200, '{"ready":true}', "ready"],
  [503, '{"ready":false,"reason":"no majority"}', "not ready no majority"],
  [503, "no JSON", "not ready"],
  [503, '{"reason":5}', "not ready"],
  [302, "", "not ready"],
];
for (const [status, body, expected] of ANSWERS) {
  Deno.test(`askHealth() takes ${status} ${body} for "${expected}"`, async () => {
    const headers = { location: "http://127.0.0.1:1/" };
    await withServer(() => new Response(body, { status, headers }), async (url) => {
      const result = await askHealth(url, PATIENCE_MS, NEVER);
      strictEqual(outline(result), expected);
      strictEqual(result.kind === "answered" && result.rttMs > 0 && result.rttMs < PATIENCE_MS, true);
    });
  });
}

Deno.test("askHealth() distinguishes a refused connection from a timeout", async () => {
  let left = "";
  await withServer(() => new Response(), (url) => Promise.resolve(void (left = url)));
  strictEqual(outline(await askHealth(left, PATIENCE_MS, NEVER)), "refused");
  const late = Promise.withResolvers<Response>();
  await withServer(() => late.promise, async (url) => {
    strictEqual(outline(await askHealth(url, 50, NEVER)), "silent");
    late.resolve(new Response());
  });
});

Deno.test("askHealth() reports a name that does not resolve", async () => {
  deepStrictEqual(await askHealth("http://nosuch.invalid:8067/readyz", PATIENCE_MS, NEVER), {
    kind: "impossible",
    reason: "its name does not resolve",
  });
});

Deno.test("askHealth() reads no more of a body than any reason needs", async () => {
  const endless = () => {
    const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(4096)) });
    return new Response(body, { status: 503 });
  };
  await withServer(endless, async (url) => {
    const result = await askHealth(url, PATIENCE_MS, NEVER);
    match(outline(result), /^not ready$/);
  });
});

Deno.test("askHealth() reads which subnets are full; anything else in their place is left out", async () => {
  const entries = [{ subnet: "10.78.0.0/16", unanswered: 15 }, { subnet: "10.79.0.0" }, 5, null, { subnet: 7 }];
  const fullOf = async (body: object) => {
    let full: unknown;
    await withServer(() => Response.json(body), async (url) => {
      const result = await askHealth(url, PATIENCE_MS, NEVER);
      if (result.kind === "answered") full = result.full;
    });
    return full;
  };
  const subnet = { address: 0x0a4e0000, prefixLength: 16 };
  deepStrictEqual(await fullOf({ ready: true, full: entries }), [{ subnet, unanswered: 15 }]);
  deepStrictEqual(await fullOf({ ready: true, full: [] }), []);
  deepStrictEqual(await fullOf({ ready: true, full: "all" }), undefined);
  const many = Array.from({ length: 200 }, () => ({ subnet: "10.78.0.0/16", unanswered: 1 }));
  strictEqual((await fullOf({ ready: true, full: many }) as unknown[]).length, 64);
});
