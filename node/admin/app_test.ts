/** A node alone, over its socket and over the network. */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { encode } from "../../src/dhcp/encode.ts";
import { clientMessage } from "../../src/dhcp/server/testing.ts";
import { parseIpv4 } from "../../src/net/ipv4.ts";
import { openUdp } from "../../src/net/open.ts";
import { configureLog } from "../../src/log/configure.ts";
import { type AdminClient, httpAdminClient } from "./local_socket.ts";
import { TOKEN, withNode } from "../testing/running.ts";
import { LEASES, readAddresses, readOctets } from "./leases.ts";
import { AUDIT } from "./audit_route.ts";
import { RANGES } from "./ranges.ts";

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

function lease(address: string, last: number, more: object = {}): object {
  const chaddr = `02:00:00:00:00:${last.toString(16).padStart(2, "0")}`;
  return { address, client: { chaddr }, hostname: `host-${last}`, expires: inAnHour(), ...more };
}

async function addressesOf(send: AdminClient, query: string): Promise<string[]> {
  const { status, body } = await send({ path: `/leases?${query}` });
  strictEqual(status, 200, JSON.stringify(body));
  return LEASES.parse(body).leases.map(({ address }) => address);
}

Deno.test("api: leases are imported, listed page by page, filtered, and released", () =>
  withNode(async ({ send }) => {
    const leases = [
      lease("10.77.1.5", 5),
      lease("10.77.1.6", 6, { hostname: "Printer.example" }),
      lease("10.78.1.1", 7, { client: { identifier: "00636f6e66", chaddr: "02:00:00:00:00:07" } }),
      lease("10.77.1.5", 9),
      lease("10.77.2.1", 10),
      lease("10.79.0.1", 11),
      lease("10.77.1.8", 12, { expires: "2001-01-01T00:00:00Z" }),
      lease("10.77.1.9", 13, { client: {} }),
    ];
    const { body } = await send({ method: "POST", path: "/leases/import", body: { leases } });
    const outcomes = (body as { outcomes: { outcome: string; problem?: string }[] }).outcomes;
    const [first, , , other] = outcomes;
    // Of two clients with one address either may come first; never both.
    strictEqual([first, other].filter((one) => one?.outcome === "imported").length, 1);
    deepStrictEqual(
      outcomes.filter((_, index) => index !== 0 && index !== 3).map(({ outcome, problem = "" }) =>
        `${outcome} ${problem}`.trim()
      ),
      [
        "imported",
        "imported",
        "refused it lies in no pool of its subnet",
        "refused no configured subnet has it: add the subnet first",
        "expired",
        "refused it names neither a client identifier nor a hardware address",
      ],
    );
    const again = await send({ method: "POST", path: "/leases/import", body: { leases: leases.slice(1, 3) } });
    deepStrictEqual((again.body as typeof body & { outcomes: object[] }).outcomes, [
      { address: "10.77.1.6", outcome: "known" },
      { address: "10.78.1.1", outcome: "known" },
    ]);

    deepStrictEqual(await addressesOf(send, ""), ["10.77.1.5", "10.77.1.6", "10.78.1.1"]);
    deepStrictEqual(await addressesOf(send, "limit=2&after=10.77.1.5"), ["10.77.1.6", "10.78.1.1"]);
    const page = LEASES.parse((await send({ path: "/leases?limit=2" })).body);
    strictEqual(page.next, "10.77.1.6");
    deepStrictEqual(await addressesOf(send, "subnet=10.78.0.0/16"), ["10.78.1.1"]);
    deepStrictEqual(await addressesOf(send, "address=10.77.&hostname=PRINTER"), ["10.77.1.6"]);
    deepStrictEqual(await addressesOf(send, "client=02:00:00:00:00:06"), ["10.77.1.6"]);
    deepStrictEqual(await addressesOf(send, "client=00636f"), ["10.78.1.1"]);
    deepStrictEqual(await addressesOf(send, "client=ff"), []);

    strictEqual((await send({ method: "DELETE", path: "/leases/10.77.1.6" })).status, 200);
    strictEqual((await send({ method: "DELETE", path: "/leases/10.77.1.6" })).status, 404);
    deepStrictEqual(await addressesOf(send, "state=released"), ["10.77.1.6"]);
    deepStrictEqual(await addressesOf(send, "state=all&address=10.77.1.6"), ["10.77.1.6"]);
    const { pools } = RANGES.parse((await send({ path: "/ranges" })).body);
    deepStrictEqual(pools.map(({ range, use, nodes }) => [range, use.bound, nodes.length]), [
      ["10.77.1.0-10.77.1.99", 1, 1],
      ["10.78.1.0-10.78.1.9", 1, 1],
    ]);
  }));

