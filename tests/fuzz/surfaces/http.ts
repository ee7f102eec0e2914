/**
 * The HTTP of node and relay, without sockets: requests with any method, path, query, headers and body. No request
 * makes an internal error, a refusal says why in JSON, and nothing changes without a token of the role for it.
 */

import { HttpAccess, OPEN_GUARDS } from "../../../src/http/access/access.ts";
import { makeToken } from "../../../src/http/access/tokens.ts";
import { CachedAnswer } from "../../../src/http/cached_answer.ts";
import { statusAnswer } from "../../../node/admin/status.ts";
import { HttpTraffic } from "../../../src/http/traffic.ts";
import { logger } from "../../../src/log/configure.ts";
import { healthApp } from "../../../src/http/health.ts";
import type { HttpHandler } from "../../../src/http/serve.ts";
import { nodeApps } from "../../../node/admin/app.ts";
import { EventFeed } from "../../../node/admin/events.ts";
import { AuditLog } from "../../../node/admin/audit.ts";
import { read } from "../../../node/reader/read.ts";
import { Node } from "../../../node/node.ts";
import type { Dice } from "../dice.ts";
import { must, type Surface } from "../surface.ts";
import { latin1 } from "../words.ts";

const OPERATE = "0123456789abcdef0123";
const ADMIN = "fedcba98765432100123";
const MAY_OPERATE = new RegExp(`^bearer +(?:${OPERATE}|${ADMIN}) *$`, "i");
const IS_ADMIN = new RegExp(`^bearer +${ADMIN} *$`, "i");
const utf8 = new TextEncoder();

let node: Node;
let feed: EventFeed;
let audit: AuditLog;
let calls = 0;
let folder = "";
/** By the first digit of an input: with a token, without a check, the relay's. */
let apps: readonly HttpHandler[] = [];

const METHODS = ["GET", "GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"];
const PATHS = [
  ...["/leases", "/leases/10.77.1.5", "/leases/import", "/ranges", "/config", "/reservations", "/drain", "/election"],
  ...[
    "/reservations/10.77.1.5",
    "/stepdown",
    "/members",
    "/members/2",
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/status",
  ],
  ...[
    "/metrics",
    "/",
    "/assets/page.js",
    "/assets/common.css",
    "/audit",
    "/events",
    "/../etc/passwd",
    "/%2e%2e/%2e%2e/etc",
  ],
  ...["//", "/assets/%00", "/%ff", "/%", "/leases/%0d%0aX: 1", "/leases/10.77.1.5/", `/${"a".repeat(2_000)}`],
];
const QUERIES = [
  ...[
    "",
    "",
    "limit=5",
    "limit=0",
    "limit=-1",
    "limit=1e3",
    "limit=99999999999999999999",
    "state=all",
    "state=",
    "state=x",
  ],
  ...[
    "address=10.77.",
    "address=10.77.0.0/16",
    "address=0.0.0.0/0",
    "address=10.77.1.9-10.77.1.1",
    "address=%00",
    "after=10.77.1.3",
  ],
  ...[
    "subnet=10.77.0.0/16",
    "client=02:00",
    "client=zz",
    "client=" + "ab".repeat(600),
    "hostname=a",
    "hostname=%F0%9F%96%A8",
  ],
  ...[
    "check=true",
    "check=maybe",
    "limit=1&limit=2",
    "__proto__=1",
    "constructor[prototype]=1",
    "x",
    "=",
    "&&&",
    "%",
    "+",
  ],
];
const BODIES = [
  ...[
    "",
    "{}",
    "[]",
    "null",
    "1",
    '"text"',
    "{",
    '{"drain":false}',
    '{"drain":"yes"}',
    '{"address":"10.77.1.5"}',
    "\0",
    "\xff\xfe",
  ],
  ...[
    '{"address":"10.77.0.5","hardware":"02:00:00:00:00:01"}',
    '{"id":300,"address":"10.0.0.1"}',
    "[".repeat(500),
    "service: {",
  ],
  ...[
    '{"revision":1,"subnets":[]}',
    '{"subnets":[{"subnet":"10.77.0.0/16","pools":["10.77.1.0-10.77.1.9"]}]}',
    "- a\n- b",
  ],
  ...[
    '{"leases":[{"address":"10.77.1.7","client":{"chaddr":"020000000007"},"hostname":"=1","expires":null}]}',
    '{"leases":[{}]}',
  ],
  ...[
    '{"leases":[{"address":"10.77.1.8","client":{"identifier":"zz","htype":256},"expires":"never"}]}',
    '{"__proto__":{"a":1}}',
  ],
];
const TYPES = [
  "application/json",
  "application/yaml",
  "text/yaml",
  "text/plain",
  "",
  "multipart/form-data",
  "application/x-www-form-urlencoded",
];
/** A wrong token is answered late, so that it is seldom shown. */
const WRONG = ["Bearer ", "Bearer x", "Basic eDp5", "Basic %", `Bearer ${OPERATE}x`, `Basic ${btoa(`me:${ADMIN}`)}`];
const RIGHT = ["", "", `Bearer ${OPERATE}`, `Bearer ${ADMIN}`, `bearer  ${ADMIN} `];
const HOSTS = [
  "127.0.0.1:8067",
  "127.0.0.1",
  "localhost:8067",
  "[::1]",
  "evil.example",
  "",
  "127.0.0.1.evil.example",
  "a b",
];

function mutated(dice: Dice, text: string): string {
  if (!dice.once(3) || text === "") return text;
  const at = dice.roll(text.length);
  const trap = dice.pick([
    "%",
    "/",
    "?",
    "&",
    "=",
    "\\",
    '"',
    "{",
    "[",
    ",",
    ":",
    "-",
    "0",
    "9".repeat(20),
    "é",
    "%00",
    ".",
    " ",
  ]);
  return dice.once(2)
    ? text.slice(0, at) + trap + text.slice(at)
    : text.slice(0, at) + text.slice(at + 1 + dice.size(5));
}

