import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { Hono } from "hono";
import { parseIpv4 } from "../../net/ipv4.ts";
import { callerOf, HttpAccess, OPEN_GUARDS } from "./access.ts";
import { ATTEMPTS } from "./attempts.ts";
import type { Role } from "./roles.ts";
import { makeToken, readTokenFile, readTokensFile, type Token } from "./tokens.ts";

const SECRET = "0123456789abcdef0123";
const NOW_MS = Date.parse("2026-06-01");
const ALL: Token[] = [
  makeToken({ name: "grafana", role: "read" }, `${SECRET}.read`),
  makeToken({ name: "alice", role: "operate" }, `${SECRET}.operate`),
  makeToken({ name: "bob", role: "admin" }, `${SECRET}.admin`, Date.parse("2026-06-02")),
  makeToken({ name: "carol", role: "admin" }, `${SECRET}.old`, Date.parse("2026-05-31")),
];

interface Sent {
  readonly needs?: Role;
  readonly authorization?: string;
  readonly from?: string;
  readonly host?: string;
}

/** An app with one route for each role, and how it answers. */
function appOf(tokens: readonly Token[]) {
  const said: string[] = [];
  const clock = { monotonicMs: 0 };
  const access = new HttpAccess({
    tokens: () => tokens,
    hosts: () => ["dhcp1.example.net"],
    wallMs: () => NOW_MS,
    monotonicMs: () => clock.monotonicMs,
    refused: (reason, text) => said.push(`${reason}: ${text}`),
  });
  const app = new Hono();
  app.use(access.host);
  for (const role of ["read", "operate", "admin"] as const) {
    app.get(`/${role}`, access.for(role), (context) => context.json({ caller: callerOf(context).name }));
  }
  const ask = async ({ needs = "operate", authorization, from = "192.0.2.1", host = "10.0.0.1:8067" }: Sent) => {
    const headers = { host, ...(authorization === undefined ? {} : { authorization }) };
    const response = await app.request(`/${needs}`, { headers }, { remoteAddress: parseIpv4(from) });
    const { error, caller } = await response.json();
    return { status: response.status, scheme: response.headers.get("www-authenticate"), error, caller };
  };
  return { ask, said, clock, access };
}

Deno.test("HttpAccess: a role is good for what it may do, and less", async () => {
  const { ask } = appOf(ALL);
  const table: [string, readonly number[]][] = [["read", [200, 403, 403]], ["operate", [200, 200, 403]], ["admin", [
    200,
    200,
    200,
  ]]];
  for (const [token, statuses] of table) {
    for (const [index, needs] of (["read", "operate", "admin"] as const).entries()) {
      const { status, error, caller } = await ask({ needs, authorization: `bearer  ${SECRET}.${token}` });
      strictEqual(status, statuses[index], `${token} ${needs}`);
      if (status === 200) match(caller, /grafana|alice|bob/);
      else match(error, new RegExp(`is for "${token}", and this needs "${needs}"`));
    }
  }
});

Deno.test("HttpAccess: a wrong, old or missing token is told what to send, and no more", async () => {
  const { ask, said, access } = appOf(ALL);
  for (const given of ["", "Bearer", "Bearer ", `Bearer ${SECRET} x`, `Basic ${btoa(`x:${SECRET}.admin`)}`]) {
    const { status, scheme, error } = await ask({ authorization: given });
    deepStrictEqual([status, scheme], [401, "Bearer"], given);
    match(error, /needs a token: send Authorization: Bearer TOKEN/);
  }
  const wrong = await ask({ authorization: `Bearer ${SECRET}` });
  strictEqual(wrong.status, 401);
  match(wrong.error, /not a token of this program/);
  match((await ask({ authorization: `Bearer ${SECRET}.old` })).error, /token carol expired on 2026-05-31/);
  match(said.at(-1) ?? "", /^expiredToken: GET \/operate from 192\.0\.2\.1 was refused: /);
  ok(said.every((line) => !line.includes(SECRET)), "no token in the log");
  deepStrictEqual([access.counts.noToken, access.counts.wrongToken, access.counts.expiredToken], [5, 1, 1]);
});

Deno.test("HttpAccess: browsers may read with the token as password; commands take no Basic", async () => {
  const { ask } = appOf(ALL);
  const basic = (token: string) => `Basic ${btoa(`anyone:${token}`)}`;
  strictEqual((await ask({ needs: "read", authorization: basic(`${SECRET}.read`) })).caller, "grafana");
  strictEqual((await ask({ needs: "operate", authorization: basic(`${SECRET}.admin`) })).status, 401);
  const { status, scheme } = await ask({ needs: "read" });
  deepStrictEqual([status, scheme], [401, 'Bearer, Basic realm="dhcpcluster"']);
  strictEqual((await ask({ needs: "read", authorization: "Basic Zm9v" })).status, 401, "without a colon");
});