Deno.test("api: what is not understood is refused with every reason", () =>
  withNode(async ({ send }) => {
    for (
      const [query, reason] of [
        ["limit=0", /limit/],
        ["limit=abc", /limit/],
        ["state=gone", /state/],
        ["address=10.77.0.999", /is not an address, a prefix/],
        ["client=xyz", /is not hexadecimal/],
        ["colour=red", /colour/],
      ] as const
    ) {
      const { status, body } = await send({ path: `/leases?${query}` });
      strictEqual(status, 400);
      match((body as { error: string }).error, reason);
    }
    strictEqual((await send({ method: "POST", path: "/reservations", body: { address: "x" } })).status, 400);
    strictEqual((await send({ method: "POST", path: "/members", body: { id: 300, address: "10.0.0.1" } })).status, 400);
    strictEqual((await send({ path: "/nowhere" })).status, 404);
  }));

Deno.test("api: a configuration is pushed, refused as a whole, or only checked; reservations are pushes", () =>
  withNode(async ({ send }) => {
    const config = async () => (await send({ path: "/config" })).body as { revision: number; service: never };
    strictEqual((await config()).revision, 1);
    const yaml =
      "service:\n  leaseTime: 600\n  subnets:\n    - { subnet: 10.77.0.0/16, pools: [10.77.1.0-10.77.1.99] }\n";
    deepStrictEqual(await send({ method: "PUT", path: "/config?check=true", body: yaml }), {
      status: 200,
      body: { revision: 2, absent: [], warnings: [] },
    });
    strictEqual((await config()).revision, 1);
    strictEqual((await send({ method: "PUT", path: "/config", body: yaml })).status, 200);
    strictEqual((await config()).revision, 2);
    const bad = await send({
      method: "PUT",
      path: "/config",
      body: { subnets: [{ subnet: "10.77.0.0/16", pools: ["10.1.0.0-10.2.0.0"] }] },
    });
    strictEqual(bad.status, 422);
    match((bad.body as { error: string }).error, /^node 1: service.subnets\[0\]/);
    strictEqual((await send({ method: "PUT", path: "/config", body: "- :: [" })).status, 422);
    strictEqual((await config()).revision, 2);

    const reservation = { address: "10.77.0.50", hardware: "02:00:00:00:00:01", hostname: "printer" };
    deepStrictEqual((await send({ method: "POST", path: "/reservations", body: reservation })).body, {
      revision: 3,
      warnings: [],
    });
    strictEqual((await send({ method: "POST", path: "/reservations", body: reservation })).status, 422);
    strictEqual((await send({ method: "DELETE", path: "/reservations/10.77.0.50" })).status, 200);
    strictEqual((await send({ method: "DELETE", path: "/reservations/10.77.0.50" })).status, 404);
    strictEqual((await config()).revision, 4);
  }));

Deno.test("api: a push tells what is served no more, when clients still use it", () =>
  withNode(async ({ send }) => {
    const lease = {
      ...{ address: "10.78.1.3", client: { chaddr: "02:00:00:00:00:03" } },
      expires: new Date(Date.now() + 600_000).toISOString(),
    };
    strictEqual((await send({ method: "POST", path: "/leases/import", body: { leases: [lease] } })).status, 200);
    const reservation = { address: "10.77.0.50", hardware: "02:00:00:00:00:01" };
    strictEqual((await send({ method: "POST", path: "/reservations", body: reservation })).status, 200);
    const body = { subnets: [{ subnet: "10.77.0.0/16", pools: ["10.77.1.0-10.77.1.99"] }] };
    const pushed = await send({ method: "PUT", path: "/config", body });
    deepStrictEqual((pushed.body as { warnings: string[] }).warnings, [
      "no longer reserved: 10.77.0.50",
      "10.78.0.0/16 is no longer served, but leases of it still run",
    ]);
  }));