interface Call {
  readonly app: number;
  readonly method: string;
  readonly target: string;
  readonly token: string;
  readonly host: string;
  readonly type: string;
  readonly body: string;
}

function composeCall(dice: Dice): Call {
  const query = mutated(dice, dice.pick(QUERIES));
  return {
    app: dice.once(6) ? 2 : dice.roll(2),
    method: dice.pick(METHODS),
    target: mutated(dice, dice.pick(PATHS)) + (query === "" ? "" : `?${query}`),
    token: dice.once(100) ? dice.pick(WRONG) : dice.pick(RIGHT),
    host: dice.once(6) ? dice.pick(HOSTS) : "127.0.0.1:8067",
    type: dice.pick(TYPES),
    body: mutated(dice, dice.pick(BODIES)),
  };
}

/** A member that does not exist would leave this node without a majority. */
function wouldAddMember({ method, target, body }: Call): boolean {
  return method === "POST" && /members/i.test(target) && /"id"\s*:\s*\d+/.test(body);
}

function requestOf({ method, target, token, host, type, body }: Call): Request | undefined {
  const headers = new Headers();
  try {
    if (host !== "") headers.set("host", host);
    if (token !== "") headers.set("authorization", token);
    if (type !== "") headers.set("content-type", type);
    const takesBody = method !== "GET" && method !== "HEAD";
    return new Request(`http://127.0.0.1:8067${target}`, { method, headers, ...(takesBody ? { body } : {}) });
  } catch {
    // No HTTP: a server would not have got it.
    return undefined;
  }
}

async function check(input: Uint8Array): Promise<string> {
  let call: Call;
  try {
    call = JSON.parse(latin1(input)) as Call;
    if (typeof call !== "object" || call === null || typeof call.target !== "string") return "no request";
  } catch {
    return "no request";
  }
  const app = apps[call.app] ?? apps[0];
  const request = wouldAddMember(call) ? undefined : requestOf(call);
  if (request === undefined || app === undefined) return "no request";
  const isHeld = new URL(request.url).pathname === "/events";
  // Each from another address: wrong tokens of one are answered later each time.
  calls += 1;
  const response = await app.fetch(request, { remoteAddress: 0x0a000000 + calls % 0x00ffffff, progress: () => {} });
  const { status } = response;
  must(status < 500 || status === 503, `no request may make an internal error: ${status}`);
  must(response.headers.get("x-content-type-options") === "nosniff" || status === 404, "a browser must not guess");
  if (isHeld) {
    await response.body?.cancel();
    return `status ${status}`;
  }
  const text = await response.text();
  if (status >= 400 && request.method !== "HEAD") {
    const { error } = JSON.parse(text) as { error?: unknown };
    must(typeof error === "string" && error !== "" || status === 503, "a refusal must say why");
  }
  const changes = !["GET", "HEAD", "OPTIONS"].includes(request.method);
  const shown = request.headers.get("authorization") ?? "";
  const isAdmins = /^\/(?:config|members)\b/.test(new URL(request.url).pathname);
  const allowed = call.app === 1 || (isAdmins ? IS_ADMIN : MAY_OPERATE).test(shown);
  must(!changes || allowed || status >= 400, "nothing may change without the token for it");
  return `status ${status}`;
}

export const http: Surface = {
  name: "http",
  weight: 3,
  quick: 1_500,
  slowMs: 1_000,
  labels: [
    "status 200",
    "status 400",
    "status 401",
    "status 404",
    "status 405",
    "status 421",
    "status 422",
    "no request",
  ],
  async open() {
    folder = await Deno.makeTempDir({ prefix: "dhcpcluster-fuzz-http-" });
    const port = 30_000 + Math.floor(Math.random() * 2_000);
    const text = [
      `node: { id: 1, stateDir: ${folder}/state }`,
      `dhcp: { address: 127.0.0.1, port: ${port} }`,
      "cluster: { nodes: [{ id: 1, address: 127.0.0.1 }] }",
      "service:",
      "  revision: 1",
      "  subnets: [{ subnet: 10.77.0.0/16, pools: [10.77.1.0-10.77.1.99] }]",
    ].join("\n");
    const file = read({ kind: "file", text, file: `${folder}/node.yaml` });
    if (!file.ok || !("config" in file)) throw new Error(JSON.stringify(file));
    node = await Node.start({ file });
    const status = statusAnswer(node);
    feed = new EventFeed(status);
    audit = await AuditLog.open(`${folder}/state`, Date.now);
    const tokens = [
      makeToken({ name: "operator", role: "operate" }, OPERATE),
      makeToken({ name: "admin", role: "admin" }, ADMIN),
    ];
    const access = new HttpAccess({
      tokens: () => tokens,
      hosts: () => [],
      wallMs: Date.now,
      monotonicMs: () => performance.now(),
      refused: () => {},
    });
    const make = nodeApps(node, { status, feed, audit, access, traffic: new HttpTraffic(logger("fuzz")) });
    const relay = healthApp({
      ready: () => ({ ready: true }),
      status: new CachedAnswer(() => Promise.resolve(utf8.encode("{}"))),
      metrics: new CachedAnswer(() => Promise.resolve(utf8.encode(""))),
    });
    apps = [make(access), make(OPEN_GUARDS), relay];
  },
  compose: (dice) => utf8.encode(JSON.stringify(composeCall(dice))),
  check,
  async close() {
    feed.close();
    await node.stop();
    await audit.close();
    await Deno.remove(folder, { recursive: true });
  },
};
