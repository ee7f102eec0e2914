/**
 * Holds HTTP connections open, for `../http_siege.ts` and the end-to-end test: idle ones, ones with half a header, and
 * ones that request a page and never read it. What the server closes is opened again. Takes a {@link SiegeOrder} as
 * JSON argument, prints a {@link SiegeProgress} per line and second, and ends after the order's time.
 */

import { connect, type Socket } from "node:net";

/** What to hold open. */
export interface SiegeOrder {
  readonly hostname: string;
  readonly port: number;
  readonly connections: number;
  /** Source addresses: 127.1.0.1 and those that follow. */
  readonly sources: number;
  /** Connections that are opened per second at most. */
  readonly perSecond: number;
  readonly seconds: number;
  /** Kinds of connections, in turn. */
  readonly kinds: readonly ("idle" | "half" | "unread")[];
  /** What the ones that never read request. */
  readonly path: string;
}

/** Totals since the start, and how many connections are open now. */
export interface SiegeProgress {
  readonly opened: number;
  readonly closed: number;
  readonly open: number;
}

const TICK_MS = 20;

const order = JSON.parse(Deno.args[0] ?? "") as SiegeOrder;
const { hostname, port } = order;
const sockets = new Set<Socket>();
let opened = 0;
let closed = 0;
let number = 0;

function open(): void {
  const index = number++;
  const source = index % order.sources;
  const localAddress = `127.${1 + (source >> 16)}.${(source >> 8) & 255}.${1 + (source & 127)}`;
  const kind = order.kinds[Math.floor(index / order.sources) % order.kinds.length];
  const socket = connect({ host: hostname, port, localAddress });
  sockets.add(socket);
  socket.on("connect", () => {
    opened++;
    if (kind === "half") socket.write("GET /readyz HTTP/1.1\r\nHost: a\r\nX-");
    if (kind === "unread") {
      socket.write(`GET ${order.path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      socket.pause();
    }
  });
  socket.on("error", () => {});
  socket.on("end", () => socket.destroy());
  socket.on("close", () => {
    if (sockets.delete(socket)) closed++;
  });
  if (kind !== "unread") socket.resume();
}

const startMs = performance.now();
let lastMs = startMs;
let allowance = 0;
const opening = setInterval(() => {
  const nowMs = performance.now();
  allowance = Math.min(order.perSecond, allowance + (nowMs - lastMs) / 1_000 * order.perSecond);
  lastMs = nowMs;
  for (; allowance >= 1 && sockets.size < order.connections; allowance--) open();
}, TICK_MS);
const telling = setInterval(() => say({ opened, closed, open: sockets.size }), 1_000);
setTimeout(() => {
  clearInterval(opening);
  clearInterval(telling);
  say({ opened, closed, open: sockets.size });
  Deno.exit(0);
}, order.seconds * 1_000);

function say(progress: SiegeProgress): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(progress)}\n`));
}