Deno.test("HttpAccess: reading is open until a token for it exists; without tokens no command is taken", async () => {
  const commandsOnly = appOf(ALL.filter(({ role }) => role !== "read"));
  strictEqual((await commandsOnly.ask({ needs: "read" })).caller, "anyone");
  const none = await appOf([]).ask({ authorization: `Bearer ${SECRET}` });
  strictEqual(none.status, 403);
  match(none.error, /takes no commands over the network: set http\.tokenFile/);
});

Deno.test("HttpAccess: wrong tokens are answered ever later, and then not looked at, by address", async () => {
  const { ask, clock, access } = appOf(ALL);
  const startMs = performance.now();
  const guesses = Array.from(
    { length: ATTEMPTS.max },
    (_, index) => ask({ authorization: `Bearer ${SECRET}x${index}` }),
  );
  ok((await Promise.all(guesses)).every(({ status }) => status === 401));
  ok(performance.now() - startMs > 0.9 * ATTEMPTS.delayMsMax, "the last ones are delayed");
  strictEqual((await ask({ authorization: `Bearer ${SECRET}.admin` })).status, 429, "not even the right one");
  strictEqual((await ask({ authorization: `Bearer ${SECRET}.admin`, from: "192.0.2.2" })).status, 200);
  strictEqual(access.counts.attempts, 1);
  clock.monotonicMs += ATTEMPTS.intervalMs;
  strictEqual((await ask({ authorization: `Bearer ${SECRET}.admin` })).status, 200);
});

Deno.test("HttpAccess: answers to addresses and its own names only (DNS rebinding)", async () => {
  const { ask } = appOf([]);
  for (const host of ["10.0.0.1", "10.0.0.1:8067", "localhost:8067", "[::1]:8067", "DHCP1.example.net.:8067"]) {
    strictEqual((await ask({ needs: "read", host })).status, 200, host);
  }
  for (const host of ["evil.example", "dhcp1.example.net.evil.example", "10.0.0.1.evil.example", "1.2.3"]) {
    const { status, error } = await ask({ needs: "read", host });
    strictEqual(status, 421, host);
    match(error, /does not answer to the name .*: use its address, or add the name to http\.hosts/);
  }
});

Deno.test("OPEN_GUARDS: the Unix socket asks for nothing, and the caller is local", async () => {
  const app = new Hono();
  app.post("/drain", OPEN_GUARDS.for("admin"), (context) => context.json(callerOf(context)));
  deepStrictEqual(await (await app.request("/drain", { method: "POST" })).json(), { name: "local", role: "admin" });
});

async function withFile(body: (path: string, write: (text: string) => Promise<void>) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ prefix: "dhcpcluster-token-" });
  try {
    await Deno.chmod(path, 0o600);
    await body(path, (text) => Deno.writeTextFile(path, text));
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("readTokenFile() takes what a header can carry and says what is wrong with the rest", () =>
  withFile(async (path, write) => {
    await write(`${SECRET}\n`);
    strictEqual(await readTokenFile(path), SECRET);
    for (const text of ["short", `${SECRET} ${SECRET}`, `${SECRET}ü`, `${SECRET}\n${SECRET}\n`]) {
      await write(text);
      await rejects(readTokenFile(path), /must be one line of at least 16 letters, digits or/);
    }
  }));

Deno.test("readTokensFile() reads names, roles and dates; its errors never show a token", () =>
  withFile(async (path, write) => {
    await write(
      `- { name: alice, role: operate, token: ${SECRET}, expires: 2030-12-31 }\n- {name: b, role: read, ` +
        `token: ${SECRET}b}\n`,
    );
    const tokens = await readTokensFile(path);
    deepStrictEqual(tokens.map(({ name, role, expiresMs }) => [name, role, expiresMs]), [
      ["alice", "operate", Date.parse("2030-12-31")],
      ["b", "read", undefined],
    ]);
    const faults: [string, RegExp][] = [
      ["- { name: alice, role: boss, token: SECRET }", /\[0\]\.role must be one of read, operate, admin/],
      ["- { name: 'a b', role: read, token: SECRET }", /\[0\]\.name must be 1 to 64 letters/],
      ["- { name: a, role: read, token: short }", /\[0\]\.token must be at least 16/],
      ["- { name: a, role: read, token: SECRET, expires: soon }", /\[0\]\.expires must be a date/],
      [
        "- { name: a, role: read, token: SECRET }\n- { name: a, role: read, token: SECRETb }",
        /the name a is there twice/,
      ],
      ["- { name: a, role: read, token: SECRET, colour: red }", /colour/],
      ["{ SECRET: [", /is not YAML/],
      ["alice: SECRET", /it .*array/],
    ];
    for (const [text, wanted] of faults) {
      await write(text.replaceAll("SECRET", SECRET));
      await rejects(readTokensFile(path), (error: Error) => {
        match(error.message, wanted);
        ok(!error.message.includes(SECRET), error.message);
        return true;
      });
    }
  }));