Deno.test("api: a node that is alone and has no key adds no members", () =>
  withNode(async ({ send }) => {
    const add = async (address: string) => {
      const { status, body } = await send({ method: "POST", path: "/members", body: { id: 2, address } });
      return [status, (body as { error: string }).error];
    };
    deepStrictEqual((await add("10.77.1.5"))[0], 422);
    match(String((await add("10.99.0.12"))[1]), /cluster\.keyFile/, "alone and without a key it takes no members");
  }));

Deno.test("api: a path that there is says which methods it takes", () =>
  withNode(async ({ url }) => {
    const response = await fetch(`${url}/reservations`, { method: "PATCH" });
    strictEqual(response.status, 405);
    strictEqual(response.headers.get("allow"), "POST");
    match(await response.text(), /PATCH is not allowed on this path: use POST/);
    const none = await fetch(`${url}/nothing`);
    strictEqual(none.status, 404);
    await none.body?.cancel();
  }));

Deno.test("api: another token counts from the next reload on", () =>
  withNode(async ({ text, reload, directory, url }) => {
    const elect = async (token: string) =>
      (await httpAdminClient(url, token)({ method: "POST", path: "/election" })).status;
    strictEqual(await elect(TOKEN), 422, "it is let in, and alone");
    const next = "another-token-of-some-length";
    await Deno.writeTextFile(`${directory}/token`, `${next}\n`);
    await reload(text);
    strictEqual(await elect(TOKEN), 401);
    strictEqual(await elect(next), 422);
  }));

Deno.test("api: over the network commands need the token, over the socket they don't", async () => {
  await withNode(async ({ send, url }) => {
    const drain = { method: "POST", path: "/drain", body: { drain: true } } as const;
    strictEqual((await httpAdminClient(url)(drain)).status, 401);
    strictEqual((await httpAdminClient(url, `${TOKEN}x`)(drain)).status, 401);
    strictEqual((await send({ path: "/readyz" })).status, 200);
    strictEqual((await httpAdminClient(url, TOKEN)(drain)).status, 200);
    const unready = await send({ path: "/readyz" });
    strictEqual(unready.status, 503);
    match((unready.body as { reason: string }).reason, /^drained/);
    strictEqual((await send({ ...drain, body: { drain: false } })).status, 200);
    strictEqual((await send({ path: "/readyz" })).status, 200);
    strictEqual((await httpAdminClient(url)({ path: "/leases" })).status, 200);
  });
  await withNode(async ({ url }) => {
    const { status, body } = await httpAdminClient(url, TOKEN)({ method: "POST", path: "/election" });
    strictEqual(status, 403);
    match((body as { error: string }).error, /set http.tokenFile/);
  }, { token: false });
});

Deno.test("api: named tokens do what their role allows, and the audit log says who did what", async () => {
  const secretOf = (name: string) => `${name}-0123456789abcdef`;
  const tokens = ["read", "operate", "admin"].map((role) =>
    `- { name: ${role}er, role: ${role}, token: ${secretOf(role)} }\n`
  ).join("");
  await withNode(async ({ send, url, directory, text, reload }) => {
    const as = (role?: string) => httpAdminClient(url, role && secretOf(role));
    const member = { method: "POST", path: "/members", body: { id: 2, address: "127.0.0.2" } } as const;
    const drain = { method: "POST", path: "/drain", body: { drain: false } } as const;
    const statuses = async (client: AdminClient) => {
      const asked = [];
      for (const request of [{ path: "/leases" }, { path: "/audit" }, drain, member]) asked.push(await client(request));
      return asked.map(({ status }) => status);
    };
    deepStrictEqual(await statuses(as()), [401, 401, 401, 401]);
    deepStrictEqual(await statuses(as("read")), [200, 403, 403, 403]);
    deepStrictEqual(await statuses(as("operate")), [200, 200, 200, 403]);
    // Without a cluster key no member is added.
    deepStrictEqual(await statuses(as("admin")), [200, 200, 200, 422]);
    for (const path of ["/healthz", "/readyz"]) strictEqual((await as()({ path })).status, 200, path);
    await reload(text);
    await send(drain);
    const { entries } = AUDIT.parse((await send({ path: "/audit" })).body);
    deepStrictEqual(entries.map(({ who, from, action, status }) => `${who} ${from} ${action} ${status}`), [
      "operateer 127.0.0.1 POST /drain 200",
      "adminer 127.0.0.1 POST /drain 200",
      "adminer 127.0.0.1 POST /members 422",
      "signal this machine SIGHUP 200",
      "local the local socket POST /drain 200",
    ]);
    deepStrictEqual(entries[2]?.request, { body: { id: 2, address: "127.0.0.2" } });
    const read = async () => (await Deno.readTextFile(`${directory}/state/audit.jsonl`)).trimEnd().split("\n");
    let lines = await read();
    for (const untilMs = Date.now() + 10_000; lines.length < entries.length && Date.now() < untilMs;) {
      lines = await read();
    }
    deepStrictEqual(lines.map((line) => JSON.parse(line)), entries);
    const metrics = (await as("read")({ path: "/metrics" })).body as string;
    match(metrics, /^dhcpcluster_http_unauthorized_total\{reason="noToken"\} 4$/m);
    match(metrics, /^dhcpcluster_http_unauthorized_total\{reason="role"\} 4$/m);
  }, { token: false, tokens });
});

