/**
 * A flood of invented clients at a steady rate until SIGTERM: each sends a DHCPDISCOVER, and a DHCPREQUEST for what it
 * is offered. `flood.ts` starts it in a namespace; prints {@link FloodReport}.
 */

import { encodeClientMessage, octets } from "../clients/raw/wire.ts";
import { readDhcp } from "../lab/dhcp_frame.ts";
import { openClientPort } from "./client_port.ts";
import { FLOOD_PREFIX, type FloodOrder, type FloodReport } from "./flood.ts";

const ALL = 0xffffffff;
const TICK_MS = 5;
/** So many are sent at once at the most: a flood that stood still does not make up for it. */
const BURST_MAX = 200;

const order = JSON.parse(Deno.args[0] ?? "") as FloodOrder;
const socket = await openClientPort();
const report = { discovers: 0, offers: 0, acks: 0, seconds: 0 };

socket.receive((bytes) => {
  const reply = readDhcp(bytes);
  if (reply?.op !== 2 || !reply.chaddr.startsWith(FLOOD_PREFIX)) return;
  if (reply.type === "ACK") report.acks++;
  if (reply.type !== "OFFER") return;
  report.offers++;
  if (order.discoversOnly) return;
  const serverIdentifier = reply.options.get(54) ?? new Uint8Array(4);
  send("REQUEST", reply.xid, { serverIdentifier, requestedAddress: octets(reply.yiaddr) });
});

function send(type: "DISCOVER" | "REQUEST", xid: number, more = {}): void {
  const chaddr = Uint8Array.of(0x0a, 0xff, xid >>> 24, xid >>> 16, xid >>> 8, xid);
  socket.send(encodeClientMessage({ type, xid, chaddr, broadcast: true, ...more }), ALL, 67);
}

const startMs = performance.now();
const firstXid = crypto.getRandomValues(new Uint32Array(1))[0] as number;
let due = 0;
const timer = setInterval(() => {
  const wanted = Math.floor((performance.now() - startMs) * order.perSecond / 1_000);
  for (due = Math.max(due, wanted - BURST_MAX); due < wanted; due++) {
    send("DISCOVER", (firstXid + due) >>> 0);
    report.discovers++;
  }
}, TICK_MS);
say("sending");
Deno.addSignalListener("SIGTERM", () => {
  clearInterval(timer);
  report.seconds = (performance.now() - startMs) / 1_000;
  say(JSON.stringify(report satisfies FloodReport));
  Deno.exit(0);
});

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}
