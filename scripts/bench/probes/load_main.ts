/**
 * The probes of many relays, for `../probes.ts`: each relay has one connection, which stays open, and requests
 * `/readyz` on it once per interval. Takes a {@link ProbeOrder} as JSON argument, prints "ready" once every connection
 * is open, and then a {@link ProbeResult} per line and second.
 */

/** What to send. */
export interface ProbeOrder {
  readonly hostname: string;
  readonly port: number;
  readonly relays: number;
  readonly intervalMs: number;
}

/** Totals since the start. */
export interface ProbeResult {
  readonly asked: number;
  readonly answered: number;
  /** Answers other than 200. */
  readonly others: number;
}

const CONNECTS_AT_ONCE = 50;

const order = JSON.parse(Deno.args[0] ?? "") as ProbeOrder;
const { hostname, port, relays, intervalMs } = order;
// What the relay's `fetch` sends.
const REQUEST = new TextEncoder().encode(
  `GET /readyz HTTP/1.1\r\naccept-encoding: identity\r\naccept: */*\r\naccept-language: *\r\n` +
    `sec-fetch-mode: cors\r\nuser-agent: Deno/${Deno.version.deno}\r\nhost: ${hostname}:${port}\r\n\r\n`,
);
const OK = new TextEncoder().encode("HTTP/1.1 200 ");
let asked = 0;
let answered = 0;
let others = 0;

const connections: Deno.TcpConn[] = [];
while (connections.length < relays) {
  const more = Math.min(CONNECTS_AT_ONCE, relays - connections.length);
  connections.push(...await Promise.all(Array.from({ length: more }, () => Deno.connect({ hostname, port }))));
}
for (const connection of connections) void read(connection);
say("ready");
setInterval(() => say(JSON.stringify({ asked, answered, others } satisfies ProbeResult)), 1_000);

// Every relay has its own phase: a slice of them is due in each millisecond.
let due = 0;
const startMs = performance.now();
setInterval(() => {
  const goal = Math.floor((performance.now() - startMs) * relays / intervalMs);
  for (; due < goal; due++) {
    asked++;
    connections[due % relays]?.write(REQUEST).catch(() => others++);
  }
}, 1);

async function read(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(4096);
  for (;;) {
    const bytes = await connection.read(buffer).catch(() => null);
    if (bytes === null) return;
    answered++;
    if (!OK.every((octet, index) => buffer[index] === octet)) others++;
  }
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