Deno.test("api: every route is described, and what is described is there", () =>
  withNode(async ({ send }) => {
    const { paths } = (await send({ path: "/openapi.json" })).body as { paths: Record<string, Record<string, object>> };
    ok(Object.keys(paths).length >= 15);
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        if (path === "/events") continue;
        const httpRequest = path.replaceAll("{address}", "10.0.0.1").replaceAll("{id}", "9");
        // A body of the wrong type: that the route is there is what counts, not that it does anything.
        const { status } = await send({
          method: method.toUpperCase() as "GET",
          path: httpRequest,
          ...(method === "get" ? {} : { body: [1] }),
        });
        ok(status !== 404 || path.includes("{"), `${method} ${path}: ${status}`);
      }
    }
  }));

Deno.test("api: events tell the state at once and every second, leases, and the log", () =>
  withNode(async ({ send, url }) => {
    configureLog({ level: "info", format: "text" }, { colours: false, journal: false, write: () => {} });
    const response = await fetch(`${url}/events`, { signal: AbortSignal.timeout(10_000) });
    strictEqual(response.headers.get("content-type"), "text/event-stream");
    const seen: string[] = [];
    let text = "";
    for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const kind = /^event: (\w+)$/m.exec(text.slice(0, end))?.[1];
        if (kind !== undefined) seen.push(kind);
        text = text.slice(end + 2);
      }
      if (seen.filter((kind) => kind === "status").length === 1 && !seen.includes("asked")) {
        seen.push("asked");
        await send({ method: "POST", path: "/drain", body: { drain: true } });
        await send({ method: "POST", path: "/drain", body: { drain: false } });
        await send({ method: "POST", path: "/leases/import", body: { leases: [lease("10.77.1.5", 5)] } });
        await send({ method: "DELETE", path: "/leases/10.77.1.5" });
      }
      if (seen.filter((kind) => kind === "status").length >= 2 && seen.includes("notice")) break;
    }
    strictEqual(seen[0], "status");
  }));

Deno.test("readAddresses() and readOctets() take what people write", () => {
  deepStrictEqual(readAddresses("10.77.1."), { first: 0x0a4d0100, last: 0x0a4d01ff });
  deepStrictEqual(readAddresses("10.77.1.9"), { first: 0x0a4d0109, last: 0x0a4d0109 });
  deepStrictEqual(readAddresses("10.77.1.0-10.77.1.3"), { first: 0x0a4d0100, last: 0x0a4d0103 });
  for (const wrong of ["", "10", "10.77.1", "10.300.", "a."]) strictEqual(readAddresses(wrong), undefined, wrong);
  deepStrictEqual(readOctets("02:00-0a"), Uint8Array.of(2, 0, 10));
  deepStrictEqual(readOctets("0x02000A"), Uint8Array.of(2, 0, 10));
  for (const wrong of ["", "0", "0g", "02:0"]) strictEqual(readOctets(wrong), undefined, wrong);
});

