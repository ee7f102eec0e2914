import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { getLogger } from "@logtape/logtape";
import { Hono } from "hono";
import { CachedAnswer } from "./cached_answer.ts";
import { healthApp, type HttpApp } from "./health.ts";
import { HTTP } from "./limits.ts";
import { connectionsMax, HttpServeError, serveHttp, serveHttpLocally } from "./serve.ts";
import { parsePrefix } from "../net/ipv4.ts";
import { HttpTraffic } from "./traffic.ts";

const LOOPBACK = 0x7f000001;
const permissions: Deno.PermissionOptions = { net: true };

Deno.test({ name: "serveHttp() answers over a socket until it is closed", permissions }, async () => {
  const app = healthApp({
    ready: () => ({ ready: false, reason: "starting" }),
    status: new CachedAnswer(() => Promise.resolve(new Uint8Array())),
    metrics: new CachedAnswer(() => Promise.resolve(new Uint8Array())),
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

Deno.test({ name: "serveHttp() takes connections only from the networks that may connect", permissions }, async () => {
  const app = new Hono();
  app.get("/", (context) => context.text("welcome"));
  const answerOf = async (...networks: string[]) => {
    const traffic = new HttpTraffic(getLogger("test"));
    const allow = networks.flatMap((text) => parsePrefix(text) ?? []);
    const server = serveHttp(app, { address: LOOPBACK, port: 0, allow }, { traffic });
    try {
      const response = await fetch(`http://127.0.0.1:${server.port}/`).catch(() => undefined);
      return [await response?.text(), traffic.refusals.notAllowed];
    } finally {
      await server.close();
    }
  };
  deepStrictEqual(await answerOf(), ["welcome", 0]);
  deepStrictEqual(await answerOf("10.0.0.0/8", "127.0.0.0/8"), ["welcome", 0]);
  const [text, refused] = await answerOf("10.0.0.0/8");
  deepStrictEqual([text, Number(refused) > 0], [undefined, true]);
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

/** A connection on which `text` was sent. */
async function say(port: number, text: string): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(text));
  return connection;
}

/** What comes on a connection until the server closes it. */
async function all(connection: Deno.Conn): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  // A reset is an end as well.
  try {
    for await (const chunk of connection.readable) text += decoder.decode(chunk, { stream: true });
  } catch {
    return text;
  }
  return text;
}

const HALF_A_HEADER = "GET / HTTP/1.1\r\nHost: a\r\nX-";
const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

Deno.test({ name: "serveHttp(): half a header, and no header, are ended after their time", permissions }, async () => {
  let nowMs = 0;
  const traffic = new HttpTraffic(getLogger("test"));
  const handler = { fetch: () => new Response("alive") };
  const server = serveHttp(handler, { address: LOOPBACK, port: 0 }, { traffic, now: () => nowMs });
  try {
    const [silent, half] = [await say(server.port, ""), await say(server.port, HALF_A_HEADER)];
    const response = await fetch(`http://127.0.0.1:${server.port}/`);
    strictEqual(await response.text(), "alive");
    nowMs = HTTP.headersMs;
    deepStrictEqual(await Promise.all([all(silent), all(half)]), ["", ""]);
    strictEqual(traffic.refusals.headers, 2);
  } finally {
    await closeWith(server, () => nowMs += 100);
  }
});

/** Closes a server whose clock is the test's. */
async function closeWith(server: { close(): Promise<void> }, advance: () => void): Promise<void> {
  const timer = setInterval(advance, 10);
  await server.close();
  clearInterval(timer);
}

Deno.test(
  { name: "serveHttp(): an address that holds too many loses its oldest; requests are answered", permissions },
  async () => {
    const traffic = new HttpTraffic(getLogger("test"));
    const handler = { fetch: () => new Response("alive") };
    const server = serveHttp(handler, { address: LOOPBACK, port: 0 }, { traffic });
    const held: Deno.TcpConn[] = [];
    try {
      for (let index = 0; index < HTTP.connectionsPerAddressMax + 5; index++) {
        held.push(await say(server.port, index % 2 === 0 ? "" : HALF_A_HEADER));
      }
      match(await all(await say(server.port, GET.replace("Host", "Connection: close\r\nHost"))), /alive$/);
      strictEqual(await all(held[0] as Deno.TcpConn), "", "the oldest was closed");
      strictEqual(traffic.refusals.addressFull, 6);
      ok(traffic.connections <= HTTP.connectionsPerAddressMax);
    } finally {
      await server.close();
      for (const connection of held.slice(1)) connection.close();
    }
  },
);

Deno.test("serveHttp(): handlers learn the address that a request comes from", async () => {
  const app: HttpApp = new Hono();
  app.get("/", (context) => context.json(context.env.remoteAddress ?? null));
  const server = serveHttp(app, { address: LOOPBACK, port: 0 });
  const folder = await Deno.makeTempDir();
  const local = serveHttpLocally(app, `${folder}/socket`);
  try {
    strictEqual(await (await fetch(`http://127.0.0.1:${server.port}/`)).json(), LOOPBACK);
    const unix = await Deno.connect({ transport: "unix", path: `${folder}/socket` });
    await unix.write(new TextEncoder().encode(GET.replace("Host", "Connection: close\r\nHost")));
    match(await all(unix), /null$/);
  } finally {
    await Promise.all([server.close(), local.close()]);
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({ name: "serveHttp(): a handler that throws costs its request only", permissions }, async () => {
  let requests = 0;
  const handler = {
    fetch: () => {
      if (++requests === 1) throw new Error("broken");
      return new Response("alive");
    },
  };
  const server = serveHttp(handler, { address: LOOPBACK, port: 0 });
  try {
    const broken = await fetch(`http://127.0.0.1:${server.port}/`);
    strictEqual(broken.status, 500);
    await broken.body?.cancel();
    strictEqual(await (await fetch(`http://127.0.0.1:${server.port}/`)).text(), "alive");
  } finally {
    await server.close();
  }
});

Deno.test(
  { name: "connectionsMax(): a part of the files that may be open, within bounds", permissions: "none" },
  () => {
    deepStrictEqual([16, 64, 1_024, 65_536, Infinity].map(connectionsMax), [8, 16, 256, 1_024, 1_024]);
  },
);

Deno.test("serveHttp(): a process that may open no more files lives, and answers once it may again", async () => {
  const main = new URL("testing/exhausted_main.ts", import.meta.url).pathname;
  const program = new Deno.Command("sh", {
    args: ["-c", 'ulimit -n 96; exec "$0" run --quiet -A "$1"', Deno.execPath(), main],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(program.stderr).text();
  const lines = createInterface({ input: Readable.fromWeb(program.stdout) })[Symbol.asyncIterator]();
  const line = async () => String((await lines.next()).value);
  const input = program.stdin.getWriter();
  const tell = async (command: string) => {
    await input.write(new TextEncoder().encode(`${command}\n`));
    return await line();
  };
  const held: Deno.TcpConn[] = [];
  try {
    const [port = 0, max = 0] = (await line()).split(" ").map(Number);
    strictEqual(max, 24, "a quarter of 96");
    match(await tell("exhaust"), /^done [1-9]/);
    for (let index = 0; index < 40; index++) held.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    // Long enough for several attempts to accept.
    await new Promise((resolve) => setTimeout(resolve, 500));
    strictEqual(await tell("free"), "done 0");
    const startMs = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(10_000) });
    strictEqual(await response.text(), "alive");
    ok(performance.now() - startMs < 5_000);
  } finally {
    for (const connection of held) connection.close();
    await input.close().catch(() => {});
    program.kill("SIGTERM");
    await program.status;
    strictEqual((await errors).includes("uncaught"), false, await errors);
  }
});
