import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { probe, startProber } from "./prober.ts";
import type { ProbeResult } from "./select/tracker.ts";

const NEVER = new AbortController().signal;

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

/** What a probe found, without its time. */
function outline(result: ProbeResult): string {
  return result.kind === "silent" ? "silent" : result.ready ? "ready" : "not ready";
}

for (const [status, expected] of [[200, "ready"], [503, "not ready"], [302, "not ready"]] as const) {
  Deno.test(`probe() takes status ${status} for a node that is ${expected}`, async () => {
    const headers = { location: "http://127.0.0.1:1/" };
    await withServer(() => new Response("{}", { status, headers }), async (url) => {
      const result = await probe(url, 2000, NEVER);
      strictEqual(outline(result), expected);
      strictEqual(result.kind === "answered" && result.rttMs > 0 && result.rttMs < 2000, true);
    });
  });
}

Deno.test("probe() takes a refused connection and an answer that is late for silence", async () => {
  strictEqual(outline(await probe("http://127.0.0.1:1/readyz", 2000, NEVER)), "silent");
  const late = Promise.withResolvers<Response>();
  await withServer(() => late.promise, async (url) => {
    strictEqual(outline(await probe(url, 50, NEVER)), "silent");
    late.resolve(new Response());
  });
});

Deno.test("startProber() asks every node again and again, and stops when closed", async () => {
  let asked = 0;
  await withServer(() => new Response(null, { status: ++asked > 1 ? 200 : 503 }), async (url) => {
    const reports: string[] = [];
    const enough = Promise.withResolvers<void>();
    const prober = startProber({
      urls: [undefined, url, "http://127.0.0.1:1/"],
      intervalMs: 10,
      timeoutMs: 2000,
      report(index, result) {
        reports.push(`${index} ${outline(result)}`);
        if (reports.includes("1 ready")) enough.resolve();
      },
    });
    await enough.promise;
    prober.close();
    deepStrictEqual(new Set(reports), new Set(["1 not ready", "1 ready", "2 silent"]));
    strictEqual(reports.indexOf("1 not ready") < reports.indexOf("1 ready"), true);
  });
});