Deno.test("api: declined addresses, one or those of a network, are leased again when an operator says so", () =>
  withNode(async ({ node, send }) => {
    const addresses = ["10.77.1.1", "10.77.1.2", "10.78.1.1"];
    const leases = addresses.map((address, last) => lease(address, last + 1));
    await send({ method: "POST", path: "/leases/import", body: { leases } });
    for (const text of addresses) {
      const address = parseIpv4(text) as number;
      const { client } = node.parts.table.get(address);
      ok(client !== undefined);
      const detail = node.parts.table.detail(address);
      const request = { kind: "declined", address, client, restMs: 86_400_000, detail } as const;
      strictEqual(await node.command<"end">({ kind: "end", request }), true);
    }
    const rests = async (query: string) =>
      LEASES.parse((await send({ path: `/leases?state=all&${query}` })).body).leases.map(({ restsUntil }) =>
        restsUntil
      );
    const [until] = await rests("address=10.77.1.1");
    ok(Math.abs(Date.parse(until ?? "") - Date.now() - 86_400_000) < 60_000, `in a day, not at ${until}`);
    const reuse = (text: string) => send({ method: "POST", path: "/reuse", body: { addresses: text } });
    deepStrictEqual(await reuse("10.77.1.1"), { status: 200, body: { ended: 1 } });
    strictEqual((await reuse("10.77.1.1")).status, 404);
    strictEqual((await reuse("10.77.1")).status, 422);
    deepStrictEqual(await addressesOf(send, "state=declined"), ["10.77.1.2", "10.78.1.1"]);
    deepStrictEqual(await rests("address=10.77.1.1"), [null]);
    deepStrictEqual((await reuse("10.0.0.0/8")).body, { ended: 2 });
    const { pools } = RANGES.parse((await send({ path: "/ranges" })).body);
    deepStrictEqual(pools.map(({ use }) => [use.resting, use.free]), [[0, 100], [0, 10]]);
  }));

Deno.test("api: DELETE of a lease ends the rest of a declined address, too, and says until when one is blocked", () =>
  withNode(async ({ node, send }) => {
    const end = (address: string) => send({ method: "DELETE", path: `/leases/${address}` });
    const address = parseIpv4("10.77.1.1") as number;
    await send({ method: "POST", path: "/leases/import", body: { leases: [lease("10.77.1.1", 1)] } });
    const { table } = node.parts;
    const { client, ...slot } = table.get(address);
    ok(client !== undefined);
    const detail = table.detail(address);
    const request = { kind: "declined", address, client, restMs: 86_400_000, detail } as const;
    strictEqual(await node.command<"end">({ kind: "end", request }), true);
    strictEqual((await end("10.77.1.1")).status, 200);
    strictEqual((await end("10.77.1.1")).status, 404);
    deepStrictEqual(await addressesOf(send, "state=released"), ["10.77.1.1"]);

    const lockedUntil = Date.parse("2999-01-01T00:00:00Z");
    table.set(address, { ...slot, client, state: "blocked", lockedUntil }, detail);
    const { status, body } = await end("10.77.1.1");
    strictEqual(status, 422);
    match(JSON.stringify(body), /10\.77\.1\.1 is blocked until 2999-01-01T00:00:00\.000Z/);
  }));

Deno.test("api: /readyz, /status and /metrics tell which DISCOVERs got no answer because their subnet is full", () =>
  withNode(async ({ node, reload, file, send, url }) => {
    const leases = Array.from({ length: 10 }, (_, last) => lease(`10.78.1.${last}`, last));
    await send({ method: "POST", path: "/leases/import", body: { leases } });
    deepStrictEqual((await send({ path: "/readyz" })).body, {
      ready: true,
      probes: true,
      unanswered: {},
      full: [],
      shed: [],
    });
    const { dhcp: { address, port } } = node.config;
    await reload((await Deno.readTextFile(file)).replace("dhcp: {", "dhcp: { relays: [127.0.0.1],"));
    const relay = await openUdp({ address, port: 0 });
    try {
      for (const client of [101, 102, 103]) {
        relay.send(encode(clientMessage("DISCOVER", client, { giaddr: "10.78.0.1" })).bytes, address, port);
      }
      const startMs = performance.now();
      const said = async () => JSON.stringify((await send({ path: "/readyz" })).body);
      const expected = JSON.stringify({
        ready: true,
        probes: true,
        unanswered: { exhausted: 3 },
        full: [{ subnet: "10.78.0.0/16", unanswered: 3 }],
        shed: [],
      });
      for (let last = await said(); last !== expected; last = await said()) {
        ok(performance.now() - startMs < 10_000, last);
      }
    } finally {
      relay.close();
    }
    const { subnets } = (await send({ path: "/status" })).body as { subnets: { unanswered: number }[] };
    deepStrictEqual(subnets.map(({ unanswered }) => unanswered), [0, 3]);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    match(metrics, /^dhcpcluster_discovers_unanswered_total\{subnet="10\.78\.0\.0\/16"\} 3$/m);
  }));
