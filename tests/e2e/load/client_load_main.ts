/**
 * Many emulated clients at a steady rate; `client_load.ts` starts it in a client's namespace.
 *
 * Takes one {@link LoadOrder} as a JSON line on standard input, prints {@link LoadProgress} ten times a second, and
 * after SIGTERM, or when the order is carried out, a {@link LoadReport}.
 */

import { createInterface } from "node:readline";
import process from "node:process";
import { parseIpv4, UNSPECIFIED } from "../../../src/net/ipv4.ts";
import { readDhcp } from "../lab/dhcp_frame.ts";
import { openClientPort } from "./client_port.ts";
import type { LoadOrder, LoadProgress, LoadReport } from "./client_load.ts";
import { type Air, EmulatedClient } from "./emulated_client.ts";
import { Holdings } from "./holdings.ts";
import { type Exchange, summarize } from "./summary.ts";

const TICK_MS = 5;
const PROGRESS_MS = 100;
const ROUGH_MAX = 50;
/**
 * Pause between two exchanges of a client. A client does not release a lease right after getting it, or ask again right
 * after a release: on their way through several nodes such messages overtake each other.
 */
const REST_MS = 1_000;

const order = await readOrder();
const { perSecond, exchanges: exchangesMax = Infinity, releaseShare = 0, giveUpMs = 40_000 } = order;

const socket = await openClientPort();
const air: Air = {
  send: (bytes, to) => void socket.send(bytes, parseIpv4(to) ?? UNSPECIFIED, 67),
  waiting: new Map(),
};
socket.receive((bytes) => {
  const reply = readDhcp(bytes);
  if (reply?.op === 2) air.waiting.get(reply.xid)?.(reply);
});

/** Clients whose pause is over, in the order of their next exchange. */
const without: EmulatedClient[] = [];
const holders: EmulatedClient[] = [];
const clients = Array.from({ length: order.clients }, (_, index) => new EmulatedClient(order.first + index, air));
for (const { client, ...lease } of order.leases ?? []) {
  const holder = clients[client - order.first];
  if (holder !== undefined) holder.lease = { ...lease, untilMs: Infinity };
}
for (const client of clients) (client.lease === undefined ? without : holders).push(client);

const holdings = new Holdings();
const done: Exchange[] = [];
let begun = 0;
let busy = 0;
let failed = 0;
let released = 0;
let moved = 0;
let silenceMs = 0;
let stopping = false;
const startMs = performance.now();
let lastAckMs = startMs;

const pace = setInterval(() => {
  const due = Math.min(exchangesMax, Math.floor((performance.now() - startMs) * perSecond / 1_000));
  while (begun < due) {
    const client = begun % 2 === 0 ? without.shift() ?? holders.shift() : holders.shift() ?? without.shift();
    // All clients are busy.
    if (client === undefined) break;
    begun++;
    void turn(client);
  }
  if (begun >= exchangesMax) stop();
}, TICK_MS);
const progress = setInterval(() => say({ completed: done.length, failed }), PROGRESS_MS);
Deno.addSignalListener("SIGTERM", stop);

async function turn(client: EmulatedClient): Promise<void> {
  const { lease } = client;
  if (lease !== undefined && Math.random() < releaseShare) {
    holdings.ended(lease.address, client.number);
    client.release();
    released++;
  } else {
    busy++;
    note(client, lease?.address, lease === undefined ? await client.acquire(giveUpMs) : await client.renew(giveUpMs));
    busy--;
  }
  setTimeout(() => (client.lease === undefined ? without : holders).push(client), REST_MS);
  if (stopping && busy === 0) finish();
}

function note(client: EmulatedClient, before: string | undefined, exchange: Exchange): void {
  const now = performance.now();
  done.push(exchange);
  if (exchange.address === undefined) failed++;
  else {
    silenceMs = Math.max(silenceMs, now - lastAckMs);
    lastAckMs = now;
    holdings.acknowledged(exchange.address, client.number, now, client.lease?.untilMs ?? 0);
  }
  // Refused, or moved to another address: the old one is not used any more.
  if (before !== undefined && before !== client.lease?.address) {
    holdings.ended(before, client.number);
    moved++;
  }
}

function stop(): void {
  if (stopping) return;
  stopping = true;
  clearInterval(pace);
  if (busy === 0) finish();
}

function finish(): void {
  clearInterval(progress);
  const report: LoadReport = {
    seconds: (performance.now() - startMs) / 1_000,
    acquired: summarize(done.filter(({ kind }) => kind === "acquire")),
    renewed: summarize(done.filter(({ kind }) => kind === "renew")),
    released,
    rough: done.filter(({ retransmissions, naks, address }) => retransmissions + naks > 0 || address === undefined)
      .toSorted((a, b) => badness(b) - badness(a)).slice(0, ROUGH_MAX),
    conflicts: holdings.conflicts,
    moved,
    silenceMs,
    leases: clients.flatMap(({ number, lease }) => {
      if (lease === undefined) return [];
      const { untilMs: _, ...held } = lease;
      return [{ client: number, ...held }];
    }),
  };
  say(report);
  Deno.exit(0);
}

/** Refused and given up exchanges come before slow ones. */
function badness({ naks, address, latencyMs }: Exchange): number {
  return (naks > 0 || address === undefined ? giveUpMs : 0) + latencyMs;
}

function say(line: LoadProgress | LoadReport): void {
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(line) + "\n"));
}

async function readOrder(): Promise<LoadOrder> {
  for await (const line of createInterface({ input: process.stdin })) return JSON.parse(line) as LoadOrder;
  throw new Error("usage: an order as a line of JSON on standard input");
}
